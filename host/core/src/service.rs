// SPDX-License-Identifier: Apache-2.0
//! Services: configured queries, and the ways to ask them. Data, not code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A configured query, versioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// Its code in URLs: letters, digits and `-`; never `listMethods`, `allowedMethods`, `getOpenAPI`, `getWsdl`.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// The entity of the register it reads.
    pub entity: String,
    /// The fields that may be given in `where`; at least one must be.
    pub keys: Vec<String>,
    /// The fields that may be selected.
    pub fields: Vec<String>,
    /// How many persons one query may name.
    pub max_subjects: u32,
    /// How many rows one query may return.
    #[serde(rename = "max-records")]
    pub max_rows: u32,
    /// The purposes it may be used for; narrower ones are covered. Full IRIs.
    pub purposes: Vec<String>,
    /// The legal bases it may be used on; narrower ones are covered. Full IRIs. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal_bases: Vec<String>,
    /// What a query must state besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// The fields that a query selects which names none. Empty: every query must name some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_fields: Vec<String>,
    /// The ways to ask it: which keys together, and which fields may then be selected. Empty: by any of `keys`, all of
    /// `fields`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
}

/// One way to ask a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lookup {
    /// The keys that must all be given.
    pub keys: Vec<String>,
    /// The keys that may be given besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional_keys: Vec<String>,
    /// The fields that may be selected; `*` for all fields of the service.
    pub fields: Vec<String>,
    /// The most rows that may match. More are an error, never a list that was cut. None: the service's own limit, and a
    /// list that is cut there.
    #[serde(default, rename = "max-records", skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u32>,
}

/// What a service may require of a query besides purpose and legal basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// The case or document.
    Case,
    /// The official who asks.
    Official,
    /// The provision of law that the client relies on.
    Provision,
    /// On whose behalf the client asks.
    RepresentedParty,
}

impl Service {
    /// Every IRI in it.
    pub(crate) fn iris_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.purposes.iter_mut().chain(&mut self.legal_bases)
    }

    /// The lookup that a query with these keys is meant for: the only one, where no two overlap. None if there is no such
    /// lookup, or the service has no lookups.
    #[must_use]
    pub fn lookup(&self, given: &[&str]) -> Option<&Lookup> {
        self.lookups.iter().find(|lookup| lookup.takes(given))
    }

    /// The fields that may be selected by a lookup, in the service's order; without one all of them.
    pub fn fields_by<'s>(&'s self, lookup: Option<&'s Lookup>) -> impl Iterator<Item = &'s str> {
        let offered = move |field: &&str| lookup.is_none_or(|lookup| lookup.offers(field));
        self.fields.iter().map(String::as_str).filter(offered)
    }

    /// The fields that are selected by a lookup when a query names none; none where every query must name some.
    pub fn default_fields_by<'s>(&'s self, lookup: Option<&'s Lookup>) -> impl Iterator<Item = &'s str> {
        let offered = move |field: &&str| lookup.is_none_or(|lookup| lookup.offers(field));
        self.default_fields.iter().map(String::as_str).filter(offered)
    }

    /// The most rows of an answer by a lookup.
    #[must_use]
    pub fn max_rows_by(&self, lookup: Option<&Lookup>) -> u32 {
        lookup.and_then(|lookup| lookup.max_rows).unwrap_or(self.max_rows)
    }

    /// Whether it may be used on a legal basis.
    #[must_use]
    pub fn allows_basis(&self, basis: &crate::Term) -> bool {
        self.legal_bases.is_empty() || basis.is_within_any(&self.legal_bases)
    }

    /// The ways to ask it, in words.
    #[must_use]
    pub fn ways(&self) -> String {
        if self.lookups.is_empty() {
            return self.keys.join(", ");
        }
        self.lookups.iter().map(Lookup::to_string).collect::<Vec<_>>().join(", or by ")
    }
}

impl Lookup {
    /// Whether a query with these keys is meant for it: all of its keys are given, and none that it does not take.
    #[must_use]
    pub fn takes(&self, given: &[&str]) -> bool {
        self.keys.iter().all(|key| given.contains(&key.as_str())) && given.iter().all(|key| self.knows(key))
    }

    /// Whether a key may be given.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.keys.iter().chain(&self.optional_keys).any(|known| known == key)
    }

    /// Whether a field of the service may be selected.
    #[must_use]
    pub fn offers(&self, field: &str) -> bool {
        self.fields.iter().any(|offered| offered == "*" || offered == field)
    }

    /// Whether some query could be meant for it and for another: one with the keys of both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.keys.iter().all(|key| other.knows(key)) && other.keys.iter().all(|key| self.knows(key))
    }
}

/// Its keys, in words: `familyName and birthDate (and givenName, if known)`.
impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keys.join(" and "))?;
        if !self.optional_keys.is_empty() {
            write!(f, " (and {}, if known)", self.optional_keys.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    const KEYS: [&str; 5] = ["code", "given", "family", "born", "sex"];

    fn lookup() -> impl Strategy<Value = Lookup> {
        let owned = |some: &[&str]| some.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        (subsequence(&KEYS, 1..=3), subsequence(&KEYS, 0..=2)).prop_map(move |(keys, optional)| Lookup {
            optional_keys: owned(&optional).into_iter().filter(|key| !keys.contains(&key.as_str())).collect(),
            keys: owned(&keys),
            fields: vec!["*".to_owned()],
            max_rows: None,
        })
    }

    /// Every query that names keys of these.
    fn queries() -> impl Iterator<Item = Vec<&'static str>> {
        (1_usize..1 << KEYS.len()).map(|bits| {
            KEYS.iter().enumerate().filter(|(at, _)| (bits >> at) & 1 == 1).map(|(_, key)| *key).collect()
        })
    }

    proptest! {
        #[test]
        fn lookups_overlap_where_some_query_is_meant_for_both(one in lookup(), other in lookup()) {
            let both = queries().any(|given| one.takes(&given) && other.takes(&given));
            prop_assert_eq!(one.overlaps(&other), both);
            prop_assert_eq!(other.overlaps(&one), both);
        }
    }

    fn service(more: &str) -> Service {
        let whole = r#"{"name":"s","version":1,"title":"t","entity":"person","keys":["code","family","born"],"fields":
            ["code","family","tax"],"max-subjects":5,"max-records":7,"purposes":["urn:p"]"#;
        serde_json::from_str(&format!("{whole}{more}}}")).unwrap()
    }

    /// Rulebooks are known by the digest of their JSON: a service that says no more than it could before has the same.
    #[test]
    fn a_service_without_lookups_is_written_as_before() {
        let written = serde_json::to_value(service("")).unwrap();
        let members: Vec<&String> = written.as_object().unwrap().keys().collect();
        let before = [
            "entity",
            "fields",
            "keys",
            "max-records",
            "max-subjects",
            "name",
            "purposes",
            "title",
            "version",
        ];
        let mut members: Vec<&str> = members.into_iter().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, before);
        assert_eq!(service("").fields_by(None).collect::<Vec<_>>(), ["code", "family", "tax"]);
        assert_eq!((service("").max_rows_by(None), service("").ways().as_str()), (7, "code, family, born"));
    }

    #[test]
    fn a_query_has_the_lookup_of_its_keys() {
        let service = service(
            r#","requires":["case","represented-party"],"default-fields":["tax","family"],"lookups":[
                {"keys":["code"],"fields":["*"]},
                {"keys":["family"],"optional-keys":["born"],"fields":["family","code"],"max-records":3}]"#,
        );
        assert_eq!(service.requires, [Requirement::Case, Requirement::RepresentedParty]);
        let told = |given: &[&str]| {
            let lookup = service.lookup(given)?;
            let fields: Vec<&str> = service.fields_by(Some(lookup)).collect();
            let defaults: Vec<&str> = service.default_fields_by(Some(lookup)).collect();
            Some((fields, defaults, service.max_rows_by(Some(lookup))))
        };
        assert_eq!(told(&["code"]), Some((vec!["code", "family", "tax"], vec!["tax", "family"], 7)));
        let by_name = Some((vec!["code", "family"], vec!["family"], 3));
        assert_eq!((told(&["family"]), told(&["born", "family"])), (by_name.clone(), by_name));
        assert_eq!((told(&["born"]), told(&["code", "family"]), told(&[])), (None, None, None));
        assert_eq!(service.ways(), "code, or by family (and born, if known)");
    }
}
