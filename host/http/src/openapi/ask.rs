// SPDX-License-Identifier: Apache-2.0
//! Schemas of a query: its fields, keys, limit and legal context.

use paasla_core::{Service, Vocabulary, term::ConceptKind};
use paasla_register::Description;
use serde_json::{Map, Value, json};

use super::{
    Names,
    common::reference,
    value::{self, About},
};

/// The schemas of one version's queries.
pub(super) fn schemas(
    vocabulary: &Vocabulary,
    description: &Description,
    service: &Service,
    names: &Names,
) -> Map<String, Value> {
    let keys: Map<String, Value> = service
        .keys
        .iter()
        .filter_map(|key| {
            let field = description.field(&service.entity, key)?;
            let about = About::of(field, description);
            let one = value::key(field.field_type());
            let many =
                json!({ "type": "array", "items": one, "minItems": 1, "maxItems": service.max_subjects });
            Some((
                key.clone(),
                json!({ "title": about.title(key), "description": about.text(), "anyOf": [one, many] }),
            ))
        })
        .collect();
    let context = format!("{}Context", names.row);
    let query = json!({
        "type": "object",
        "title": format!("Query: {}", service.title),
        "required": ["select", "where"],
        "additionalProperties": false,
        "properties": {
            "select": {
                "type": "array",
                "description": "The fields asked for; those of a group of rows as `group.field`",
                "minItems": 1,
                "maxItems": service.fields.len(),
                "uniqueItems": true,
                "items": { "type": "string", "enum": service.fields },
            },
            "where": {
                "type": "object",
                "description": "Whom it is about: for each key one value or several",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": keys,
            },
            "limit": {
                "type": ["integer", "null"],
                "description": "How many records at most; without it as many as the service allows",
                "minimum": 1,
                "maximum": service.max_rows,
            },
            "context": { "anyOf": [reference(&context), { "type": "null" }] },
        },
    });
    [(names.query.clone(), query), (context, legal_context(vocabulary, service))].into_iter().collect()
}

fn legal_context(vocabulary: &Vocabulary, service: &Service) -> Value {
    let text = |most: usize, what: &str| {
        let mut schema = value::visible(most, true);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), what.into());
        }
        schema
    };
    let purpose = terms(vocabulary, ConceptKind::Purpose, |iri| {
        let term = vocabulary.term(ConceptKind::Purpose, iri);
        term.is_some_and(|term| term.is_within_any(&service.purposes))
    });
    json!({
        "type": "object",
        "title": "Legal context",
        "description": "Why and on what ground. What is left out is taken from the headers, or from the client's access \
                        right when it leaves no choice.",
        "additionalProperties": false,
        "properties": {
            "purpose": described(purpose, "The purpose"),
            "legalBasis": described(terms(vocabulary, ConceptKind::LegalBasis, |_| true), "The ground in GDPR Art. 6(1)"),
            "specialCategoryGround":
                described(terms(vocabulary, ConceptKind::SpecialGround, |_| true), "The ground in GDPR Art. 9(2)"),
            "provision": text(1_000, "The provision of law, in words"),
            "case": text(1_000, "The case or document; must agree with X-Road-Issue"),
            "agent": text(500, "The AI agent that acts for the official"),
        },
    })
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
