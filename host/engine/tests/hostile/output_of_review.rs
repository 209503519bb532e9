// SPDX-License-Identifier: Apache-2.0
//! Guests whose `review` returns what it must not.

use paasla_engine::{AnswerLimits, Engine, EngineConfig, RowInput, RuleFault};

use crate::common::{
    INSTANCES, OUTPUT, activate,
    answer::{CONFIGURE, declared, exception, leaving_out, reason, reviewed, row_ruling, words},
    engine,
    guest::Guest,
    is_well, limits, query, review_fault,
};

const NONE: (u32, u32) = (0, 0);

fn reviewing(rows: &[Vec<u8>], more: &[(usize, Vec<u8>)]) -> Guest {
    Guest { review: "i32.const 2048", data: reviewed(rows, more), ..Guest::default() }
}

fn forbidden(rows: &[Vec<u8>], more: &[(usize, Vec<u8>)]) -> &'static str {
    match review_fault(&reviewing(rows, more)) {
        RuleFault::Forbidden(what) => what,
        other => panic!("{other:?}"),
    }
}

fn rows_of(count: usize) -> Vec<RowInput> {
    let row = RowInput { group: Some("g".into()), parent: None, facts: vec![], cells: vec![] };
    vec![row; count]
}

#[test]
fn good_row_rulings_are_taken() {
    let good = reviewing(
        &[leaving_out(1, 1, 0), row_ruling(0, (2604, 1))],
        &[(2604, exception(2, Some((2320, 5)), 0))],
    );
    let engine = engine();
    let said = activate(&engine, &good).review(&query(), &rows_of(2)).0.unwrap();
    assert_eq!(said.iter().map(|ruling| ruling.row).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(said[0].exceptions.len(), 1);
    assert!(said[1].drop.is_some());
}

#[test]
fn rows_that_do_not_exist() {
    for row in [1, 7, u32::MAX] {
        assert!(forbidden(&[row_ruling(row, NONE)], &[]).contains("row that does not exist"));
    }
}

#[test]
fn more_than_one_ruling_for_a_row() {
    let twice = [row_ruling(0, NONE), row_ruling(0, NONE)];
    assert!(forbidden(&twice, &[]).contains("more row rulings than rows"));
    let engine = engine();
    let said = activate(&engine, &reviewing(&twice, &[])).review(&query(), &rows_of(2)).0;
    assert_eq!(said, Err(RuleFault::Forbidden("two rulings on one row")));
}

#[test]
fn reasons_that_were_not_declared() {
    for reason in [1, 5, u32::MAX] {
        let undeclared = "a reason that `configure` did not declare";
        assert_eq!(forbidden(&[leaving_out(0, 1, reason)], &[]), undeclared);
        let pointing = [(2604, exception(2, None, reason))];
        assert_eq!(forbidden(&[row_ruling(0, (2604, 1))], &pointing), undeclared);
    }
}

#[test]
fn exceptions_of_another_group_twice_or_for_nothing() {
    let one = |exceptions: &[Vec<u8>]| {
        let count = u32::try_from(exceptions.len()).unwrap();
        forbidden(&[row_ruling(0, (2604, count))], &[(2604, exceptions.concat())])
    };
    // Field 0 is of the entity, the row of the group `g`.
    assert!(one(&[exception(0, None, 0)]).contains("another group"));
    assert!(one(&[exception(3, None, 0)]).contains("field that the query does not have"));
    assert!(one(&[exception(2, None, 0), exception(2, None, 0)]).contains("two exceptions"));
    assert!(one(&vec![exception(2, None, 0); 4]).contains("more exceptions than fields"));
    assert!(one(&[exception(2, Some((2330, 7)), 0)]).contains("mask"));
}

/// Many reasons, all of them different: the first row left out for one, each further row with another for an exception.
fn for_reasons(count: u32) -> Guest {
    let other = |row: u32| row_ruling(row, (8_000 + 20 * row, 1));
    let rows: Vec<_> =
        (0..count).map(|row| if row == 0 { leaving_out(0, 1, 0) } else { other(row) }).collect();
    let exceptions = (0..count).flat_map(|row| exception(2, None, row)).collect();
    let reasons = vec![reason((2300, 7), (2310, 7), None); usize::try_from(count).unwrap()];
    let more = [declared(&reasons), vec![(8_000, exceptions)]].concat();
    Guest { configure: CONFIGURE, ..reviewing(&rows, &more) }
}

/// Which reason stands in which row could tell what the rows hold. In one review there are only so many; the same one in
/// every row is one.
#[test]
fn more_different_reasons_than_one_review_may_use() {
    let most = 3;
    let config =
        EngineConfig { answer: AnswerLimits { review_reasons: most, ..limits().answer }, ..limits() };
    let engine = Engine::new(config).unwrap();
    let rows = rows_of(20);
    let said = activate(&engine, &for_reasons(3)).review(&query(), &rows).0.unwrap();
    assert_eq!(said.len(), 3, "exactly so many");
    let bad = activate(&engine, &for_reasons(4));
    for _ in 0..=INSTANCES {
        let what = "different reasons in one review";
        assert_eq!(bad.review(&query(), &rows).0, Err(RuleFault::TooMany { what, limit: most }));
    }
    let same: Vec<_> = (0..20).map(|row| leaving_out(row, 1, 0)).collect();
    let said = activate(&engine, &reviewing(&same, &[])).review(&query(), &rows).0.unwrap();
    assert_eq!(said.len(), 20);
    is_well(&engine);
    // As hosts have it.
    let usual = activate(&crate::common::engine(), &for_reasons(8)).review(&query(), &rows).0;
    assert_eq!(usual.map(|said| said.len()), Ok(8));
}

#[test]
fn what_cannot_be_read() {
    let end = 4 << 16;
    for guest in [
        reviewing(&[leaving_out(0, 2, 0)], &[]),
        reviewing(&[row_ruling(0, (end, 1))], &[]),
        reviewing(&[row_ruling(0, (2605, 1))], &[]),
        reviewing(&[], &[(2048, words((end - 4, 1)))]),
        reviewing(&[], &[(2048, words((2501, 1)))]),
        reviewing(&[], &[(2048, words((2500, u32::MAX)))]),
        reviewing(&[], &[(2048, words((2500, 0x0fff_ffff)))]),
        reviewing(
            &[row_ruling(0, (2604, 1))],
            &[(2604, exception(2, Some((2330, 7)), 0)), (2330, vec![0xff])],
        ),
        Guest { review: "i32.const -8", ..Guest::default() },
    ] {
        assert_eq!(review_fault(&guest), RuleFault::Unreadable);
    }
}

#[test]
fn more_output_than_the_ration() {
    let guest = reviewing(&[], &[(2048, words((4096, 9_000)))]);
    assert_eq!(review_fault(&guest), RuleFault::OutputTooLarge { limit: OUTPUT });
}
