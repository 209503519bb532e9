// SPDX-License-Identifier: Apache-2.0
//! What the description of a service says of its lookups, of what it requires, and of what it selects by itself.

use std::collections::BTreeSet;

use paasla_core::{Concept, Vocabulary, term::ConceptKind};

use super::*;

const REGISTER: &str = include_str!("../../../../examples/population-register/register.toml");

fn described(more: Value) -> Value {
    let mut service = json!({
        "name": "person", "version": 2, "title": "Data of a person", "entity": "person",
        "keys": ["personalCode", "givenName", "familyName", "birthDate"],
        "fields": ["personalCode", "familyName", "birthDate", "status"],
        "max-subjects": 5, "max-records": 50, "purposes": ["urn:p"],
    });
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let service: Service = serde_json::from_value(service).unwrap();
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
    describe(&CatalogueEntry {
        newest: service.clone(),
        versions: vec![service],
        vocabulary: Vocabulary { concepts, ..Vocabulary::default() },
        register: Arc::new(Description::from_toml(REGISTER).unwrap()),
    })
}

fn schema<'d>(document: &'d Value, name: &str) -> &'d Value {
    document.pointer(&format!("/components/schemas/{name}")).unwrap_or_else(|| panic!("there is no {name}"))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn by_code_or_name() -> Value {
    json!({
        "default-fields": ["status"],
        "lookups": [
            { "keys": ["personalCode"], "fields": ["*"] },
            {
                "keys": ["familyName", "birthDate"], "optional-keys": ["givenName"],
                "fields": ["familyName", "personalCode"], "max-records": 10,
            },
        ],
    })
}

#[test]
fn each_lookup_has_a_schema_with_its_keys_and_fields() {
    let document = described(by_code_or_name());
    let (by_code, by_name) = ("PersonV2ByPersonalCodeQuery", "PersonV2ByFamilyNameAndBirthDateQuery");
    let ways = [by_code, by_name].map(common::reference);
    assert_eq!(schema(&document, "PersonV2Query")["anyOf"], json!(ways));
    let (by_code, by_name) = (schema(&document, by_code), schema(&document, by_name));
    let fields = |query: &'_ Value| query["properties"]["select"]["anyOf"][0]["items"]["enum"].clone();
    assert_eq!(fields(by_code), json!(["personalCode", "familyName", "birthDate", "status"]));
    assert_eq!(fields(by_name), json!(["personalCode", "familyName"]));
    let keys = |query: &Value| -> (Vec<String>, Vec<String>) {
        let given = query["properties"]["where"]["properties"].as_object().unwrap();
        let required = texts(&query["properties"]["where"]["required"]);
        (given.keys().cloned().collect(), required.into_iter().map(str::to_owned).collect())
    };
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(by_code), (owned(&["personalCode"]), owned(&["personalCode"])));
    let (given, required) = keys(by_name);
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(given, ["birthDate", "familyName", "givenName"].into());
    assert_eq!(required, ["familyName", "birthDate"]);
    let most = |query: &Value| query["properties"]["limit"]["maximum"].as_u64();
    assert_eq!((most(by_code), most(by_name)), (Some(50), Some(10)));
    // The default is a field that one lookup has.
    assert_eq!(texts(&by_code["required"]), ["where"]);
    assert_eq!(texts(&by_name["required"]), ["where", "select"]);
    let text = document["paths"]["/v2/query"]["post"]["description"].as_str().unwrap();
    let way = "- by `familyName` and `birthDate` (and `givenName`, if known): `personalCode`, `familyName`; where more than 10";
    assert!(text.contains("- by `personalCode`: all fields\n") && text.contains(way), "{text}");
}

#[test]
fn each_way_to_ask_has_an_example_of_it() {
    let examples = |document: &Value| {
        let body = &document["paths"]["/v2/query"]["post"]["requestBody"];
        body["content"]["application/json"]["examples"].as_object().unwrap().clone()
    };
    let document = described(by_code_or_name());
    let found = examples(&document);
    assert_eq!(found.len(), 2);
    let by_name = &found["PersonV2ByFamilyNameAndBirthDateQuery"]["value"];
    let expected = json!({ "select": "*", "where": { "familyName": "Näidis", "birthDate": "2000-01-01" } });
    assert_eq!(*by_name, expected);
    let found = examples(&described(json!({ "requires": ["provision", "case"] })));
    let only = &found["PersonV2Query"]["value"];
    assert_eq!(only["where"], json!({ "personalCode": "60001017869" }));
    assert!(only["context"]["provision"].is_string() && only["context"]["case"].is_string(), "{only}");
}

#[test]
fn a_service_without_lookups_is_described_by_one_schema() {
    let document = described(json!({}));
    let query = schema(&document, "PersonV2Query");
    assert_eq!(texts(&query["required"]), ["where", "select"]);
    assert_eq!(query["properties"]["where"]["minProperties"], 1);
    assert_eq!(query["properties"]["limit"]["maximum"], 50);
    let bases = schema(&document, "PersonV2Context")["properties"]["legalBasis"]["enum"].clone();
    assert_eq!(bases, json!(["urn:b", "urn:c", null]));
}

#[test]
fn what_a_service_requires_is_required_where_the_document_can_say_so() {
    let document = described(json!({
        "legal-bases": ["urn:c"], "requires": ["case", "provision", "represented-party"],
    }));
    let query = schema(&document, "PersonV2Query");
    assert_eq!(texts(&query["required"]), ["where", "select", "context"]);
    assert_eq!(query["properties"]["context"], common::reference("PersonV2Context"));
    let context = schema(&document, "PersonV2Context");
    assert_eq!(texts(&context["required"]), ["provision"]);
    assert_eq!(context["properties"]["provision"]["type"], "string");
    assert_eq!(context["properties"]["legalBasis"]["enum"], json!(["urn:c", null]));
    let operation = &document["paths"]["/v2/query"]["post"];
    let required = |name: &str| {
        let headers = operation["parameters"].as_array().unwrap();
        headers.iter().any(|header| header["name"] == name && header["required"] == true)
    };
    assert!(required("X-Road-Represented-Party") && !required("X-Road-Issue"));
    let text = operation["description"].as_str().unwrap();
    assert!(text.contains("the case or document (`context.case` or `X-Road-Issue`)"), "{text}");
}
