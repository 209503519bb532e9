// SPDX-License-Identifier: Apache-2.0
//! The register that rules are told of, and the query that they are asked about.

use std::sync::Arc;

use paasla_core::{Field, GrantView, Query, Register, RegisterField, RowFact, Subjects, Term};

/// Three fields, the last one of the group `g`; one fact.
pub fn register() -> Arc<Register> {
    let field = |(index, name, group): (u32, &str, Option<&str>)| RegisterField {
        entity: "person".into(),
        field: Arc::new(Field {
            index,
            name: name.into(),
            group: group.map(Into::into),
            iri: "urn:x".into(),
            category: "urn:c".into(),
            special: false,
            reveals: vec!["urn:d".into()],
        }),
    };
    let fields = [(0, "a", None), (1, "b", None), (2, "g.c", Some("g"))].map(field);
    let fact =
        RowFact { entity: "person".into(), name: "i".into(), kind: "truth", category: Some("urn:c".into()) };
    Arc::new(Register::new(fields.into(), vec![fact]))
}

/// A query for all fields of the register.
pub fn query() -> Query {
    let term = |iri: &str| Term { iri: iri.into(), broader: vec!["urn:broader".into()] };
    Query {
        id: "0196a0b0-0000-7000-8000-000000000000".into(),
        instant: 1_795_000_000_000,
        utc_offset: 120,
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
        fields: register().fields().iter().map(|known| Arc::clone(&known.field)).collect(),
        grant: GrantView { id: "g".into(), reference: None, quotas: vec![], attributes: vec![] },
        facts: vec![],
    }
}
