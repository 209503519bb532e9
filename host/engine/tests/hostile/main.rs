// SPDX-License-Identifier: Apache-2.0
//! What a bad rule can do to the host: nothing. Each gets its own typed fault, and the next good call is answered.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test has no public items, and may fail at any line"
)]

mod guest;
mod load;
mod output;
mod run;

use paasla_core::{Field, GrantView, Limits, Mode, Policy, Query, Ruling, Scope, Subjects, Term};
use paasla_engine::{Activated, Engine, EngineConfig, Ration, RuleFault, Start};

pub fn engine() -> Engine {
    const MIB: u64 = 1 << 20;
    let ration = Ration { fuel: 2_000_000, memory_bytes: 4 * MIB, output_bytes: 64 << 10 };
    let setup = Ration { fuel: 10_000_000, memory_bytes: 4 * MIB, output_bytes: MIB };
    Engine::new(EngineConfig { instances: 16, ration, most: ration, setup, ..EngineConfig::default() })
        .unwrap()
}

pub fn policy() -> Policy {
    Policy {
        name: "hostile".into(),
        rule: String::new(),
        settings: serde_json::json!({}),
        scope: Scope::default(),
        mode: Mode::Enforce,
        limits: Limits::default(),
    }
}

pub fn activate(engine: &Engine, guest: &guest::Guest) -> Activated {
    let rule = engine.load(&guest.component()).unwrap();
    let activated = engine.activate(&rule, &policy()).unwrap();
    assert_eq!(activated.start, Start::Snapshot);
    activated
}

pub fn query() -> Query {
    let field = |name: &str, group: Option<&str>| Field {
        name: name.into(),
        group: group.map(Into::into),
        iri: "urn:x".into(),
        category: "urn:c".into(),
        special: false,
        reveals: vec!["urn:d".into()],
    };
    let term = |iri: &str| Term { iri: iri.into(), broader: vec!["urn:broader".into()] };
    Query {
        id: "0196a0b0-0000-7000-8000-000000000000".into(),
        instant: 1_795_000_000_000,
        date: paasla_core::Date::constant(2026, 11, 22),
        channel: "xroad".into(),
        service: "person".into(),
        version: 1,
        client: "EE/GOV/1/a".parse().unwrap(),
        represented: None,
        official: Some("EE1".into()),
        agent: None,
        case: None,
        purpose: term("urn:p"),
        legal_basis: term("urn:b"),
        special_ground: None,
        provision: None,
        bundle: None,
        subjects: Subjects { kind: "keys".into(), count: 1 },
        fields: vec![field("a", None), field("b", None), field("g.c", Some("g"))],
        grant: GrantView { id: "g".into(), reference: None, quotas: vec![], attributes: vec![] },
        facts: vec![],
    }
}

/// The fault of one `decide`; then a well-behaved rule is asked in the same engine.
pub fn fault(guest: &guest::Guest) -> RuleFault {
    let engine = engine();
    let bad = activate(&engine, guest);
    let fault = bad.decide(&query()).0.expect_err("a fault");
    let good = activate(&engine, &guest::Guest::default());
    assert_eq!(good.decide(&query()).0, Ok(Ruling::Abstain), "the next good query is answered");
    fault
}
