// SPDX-License-Identifier: Apache-2.0
//! What a query may ask of a service, by which keys, and what it must state.

use std::{borrow::Cow, time::Instant};

use paasla_core::{Concept, Rulebook, RulebookIndex, Vocabulary};
use serde_json::{Value as Json, json};

use super::*;
use crate::query::ask::{Caller, Key, Places};

const REGISTER: &str = include_str!("../../../../../examples/population-register/register.toml");
const CODE: (&str, &str) = ("personalCode", "60001017869");
const FAMILY: (&str, &str) = ("familyName", "Tamm");
const GIVEN: (&str, &str) = ("givenName", "Mari");
const BORN: (&str, &str) = ("birthDate", "2000-01-01");

const PLACES: Places = Places {
    select: "/select",
    keys: "/where",
    context: "/context",
    limit: "/limit",
    case: &["/context/case", "X-Road-Issue"],
    official: &["X-Road-UserId"],
    provision: &[],
    represented: &["X-Road-Represented-Party"],
};

/// What came of an ask.
#[derive(Debug, PartialEq)]
enum Came {
    /// Each field asked with whether the access right opens it, the most rows, and whether more are an error.
    Open(Vec<(String, bool)>, u32, bool),
    /// Codes and places.
    Invalid(Vec<(&'static str, String)>),
    /// The code.
    Refused(String),
}

fn open(fields: &[&str], limit: u32, refuses_more: bool) -> Came {
    Came::Open(fields.iter().map(|&name| (name.to_owned(), true)).collect(), limit, refuses_more)
}

fn invalid(problems: &[(&'static str, &str)]) -> Came {
    Came::Invalid(problems.iter().map(|&(code, place)| (code, place.to_owned())).collect())
}

/// A service by personal code, or by family name and birth date.
fn by_code_or_name() -> Json {
    json!({
        "default-fields": ["status", "familyName"],
        "lookups": [
            { "keys": ["personalCode"], "fields": ["*"] },
            {
                "keys": ["familyName", "birthDate"], "optional-keys": ["givenName"],
                "fields": ["birthDate", "familyName", "personalCode"], "max-records": 10,
            },
        ],
    })
}

fn rulebook(more: Json) -> Rulebook {
    let mut service = json!({
        "name": "person", "version": 1, "title": "", "entity": "person",
        "keys": ["personalCode", "givenName", "familyName", "birthDate"],
        "fields": ["personalCode", "familyName", "birthDate", "status", "education"],
        "max-subjects": 5, "max-records": 50, "purposes": ["urn:p"],
    });
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let concept = |kind, iri: &str| Concept {
        iri: iri.to_owned(),
        kind,
        label: iri.to_owned(),
        label_et: None,
        broader: Vec::new(),
    };
    let concepts = vec![
        concept(ConceptKind::Purpose, "urn:p"),
        concept(ConceptKind::LegalBasis, "urn:b"),
        concept(ConceptKind::LegalBasis, "urn:c"),
    ];
    let grant = json!({
        "id": "g", "client": "EE/GOV/1/a", "service": "person",
        "fields": ["personalCode", "givenName", "familyName", "birthDate", "status"],
        "purposes": ["urn:p"], "legal-bases": ["urn:b", "urn:c"], "valid-from": "2020-01-01",
    });
    Rulebook {
        generation: 1,
        vocabulary: Vocabulary { concepts, ..Vocabulary::default() },
        services: vec![serde_json::from_value(service).unwrap()],
        grants: vec![serde_json::from_value(grant).unwrap()],
        policies: Vec::new(),
    }
}

fn ask(keys: &[(&str, &str)], select: Select) -> Ask {
    let stated = |text: &str, place: String| Stated { text: text.to_owned(), place: Cow::Owned(place) };
    let key = |&(name, value): &(&str, &str)| {
        let place = || format!("/where/{name}");
        Key { field: stated(name, place()), sent: 1, values: vec![stated(value, place())] }
    };
    let caller = Caller {
        instant: 1_780_000_000_000,
        arrived: Instant::now(),
        channel: "xroad",
        client: "EE/GOV/1/a".parse().unwrap(),
        message_id: None,
        request_id: None,
        official: Some("EE60001017869".to_owned()),
        represented: None,
        case: None,
        statements: Vec::new(),
    };
    Ask {
        caller,
        service: "person".to_owned(),
        version: Some(1),
        purpose: None,
        legal_basis: Some(stated("urn:b", "/context/legalBasis".to_owned())),
        special_ground: None,
        provision: None,
        agent: None,
        hidden: false,
        select,
        keys: keys.iter().map(key).collect(),
        limit: None,
        places: PLACES,
    }
}

fn fields(names: &[&str]) -> Select {
    let stated = |(at, name): (usize, &&str)| Stated {
        text: (*name).to_owned(),
        place: Cow::Owned(format!("/select/{at}")),
    };
    Select::Fields(names.iter().enumerate().map(stated).collect())
}

/// What comes of an ask, and the messages of its problems.
fn told(service: &Json, ask: &Ask) -> (Came, Vec<String>) {
    let rulebook = rulebook(service.clone());
    let mut active = Active::empty();
    active.index = RulebookIndex::of(&rulebook);
    active.rulebook = rulebook;
    let description = Description::from_toml(REGISTER).unwrap();
    let date = description.date_at(ask.caller.instant).unwrap();
    match resolve(&active, &description, ask, "id", date) {
        Ok(resolved) => {
            let names = resolved.names.iter().zip(&resolved.asked);
            let names = names.map(|(name, asked)| ((*name).to_owned(), asked.is_ok())).collect();
            (Came::Open(names, resolved.limit, resolved.refuses_more), Vec::new())
        }
        Err(Unresolved::Invalid(problems)) => {
            let messages = problems.iter().map(|problem| problem.message.clone()).collect();
            let problems = problems.into_iter().map(|problem| (problem.code, problem.place)).collect();
            (Came::Invalid(problems), messages)
        }
        Err(Unresolved::NotFound(problem)) => panic!("{problem:?}"),
        Err(Unresolved::Refused(reason)) => (Came::Refused(reason.code.clone()), Vec::new()),
    }
}

fn came(service: &Json, ask: &Ask) -> Came {
    told(service, ask).0
}

#[test]
fn without_lookups_any_keys_open_all_fields() {
    let service = json!({});
    for keys in [&[CODE][..], &[FAMILY], &[FAMILY, GIVEN, BORN, CODE]] {
        let got = came(&service, &ask(keys, fields(&["familyName", "status"])));
        assert_eq!(got, open(&["familyName", "status"], 50, false));
    }
    let got = came(&service, &ask(&[CODE], Select::Unsaid));
    assert_eq!(got, invalid(&[("member_missing", "/select")]));
}

#[test]
fn the_keys_are_those_of_one_lookup() {
    let service = by_code_or_name();
    for keys in [&[FAMILY, BORN][..], &[BORN, GIVEN, FAMILY]] {
        let got = came(&service, &ask(keys, fields(&["personalCode"])));
        assert_eq!(got, open(&["personalCode"], 10, true), "{keys:?}");
    }
    assert_eq!(came(&service, &ask(&[CODE], fields(&["status"]))), open(&["status"], 50, false));
    for keys in [&[FAMILY][..], &[FAMILY, GIVEN], &[CODE, FAMILY, BORN], &[CODE, BORN]] {
        let (got, messages) = told(&service, &ask(keys, fields(&["familyName"])));
        assert_eq!(got, invalid(&[("lookup_unknown", "/where")]), "{keys:?}");
        let ways = "it looks up by: personalCode, or by familyName and birthDate (and givenName, if known)";
        assert!(messages[0].ends_with(ways), "{messages:?}");
    }
    let (got, messages) = told(&service, &ask(&[], fields(&["familyName"])));
    assert_eq!(got, invalid(&[("key_missing", "/where")]));
    assert!(messages[0].contains("personalCode, or by familyName and birthDate"), "{messages:?}");
    // An unknown key is one problem, not two.
    let got = came(&service, &ask(&[("sex", "N"), FAMILY], fields(&["familyName"])));
    assert_eq!(got, invalid(&[("key_unknown", "/where/sex")]));
}

#[test]
fn a_field_of_another_lookup_is_named_with_the_keys_that_open_it() {
    let service = by_code_or_name();
    let by_name = [FAMILY, BORN];
    let (got, messages) = told(&service, &ask(&by_name, fields(&["familyName", "education", "shoeSize"])));
    let expected = [("field_not_by_these_keys", "/select/1"), ("field_unknown", "/select/2")];
    assert_eq!(got, invalid(&expected));
    let message = "`education` cannot be had by familyName and birthDate; look up by personalCode for it, or leave it out";
    assert_eq!(messages[0], message);
    let got = came(&service, &ask(&by_name, fields(&["education", "education"])));
    assert_eq!(got, invalid(&[("field_not_by_these_keys", "/select/0"), ("field_duplicate", "/select/1")]));
}

#[test]
fn all_fields_are_those_that_the_lookup_and_the_access_right_open() {
    let service = by_code_or_name();
    let all = ["personalCode", "familyName", "birthDate", "status"];
    assert_eq!(came(&service, &ask(&[CODE], Select::All)), open(&all, 50, false));
    assert_eq!(came(&service, &ask(&[FAMILY, BORN], Select::All)), open(&all[..3], 10, true));
    assert_eq!(came(&json!({}), &ask(&[CODE], Select::All)), open(&all, 50, false));
    // What is named and not open is told.
    let got = came(&service, &ask(&[CODE], fields(&["status", "education"])));
    let expected = vec![("status".to_owned(), true), ("education".to_owned(), false)];
    assert_eq!(got, Came::Open(expected, 50, false));
    let closed = json!({ "fields": ["education"] });
    assert_eq!(came(&closed, &ask(&[CODE], Select::All)), Came::Refused("grant.no-field-open".to_owned()));
}

#[test]
fn a_query_that_names_no_field_has_the_services_own() {
    let service = by_code_or_name();
    assert_eq!(came(&service, &ask(&[CODE], Select::Unsaid)), open(&["status", "familyName"], 50, false));
    assert_eq!(came(&service, &ask(&[FAMILY, BORN], Select::Unsaid)), open(&["familyName"], 10, true));
    let mut other = by_code_or_name();
    other["default-fields"] = json!(["status"]);
    let got = came(&other, &ask(&[FAMILY, BORN], Select::Unsaid));
    assert_eq!(got, invalid(&[("member_missing", "/select")]));
}

#[test]
fn a_limit_of_the_clients_own_is_no_error_to_exceed() {
    let service = by_code_or_name();
    let limited = |keys: &[(&str, &str)], limit| {
        came(&service, &Ask { limit: Some(limit), ..ask(keys, fields(&["familyName"])) })
    };
    let by_name = [FAMILY, BORN];
    assert_eq!(limited(&by_name, 9), open(&["familyName"], 9, false));
    assert_eq!(limited(&by_name, 10), open(&["familyName"], 10, true));
    assert_eq!(limited(&by_name, 11), invalid(&[("number_out_of_range", "/limit")]));
    assert_eq!(limited(&[CODE], 50), open(&["familyName"], 50, false));
    assert_eq!(limited(&[CODE], 51), invalid(&[("number_out_of_range", "/limit")]));
}

#[test]
fn what_a_service_requires_is_missed_by_the_place_of_the_door() {
    let service = json!({ "requires": ["case", "official", "provision", "represented-party"] });
    let (got, messages) = told(&service, &ask(&[CODE], fields(&["familyName"])));
    let missing =
        ["/context/case", "url", "X-Road-Represented-Party"].map(|place| ("context_missing", place));
    assert_eq!(got, invalid(&missing));
    assert!(messages[0].ends_with("state it in /context/case or X-Road-Issue"), "{messages:?}");
    let mut stated = ask(&[CODE], fields(&["familyName"]));
    stated.caller.case = Some("12-3".to_owned());
    stated.caller.represented = Some("GOV/1".to_owned());
    stated.provision = Some("§ 1".to_owned());
    assert_eq!(came(&service, &stated), open(&["familyName"], 50, false));
    stated.caller.case = Some("  ".to_owned());
    assert_eq!(came(&service, &stated), invalid(&[("context_missing", "/context/case")]));
}

#[test]
fn a_service_is_used_on_its_own_legal_bases() {
    let service = json!({ "legal-bases": ["urn:c"] });
    let mut ask = ask(&[CODE], fields(&["familyName"]));
    assert_eq!(came(&service, &ask), Came::Refused("grant.basis-not-of-service".to_owned()));
    ask.legal_basis = Some(Stated { text: "urn:c".to_owned(), place: Cow::Borrowed("/context/legalBasis") });
    assert_eq!(came(&service, &ask), open(&["familyName"], 50, false));
}
