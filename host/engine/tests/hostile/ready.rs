// SPDX-License-Identifier: Apache-2.0
//! Sandboxes that are made ready before they are asked for, and those that wait to be wiped.

use std::{
    thread,
    time::{Duration, Instant},
};

use paasla_core::Ruling;
use paasla_engine::{
    Activated, Engine, EngineConfig, Ration, RuleFault, Spent, Start, decide_all, decide_all_leaving,
};

use crate::common::{
    INSTANCES, activate, activate_bytes, answer::repeating, decide_leaving, decide_ready, engine,
    guest::Guest, is_well, limits, query,
};
use crate::run::LOOP;

/// How much may be set aside in the tests' engines.
const ASIDE: usize = INSTANCES as usize / 4;

fn abstaining(engine: &Engine, count: usize) -> Vec<Activated> {
    (0..count).map(|_| activate(engine, &Guest::default())).collect()
}

fn ready(policies: &[Activated]) -> usize {
    policies.iter().map(Activated::ready).sum()
}

/// One is made ready for every one that was used, and two at most.
#[test]
fn as_many_stand_ready_as_rule_at_one_time() {
    let engine = engine();
    let policy = &activate(&engine, &Guest::default());
    assert_eq!(policy.ready(), 0, "none before the first query");
    policy.decide(&query()).0.unwrap();
    decide_all([policy], &query());
    assert_eq!(policy.ready(), 0, "none for whoever has no time to spare");
    decide_ready(policy, &query()).0.unwrap();
    decide_ready(policy, &query()).0.unwrap();
    assert_eq!(policy.ready(), 1);
    // Three at one time.
    let spent: Vec<Spent> = (0..3)
        .map(|_| {
            let (said, spent) = decide_leaving(policy, &query());
            assert_eq!(said.ruling, Ok(Ruling::Abstain));
            assert!(!spent.is_empty());
            spent
        })
        .collect();
    assert_eq!(policy.ready(), 0, "it is used, and the others were made on the spot");
    spent.into_iter().for_each(Spent::renew);
    assert_eq!(policy.ready(), 2);
    policy.stand_down();
    assert_eq!(policy.ready(), 0);
    is_well(&engine);
}

/// Dropped, what rulings left is wiped, and nothing is made ready.
#[test]
fn what_is_dropped_is_only_wiped() {
    let engine = engine();
    let policies = abstaining(&engine, 3);
    for _ in 0..100 {
        let mut spent = Spent::default();
        assert_eq!(decide_all_leaving(&policies, &query(), &mut spent).len(), 3);
    }
    assert_eq!(ready(&policies), 0);
    is_well(&engine);
}

#[test]
fn rulings_and_fuel_are_the_same() {
    let engine = engine();
    for guest in [Guest::default(), repeating(), Guest { decide: LOOP, ..Guest::default() }] {
        let policy = activate(&engine, &guest);
        let plain = policy.decide(&query());
        for _ in 0..3 {
            assert_eq!(decide_ready(&policy, &query()), plain);
        }
        assert_eq!(policy.ready(), 1);
    }
}

/// The first refusal ends it, and nothing is left of those that were not asked.
#[test]
fn who_is_not_asked_leaves_nothing() {
    let engine = engine();
    let policies = [activate(&engine, &repeating()), activate(&engine, &Guest::default())];
    let mut spent = Spent::default();
    assert_eq!(decide_all_leaving(&policies, &query(), &mut spent).len(), 1);
    spent.renew();
    assert_eq!(policies.each_ref().map(Activated::ready), [1, 0]);
}

/// However many policies there are, a quarter of all sandboxes stands ready at most; when policies are gone, others may
/// have theirs.
#[test]
fn a_quarter_stands_ready_for_all_policies_together() {
    let engine = engine();
    let policies = abstaining(&engine, 10);
    for _ in 0..3 {
        policies.iter().for_each(|policy| drop(decide_ready(policy, &query())));
        assert_eq!(ready(&policies), ASIDE);
    }
    is_well(&engine);
    // The clone keeps what is ready for both.
    let kept = policies[0].clone();
    drop(policies);
    assert_eq!(kept.ready(), 1);
    drop(kept);
    let others = abstaining(&engine, 10);
    others.iter().for_each(|policy| drop(decide_ready(policy, &query())));
    assert_eq!(ready(&others), ASIDE);
    others.iter().for_each(Activated::stand_down);
    assert_eq!(ready(&others), 0);
}

/// What waits to be wiped counts, too: a query finds a sandbox however much was left and not wiped.
#[test]
fn what_waits_to_be_wiped_keeps_no_query_waiting() {
    let engine = engine();
    let policies = abstaining(&engine, 10);
    let mut spent = Spent::default();
    for _ in 0..2 * INSTANCES {
        for said in decide_all_leaving(&policies, &query(), &mut spent) {
            assert_eq!(said.ruling, Ok(Ruling::Abstain));
        }
    }
    is_well(&engine);
    spent.renew();
    assert_eq!(ready(&policies), ASIDE);
}

/// On threads at one time, no query finds that there is no sandbox, and there are never more ready than may be.
#[test]
fn threads_at_once_share_what_may_be_set_aside() {
    let engine = engine();
    let policies = abstaining(&engine, 5);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut spent = Spent::default();
                    for said in decide_all_leaving(&policies, &query(), &mut spent) {
                        assert_eq!(said.ruling, Ok(Ruling::Abstain));
                    }
                    spent.renew();
                    assert!(policies.iter().all(|policy| policy.ready() <= 2));
                }
            });
        }
    });
    assert!(ready(&policies) <= ASIDE);
    is_well(&engine);
}

/// The time that a call may take begins with the call: what was made ready long ago has all of it, and no more.
#[test]
fn the_deadline_is_that_of_the_call() {
    let endless = Ration { fuel: u64::MAX, ..limits().ration };
    let config = EngineConfig { ration: endless, most: endless, deadline_ms: 100, ..limits() };
    let engine = Engine::new(config).unwrap();
    let good = activate(&engine, &Guest::default());
    let looping = activate(&engine, &Guest { decide: LOOP, ..Guest::default() });
    let deadline = (Err(RuleFault::Deadline { limit_ms: 100 }), u64::MAX);
    let plain = good.decide(&query());
    assert_eq!(decide_ready(&good, &query()), plain);
    assert_eq!(decide_ready(&looping, &query()), deadline);
    assert_eq!((good.ready(), looping.ready()), (1, 1));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(decide_ready(&good, &query()), plain);
    let began = Instant::now();
    assert_eq!(decide_ready(&looping, &query()), deadline);
    assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
}

/// Who has to be configured for every ruling, who rules for an answer that nobody waits for, and whoever is asked where
/// there are too few sandboxes or no pool of them, has none ready.
#[test]
fn who_has_none_ready() {
    let table = "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))";
    let configured = activate_bytes(&engine(), &Guest { more: table, ..Guest::default() }.component());
    assert!(matches!(configured.start, Start::ConfigureEachTime(_)));
    let rationed = activate(&engine(), &Guest::default()).rationed();
    let few = Engine::new(EngineConfig { instances: 3, ..limits() }).unwrap();
    // So many memories that no address space has room for them.
    let component = paasla_engine::ComponentLimits { memories: 1 << 20, ..limits().component };
    let on_demand = Engine::new(EngineConfig { component, ..limits() }).unwrap();
    let others = [activate(&few, &Guest::default()), activate(&on_demand, &Guest::default())];
    for policy in [configured, rationed].iter().chain(&others) {
        for _ in 0..10 {
            assert_eq!(decide_ready(policy, &query()).0, Ok(Ruling::Abstain));
            assert_eq!(policy.ready(), 0);
        }
    }
}

/// A component of so many parts that a few of them would be all that the pool has is made on the spot.
#[test]
fn many_parts_are_not_set_aside() {
    let engine = Engine::new(EngineConfig { instances: 8, ..limits() }).unwrap();
    let modules = |count| (0..count).map(|_| crate::bombs::section(crate::bombs::MODULE, b"\0asm\x01\0\0\0"));
    let instances = (1..=60_u8).flat_map(|module| [0, module, 0]);
    let instances: Vec<u8> = [60].into_iter().chain(instances).collect();
    let instances = crate::bombs::section(crate::bombs::CORE_INSTANCE, &instances);
    let large = [Guest::default().component(), modules(60).flatten().collect(), instances].concat();
    let large = activate_bytes(&engine, &large);
    assert_eq!(large.start, Start::Snapshot);
    let small = activate(&engine, &Guest::default());
    let mut spent = Spent::default();
    for _ in 0..10 {
        for said in decide_all_leaving([&large, &small, &large], &query(), &mut spent) {
            assert_eq!(said.ruling, Ok(Ruling::Abstain));
        }
    }
    spent.renew();
    assert_eq!((large.ready(), small.ready()), (0, 2));
}
