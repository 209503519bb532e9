// SPDX-License-Identifier: Apache-2.0
//! Guests that return what they must not.

use paasla_core::{Mask, Ruling, Visibility};
use paasla_engine::{RowInput, RuleFault};

use crate::{
    activate, engine, fault,
    guest::{Guest, exception, narrowing, words},
    query,
};

/// A guest that returns these bytes, from 2048.
fn returning(data: Vec<u8>) -> Guest {
    Guest { decide: "i32.const 2048", data, ..Guest::default() }
}

fn forbidden(data: Vec<u8>) -> &'static str {
    match fault(&returning(data)) {
        RuleFault::Forbidden(what) => what,
        other => panic!("{other:?}"),
    }
}

fn unreadable(data: Vec<u8>) {
    let fault = fault(&returning(data));
    assert_eq!(fault, RuleFault::Unreadable { limit: 64 << 10 });
}

fn with_exceptions(list: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(list.len()).unwrap();
    narrowing((2500, count), (0, 0), (0, 0), &[(2500, list.concat())])
}

#[test]
fn a_good_narrowing_is_taken() {
    let data = with_exceptions(&[exception(0, None, 0), exception(1, Some((2320, 5)), 0)]);
    let engine = engine();
    let Ok(Ruling::Narrow(narrowing)) = activate(&engine, &returning(data)).decide(&query()).0 else {
        panic!("a narrowing")
    };
    let to: Vec<_> = narrowing.exceptions.iter().map(|e| (e.field, e.to)).collect();
    assert_eq!(to, [(0, Visibility::Hide), (1, Visibility::Masked(Mask::Month))]);
    assert_eq!(narrowing.exceptions[0].reason.by, "hostile");
}

#[test]
fn a_field_that_does_not_exist() {
    assert!(forbidden(with_exceptions(&[exception(3, None, 0)])).contains("field that does not exist"));
    assert!(
        forbidden(with_exceptions(&[exception(u32::MAX, None, 0)])).contains("field that does not exist")
    );
}

#[test]
fn two_exceptions_for_one_field() {
    let data = with_exceptions(&[exception(0, None, 0), exception(0, Some((2320, 5)), 0)]);
    assert!(forbidden(data).contains("two exceptions"));
}

#[test]
fn a_mask_that_nobody_knows() {
    assert!(forbidden(with_exceptions(&[exception(0, Some((2330, 7)), 0)])).contains("mask"));
}

/// There is no way to say "show": the interface has no such case, and a mask of that name is none.
#[test]
fn a_ruling_that_tries_to_widen() {
    let mut data = with_exceptions(&[exception(0, Some((2330, 4)), 0)]);
    data[2330 - 2048..2334 - 2048].copy_from_slice(b"show");
    assert!(forbidden(data).contains("mask"));
}

#[test]
fn a_reason_that_does_not_exist() {
    assert!(forbidden(with_exceptions(&[exception(0, None, 1)])).contains("reasons"));
}

#[test]
fn a_condition_on_a_fact_that_was_not_declared() {
    let condition = [vec![0, 0, 0, 0, 0, 0, 0, 0], vec![0; 16], vec![0; 8]].concat();
    assert!(
        forbidden(narrowing((0, 0), (2504, 1), (0, 0), &[(2504, condition)])).contains("did not declare")
    );
}

#[test]
fn an_obligation_that_nobody_knows() {
    let obligation = [words((2330, 7)), words((0, 0))].concat();
    assert!(forbidden(narrowing((0, 0), (0, 0), (2500, 1), &[(2500, obligation)])).contains("obligation"));
}

#[test]
fn a_reason_code_that_is_no_code() {
    let mut data = with_exceptions(&[exception(0, None, 0)]);
    data[2300 - 2048] = b'A';
    assert!(forbidden(data).contains("code"));
}

#[test]
fn a_message_with_control_characters() {
    let mut data = with_exceptions(&[exception(0, None, 0)]);
    data[2310 - 2048] = 0x1b;
    assert!(forbidden(data).contains("message"));
}

#[test]
fn invalid_utf8() {
    let mut data = with_exceptions(&[exception(0, None, 0)]);
    data[2310 - 2048] = 0xff;
    unreadable(data);
}

#[test]
fn an_invalid_discriminant() {
    let mut data = with_exceptions(&[]);
    data[0] = 9;
    unreadable(data);
}

#[test]
fn a_pointer_out_of_bounds() {
    unreadable(narrowing((0xffff_0000, 1), (0, 0), (0, 0), &[]));
}

#[test]
fn a_list_of_absurd_length() {
    unreadable(narrowing((2500, 0x0fff_ffff), (0, 0), (0, 0), &[]));
}

/// Inside the memory, but more than the ration of output.
#[test]
fn more_output_than_the_ration() {
    unreadable(narrowing((4096, 9_000), (0, 0), (0, 0), &[]));
}

#[test]
fn an_answer_outside_the_memory() {
    let fault = fault(&Guest { decide: "i32.const -16", ..Guest::default() });
    assert_eq!(fault, RuleFault::Unreadable { limit: 64 << 10 });
}

#[test]
fn reallocation_that_returns_null_or_outside() {
    for at in ["i32.const 0", "i32.const -8"] {
        let text = Guest::default().text();
        let start = text.find("(local $at i32)").unwrap();
        let end = text[start..].find("(local.get $at))\n").unwrap() + start;
        let text = format!("{}{at})\n{}", &text[..start], &text[end + "(local.get $at))\n".len()..]);
        let engine = engine();
        let rule = engine.load(&crate::guest::component_of(&text)).unwrap();
        // `configure` is given its settings through it.
        match engine.activate(&rule, &crate::policy()) {
            Err(_) => {}
            Ok(activated) => {
                let _ = activated.decide(&query());
            }
        }
        let good = activate(&engine, &Guest::default());
        assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

/// `reviewed` at 2048: reasons, rows. Rows at 2500: row, leave-out (option), exceptions, replacements.
fn reviewing(rows: &[Vec<u8>]) -> Guest {
    let count = u32::try_from(rows.len()).unwrap();
    let mut data = narrowing((0, 0), (0, 0), (0, 0), &[(2500, rows.concat())]);
    data[..16].copy_from_slice(&[words((2200, 1)), words((2500, count))].concat());
    Guest { review: "i32.const 2048", data, ..Guest::default() }
}

fn row_ruling(row: u32, exceptions: (u32, u32), replacements: (u32, u32)) -> Vec<u8> {
    [row.to_le_bytes().to_vec(), vec![0; 8], words(exceptions), words(replacements)].concat()
}

fn review(guest: &Guest) -> Result<usize, RuleFault> {
    let engine = engine();
    let rows = [RowInput { group: Some("g".into()), parent: None, facts: vec![], cells: vec![] }];
    activate(&engine, guest).review(&query(), &rows).0.map(|rulings| rulings.len())
}

#[test]
fn row_rulings_are_checked() {
    let none = (0, 0);
    assert_eq!(review(&reviewing(&[row_ruling(0, none, none)])), Ok(1));
    let what = |guest: &Guest| match review(guest) {
        Err(RuleFault::Forbidden(what)) => what,
        other => panic!("{other:?}"),
    };
    assert!(what(&reviewing(&[row_ruling(1, none, none)])).contains("row that does not exist"));
    let twice = [row_ruling(0, none, none), row_ruling(0, none, none)];
    assert!(what(&reviewing(&twice)).contains("more row rulings than rows"));
    // Field 0 is of the entity, the row of the group `g`.
    let mut foreign = reviewing(&[row_ruling(0, (2600, 1), none)]);
    foreign.data[2600 - 2048..2600 - 2048 + 20].copy_from_slice(&exception(0, None, 0));
    assert!(what(&foreign).contains("another group"));
    // No cell was given, so none can be replaced.
    let mut replaced = reviewing(&[row_ruling(0, none, (2600, 1))]);
    replaced.data[2600 - 2048] = 2;
    assert!(what(&replaced).contains("was not given"));
}
