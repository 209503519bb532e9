// SPDX-License-Identifier: Apache-2.0
//! A panic of the host's own code in a ruling.

#[expect(dead_code, unreachable_pub, reason = "shared with the engine's other tests")]
#[path = "../../tests/common/answer.rs"]
mod answer;
#[expect(unreachable_pub, reason = "shared with the engine's other tests")]
#[path = "../../tests/common/guest.rs"]
mod guest;

use super::*;
use crate::{config::EngineConfig, sandbox::Engine};

/// Whatever the host's code runs into over one rule, the caller gets a fault that counts, and the next call is
/// answered.
#[test]
fn a_panic_in_a_call_is_a_fault_of_its_own_kind() {
    let engine = Engine::new(EngineConfig { instances: 1, ..EngineConfig::default() }).unwrap();
    let rule = engine.load(&guest::Guest::default().component()).unwrap();
    let policy = serde_json::from_str(r#"{"name":"p","rule":""}"#).unwrap();
    let policy = engine.activate(&rule, &policy).unwrap();
    let budget = policy.ration.decide();
    for _ in 0..20 {
        let (said, fuel) = policy.call(budget, |_, _, _| -> wasmtime::Result<()> { panic!("on purpose") });
        assert_eq!((said, fuel), (Err(RuleFault::Panic), 0));
    }
    assert_eq!(checked(|| -> Result<(), _> { panic!("on purpose") }), Err(RuleFault::Panic));
    assert!(RuleFault::Panic.is_the_rules());
    let (said, _) = policy.call(budget, |_, _, _| Ok(7));
    assert_eq!(said, Ok(7));
}
