// SPDX-License-Identifier: Apache-2.0
//! An index of a rulebook: terms by IRI, access rights by member. Every query looks both up, among hundreds of concepts and
//! thousands of access rights, so neither is searched from one end to the other.

use std::collections::{BTreeMap, HashMap};

use crate::{
    client::ClientId,
    grant::Grant,
    rulebook::{Matched, NoGrant, Rulebook, Wanted, choose},
    term::{ConceptKind, Term, Vocabulary},
};

/// An index of one rulebook. Its methods take that rulebook again: it holds positions only.
#[derive(Debug, Default)]
pub struct RulebookIndex {
    /// By full IRI.
    terms: BTreeMap<ConceptKind, HashMap<String, IndexedTerm>>,
    /// The places of a member's access rights, and of its subsystems', by the member.
    grants: HashMap<String, Vec<usize>>,
}

/// A concept as a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedTerm {
    /// The term.
    pub term: Term,
    /// The broadest concept above it ([`Vocabulary::root`]).
    pub root: String,
}

impl RulebookIndex {
    /// Of a rulebook.
    #[must_use]
    pub fn of(rulebook: &Rulebook) -> Self {
        let Rulebook { vocabulary, grants, .. } = rulebook;
        let mut index = Self::default();
        for concept in &vocabulary.concepts {
            let term = vocabulary.term_of(concept);
            let root = vocabulary.root(concept.kind, &term).to_owned();
            let of_kind = index.terms.entry(concept.kind).or_default();
            of_kind.entry(term.iri.clone()).or_insert(IndexedTerm { term, root });
        }
        for (place, grant) in grants.iter().enumerate() {
            index.grants.entry(grant.client.member().to_owned()).or_default().push(place);
        }
        index
    }

    /// The same as [`Vocabulary::term`].
    #[must_use]
    pub fn term(&self, vocabulary: &Vocabulary, kind: ConceptKind, iri: &str) -> Option<&IndexedTerm> {
        self.terms.get(&kind)?.get(&*vocabulary.expanded(iri))
    }

    /// Whether any access right of the rulebook, of whatever service and time, is this client's.
    #[must_use]
    pub fn has_grant(&self, rulebook: &Rulebook, client: &ClientId) -> bool {
        self.grants_of(rulebook, client).next().is_some()
    }

    /// The access rights of this client, its member's included, of whatever service and time.
    pub fn grants_of<'r>(
        &self,
        rulebook: &'r Rulebook,
        client: &ClientId,
    ) -> impl Iterator<Item = &'r Grant> {
        let places = self.grants.get(client.member()).map(Vec::as_slice).unwrap_or_default();
        let grants = places.iter().filter_map(|place| rulebook.grants.get(*place));
        grants.filter(|grant| grant.client.covers(client))
    }

    /// The same as [`Rulebook::grant_for`].
    ///
    /// # Errors
    /// As there.
    pub fn grant_for<'r>(&self, rulebook: &'r Rulebook, wanted: Wanted<'_>) -> Result<Matched<'r>, NoGrant> {
        choose(self.grants_of(rulebook, wanted.client).collect(), wanted)
    }
}
