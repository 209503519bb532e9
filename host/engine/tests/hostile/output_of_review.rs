// SPDX-License-Identifier: Apache-2.0
//! Guests whose `review` returns what it must not.

use paasla_engine::{RowInput, RuleFault};

use crate::common::{
    OUTPUT, activate,
    answer::{exception, replacement, reviewed, row_ruling, value, words},
    engine,
    guest::Guest,
    query, review_fault,
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

/// Leaves a row out for a reason, by its index.
fn leaving_out(row: u32, case: u8, reason: u32) -> Vec<u8> {
    let option = [vec![case, 0, 0, 0], reason.to_le_bytes().to_vec()].concat();
    [row.to_le_bytes().to_vec(), option, words(NONE), words(NONE)].concat()
}

fn rows_of(count: usize) -> Vec<RowInput> {
    let row = RowInput { group: Some("g".into()), parent: None, facts: vec![], cells: vec![] };
    vec![row; count]
}

#[test]
fn good_row_rulings_are_taken() {
    let good = reviewing(
        &[leaving_out(1, 1, 0), row_ruling(0, (2604, 1), NONE)],
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
        assert!(forbidden(&[row_ruling(row, NONE, NONE)], &[]).contains("row that does not exist"));
    }
}

#[test]
fn more_than_one_ruling_for_a_row() {
    let twice = [row_ruling(0, NONE, NONE), row_ruling(0, NONE, NONE)];
    assert!(forbidden(&twice, &[]).contains("more row rulings than rows"));
    let engine = engine();
    let said = activate(&engine, &reviewing(&twice, &[])).review(&query(), &rows_of(2)).0;
    assert_eq!(said, Err(RuleFault::Forbidden("two rulings on one row")));
}

#[test]
fn reasons_that_do_not_exist() {
    assert!(forbidden(&[leaving_out(0, 1, 1)], &[]).contains("reasons"));
    assert!(forbidden(&[leaving_out(0, 1, u32::MAX)], &[]).contains("reasons"));
    let pointing = [(2604, exception(2, None, 5))];
    assert!(forbidden(&[row_ruling(0, (2604, 1), NONE)], &pointing).contains("reasons"));
}

#[test]
fn exceptions_of_another_group_twice_or_for_nothing() {
    let one = |exceptions: &[Vec<u8>]| {
        let count = u32::try_from(exceptions.len()).unwrap();
        forbidden(&[row_ruling(0, (2604, count), NONE)], &[(2604, exceptions.concat())])
    };
    // Field 0 is of the entity, the row of the group `g`.
    assert!(one(&[exception(0, None, 0)]).contains("another group"));
    assert!(one(&[exception(3, None, 0)]).contains("field that does not exist"));
    assert!(one(&[exception(2, None, 0), exception(2, None, 0)]).contains("two exceptions"));
    assert!(one(&vec![exception(2, None, 0); 4]).contains("more exceptions than fields"));
    assert!(one(&[exception(2, Some((2330, 7)), 0)]).contains("mask"));
}

/// A rule may only put a value in place of one that it was given.
#[test]
fn replacements_of_what_it_never_saw() {
    for field in [0, 2, 3, u32::MAX] {
        let replaced = [(2608, replacement(field, &value(1, &[1]), 0))];
        assert!(forbidden(&[row_ruling(0, NONE, (2608, 1))], &replaced).contains("was not given"));
    }
}

#[test]
fn what_cannot_be_read() {
    let end = 4 << 16;
    for guest in [
        reviewing(&[leaving_out(0, 2, 0)], &[]),
        reviewing(&[row_ruling(0, (end, 1), NONE)], &[]),
        reviewing(&[row_ruling(0, NONE, (end, 1))], &[]),
        reviewing(&[row_ruling(0, (2605, 1), NONE)], &[]),
        reviewing(&[row_ruling(0, NONE, (2604, 1))], &[]),
        reviewing(&[], &[(2056, words((end - 4, 1)))]),
        reviewing(&[], &[(2056, words((2500, u32::MAX)))]),
        reviewing(&[], &[(2056, words((2500, 0x0fff_ffff)))]),
        reviewing(&[], &[(2310, vec![0xff])]),
        Guest { review: "i32.const -8", ..Guest::default() },
    ] {
        assert_eq!(review_fault(&guest), RuleFault::Unreadable);
    }
}

#[test]
fn more_output_than_the_ration() {
    let guest = reviewing(&[], &[(2056, words((4096, 9_000)))]);
    assert_eq!(review_fault(&guest), RuleFault::OutputTooLarge { limit: OUTPUT });
}
