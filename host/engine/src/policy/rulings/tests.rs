// SPDX-License-Identifier: Apache-2.0
//! What a ruling does about a panic of the host's own code, and about shards that have no room.

#[expect(dead_code, unreachable_pub, reason = "shared with the engine's other tests")]
#[path = "../../../tests/common/answer.rs"]
mod answer;
#[expect(unreachable_pub, reason = "shared with the engine's other tests")]
#[path = "../../../tests/common/guest.rs"]
mod guest;

#[expect(unreachable_pub, reason = "shared with the engine's other tests")]
#[path = "../../../tests/common/query.rs"]
mod query;

use paasla_core::Policy;

use super::*;
use crate::{config::EngineConfig, engine::Engine};

fn policy() -> Policy {
    serde_json::from_str(r#"{"name":"p","rule":""}"#).unwrap()
}

/// Whatever the host's code runs into over one rule, the caller gets a fault that counts, and the next call is
/// answered.
#[test]
fn a_panic_in_a_call_is_a_fault_of_its_own_kind() {
    let engine = Engine::new(EngineConfig { instances: 1, ..EngineConfig::default() }).unwrap();
    let rule = engine.load(&guest::Guest::default().component()).unwrap();
    let policy = engine.activate(&rule, &policy(), &query::register()).unwrap();
    let budget = policy.ration.decide();
    for _ in 0..20 {
        let (said, fuel) =
            policy.call(&policy.posts[0], budget, |_, _, _| -> wasmtime::Result<()> { panic!("on purpose") });
        assert_eq!((said, fuel), (Err(RuleFault::Panic), 0));
    }
    assert_eq!(checked(|| -> Result<(), _> { panic!("on purpose") }), Err(RuleFault::Panic));
    assert!(RuleFault::Panic.is_the_rules());
    let (said, _) = policy.call(&policy.posts[0], budget, |_, _, _| Ok(7));
    assert_eq!(said, Ok(7));
}

/// All sandboxes that a shard has left.
fn rest(policy: &Activated, shard: usize) -> Vec<Store<Guard>> {
    let program = &policy.posts[shard].program;
    let one = || {
        let mut store = program.sandbox(&policy.sandboxes, policy.ration.decide()).unwrap();
        program.instantiate(&mut store).ok().map(|_| store)
    };
    std::iter::from_fn(one).collect()
}

/// Wherever the only room is: rules are loaded, configured and snapshotted there, and rule.
#[test]
fn the_shard_that_has_room_is_found() {
    let engine = Engine::new(EngineConfig { instances: 12, shards: 3, ..EngineConfig::default() }).unwrap();
    let table = "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))";
    let each_time = guest::Guest { more: table, ..guest::Guest::default() }.component();
    let components = [guest::Guest::default().component(), each_time];
    let activated =
        |component| engine.activate(&engine.load(component).unwrap(), &policy(), &query::register()).unwrap();
    let first = activated(&components[0]);
    let query = query::query();
    let ask = |policy: &Activated| {
        let said = policy.decide(&query);
        assert_eq!(said.0.as_ref().err(), policy.review(&query, &[]).0.as_ref().err());
        said
    };
    for with_room in 0..3 {
        let mut held = [0, 1, 2].map(|shard| rest(&first, shard));
        assert!(held.iter().all(|held| held.len() == 4));
        assert_eq!(ask(&first), (Err(RuleFault::Busy), 0));
        held[with_room].pop();
        for component in &components {
            assert_eq!(ask(&activated(component)).0, Ok(Ruling::Abstain));
        }
    }
}
