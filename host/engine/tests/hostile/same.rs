// SPDX-License-Identifier: Apache-2.0
//! A rule cannot behave otherwise on its second call: no call sees anything of an earlier one, of whatever policy.

use std::{collections::BTreeMap, sync::LazyLock};

use paasla_core::{Policy, Query, RowRuling, Ruling, Value};
use paasla_engine::{Activated, Engine, RowInput, RuleFault};
use proptest::prelude::*;

use crate::common::{
    activate,
    answer::{condition, declared, image, leaving_out, reason, repeating, value, words},
    engine,
    guest::Guest,
    policy, policy_with, query, register, rows,
};

/// A rule that counts its calls in a global and in memory, and refuses from the second on: it never gets there,
/// because no call sees what an earlier one left.
#[test]
fn no_call_sees_an_earlier_one() {
    let guest = Guest {
        decide: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                 (i32.store (i32.const 1500) (i32.add (i32.load (i32.const 1500)) (i32.const 1)))
                 (if (i32.or (i32.gt_s (global.get $calls) (i32.const 1))
                             (i32.gt_s (i32.load (i32.const 1500)) (i32.const 1))) (then unreachable))
                 (i32.const 1024)",
        more: "(global $calls (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    let engine = engine();
    let counting = activate(&engine, &guest);
    for _ in 0..1_000 {
        assert_eq!(counting.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

/// What `configure` leaves is there in every call, and again the same in the next.
#[test]
fn every_call_starts_configured() {
    let guest = Guest {
        configure: "(i32.store (i32.const 1500) (i32.const 77)) (global.set $set (i32.const 5)) (i32.const 1024)",
        decide: "(if (i32.or (i32.ne (i32.load (i32.const 1500)) (i32.const 77))
                             (i32.ne (global.get $set) (i32.const 5))) (then unreachable))
                 (i32.store (i32.const 1500) (i32.const 1)) (global.set $set (i32.const 1)) (i32.const 1024)",
        more: "(global $set (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    let engine = engine();
    let configured = activate(&engine, &guest);
    for _ in 0..20 {
        assert_eq!(configured.decide(&query()).0, Ok(Ruling::Abstain));
    }
}

/// A rule that says a digest of all of its memory, then changes all of it and takes as much more as it gets. Anything
/// that an earlier call left would show in the digest: of a query in the value of a condition, of rows in which of many
/// reasons the row is left out for.
fn nosy() -> Guest {
    let reasons = declared(&vec![reason((2300, 7), (2300, 7), None); 256]);
    let narrowing = [vec![2, 0, 0, 0], words((0, 0)), words((2504, 1)), words((0, 0)), vec![0; 4]].concat();
    let answers = [
        (2048, narrowing),
        (2100, words((2600, 1))),
        (2300, b"hostile".to_vec()),
        (2504, condition(0, 0, &value(2, &[]), 0)),
        (2600, leaving_out(0, 1, 0)),
    ];
    Guest {
        configure: "(memory.copy (i32.const 3000) (local.get 0) (local.get 1)) (i32.const 5000)",
        decide: "(i64.store (i32.const 2520) (call $look)) (i32.const 2048)",
        review: "(i32.store8 (i32.const 2608) (i32.wrap_i64 (i64.shr_u (call $look) (i64.const 56)))) (i32.const 2100)",
        more: "(global $count (mut i64) (i64.const 1))
               (func $look (result i64)
                 (local $at i32) (local $sum i64)
                 (local.set $sum (i64.add (global.get $count) (i64.extend_i32_u (memory.size))))
                 (loop
                   (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 6364136223846793005))
                                            (i64.load (local.get $at))))
                   (local.set $at (i32.add (local.get $at) (i32.const 8)))
                   (br_if 0 (i32.lt_u (local.get $at) (i32.const 262144))))
                 (memory.fill (i32.const 4096) (i32.const 255) (i32.const 258048))
                 (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                 (memory.fill (i32.const 262144) (i32.const 255) (i32.const 65536))
                 (global.set $count (local.get $sum))
                 (local.get $sum))",
        data: image(&[&answers[..], &reasons].concat()),
        row_facts: 1,
        ..Guest::default()
    }
}

/// The rules of the property: one that looks at everything, some that break, one that does nothing.
fn guests() -> Vec<Guest> {
    let breaking = |decide| Guest { decide, ..Guest::default() };
    vec![
        nosy(),
        breaking("(memory.fill (i32.const 0) (i32.const 255) (i32.const 262144)) unreachable"),
        breaking("(loop (br 0)) unreachable"),
        breaking(
            "(drop (memory.grow (i32.const 60))) (memory.fill (i32.const 262144) (i32.const 1) (i32.const 99999)) (i32.const 9)",
        ),
        Guest::default(),
    ]
}

/// The policies: each rule under two settings.
fn policies() -> Vec<(usize, Policy)> {
    let settings = [serde_json::json!({}), serde_json::json!({ "say": "something else" })];
    let all =
        (0..guests().len()).flat_map(|rule| settings.iter().map(move |s| (rule, policy_with(s.clone()))));
    all.collect()
}

fn queries() -> Vec<Query> {
    let usual = query();
    let searching = Query { case: Some("a longer text, which moves what follows".into()), ..query() };
    let empty = Query { fields: vec![], official: None, ..query() };
    vec![usual, searching, empty]
}

type Outcome = (Result<Ruling, RuleFault>, u64, Result<Vec<RowRuling>, RuleFault>, u64);

fn ask(policy: &Activated, query: &Query) -> Outcome {
    let row = RowInput { group: None, ..rows().remove(0) };
    let (ruling, fuel) = policy.decide(query);
    let (reviewed, review_fuel) = policy.review(query, &[row]);
    (ruling, fuel, reviewed, review_fuel)
}

fn made(engine: &Engine, policy: &(usize, Policy)) -> Activated {
    let rule = engine.load(&guests()[policy.0].component()).unwrap();
    engine.activate(&rule, &policy.1, &register()).unwrap()
}

/// What each policy says to each query as the first thing ever asked of a new engine.
static FIRST: LazyLock<BTreeMap<(usize, usize), Outcome>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (p, policy) in policies().iter().enumerate() {
        for (q, query) in queries().iter().enumerate() {
            all.insert((p, q), ask(&made(&engine(), policy), query));
        }
    }
    all
});

static TOGETHER: LazyLock<Vec<Activated>> = LazyLock::new(|| {
    let engine = engine();
    policies().iter().map(|policy| made(&engine, policy)).collect()
});

#[test]
fn the_digest_tells_settings_and_queries_apart() {
    let digests: Vec<_> = (0..2)
        .flat_map(|policy| (0..3).map(move |query| &FIRST[&(policy, query)]))
        .map(|(ruling, ..)| match ruling {
            Ok(Ruling::Narrow(narrowing)) => narrowing.conditions[0].value.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(digests.iter().all(|digest| matches!(digest, Value::Integer(_))), "{digests:?}");
    let distinct: std::collections::BTreeSet<_> =
        digests.iter().map(|digest| format!("{digest:?}")).collect();
    assert_eq!(distinct.len(), 6, "{digests:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    /// Whatever was asked before, and whatever is asked at the same time, each ruling is the one that a new engine
    /// gives, and costs the same fuel.
    #[test]
    fn every_ruling_is_that_of_a_new_engine(
        sequence in proptest::collection::vec((0_usize..10, 0_usize..3), 1..20)
    ) {
        let queries = queries();
        let differs = |(p, q): &(usize, usize)| ask(&TOGETHER[*p], &queries[*q]) != FIRST[&(*p, *q)];
        let found = std::thread::scope(|scope| {
            let beside = scope.spawn(|| sequence.iter().rev().copied().find(|one| differs(one)));
            let here = sequence.iter().copied().find(|one| differs(one));
            (here, beside.join().unwrap())
        });
        prop_assert_eq!(found, (None, None));
    }
}

#[test]
fn two_policies_of_one_rule_keep_their_own_settings() {
    let engine = engine();
    let bytes = repeating().component();
    let rules = [engine.load(&bytes).unwrap(), engine.load(&bytes).unwrap()];
    assert_eq!(rules[0].digest, rules[1].digest);
    let settings = [serde_json::json!({ "say": "one" }), serde_json::json!({ "say": "another" })];
    let made = |rule, settings: &serde_json::Value| {
        engine.activate(rule, &policy_with(settings.clone()), &register()).unwrap()
    };
    let both: Vec<_> = rules.iter().zip(&settings).map(|(rule, settings)| made(rule, settings)).collect();
    for _ in 0..20 {
        for (policy, settings) in both.iter().zip(&settings) {
            let Ok(Ruling::Refuse(reason)) = policy.decide(&query()).0 else { panic!("a refusal") };
            assert_eq!(reason.message, settings.to_string());
        }
    }
}

/// A module in two copies, one of them activated while the other rules.
#[test]
fn making_a_policy_does_not_disturb_another() {
    let engine = engine();
    let counting = activate(&engine, &nosy());
    let first = ask(&counting, &query());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20 {
                let rule = engine.load(&nosy().component()).unwrap();
                let own = policy_with(serde_json::json!({ "say": number }));
                engine.activate(&rule, &own, &register()).unwrap();
            }
        });
        for _ in 0..50 {
            assert_eq!(ask(&counting, &query()), first);
        }
    });
    assert_eq!(
        engine
            .activate(&engine.load(&nosy().component()).unwrap(), &policy(), &register())
            .map(|p| ask(&p, &query())),
        Ok(first)
    );
}
