// SPDX-License-Identifier: Apache-2.0
//! New objects that can meet no query: a scope of nobody, an access right for no day or no purpose.
//!
//! Asked of what is new only. What is at work stays at work: an access right may be taken out while a policy still names
//! its client.

use std::collections::BTreeSet;

use paasla_core::{ClientId, Grant, Policy, Rulebook, Scope, term::ConceptKind};

use crate::problem::Problem;

/// How many letters may be wrong in what is taken for a slip.
const MAX_TYPO_LETTERS: usize = 3;

/// Everything in access rights and policies that can meet no query, for a rulebook that is put together from files.
/// `policies` are those of the files.
#[must_use]
pub fn unmet(rulebook: &Rulebook, policies: &[Policy]) -> Vec<String> {
    let mut problems = Vec::new();
    for grant in &rulebook.grants {
        let of = |what: String| format!("grant `{}`: {what}", grant.id);
        problems.extend(grant_unmet(rulebook, grant).into_iter().map(of));
    }
    for policy in policies {
        let of =
            |problem: Problem| format!("policy `{}`: {}: {}", policy.name, problem.place, problem.message);
        problems.extend(scope_unmet(rulebook, &policy.scope, |_| true).into_iter().map(of));
    }
    problems
}

/// Why a scope can meet no query, or a part of it can: each problem at its place in a policy or a key. `may_tell` says of
/// which clients whoever asks may hear.
pub(crate) fn scope_unmet(
    rulebook: &Rulebook,
    scope: &Scope,
    may_tell: impl Fn(&ClientId) -> bool,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, service) in scope.services.iter().enumerate() {
        if rulebook.latest(service).is_none() {
            let names = rulebook.services.iter().map(|service| service.name.as_str());
            let message = format!("there is no service `{service}`{}", did_you_mean(service, names));
            problems.push(Problem::new("service_unknown", format!("/scope/services/{place}"), message));
        }
    }
    for (place, client) in scope.clients.iter().enumerate() {
        if let Some(message) = unknown_client(rulebook, client, &may_tell) {
            problems.push(Problem::new("client_unknown", format!("/scope/clients/{place}"), message));
        }
    }
    if !problems.is_empty() || scope.services.is_empty() || scope.clients.is_empty() {
        return problems;
    }
    let meets = |client: &ClientId, service: &str| {
        rulebook.grants.iter().any(|grant| grant.service == service && may_ask(grant, client))
    };
    for (place, client) in scope.clients.iter().enumerate() {
        if !scope.services.iter().any(|service| meets(client, service)) {
            let message = format!("`{client}` has an access right to none of these services");
            problems.push(Problem::new("scope_empty", format!("/scope/clients/{place}"), message));
        }
    }
    for (place, service) in scope.services.iter().enumerate() {
        if !scope.clients.iter().any(|client| meets(client, service)) {
            let message = format!("none of these clients has an access right to `{service}`");
            problems.push(Problem::new("scope_empty", format!("/scope/services/{place}"), message));
        }
    }
    problems
}

/// Why a client is nobody who may ask; nothing when it is somebody. `may_tell` says which clients may be named as meant.
#[must_use]
pub fn unknown_client(
    rulebook: &Rulebook,
    client: &ClientId,
    may_tell: impl Fn(&ClientId) -> bool,
) -> Option<String> {
    if rulebook.grants.iter().any(|grant| may_ask(grant, client)) {
        return None;
    }
    let visible_clients =
        || rulebook.grants.iter().map(|grant| &grant.client).filter(|other| may_tell(other));
    let names: BTreeSet<&str> = match client.subsystem() {
        Some(_) => visible_clients().map(ClientId::as_str).collect(),
        None => visible_clients().map(ClientId::member).collect(),
    };
    Some(format!(
        "no access right names the client `{client}`: it is named in full, as X-Road does, without patterns; a client that \
         is new gets its access right first{}",
        did_you_mean(client.as_str(), names)
    ))
}

/// Whether queries of this client, or of a subsystem of it, may stand on an access right.
fn may_ask(grant: &Grant, client: &ClientId) -> bool {
    grant.client.covers(client) || client.covers(&grant.client)
}

/// Why an access right can meet no query.
pub(crate) fn grant_unmet(rulebook: &Rulebook, grant: &Grant) -> Vec<String> {
    let mut problems = Vec::new();
    let client = grant.client.as_str();
    if client.split('/').any(|part| part == "*" || part.trim() != part) {
        problems.push(format!(
            "the client `{client}` is a pattern, or holds blanks before or after a name: a member without a subsystem \
             stands for all its subsystems"
        ));
    }
    let otherwise = rulebook.grants.iter().map(|other| other.client.member()).find(|other| {
        *other != grant.client.member() && other.to_lowercase() == grant.client.member().to_lowercase()
    });
    if let Some(otherwise) = otherwise.filter(|other| client > *other) {
        problems.push(format!("the client `{client}` is written otherwise elsewhere: `{otherwise}`"));
    }
    if let Some(until) = grant.valid_until.filter(|until| *until < grant.valid_from) {
        problems.push(format!("it ends on {until}, before it begins on {}", grant.valid_from));
    }
    let services = || rulebook.services.iter().filter(|service| service.name == grant.service);
    let words = &rulebook.vocabulary;
    // A term that is not in the vocabulary is reported elsewhere.
    let meets_none = |kind: ConceptKind, iri: &String, allowed: &[&String]| {
        let concepts = words.concepts.iter().filter(|concept| concept.kind == kind);
        let mut terms = concepts.filter_map(|concept| words.term(kind, &concept.iri));
        words.concept(kind, iri).is_some()
            && !terms.any(|term| term.is_within(iri) && allowed.iter().any(|allowed| term.is_within(allowed)))
    };
    let list = |iris: &[&String]| {
        let mut told = Vec::new();
        for iri in iris.iter().map(|iri| words.compact(iri)) {
            if !told.contains(&iri) {
                told.push(iri);
            }
        }
        told.join(", ")
    };
    let allowed: Vec<&String> = services().flat_map(|service| &service.purposes).collect();
    for purpose in grant.purposes.iter().filter(|_| !allowed.is_empty()) {
        if meets_none(ConceptKind::Purpose, purpose, &allowed) {
            problems.push(format!(
                "the service `{}` may not be used for {}: it is for {}",
                grant.service,
                words.compact(purpose),
                list(&allowed)
            ));
        }
    }
    // A version that names no legal basis may be used on any.
    let is_bound = services().all(|service| !service.legal_bases.is_empty());
    let allowed: Vec<&String> = services().flat_map(|service| &service.legal_bases).collect();
    for basis in grant.legal_bases.iter().filter(|_| is_bound && !allowed.is_empty()) {
        if meets_none(ConceptKind::LegalBasis, basis, &allowed) {
            problems.push(format!(
                "the service `{}` may not be used on {}: it is used on {}",
                grant.service,
                words.compact(basis),
                list(&allowed)
            ));
        }
    }
    problems
}

/// What was likely meant, as the end of a sentence; nothing when nothing is near.
pub(super) fn did_you_mean<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let plain = |text: &str| text.trim().to_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&plain(wrong), &plain(name));
    let near = names.into_iter().min_by_key(distance).filter(|name| distance(name) <= MAX_TYPO_LETTERS);
    near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use paasla_core::{Concept, Date, Service, Vocabulary};

    use super::*;

    fn rulebook() -> Rulebook {
        let concept = |iri: &str, broader: &[&str]| Concept {
            iri: iri.to_owned(),
            kind: ConceptKind::Purpose,
            label: iri.to_owned(),
            label_et: None,
            broader: broader.iter().map(|&iri| iri.to_owned()).collect(),
        };
        let service = |name: &str| Service {
            name: name.to_owned(),
            version: 1,
            title: String::new(),
            entity: "person".to_owned(),
            keys: Vec::new(),
            fields: Vec::new(),
            max_subjects: 1,
            max_rows: 1,
            purposes: vec!["u:public".to_owned()],
            legal_bases: Vec::new(),
            requires: Vec::new(),
            default_fields: Vec::new(),
            lookups: Vec::new(),
        };
        Rulebook {
            generation: 1,
            vocabulary: Vocabulary {
                concepts: vec![
                    concept("u:any", &[]),
                    concept("u:public", &["u:any"]),
                    concept("u:welfare", &["u:public"]),
                    concept("u:marketing", &["u:any"]),
                ],
                ..Vocabulary::default()
            },
            services: vec![service("person"), service("family")],
            grants: vec![grant("EE/GOV/70999911/toetused", "person"), grant("EE/COM/10999921", "family")],
            policies: Vec::new(),
        }
    }

    fn grant(client: &str, service: &str) -> Grant {
        serde_json::from_value(serde_json::json!({
            "id": client, "client": client, "service": service, "fields": ["*"], "purposes": ["u:public"],
            "legal-bases": ["b"], "valid-from": "2026-01-01",
        }))
        .unwrap()
    }

    fn problems(scope: &str) -> Vec<(&'static str, String)> {
        let scope = serde_json::from_str(scope).unwrap();
        scope_unmet(&rulebook(), &scope, |_| true).into_iter().map(|p| (p.code, p.place)).collect()
    }

    #[test]
    fn a_scope_names_whom_it_can_meet() {
        for good in [
            "{}",
            r#"{"clients":["EE/GOV/70999911","EE/GOV/70999911/toetused","EE/COM/10999921/x"]}"#,
            r#"{"services":["person"],"clients":["EE/GOV/70999911"]}"#,
        ] {
            assert_eq!(problems(good), [], "{good}");
        }
        for nobody in [
            "EE/COM/*",
            "EE/gov/70999911",
            "EE/GOV/70999911 ",
            "EE/GOV/7099991",
            "EE/COM/70999911",
            "EE/GOV/70999911/other",
        ] {
            let scope = serde_json::json!({ "clients": [nobody] }).to_string();
            assert_eq!(problems(&scope), [("client_unknown", "/scope/clients/0".to_owned())], "{nobody}");
        }
        let other = problems(r#"{"services":["persons"]}"#);
        assert_eq!(other, [("service_unknown", "/scope/services/0".to_owned())]);
        let apart = problems(r#"{"services":["person"],"clients":["EE/GOV/70999911","EE/COM/10999921"]}"#);
        assert_eq!(apart, [("scope_empty", "/scope/clients/1".to_owned())]);
    }

    #[test]
    fn what_was_meant_is_told_to_whom_it_may_be() {
        let wrong: ClientId = "EE/gov/7099991".parse().unwrap();
        let message = unknown_client(&rulebook(), &wrong, |_| true).unwrap();
        assert!(message.ends_with("did you mean `EE/GOV/70999911`?"), "{message}");
        let message = unknown_client(&rulebook(), &wrong, |_| false).unwrap();
        assert!(!message.contains("70999911"), "{message}");
    }

    #[test]
    fn an_access_right_holds_on_some_day_for_some_purpose() {
        let alter = |alter: fn(&mut Grant)| {
            let mut rulebook = rulebook();
            alter(&mut rulebook.grants[0]);
            unmet(&rulebook, &[])
        };
        assert_eq!(alter(|_| ()), [""; 0]);
        assert_eq!(alter(|grant| grant.valid_until = Some(grant.valid_from)), [""; 0]);
        for purpose in ["u:any", "u:welfare"] {
            let mut rulebook = rulebook();
            rulebook.grants[0].purposes = vec![purpose.to_owned()];
            assert_eq!(unmet(&rulebook, &[]), [""; 0], "{purpose}");
        }
        let wrong: [fn(&mut Grant); 5] = [
            |grant| grant.valid_until = Some(Date::constant(2025, 6, 30)),
            |grant| grant.purposes = vec!["u:marketing".to_owned()],
            |grant| grant.client = "EE/COM/*".parse().unwrap(),
            |grant| grant.client = "EE/GOV/70999911 /toetused".parse().unwrap(),
            |grant| grant.client = "ee/com/10999921".parse().unwrap(),
        ];
        for wrong in wrong {
            assert_eq!(alter(wrong).len(), 1, "{:?}", alter(wrong));
        }
    }

    #[test]
    fn an_access_right_stands_on_a_legal_basis_of_its_service() {
        let of = |bases: [&[&str]; 2]| {
            let mut rulebook = rulebook();
            let basis = |iri: &str| Concept {
                kind: ConceptKind::LegalBasis,
                iri: iri.to_owned(),
                ..rulebook.vocabulary.concepts[0].clone()
            };
            let concepts = ["b", "c"].map(basis);
            rulebook.vocabulary.concepts.extend(concepts);
            let newer = Service { version: 2, ..rulebook.services[0].clone() };
            rulebook.services.push(newer);
            for (place, bases) in [(0, bases[0]), (2, bases[1])] {
                rulebook.services[place].legal_bases = bases.iter().map(|&iri| iri.to_owned()).collect();
            }
            unmet(&rulebook, &[])
        };
        assert_eq!(of([&["c"], &["b"]]), [""; 0]);
        assert_eq!(of([&["c"], &[]]), [""; 0]);
        let told =
            "grant `EE/GOV/70999911/toetused`: the service `person` may not be used on b: it is used on c";
        assert_eq!(of([&["c"], &["c"]]), [told]);
    }
}
