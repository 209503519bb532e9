// SPDX-License-Identifier: Apache-2.0
//! Terms of a vocabulary (purposes, legal bases, special-category grounds) and what is broader than each.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

/// A term as a query carries it: its IRI and every IRI broader than it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The full IRI, e.g. `https://w3id.org/dpv#IdentityVerification`.
    pub iri: String,
    /// Every broader IRI, transitively; sorted; never holds `iri` itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broader: Vec<String>,
}

impl Term {
    /// Whether this term is `iri` or narrower than it.
    #[must_use]
    pub fn is_within(&self, iri: &str) -> bool {
        self.iri == iri || self.broader.iter().any(|broader| broader == iri)
    }

    /// Whether this term is one of `iris` or narrower than one of them.
    #[must_use]
    pub fn is_within_any(&self, iris: &[String]) -> bool {
        iris.iter().any(|iri| self.is_within(iri))
    }
}

/// What a concept of the vocabulary is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConceptKind {
    /// Why data is processed (`dpv:Purpose`).
    Purpose,
    /// On what ground (GDPR Art. 6(1)).
    LegalBasis,
    /// On what ground special categories may be processed (GDPR Art. 9(2)).
    SpecialGround,
}

/// One concept of the vocabulary, as data managers configure it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Concept {
    /// The full IRI.
    pub iri: String,
    /// What kind of term it is.
    pub kind: ConceptKind,
    /// A short name for people, in English.
    pub label: String,
    /// The same in Estonian, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_et: Option<String>,
    /// The concepts directly broader than this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broader: Vec<String>,
}

/// All concepts, with prefixes so that people may write `dpv:IdentityVerification`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vocabulary {
    /// Prefix to namespace IRI, e.g. `dpv` to `https://w3id.org/dpv#`.
    #[serde(default)]
    pub prefixes: BTreeMap<String, String>,
    /// The concepts.
    #[serde(default)]
    pub concepts: Vec<Concept>,
}

impl Vocabulary {
    /// The full IRI of a compact one (`dpv:Query`); anything else comes back as it is.
    #[must_use]
    pub fn expand(&self, iri: &str) -> String {
        self.expanded(iri).into_owned()
    }

    pub(crate) fn expanded<'i>(&self, iri: &'i str) -> Cow<'i, str> {
        match iri.split_once(':') {
            Some((prefix, local)) if !local.starts_with("//") => match self.prefixes.get(prefix) {
                Some(namespace) => format!("{namespace}{local}").into(),
                None => iri.into(),
            },
            _ => iri.into(),
        }
    }

    /// The compact form of a full IRI where a prefix fits, for people to read.
    #[must_use]
    pub fn compact(&self, iri: &str) -> String {
        self.prefixes
            .iter()
            .filter(|(_, namespace)| iri.starts_with(namespace.as_str()))
            .max_by_key(|(_, namespace)| namespace.len())
            .and_then(|(prefix, namespace)| {
                Some(format!("{prefix}:{}", iri.strip_prefix(namespace.as_str())?))
            })
            .unwrap_or_else(|| iri.to_owned())
    }

    /// The concept of this kind with this IRI (full or compact).
    #[must_use]
    pub fn concept(&self, kind: ConceptKind, iri: &str) -> Option<&Concept> {
        let iri = self.expand(iri);
        self.concepts.iter().find(|concept| concept.kind == kind && concept.iri == iri)
    }

    /// The term for an IRI (full or compact) of this kind; none if the vocabulary does not hold it.
    #[must_use]
    pub fn term(&self, kind: ConceptKind, iri: &str) -> Option<Term> {
        self.concept(kind, iri).map(|concept| self.term_of(concept))
    }

    pub(crate) fn term_of(&self, concept: &Concept) -> Term {
        let kind = concept.kind;
        let mut broader = BTreeSet::new();
        let mut open: Vec<&str> = concept.broader.iter().map(String::as_str).collect();
        while let Some(next) = open.pop() {
            if next != concept.iri && broader.insert(next.to_owned()) {
                let parents = self.concepts.iter().filter(|other| other.kind == kind && other.iri == next);
                open.extend(parents.flat_map(|parent| parent.broader.iter().map(String::as_str)));
            }
        }
        Term { iri: concept.iri.clone(), broader: broader.into_iter().collect() }
    }

    /// The broadest concept above a term: the one that has nothing broader. The first by IRI if there are several,
    /// the term itself if nothing is broader.
    #[must_use]
    pub fn root<'a>(&'a self, kind: ConceptKind, term: &'a Term) -> &'a str {
        let is_root =
            |iri: &&String| self.concept(kind, iri).is_none_or(|concept| concept.broader.is_empty());
        term.broader.iter().find(is_root).map_or(term.iri.as_str(), String::as_str)
    }
}

impl Concept {
    /// Every IRI in it.
    pub(crate) fn iris_mut(&mut self) -> impl Iterator<Item = &mut String> {
        std::iter::once(&mut self.iri).chain(&mut self.broader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let concept = |iri: &str, broader: &[&str]| Concept {
            iri: iri.into(),
            kind: ConceptKind::Purpose,
            label: iri.into(),
            label_et: None,
            broader: broader.iter().map(|&b| b.into()).collect(),
        };
        let vocabulary = Vocabulary {
            prefixes: [("x".to_owned(), "https://example.org/x#".to_owned())].into(),
            concepts: vec![
                concept("x:A", &[]),
                concept("x:B", &["x:A"]),
                concept("x:C", &["x:B", "x:D"]),
                concept("x:D", &["x:C"]),
            ],
        };
        let mut rulebook = crate::Rulebook { vocabulary, ..crate::Rulebook::default() };
        rulebook.expand_iris();
        rulebook.vocabulary
    }

    #[test]
    fn broader_terms_are_transitive_and_a_cycle_ends() {
        let term = vocabulary().term(ConceptKind::Purpose, "x:C").unwrap();
        assert!(term.is_within("https://example.org/x#A"));
        assert!(term.is_within("https://example.org/x#D"));
        assert!(!term.broader.contains(&term.iri));
    }

    #[test]
    fn compact_and_expand_are_each_others_inverse() {
        let vocabulary = vocabulary();
        assert_eq!(vocabulary.compact(&vocabulary.expand("x:A")), "x:A");
        assert_eq!(vocabulary.expand("https://example.org/y"), "https://example.org/y");
        assert_eq!(vocabulary.term(ConceptKind::LegalBasis, "x:A"), None);
    }
}
