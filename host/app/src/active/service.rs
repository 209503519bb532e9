// SPDX-License-Identifier: Apache-2.0
//! Checks of a service: that it names what there is, and that each query has one way to be asked. Every mistake is told with
//! its place in the service, a JSON pointer.

use std::collections::BTreeSet;

use paasla_core::{Lookup, Service, Vocabulary, term::ConceptKind};
use paasla_register::Description;

use super::unmet::did_you_mean;

/// X-Road's own service codes.
const RESERVED_NAMES: [&str; 4] = ["listMethods", "allowedMethods", "getOpenAPI", "getWsdl"];

/// A mistake with the service it is in.
pub(super) fn named(service: &Service, what: impl AsRef<str>) -> String {
    format!("service `{}` v{}: {}", service.name, service.version, what.as_ref())
}

/// Everything for which a service cannot be put to work.
pub(super) fn check(description: &Description, vocabulary: &Vocabulary, service: &Service) -> Vec<String> {
    let mut check = Check { service, mistakes: Vec::new() };
    check.name();
    check.register(description);
    check.lookups();
    check.default_fields();
    // What said no more than that was taken before anybody looked, and goes on.
    if !service.lookups.is_empty() || !service.default_fields.is_empty() {
        check.repeated("keys", &service.keys);
        check.repeated("fields", &service.fields);
    }
    check.repeated("requires", &service.requires);
    check.repeated("legal-bases", &service.legal_bases);
    check.terms(vocabulary, ConceptKind::Purpose, "purposes", &service.purposes);
    check.terms(vocabulary, ConceptKind::LegalBasis, "legal-bases", &service.legal_bases);
    check.mistakes
}

struct Check<'a> {
    service: &'a Service,
    mistakes: Vec<String>,
}

impl Check<'_> {
    fn add(&mut self, place: impl AsRef<str>, what: impl AsRef<str>) {
        self.mistakes.push(format!("{}: {}", place.as_ref(), what.as_ref()));
    }

    fn name(&mut self) {
        let name = self.service.name.as_str();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(fits) || RESERVED_NAMES.contains(&name) {
            self.add("/name", "it must be letters, digits and `-`, and none of X-Road's own service codes");
        }
    }

    /// Entity, keys and fields, which the register must have.
    fn register(&mut self, description: &Description) {
        let Service { entity, keys, fields, .. } = self.service;
        for (list, place) in [(keys, "/keys"), (fields, "/fields")] {
            if list.is_empty() {
                self.add(place, "name at least one");
            }
        }
        let Some(known) = description.entity(entity) else {
            let meant = did_you_mean(entity, description.entities().iter().map(|other| other.name()));
            self.add("/entity", format!("the register has no entity `{entity}`{meant}"));
            return;
        };
        for (list, place) in [(keys, "/keys"), (fields, "/fields")] {
            for (at, name) in list.iter().enumerate() {
                let place = format!("{place}/{at}");
                match known.field(name) {
                    None => {
                        let meant = did_you_mean(name, known.fields().map(|field| field.name()));
                        self.add(place, format!("the register has no field `{name}`{meant}"));
                    }
                    Some(field) if std::ptr::eq(list, keys) && !field.is_key() => {
                        self.add(
                            place,
                            format!("the register's description does not allow `{name}` as a key"),
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn lookups(&mut self) {
        let Service { keys, fields, lookups, .. } = self.service;
        for (at, lookup) in lookups.iter().enumerate() {
            let place = format!("/lookups/{at}");
            self.lookup(&place, lookup);
            for (other_at, other) in lookups.iter().enumerate().take(at) {
                if lookup.overlaps(other) {
                    let message = format!(
                        "a query could be meant for it and for /lookups/{other_at}: one of them must require a key that \
                         the other does not take"
                    );
                    self.add(format!("{place}/keys"), message);
                }
            }
        }
        if lookups.is_empty() {
            return;
        }
        for (at, key) in keys.iter().enumerate() {
            if !lookups.iter().any(|lookup| lookup.knows(key)) {
                self.add(format!("/keys/{at}"), format!("no lookup takes `{key}`"));
            }
        }
        for (at, field) in fields.iter().enumerate() {
            if !lookups.iter().any(|lookup| lookup.offers(field)) {
                self.add(format!("/fields/{at}"), format!("no lookup offers `{field}`"));
            }
        }
    }

    fn lookup(&mut self, place: &str, lookup: &Lookup) {
        let Service { keys, fields, max_rows, .. } = self.service;
        if lookup.keys.is_empty() {
            self.add(format!("{place}/keys"), "name at least one");
        }
        for (list, member) in [(&lookup.keys, "keys"), (&lookup.optional_keys, "optional-keys")] {
            for (at, key) in list.iter().enumerate().filter(|(_, key)| !keys.contains(key)) {
                let meant = did_you_mean(key, keys.iter().map(String::as_str));
                let message = format!("`{key}` is no key of the service{meant}");
                self.add(format!("{place}/{member}/{at}"), message);
            }
        }
        for (at, key) in lookup.optional_keys.iter().enumerate().filter(|(_, key)| lookup.keys.contains(key))
        {
            let message = format!("`{key}` must be given already");
            self.add(format!("{place}/optional-keys/{at}"), message);
        }
        if lookup.fields.is_empty() {
            self.add(format!("{place}/fields"), "name at least one, or `*` for all fields of the service");
        }
        for (at, field) in lookup.fields.iter().enumerate() {
            let place = format!("{place}/fields/{at}");
            if field == "*" {
                if lookup.fields.len() > 1 {
                    self.add(place, "`*` stands for all fields: it stands alone");
                }
            } else if !fields.contains(field) {
                let meant = did_you_mean(field, fields.iter().map(String::as_str));
                self.add(place, format!("`{field}` is no field of the service{meant}"));
            }
        }
        for (list, member) in
            [(&lookup.keys, "keys"), (&lookup.optional_keys, "optional-keys"), (&lookup.fields, "fields")]
        {
            self.repeated(format!("{}/{member}", place.trim_start_matches('/')), list);
        }
        if lookup.max_rows.is_some_and(|rows| rows == 0 || rows > *max_rows) {
            let message = format!("it must be from 1 to the service's own max-records, {max_rows}");
            self.add(format!("{place}/max-records"), message);
        }
    }

    fn default_fields(&mut self) {
        let Service { fields, default_fields, .. } = self.service;
        for (at, field) in default_fields.iter().enumerate().filter(|(_, field)| !fields.contains(field)) {
            let meant = did_you_mean(field, fields.iter().map(String::as_str));
            self.add(format!("/default-fields/{at}"), format!("`{field}` is no field of the service{meant}"));
        }
        let lookups = &self.service.lookups;
        for (at, field) in default_fields.iter().enumerate().filter(|(_, field)| fields.contains(field)) {
            if !lookups.is_empty() && !lookups.iter().any(|lookup| lookup.offers(field)) {
                self.add(format!("/default-fields/{at}"), format!("no lookup offers `{field}`"));
            }
        }
        self.repeated("default-fields", default_fields);
    }

    /// What stands in a list twice.
    fn repeated<T: Ord>(&mut self, member: impl AsRef<str>, list: &[T]) {
        let mut seen = BTreeSet::new();
        for (at, _) in list.iter().enumerate().filter(|(_, one)| !seen.insert(*one)) {
            self.mistakes.push(format!("/{}/{at}: it stands there twice", member.as_ref()));
        }
    }

    fn terms(&mut self, vocabulary: &Vocabulary, kind: ConceptKind, member: &str, iris: &[String]) {
        for (at, iri) in iris.iter().enumerate().filter(|(_, iri)| vocabulary.concept(kind, iri).is_none()) {
            self.add(format!("/{member}/{at}"), format!("the vocabulary has no such term: {iri}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    const REGISTER: &str = include_str!("../../../../examples/population-register/register.toml");

    fn service(more: Json) -> Service {
        let mut service = json!({
            "name": "person", "version": 2, "title": "", "entity": "person",
            "keys": ["personalCode", "familyName", "birthDate"],
            "fields": ["personalCode", "familyName", "birthDate", "status"],
            "max-subjects": 5, "max-records": 50, "purposes": [],
        });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(service).unwrap()
    }

    fn mistakes(more: Json) -> Vec<String> {
        let description = Description::from_toml(REGISTER).unwrap();
        check(&description, &Vocabulary::default(), &service(more))
    }

    /// The places of mistakes.
    fn places(more: Json) -> Vec<String> {
        let place = |mistake: String| mistake.split(": ").next().unwrap_or_default().to_owned();
        mistakes(more).into_iter().map(place).collect()
    }

    #[test]
    fn a_good_service_has_no_mistake() {
        assert_eq!(mistakes(json!({})), [""; 0]);
        let good = json!({
            "requires": ["case", "official", "provision", "represented-party"],
            "default-fields": ["status", "familyName"],
            "lookups": [
                { "keys": ["personalCode"], "optional-keys": ["birthDate"], "fields": ["*"] },
                { "keys": ["familyName", "birthDate"], "fields": ["familyName"], "max-records": 50 },
            ],
        });
        assert_eq!(mistakes(good), [""; 0]);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        let wrong = json!({
            "name": "getWsdl", "keys": ["personalCode", "familyNam", "status", "birthDate"],
            "fields": ["personalCode", "shoeSize", "familyName", "education"],
            "requires": ["case", "case"], "legal-bases": ["urn:nothing"], "purposes": ["urn:nothing"],
            "default-fields": ["personalCode", "status", "education", "personalCode"],
            "lookups": [
                { "keys": [], "fields": [] },
                { "keys": ["personalCode"], "optional-keys": ["personalCode"], "fields": ["*", "personalCode"] },
                { "keys": ["sex", "birthDate", "sex"], "fields": ["status", "familyName"], "max-records": 51 },
                { "keys": ["familyNam"], "optional-keys": ["birthDate"], "fields": ["shoeSize"], "max-records": 0 },
            ],
        });
        let mut told = places(wrong.clone());
        told.sort();
        let mut expected = [
            "/name",
            "/keys/1",
            "/keys/2",
            "/keys/2",
            "/fields/1",
            "/requires/1",
            "/legal-bases/0",
            "/purposes/0",
            "/default-fields/1",
            "/default-fields/3",
            "/lookups/0/keys",
            "/lookups/0/fields",
            "/lookups/1/optional-keys/0",
            "/lookups/1/fields/0",
            "/lookups/2/keys/0",
            "/lookups/2/keys/2",
            "/lookups/2/keys/2",
            "/lookups/2/fields/0",
            "/lookups/2/max-records",
            "/lookups/3/max-records",
        ];
        expected.sort_unstable();
        assert_eq!(told, expected);
        assert!(mistakes(wrong)[1].ends_with("did you mean `familyName`?"), "{:?}", mistakes(json!({})));
    }

    #[test]
    fn lookups_that_one_query_could_mean_are_refused() {
        let two = |one: Json, other: Json| {
            let lookup = |(keys, optional): (Json, Json)| json!({ "keys": keys, "optional-keys": optional, "fields": ["*"] });
            let all = [one, other].map(|own| lookup((own[0].clone(), own[1].clone())));
            let places = places(json!({ "lookups": all }));
            places.contains(&"/lookups/1/keys".to_owned())
        };
        assert!(two(json!([["familyName"], []]), json!([["familyName"], ["birthDate"]])));
        assert!(two(json!([["familyName"], ["birthDate"]]), json!([["birthDate"], ["familyName"]])));
        assert!(!two(json!([["familyName"], []]), json!([["familyName", "birthDate"], []])));
        assert!(!two(json!([["personalCode"], ["birthDate"]]), json!([["familyName"], ["birthDate"]])));
    }

    #[test]
    fn what_no_lookup_reaches_is_told() {
        let told = places(json!({
            "default-fields": ["status", "familyName"],
            "lookups": [{ "keys": ["familyName"], "fields": ["familyName", "birthDate"] }],
        }));
        assert_eq!(told, ["/keys/0", "/keys/2", "/fields/0", "/fields/3", "/default-fields/0"]);
    }

    #[test]
    fn an_entity_that_is_not_there_hides_no_other_mistake() {
        let told = mistakes(json!({ "entity": "persn", "lookups": [{ "keys": ["x"], "fields": ["*"] }] }));
        assert_eq!(told[0], "/entity: the register has no entity `persn`; did you mean `person`?");
        assert!(told.iter().any(|mistake| mistake.starts_with("/lookups/0/keys/0: ")), "{told:?}");
    }

    #[test]
    fn a_service_that_says_more_than_before_says_nothing_twice() {
        let mut twice = json!({ "fields": ["status", "familyName", "status"], "keys": ["familyName"] });
        assert_eq!(mistakes(twice.clone()), [""; 0]);
        twice["default-fields"] = json!(["status"]);
        assert_eq!(mistakes(twice), ["/fields/2: it stands there twice"]);
    }
}
