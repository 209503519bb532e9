// SPDX-License-Identifier: Apache-2.0
//! Bytes, taken for what a rule returns: its `decide` or its `review` answers with them, from the address 2048 on.
//!
//! The first byte says which: bit 0 whether it decides or reviews; bit 1 whether it declares row facts (and may set
//! conditions) or reads raw values. The rule takes the bytes from the query itself, as letters in its reference to a case,
//! so one policy serves all inputs.
#![no_main]

use std::sync::LazyLock;

use paasla_core::{Narrowing, Query, Reason, Ruling, Value};
use paasla_engine::{Activated, RowInput};
use paasla_fuzz::{
    ENGINE,
    common::{self, answer::image, answer::words, guest::Guest, guest::description},
    is_the_rules,
};

/// Copies the bytes that the letters of the query's `case-reference` stand for: its pointer is at 92, its length at 96.
const ANSWER: &str = "
    (local $from i32) (local $to i32) (local $end i32)
    (local.set $from (i32.load offset=92 (local.get 0)))
    (local.set $end (i32.add (local.get $from) (i32.load offset=96 (local.get 0))))
    (local.set $to (i32.const 2048))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
      (i32.store8 (local.get $to)
        (i32.or (i32.shl (i32.sub (i32.load8_u (local.get $from)) (i32.const 97)) (i32.const 4))
                (i32.sub (i32.load8_u offset=1 (local.get $from)) (i32.const 97))))
      (local.set $from (i32.add (local.get $from) (i32.const 2)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br $next)))
    (i32.const 2048)";

/// The most bytes of an answer: what lies beyond is the query.
const MOST: usize = 8_000;

fn policy(reads: bool) -> Activated {
    let mut said = description((700, u32::from(!reads)));
    if reads {
        said[48..56].copy_from_slice(&words((1000, 1)));
    }
    // The description in place of the usual one, the list of categories that it reads, and their name.
    let data = image(&[(2048, said), (2200, words((2220, 5))), (2220, b"urn:c".to_vec())]);
    let describe = "(i32.store (i32.const 1000) (i32.const 2220)) (i32.store (i32.const 1004) (i32.const 5))
                    (i32.const 2048)";
    let guest = Guest { describe, decide: ANSWER, review: ANSWER, data, row_facts: 1, ..Guest::default() };
    let rule = ENGINE.load(&guest.component()).expect("a rule");
    ENGINE.activate(&rule, &common::policy(), &common::register()).expect("a policy")
}

static POLICIES: LazyLock<[Activated; 2]> = LazyLock::new(|| [policy(false), policy(true)]);

libfuzzer_sys::fuzz_target!(init: paasla_fuzz::begin("lift"), |input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let letter = |nibble: u8| char::from(b'a' + nibble);
    let bytes = &bytes[..bytes.len().min(MOST)];
    let case: String = bytes.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
    let query = Query { case: Some(case), ..common::query() };
    let policy = &POLICIES[usize::from(first >> 1 & 1)];
    if first & 1 == 0 {
        let said = policy.decide(&query);
        assert_eq!(said, policy.decide(&query));
        match said.0 {
            Ok(Ruling::Narrow(narrowing)) => narrows(&narrowing, &query),
            Ok(Ruling::Refuse(said)) => reason(&said),
            Ok(Ruling::Abstain) => {}
            Err(fault) => is_the_rules(&fault),
        }
    } else {
        let cells = vec![(2, Value::Text("a value".into()))];
        let row = RowInput { group: Some("g".into()), parent: None, facts: vec![], cells };
        let rows = [row.clone(), RowInput { parent: Some(0), cells: vec![], ..row }];
        let said = policy.review(&query, &rows);
        assert_eq!(said, policy.review(&query, &rows));
        match said.0 {
            Ok(rulings) => {
                assert!(rulings.is_sorted_by(|one, next| one.row < next.row), "one ruling for a row, in order");
                for ruling in &rulings {
                    assert!(ruling.row < rows.len());
                    assert!(ruling.exceptions.iter().all(|exception| exception.field == 2), "of the row's group");
                    ruling.exceptions.iter().for_each(|exception| reason(&exception.reason));
                    ruling.drop.iter().for_each(reason);
                }
            }
            Err(fault) => is_the_rules(&fault),
        }
    }
});

/// What a narrowing that was taken must hold.
fn narrows(narrowing: &Narrowing, query: &Query) {
    let limits = ENGINE.config().answer;
    let mut fields: Vec<_> = narrowing.exceptions.iter().map(|exception| exception.field).collect();
    fields.sort_unstable();
    assert!(fields.is_sorted_by(|one, next| one < next), "one exception for a field");
    assert!(fields.iter().all(|field| *field < query.fields.len()));
    assert!(
        narrowing.conditions.len() <= limits.conditions && narrowing.obligations.len() <= limits.obligations
    );
    narrowing.exceptions.iter().for_each(|exception| reason(&exception.reason));
    for attribute in narrowing.obligations.iter().flat_map(|obligation| &obligation.attributes) {
        if let Value::Text(text) = &attribute.value {
            assert_eq!(text, "because", "what is told was declared");
        }
    }
    for condition in &narrowing.conditions {
        assert_eq!(condition.fact, "i", "the one fact that was declared");
        reason(&condition.reason);
    }
}

/// The one that the rule declared, before it saw any of these bytes.
fn reason(reason: &Reason) {
    assert_eq!((&*reason.by, &*reason.code, &*reason.message), ("hostile", "hostile", "because"));
}
