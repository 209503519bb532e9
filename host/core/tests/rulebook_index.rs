// SPDX-License-Identifier: Apache-2.0
//! What an index finds is what looking through the whole rulebook finds.
#![allow(missing_docs, reason = "a test has no public items")]

use paasla_core::{
    ClientId, Concept, Date, Grant, Rulebook, RulebookIndex, Vocabulary, rulebook::Wanted, term::ConceptKind,
};
use proptest::{collection::vec, prelude::*, sample::select};

const KINDS: [ConceptKind; 2] = [ConceptKind::Purpose, ConceptKind::LegalBasis];
const IRIS: [&str; 6] = ["https://e.org/x#A", "https://e.org/x#B", "urn:c", "urn:d", "x:A", "y:B"];
const CLIENTS: [&str; 6] = ["EE/GOV/1", "EE/GOV/1/a", "EE/GOV/1/b", "EE/GOV/11", "EE/GOV/11/a", "EE/COM/1/a"];

fn concept() -> impl Strategy<Value = Concept> {
    (select(&IRIS[..]), select(&KINDS[..]), vec(select(&IRIS[..]), 0..3)).prop_map(|(iri, kind, broader)| {
        Concept {
            iri: iri.to_owned(),
            kind,
            label: String::new(),
            label_et: None,
            broader: broader.into_iter().map(str::to_owned).collect(),
        }
    })
}

fn client() -> impl Strategy<Value = ClientId> {
    select(&CLIENTS[..]).prop_filter_map("four plain parts", |client| client.parse().ok())
}

fn grant() -> impl Strategy<Value = Grant> {
    let terms = || vec(select(&IRIS[..]).prop_map(str::to_owned), 1..3);
    (0..9_u8, client(), 0..2_u8, terms(), terms(), 1..4_i8).prop_map(
        |(id, client, service, purposes, legal_bases, day)| Grant {
            id: format!("g{id}"),
            client,
            service: format!("s{service}"),
            fields: vec!["*".to_owned()],
            purposes,
            legal_bases,
            valid_from: Date::constant(2026, 1, day),
            valid_until: None,
            quotas: Vec::new(),
            reference: None,
            may_hide: false,
            attributes: Vec::new(),
        },
    )
}

proptest! {
    #[test]
    fn it_finds_what_is_there(
        concepts in vec(concept(), 0..9),
        grants in vec(grant(), 0..12),
        whose in client(),
        day in 1..4_i8,
    ) {
        let prefixes = [("x".to_owned(), "https://e.org/x#".to_owned())].into();
        let vocabulary = Vocabulary { prefixes, concepts };
        let rulebook = Rulebook { vocabulary, grants, ..Rulebook::default() };
        let (index, vocabulary) = (RulebookIndex::of(&rulebook), &rulebook.vocabulary);
        for kind in KINDS {
            for iri in IRIS {
                let known = index.term(vocabulary, kind, iri);
                let term = vocabulary.term(kind, iri);
                prop_assert_eq!(known.map(|known| &known.term), term.as_ref());
                if let (Some(known), Some(term)) = (known, &term) {
                    prop_assert_eq!(&known.root, vocabulary.root(kind, term));
                }
            }
        }
        let terms = |kind| IRIS.map(|iri| vocabulary.term(kind, iri)).into_iter().chain([None]);
        for purpose in terms(ConceptKind::Purpose) {
            for basis in terms(ConceptKind::LegalBasis) {
                let wanted = Wanted {
                    client: &whose,
                    service: "s1",
                    date: Date::constant(2026, 1, day),
                    purpose: purpose.as_ref(),
                    basis: basis.as_ref(),
                };
                prop_assert_eq!(index.grant_for(&rulebook, wanted), rulebook.grant_for(wanted));
            }
        }
    }
}
