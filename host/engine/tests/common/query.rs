// SPDX-License-Identifier: Apache-2.0
//! The query that rules are asked about.

use paasla_core::{Field, GrantView, Query, Subjects, Term};

/// Three fields, the last one of the group `g`.
pub fn query() -> Query {
    let field = |name: &str, group: Option<&str>| {
        std::sync::Arc::new(Field {
            name: name.into(),
            group: group.map(Into::into),
            iri: "urn:x".into(),
            category: "urn:c".into(),
            special: false,
            reveals: vec!["urn:d".into()],
        })
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
