// SPDX-License-Identifier: Apache-2.0
//! Schemas of a query: its fields, keys, limit and legal context.

use paasla_core::{Requirement, Service, Vocabulary, term::ConceptKind};
use paasla_register::Description;
use serde_json::{Map, Value, json};

use super::{
    Names,
    common::reference,
    value::{self, About},
    way::Way,
};
use crate::xroad::query::ALL;

/// The schemas of one version's queries.
pub(super) fn schemas(
    vocabulary: &Vocabulary,
    description: &Description,
    service: &Service,
    ways: &[Way<'_>],
    names: &Names,
) -> Map<String, Value> {
    let context = format!("{}Context", names.row);
    let mut schemas: Map<String, Value> =
        ways.iter().map(|way| (way.query.clone(), query(description, service, way, &context))).collect();
    if !service.lookups.is_empty() {
        let ways: Vec<Value> = ways.iter().map(|way| reference(&way.query)).collect();
        let query = json!({
            "title": format!("Query: {}", service.title),
            "description": "Which keys are given together says which fields may be selected",
            "anyOf": ways,
        });
        schemas.insert(names.query.clone(), query);
    }
    schemas.insert(context, legal_context(vocabulary, service));
    schemas
}

/// A query in one way.
fn query(description: &Description, service: &Service, way: &Way<'_>, context: &str) -> Value {
    let fields: Vec<&str> = service.fields_by(way.lookup).collect();
    let listed = json!({
        "type": "array",
        "title": "Fields by name; those of a group of rows as `group.field`",
        "minItems": 1,
        "maxItems": fields.len(),
        "uniqueItems": true,
        "items": { "type": "string", "enum": fields },
    });
    let all = json!({
        "type": "string",
        "title": "Every field that these keys and the access right open",
        "enum": [ALL],
    });
    let (mut select, mut required) = (vec![listed, all], vec!["where"]);
    let mut text = "The fields asked for".to_owned();
    if way.has_default(service) {
        select.push(json!({ "type": "null" }));
        let names: Vec<String> =
            service.default_fields_by(way.lookup).map(|field| format!("`{field}`")).collect();
        text += &format!(". Without it: {}", names.join(", "));
    } else {
        required.push("select");
    }
    let mut about = json!({ "anyOf": [reference(context), { "type": "null" }] });
    if service.requires.contains(&Requirement::Provision) {
        required.push("context");
        about = reference(context);
    }
    let most = service.max_rows_by(way.lookup);
    let limit = match way.lookup.is_some_and(|lookup| lookup.max_rows.is_some()) {
        true => format!(
            "How many records at most. Without it, or with {most}, the query is refused if more match"
        ),
        false => "How many records at most; without it as many as the service allows".to_owned(),
    };
    let title = match way.lookup {
        Some(lookup) => format!("Query: {}, by {lookup}", service.title),
        None => format!("Query: {}", service.title),
    };
    json!({
        "type": "object",
        "title": title,
        "required": required,
        "additionalProperties": false,
        "properties": {
            "select": { "description": text, "anyOf": select },
            "where": keys(description, service, way),
            "limit": {
                "type": ["integer", "null"],
                "description": limit,
                "minimum": 1,
                "maximum": most,
            },
            "context": about,
        },
    })
}

/// Whom a query is about.
fn keys(description: &Description, service: &Service, way: &Way<'_>) -> Value {
    let key = |name: &String| {
        let field = description.field(&service.entity, name)?;
        let about = About::of(field, description);
        let one = value::key(field.field_type());
        let many = json!({ "type": "array", "items": one, "minItems": 1, "maxItems": service.max_subjects });
        let schema = json!({ "title": about.title(name), "description": about.text(), "anyOf": [one, many] });
        Some((name.clone(), schema))
    };
    let keys: Map<String, Value> = way.keys(service).filter_map(key).collect();
    let mut schema = json!({
        "type": "object",
        "description": "Whom it is about: for each key one value or several",
        "additionalProperties": false,
        "properties": keys,
    });
    if let Some(members) = schema.as_object_mut() {
        match way.required_keys() {
            [] => members.insert("minProperties".to_owned(), 1.into()),
            required => members.insert("required".to_owned(), json!(required)),
        };
    }
    schema
}

fn legal_context(vocabulary: &Vocabulary, service: &Service) -> Value {
    let described_text = |most: usize, may_be_null: bool, what: &str| {
        let mut schema = value::visible(most, may_be_null);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), what.into());
        }
        schema
    };
    let purpose = terms(vocabulary, ConceptKind::Purpose, |iri| {
        let term = vocabulary.term(ConceptKind::Purpose, iri);
        term.is_some_and(|term| term.is_within_any(&service.purposes))
    });
    let basis = terms(vocabulary, ConceptKind::LegalBasis, |iri| {
        let term = vocabulary.term(ConceptKind::LegalBasis, iri);
        term.is_some_and(|term| service.allows_basis(&term))
    });
    let text = |most, what| described_text(most, true, what);
    let has_provision = service.requires.contains(&Requirement::Provision);
    let provision = described_text(1_000, !has_provision, "The provision of law, in words");
    let mut context = json!({
        "type": "object",
        "title": "Legal context",
        "description": "Why and on what ground. What is left out is taken from the headers, or from the client's access \
                        right when it leaves no choice.",
        "additionalProperties": false,
        "properties": {
            "purpose": described(purpose, "The purpose"),
            "legalBasis": described(basis, "The ground in GDPR Art. 6(1)"),
            "specialCategoryGround":
                described(terms(vocabulary, ConceptKind::SpecialGround, |_| true), "The ground in GDPR Art. 9(2)"),
            "provision": provision,
            "case": text(1_000, "The case or document; must agree with X-Road-Issue"),
            "agent": text(500, "The AI agent that acts for the official"),
        },
    });
    if let Some(members) = context.as_object_mut().filter(|_| has_provision) {
        members.insert("required".to_owned(), json!(["provision"]));
    }
    context
}

/// The terms of the vocabulary that may be stated: IRIs, full and compact, with what they are called.
fn terms(
    vocabulary: &Vocabulary,
    kind: ConceptKind,
    may: impl Fn(&str) -> bool,
) -> (Vec<Value>, Vec<String>) {
    let (mut iris, mut labels) = (Vec::new(), Vec::new());
    for concept in vocabulary.concepts.iter().filter(|concept| concept.kind == kind && may(&concept.iri)) {
        let compact = vocabulary.compact(&concept.iri);
        let label = match &concept.label_et {
            Some(label_et) => format!("{} / {label_et}", concept.label),
            None => concept.label.clone(),
        };
        labels.push(format!("- `{compact}`: {label}"));
        iris.push(compact.clone().into());
        if compact != concept.iri {
            iris.push(concept.iri.clone().into());
        }
    }
    (iris, labels)
}

fn described((mut iris, labels): (Vec<Value>, Vec<String>), what: &str) -> Value {
    iris.push(Value::Null);
    json!({
        "type": ["string", "null"],
        "description": format!("{what}, as a full or compact IRI:\n{}", labels.join("\n")),
        "enum": iris,
    })
}
