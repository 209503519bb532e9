// SPDX-License-Identifier: Apache-2.0
//! Guests whose `decide` returns what it must not.

use std::sync::Arc;

use paasla_core::{Attribute, Mask, Query, Ruling, Value, Visibility};
use paasla_engine::RuleFault;

use crate::common::{
    FUEL, INSTANCES, OUTPUT, activate,
    answer::{attribute, condition, exception, narrowing, obligation, refusal, value, words},
    engine, fault,
    guest::Guest,
    is_well, query, register,
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
    assert_eq!(fault(&returning(data)), RuleFault::Unreadable);
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
    assert_eq!(&*narrowing.exceptions[0].reason.by, "hostile");
}

/// A query for the register's third and second field, in this order.
fn narrower() -> Query {
    let field = |place: usize| Arc::clone(&register().fields()[place].field);
    Query { fields: vec![field(2), field(1)], ..query() }
}

/// A ruling names a field by its place in the register; what comes of it, by its place in the query.
#[test]
fn fields_are_named_by_the_register() {
    let data = with_exceptions(&[exception(1, None, 0), exception(2, Some((2320, 5)), 0)]);
    let engine = engine();
    let Ok(Ruling::Narrow(narrowing)) = activate(&engine, &returning(data)).decide(&narrower()).0 else {
        panic!("a narrowing")
    };
    let to: Vec<_> = narrowing.exceptions.iter().map(|e| (e.field, e.to)).collect();
    assert_eq!(to, [(1, Visibility::Hide), (0, Visibility::Masked(Mask::Month))]);
}

#[test]
fn a_field_that_does_not_exist() {
    for field in [3, u32::MAX] {
        let what = forbidden(with_exceptions(&[exception(field, None, 0)]));
        assert!(what.contains("field that the query does not have"), "{what}");
    }
}

/// It is in the register, and the query does not ask for it.
#[test]
fn a_field_that_the_query_does_not_have() {
    let engine = engine();
    let bad = activate(&engine, &returning(with_exceptions(&[exception(0, None, 0)])));
    for _ in 0..=INSTANCES {
        let said = bad.decide(&narrower()).0;
        assert_eq!(said, Err(RuleFault::Forbidden("an exception for a field that the query does not have")));
    }
    assert!(bad.decide(&query()).0.is_ok(), "another query has it");
    is_well(&engine);
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

/// Wherever a reason is named by its index: to refuse, of an exception, of a condition, and of what is to be told.
#[test]
fn a_reason_that_was_not_declared() {
    let inform = |reason: i64| {
        let index = attribute((2390, 6), &value(2, &reason.to_le_bytes()));
        let more = [(2500, obligation((2370, 13), (2600, 1))), (2600, index)];
        narrowing((0, 0), (0, 0), (2500, 1), &more)
    };
    for reason in [1, 2, u32::MAX] {
        let of_condition = condition(0, 0, &value(1, &[1]), reason);
        let of_condition = narrowing((0, 0), (2504, 1), (0, 0), &[(2504, of_condition)]);
        for data in [
            refusal(reason),
            with_exceptions(&[exception(0, None, reason)]),
            of_condition,
            inform(reason.into()),
        ] {
            let fault = fault(&Guest { row_facts: 1, ..returning(data) });
            assert_eq!(fault, RuleFault::Forbidden("a reason that `configure` did not declare"));
        }
    }
    for reason in [-1, i64::from(u32::MAX) + 1, i64::MIN, i64::MAX] {
        assert_eq!(forbidden(inform(reason)), "a reason that `configure` did not declare");
    }
    // Nothing was declared at all.
    let silent = Guest { configure: "i32.const 1024", ..returning(refusal(0)) };
    assert_eq!(fault(&silent), RuleFault::Forbidden("a reason that `configure` did not declare"));
}

#[test]
fn a_condition_on_a_fact_that_was_not_declared() {
    let condition = condition(0, 6, &value(0, &[]), 0);
    let data = narrowing((0, 0), (2504, 1), (0, 0), &[(2504, condition)]);
    assert!(forbidden(data).contains("did not declare"));
}

/// A guest that declares one row fact, with one condition.
fn conditional(condition: Vec<u8>) -> Guest {
    let data = narrowing((0, 0), (2504, 1), (0, 0), &[(2504, condition)]);
    Guest { row_facts: 1, ..returning(data) }
}

#[test]
fn conditions_that_make_no_sense() {
    let absent = value(0, &[]);
    let truth = value(1, &[1]);
    let what = |condition| match fault(&conditional(condition)) {
        RuleFault::Forbidden(what) => what,
        other => panic!("{other:?}"),
    };
    // Compared with nothing; absent, with something; another fact; a day in the year 6,000,000.
    assert!(what(condition(0, 0, &absent, 0)).contains("does not fit"));
    assert!(what(condition(0, 6, &truth, 0)).contains("does not fit"));
    assert!(what(condition(1, 0, &truth, 0)).contains("did not declare"));
    assert!(what(condition(u32::MAX, 0, &truth, 0)).contains("did not declare"));
    assert!(what(condition(0, 0, &value(4, &i32::MAX.to_le_bytes()), 0)).contains("date out of range"));
    let engine = engine();
    let good = activate(&engine, &conditional(condition(0, 0, &truth, 0)));
    assert!(matches!(good.decide(&query()).0, Ok(Ruling::Narrow(_))));
}

#[test]
fn conditions_that_cannot_be_read() {
    let absent = value(0, &[]);
    for condition in [
        condition(0, 8, &absent, 0),
        condition(0, 255, &absent, 0),
        condition(0, 0, &value(6, &[]), 0),
        condition(0, 0, &value(3, &words((0xffff_0000, 4))), 0),
        condition(0, 0, &value(3, &words((2048, u32::MAX))), 0),
        condition(0, 0, &value(5, &words((0xffff_0000, 4))), 0),
        // A list of texts at an odd address.
        condition(0, 0, &value(5, &words((2201, 1))), 0),
    ] {
        assert_eq!(fault(&conditional(condition)), RuleFault::Unreadable);
    }
}

/// An unknown code, or a known one with other parameters than it has: a duty must not be lost.
#[test]
fn obligations_that_the_host_does_not_know() {
    let count = |payload: i64| (2600, attribute((2360, 5), &value(2, &payload.to_le_bytes())));
    let limit = |attributes| obligation((2340, 13), attributes);
    let inform = |attributes| obligation((2370, 13), attributes);
    let told = (2600, attribute((2390, 6), &value(2, &[0])));
    let what = |obligation, more: &[(usize, Vec<u8>)]| {
        let more = [&[(2500, obligation)][..], more].concat();
        forbidden(narrowing((0, 0), (0, 0), (2500, 1), &more))
    };
    for (obligation, more) in [
        (obligation((2330, 7), (0, 0)), vec![]),
        (limit((0, 0)), vec![]),
        (limit((2600, 1)), vec![count(-1)]),
        (limit((2600, 1)), vec![(2600, attribute((2330, 7), &value(2, &[1])))]),
        (limit((2600, 1)), vec![(2600, attribute((2360, 5), &value(1, &[1])))]),
        (limit((2600, 2)), vec![count(1), (2624, attribute((2360, 5), &value(2, &[1])))]),
        // What is to be told has no text of the rule's own.
        (inform((0, 0)), vec![]),
        (inform((2600, 1)), vec![(2600, attribute((2390, 6), &value(3, &words((2310, 7)))))]),
        (inform((2600, 1)), vec![(2600, attribute((2360, 5), &value(2, &[0])))]),
        (inform((2600, 2)), vec![told.clone(), (2624, attribute((2390, 6), &value(2, &[0])))]),
    ] {
        assert!(what(obligation, &more).contains("obligation"));
    }
    let engine = engine();
    let good = narrowing((0, 0), (0, 0), (2500, 1), &[(2500, limit((2600, 1))), count(1)]);
    assert!(matches!(activate(&engine, &returning(good)).decide(&query()).0, Ok(Ruling::Narrow(_))));
    // The message is that of the reason that was declared.
    let good = narrowing((0, 0), (0, 0), (2500, 1), &[(2500, inform((2600, 1))), told]);
    let Ok(Ruling::Narrow(narrowing)) = activate(&engine, &returning(good)).decide(&query()).0 else {
        panic!("a narrowing")
    };
    let message = Attribute { name: "message".to_owned(), value: Value::Text("because".to_owned()) };
    assert_eq!(narrowing.obligations[0].attributes, [message]);
}

#[test]
fn invalid_utf8() {
    // A byte that never stands in UTF-8, a sequence cut off, one half of a pair, an overlong form.
    for bytes in [&b"\xff"[..], b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"] {
        let mut mask = with_exceptions(&[exception(0, Some((2320, 5)), 0)]);
        mask[2325 - bytes.len() - 2048..2325 - 2048].copy_from_slice(bytes);
        unreadable(mask);
        let code = obligation((2340, 13), (0, 0));
        let mut code = narrowing((0, 0), (0, 0), (2500, 1), &[(2500, code)]);
        code[2353 - bytes.len() - 2048..2353 - 2048].copy_from_slice(bytes);
        unreadable(code);
    }
}

#[test]
fn invalid_discriminants() {
    // Of the answer, and of what is seen of a field.
    for (place, case) in [(2048, 3), (2048, 9), (2048, 255), (2504, 2), (2504, 255)] {
        let mut data = with_exceptions(&[exception(0, None, 0)]);
        data[place - 2048] = case;
        unreadable(data);
    }
}

#[test]
fn pointers_out_of_bounds() {
    let end = 4 << 16;
    for at in [0xffff_0000, 0xffff_fffc, end, end - 4, 0x7fff_fffc] {
        unreadable(narrowing((at, 1), (0, 0), (0, 0), &[]));
        unreadable(narrowing((0, 0), (at, 1), (0, 0), &[]));
        unreadable(narrowing((0, 0), (0, 0), (at, 1), &[]));
        // A text in a list that is well.
        unreadable(with_exceptions(&[exception(0, Some((at, 7)), 0)]));
    }
}

/// A pointer that is not aligned as the interface wants it.
#[test]
fn pointers_at_odd_addresses() {
    unreadable(narrowing((2501, 1), (0, 0), (0, 0), &[]));
    unreadable(narrowing((0, 0), (2508, 1), (0, 0), &[]));
    unreadable(narrowing((0, 0), (0, 0), (2501, 1), &[]));
    let fault = fault(&Guest { decide: "i32.const 2049", ..Guest::default() });
    assert_eq!(fault, RuleFault::Unreadable);
}

/// Lengths whose bytes are far more than there is memory, also where their product is a small number again.
#[test]
fn lists_and_texts_of_absurd_length() {
    for length in [0x0fff_ffff, 0x7fff_ffff, u32::MAX, u32::MAX / 20 + 1, u32::MAX / 16 + 1] {
        unreadable(narrowing((2500, length), (0, 0), (0, 0), &[]));
        unreadable(narrowing((0, 0), (2504, length), (0, 0), &[]));
        unreadable(narrowing((0, 0), (0, 0), (2500, length), &[]));
    }
    for length in [4 << 16, 0x7fff_ffff, u32::MAX] {
        unreadable(with_exceptions(&[exception(0, Some((2320, length)), 0)]));
    }
}

/// Inside the memory, but more than the ration of output: a list, a text, and a text that is returned often.
#[test]
fn more_output_than_the_ration() {
    let large = RuleFault::OutputTooLarge { limit: OUTPUT };
    assert_eq!(fault(&returning(narrowing((4096, 9_000), (0, 0), (0, 0), &[]))), large);
    // Far from where the query is put.
    assert_eq!(fault(&returning(with_exceptions(&[exception(0, Some((131_072, 70_000)), 0)]))), large);
    assert_eq!(fault(&returning(with_exceptions(&vec![exception(0, Some((131_072, 2_000)), 0); 40]))), large);
}

#[test]
fn an_answer_outside_the_memory() {
    for decide in ["i32.const -16", "i32.const 262144", "i32.const 262120", "i32.const -2147483648"] {
        assert_eq!(fault(&Guest { decide, ..Guest::default() }), RuleFault::Unreadable, "{decide}");
    }
}

/// An allocator that turns bad once the rule is at work: `configure` sets `$bad`.
fn allocating(bad: &str) -> Guest {
    let good = crate::common::guest::BUMP;
    let realloc = format!("(if (global.get $bad) (then {bad})) {good}");
    Guest {
        configure: "(global.set $bad (i32.const 1)) (i32.const 1100)",
        more: "(global $bad (mut i32) (i32.const 0))",
        realloc: realloc.leak(),
        ..Guest::default()
    }
}

#[test]
fn reallocation_outside_the_memory() {
    for at in ["i32.const -16", "i32.const 262144", "i32.const 2147483632"] {
        assert_eq!(fault(&allocating(&format!("(return ({at}))"))), RuleFault::Unreadable, "{at}");
    }
}

#[test]
fn reallocation_at_odd_addresses() {
    assert_eq!(fault(&allocating("(return (i32.const 70001))")), RuleFault::Unreadable);
}

/// Null, and one address for everything, are addresses in the guest's memory: it harms itself, and what it then says is
/// taken for what it is.
#[test]
fn reallocation_that_returns_null_or_overlaps() {
    let engine = engine();
    for at in ["i32.const 0", "i32.const 65536", "i32.const 1016"] {
        let policy = activate(&engine, &allocating(&format!("(return ({at}))")));
        let first = policy.decide(&query());
        match at {
            // Over the answer: no more an abstention.
            "i32.const 1016" => assert!(first.0.is_err(), "{first:?}"),
            _ => assert_eq!(first.0, Ok(Ruling::Abstain)),
        }
        assert_eq!(policy.decide(&query()), first);
    }
    crate::common::is_well(&engine);
}

#[test]
fn reallocation_that_does_not_come_back() {
    assert_eq!(fault(&allocating("(loop (br 0))")), RuleFault::OutOfFuel { limit: FUEL });
    assert!(matches!(fault(&allocating("unreachable")), RuleFault::Trap(_)));
}
