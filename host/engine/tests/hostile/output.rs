// SPDX-License-Identifier: Apache-2.0
//! Guests whose `decide` returns what it must not.

use paasla_core::{Mask, Ruling, Visibility};
use paasla_engine::RuleFault;

use crate::common::{
    FUEL, OUTPUT, activate,
    answer::{
        attribute, condition, exception, image, narrowing, narrowing_for, obligation, reason, value, words,
    },
    engine, fault,
    guest::Guest,
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
    // Compared with nothing; absent, with something; another fact; another reason; a day in the year 6,000,000.
    assert!(what(condition(0, 0, &absent, 0)).contains("does not fit"));
    assert!(what(condition(0, 6, &truth, 0)).contains("does not fit"));
    assert!(what(condition(1, 0, &truth, 0)).contains("did not declare"));
    assert!(what(condition(u32::MAX, 0, &truth, 0)).contains("did not declare"));
    assert!(what(condition(0, 0, &truth, 1)).contains("reasons"));
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
    ] {
        assert!(what(obligation, &more).contains("obligation"));
    }
    let engine = engine();
    let good = narrowing((0, 0), (0, 0), (2500, 1), &[(2500, limit((2600, 1))), count(1)]);
    assert!(matches!(activate(&engine, &returning(good)).decide(&query()).0, Ok(Ruling::Narrow(_))));
}

/// Codes and messages, each as long as it may be and by one longer.
#[test]
fn texts_of_reasons_that_are_too_long() {
    let refusing = |code: u32, message: u32| {
        let data = image(&[
            (2048, vec![1]),
            (2052, reason((3000, code), (4000, message), None)),
            (3000, vec![b'a'; 81]),
            (4000, vec![b'a'; 501]),
        ]);
        returning(data)
    };
    let engine = engine();
    for (code, message) in [(1, 1), (80, 500)] {
        let said = activate(&engine, &refusing(code, message)).decide(&query()).0;
        assert!(matches!(said, Ok(Ruling::Refuse(_))), "{said:?}");
    }
    for (code, message, named) in [(0, 1, "code"), (81, 1, "code"), (1, 0, "message"), (1, 501, "message")] {
        let fault = fault(&refusing(code, message));
        assert!(matches!(fault, RuleFault::Forbidden(what) if what.contains(named)), "{fault:?}");
    }
}

#[test]
fn a_provision_that_was_not_described() {
    for index in [0, 1, u32::MAX] {
        let data = image(&[
            (2048, vec![1]),
            (2052, reason((2300, 7), (2310, 7), Some(index))),
            (2300, b"hostile".to_vec()),
            (2310, b"because".to_vec()),
        ]);
        assert!(forbidden(data).contains("provision"));
    }
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
    // A byte that never stands in UTF-8, a sequence cut off, one half of a pair, an overlong form.
    for bytes in [&b"\xff"[..], b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"] {
        for place in [2300, 2310] {
            let mut data = with_exceptions(&[exception(0, None, 0)]);
            data[place + 7 - bytes.len() - 2048..place + 7 - 2048].copy_from_slice(bytes);
            unreadable(data);
        }
    }
}

#[test]
fn invalid_discriminants() {
    // Of the answer, of what is seen of a field, of a provision that may be there or not.
    for (place, case) in [(2048, 3), (2048, 9), (2048, 255), (2504, 2), (2504, 255), (2216, 2), (2216, 255)] {
        let mut data = with_exceptions(&[exception(0, None, 0)]);
        data[place - 2048] = case;
        unreadable(data);
    }
}

#[test]
fn pointers_out_of_bounds() {
    let end = 4 << 16;
    for at in [0xffff_0000, 0xffff_fffc, end, end - 4, 0x7fff_fffc] {
        unreadable(narrowing_for((at, 1), (0, 0), (0, 0), (0, 0), &[]));
        unreadable(narrowing((at, 1), (0, 0), (0, 0), &[]));
        unreadable(narrowing((0, 0), (at, 1), (0, 0), &[]));
        unreadable(narrowing((0, 0), (0, 0), (at, 1), &[]));
        // A text in a list that is well.
        unreadable(narrowing((0, 0), (0, 0), (0, 0), &[(2208, words((at, 7)))]));
    }
}

/// A pointer that is not aligned as the interface wants it.
#[test]
fn pointers_at_odd_addresses() {
    unreadable(narrowing_for((2201, 1), (0, 0), (0, 0), (0, 0), &[]));
    unreadable(narrowing((2501, 1), (0, 0), (0, 0), &[]));
    unreadable(narrowing((0, 0), (2508, 1), (0, 0), &[]));
    let fault = fault(&Guest { decide: "i32.const 2049", ..Guest::default() });
    assert_eq!(fault, RuleFault::Unreadable);
}

/// Lengths whose bytes are far more than there is memory, also where their product is a small number again.
#[test]
fn lists_and_texts_of_absurd_length() {
    for length in [0x0fff_ffff, 0x7fff_ffff, u32::MAX, u32::MAX / 20 + 1, u32::MAX / 28 + 1] {
        unreadable(narrowing((2500, length), (0, 0), (0, 0), &[]));
        unreadable(narrowing_for((2200, length), (0, 0), (0, 0), (0, 0), &[]));
        unreadable(narrowing((0, 0), (2504, length), (0, 0), &[]));
    }
    for length in [4 << 16, 0x7fff_ffff, u32::MAX] {
        unreadable(narrowing((0, 0), (0, 0), (0, 0), &[(2208, words((2310, length)))]));
    }
}

/// Inside the memory, but more than the ration of output: a list, a text, and a text that is returned often.
#[test]
fn more_output_than_the_ration() {
    let large = RuleFault::OutputTooLarge { limit: OUTPUT };
    assert_eq!(fault(&returning(narrowing((4096, 9_000), (0, 0), (0, 0), &[]))), large);
    // Far from where the query is put.
    let text = [(2208, words((131_072, 70_000)))];
    assert_eq!(fault(&returning(narrowing((0, 0), (0, 0), (0, 0), &text))), large);
    let often = reason((2300, 7), (131_072, 2_000), None).repeat(40);
    let data = narrowing_for((2500, 40), (0, 0), (0, 0), (0, 0), &[(2500, often)]);
    assert_eq!(fault(&returning(data)), large);
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
        configure: "(global.set $bad (i32.const 1)) (i32.const 1024)",
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
