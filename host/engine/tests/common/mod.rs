// SPDX-License-Identifier: Apache-2.0
//! What the engine's tests share: small limits, a register, a query, and ways to run a bad rule and look at the host
//! afterwards.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod answer;
pub mod guest;
mod query;

use paasla_core::{Limits, Mode, Policy, Ruling, Scope, Vouching};
use paasla_engine::{
    ActivateError, Activated, ComponentLimits, Engine, EngineConfig, LoadError, Ration, RowInput, RuleFault,
    Setup, Start,
};

use guest::Guest;
pub use query::{query, register};

pub const MIB: u64 = 1 << 20;
/// How many sandboxes may be alive at one time in the tests' engines.
pub const INSTANCES: u32 = 16;
/// Fuel for one call.
pub const FUEL: u64 = 2_000_000;
/// Fuel for `describe` and `configure`.
pub const SETUP_FUEL: u64 = 10_000_000;
/// Linear memory of every call.
pub const MEMORY: u64 = 4 * MIB;
/// What one call may return.
pub const OUTPUT: u64 = 64 << 10;
/// What `describe` and `configure` may return.
pub const SETUP_OUTPUT: u64 = MIB;

/// Limits that are soon reached.
pub fn limits() -> EngineConfig {
    let ration = Ration {
        fuel: FUEL,
        review_fuel: FUEL,
        row_fuel: 0,
        memory_bytes: MEMORY,
        row_memory_bytes: 0,
        output_bytes: OUTPUT,
        row_output_bytes: 0,
    };
    let setup = Setup {
        describe_fuel: SETUP_FUEL,
        configure_fuel: SETUP_FUEL,
        memory_bytes: MEMORY,
        output_bytes: SETUP_OUTPUT,
    };
    EngineConfig { instances: INSTANCES, ration, most: ration, setup, ..EngineConfig::default() }
}

/// An engine with these limits.
pub fn engine() -> Engine {
    Engine::new(limits()).unwrap()
}

/// The usual engine with other limits for components.
pub fn engine_for(component: ComponentLimits) -> Engine {
    Engine::new(EngineConfig { component, ..limits() }).unwrap()
}

pub fn policy() -> Policy {
    policy_with(serde_json::json!({}))
}

pub fn policy_with(settings: serde_json::Value) -> Policy {
    Policy {
        name: "hostile".into(),
        rule: String::new(),
        settings,
        scope: Scope::default(),
        mode: Mode::Enforce,
        limits: Limits::default(),
        vouched_by: Vouching::Ministry,
    }
}

pub fn activate(engine: &Engine, guest: &Guest) -> Activated {
    let activated = activate_bytes(engine, &guest.component());
    assert_eq!(activated.start, Start::Snapshot);
    activated
}

pub fn activate_bytes(engine: &Engine, component: &[u8]) -> Activated {
    let rule = engine.load(component).unwrap();
    engine.activate(&rule, &policy(), &register()).unwrap()
}

/// One row of the group `g`.
pub fn rows() -> Vec<RowInput> {
    vec![RowInput { group: Some("g".into()), parent: None, facts: vec![], cells: vec![] }]
}

/// A good rule is loaded, and answers in as many sandboxes as there are: none was kept by what came before.
pub fn is_well(engine: &Engine) {
    let good = activate(engine, &Guest::default());
    for _ in 0..=engine.config().instances {
        assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain), "the next good query is answered");
    }
}

/// The fault of `decide`: the same as often as it is asked, at the price of the same fuel, and more often than there are
/// sandboxes; then a good rule answers in the same engine.
pub fn fault(guest: &Guest) -> RuleFault {
    fault_of(&guest.component())
}

/// The same of a component.
pub fn fault_of(component: &[u8]) -> RuleFault {
    let engine = engine();
    let bad = activate_bytes(&engine, component);
    let (first, fuel) = bad.decide(&query());
    for _ in 0..INSTANCES {
        assert_eq!(bad.decide(&query()), (first.clone(), fuel));
    }
    is_well(&engine);
    first.expect_err("a fault")
}

/// The fault of `review`, in the same manner.
pub fn review_fault(guest: &Guest) -> RuleFault {
    let engine = engine();
    let bad = activate(&engine, guest);
    let (first, fuel) = bad.review(&query(), &rows());
    for _ in 0..INSTANCES {
        assert_eq!(bad.review(&query(), &rows()), (first.clone(), fuel));
    }
    is_well(&engine);
    first.expect_err("a fault")
}

/// Why bytes are refused; the engine works on.
pub fn refused(bytes: &[u8]) -> LoadError {
    refused_by(&engine(), bytes)
}

/// The same by an engine of other limits.
pub fn refused_by(engine: &Engine, bytes: &[u8]) -> LoadError {
    let error = engine.load(bytes).expect_err("no rule");
    is_well(engine);
    error
}

/// How the settings of a policy come to be refused; the engine works on.
pub fn not_activated(guest: &Guest) -> ActivateError {
    let engine = engine();
    let rule = engine.load(&guest.component()).unwrap();
    let error = engine.activate(&rule, &policy(), &register()).expect_err("a policy that cannot be made");
    is_well(&engine);
    error
}

/// The same, where the rule itself breaks.
pub fn configure_fault(guest: &Guest) -> RuleFault {
    match not_activated(guest) {
        ActivateError::Configure(fault) => fault,
        other => panic!("{other:?}"),
    }
}
