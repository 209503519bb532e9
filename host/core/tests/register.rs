// SPDX-License-Identifier: Apache-2.0
//! A register's digest tells apart whatever rules could tell apart.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test has no public items")]

use std::{collections::BTreeSet, sync::Arc};

use paasla_core::{Field, Register, RegisterField, RowFact};

fn field(index: u32, name: &str) -> RegisterField {
    let field = Field {
        index,
        name: name.to_owned(),
        group: None,
        iri: "urn:i".to_owned(),
        category: "urn:c".to_owned(),
        special: false,
        reveals: Vec::new(),
    };
    RegisterField { entity: "person".to_owned(), field: Arc::new(field) }
}

fn fact(name: &str) -> RowFact {
    RowFact { entity: "person".to_owned(), name: name.to_owned(), kind: "date", category: None }
}

/// The same register with one thing changed.
fn changed(change: impl FnOnce(&mut Vec<RegisterField>, &mut Vec<RowFact>)) -> Register {
    let mut fields = vec![field(0, "a"), field(1, "b")];
    let mut facts = vec![fact("subject.x")];
    change(&mut fields, &mut facts);
    Register::new(fields, facts)
}

#[test]
fn whatever_differs_is_another_digest() {
    let of_first = |change: fn(&mut Field)| changed(|fields, _| change(Arc::make_mut(&mut fields[0].field)));
    let all = [
        changed(|_, _| {}),
        changed(|fields, _| fields.swap(0, 1)),
        changed(|fields, _| fields.truncate(1)),
        changed(|fields, _| fields[0].entity = "car".to_owned()),
        of_first(|field| field.name = "c".to_owned()),
        of_first(|field| field.group = Some("g".to_owned())),
        of_first(|field| field.iri = "urn:j".to_owned()),
        of_first(|field| field.category = "urn:d".to_owned()),
        of_first(|field| field.special = true),
        of_first(|field| field.reveals = vec!["urn:d".to_owned()]),
        changed(|_, facts| facts.clear()),
        changed(|_, facts| facts.push(fact("subject.y"))),
        changed(|_, facts| facts[0].entity = "car".to_owned()),
        changed(|_, facts| facts[0].name = "subject.y".to_owned()),
        changed(|_, facts| facts[0].kind = "text"),
        changed(|_, facts| facts[0].category = Some("urn:c".to_owned())),
    ];
    let digests: BTreeSet<&str> = all.iter().map(Register::digest).collect();
    assert_eq!(digests.len(), all.len());
    assert!(digests.iter().all(|digest| digest.len() == 64));
}

#[test]
fn the_same_register_is_the_same_digest() {
    assert_eq!(changed(|_, _| {}), changed(|_, _| {}));
    assert_eq!(changed(|_, _| {}).digest(), changed(|_, _| {}).digest());
}
