// SPDX-License-Identifier: Apache-2.0
//! A service described for a security server and for programmers: OpenAPI, exactly 3.1.0. X-Road's security server
//! takes 3.0.x and 3.1.0, and nothing else.

use paasla_core::{Rulebook, Service};
use paasla_register::{Description, FieldDescription, FieldType};
use serde_json::{Map, Value, json};

/// All versions of a service; none if there is no such service.
pub(crate) fn describe(rulebook: &Rulebook, description: &Description, name: &str) -> Option<Value> {
    let mut versions: Vec<&Service> =
        rulebook.services.iter().filter(|service| service.name == name).collect();
    versions.sort_by_key(|service| service.version);
    let newest = versions.last()?;
    let paths: Map<String, Value> = versions
        .iter()
        .map(|service| (format!("/v{}/query", service.version), path(service, description)))
        .collect();
    Some(json!({
        "openapi": "3.1.0",
        "info": {
            "title": newest.title,
            "version": newest.version.to_string(),
            "description": format!("{} ({})", description.title(), description.iri()),
        },
        "servers": [{ "url": format!("/xroad/{name}") }],
        "paths": paths,
        "components": { "schemas": { "Problem": problem() } },
    }))
}

fn path(service: &Service, description: &Description) -> Value {
    let fails = |what: &str| {
        json!({ "description": what, "content": { "application/problem+json":
            { "schema": { "$ref": "#/components/schemas/Problem" } } } })
    };
    json!({ "post": {
        "operationId": format!("query-v{}", service.version),
        "summary": service.title,
        "parameters": headers(),
        "requestBody": { "required": true, "content": { "application/json": { "schema": request(service, description) } } },
        "responses": {
            "200": { "description": "The records that may be seen, and what was decided",
                     "content": { "application/json": { "schema": answer(service, description) } } },
            "400": fails("The request is wrong; every problem of it is listed"),
            "403": fails("Refused; every reason is listed"),
            "503": fails("No answer now; nothing was told"),
        },
    }})
}

fn headers() -> Value {
    let header = |name: &str, required: bool, what: &str| json!({ "name": name, "in": "header", "required": required, "description": what, "schema": { "type": "string" } });
    json!([
        header("X-Road-Client", true, "Who asks: instance/class/member[/subsystem]"),
        header("X-Road-UserId", true, "The official"),
        header("X-Road-Id", false, "The message's id"),
        header("X-Road-Issue", false, "The case or document"),
        header("X-Road-PDU-Purpose", false, "The purpose: an IRI of the vocabulary, or a text for people"),
        header(
            "X-Road-PDU-Legal-Basis",
            false,
            "The legal basis: an IRI of the vocabulary, or a text for people"
        ),
    ])
}

fn request(service: &Service, description: &Description) -> Value {
    let keys: Map<String, Value> = service
        .keys
        .iter()
        .filter_map(|key| {
            let field = description.field(&service.entity, key)?;
            let one = value(field, description);
            let many =
                json!({ "type": "array", "items": one, "minItems": 1, "maxItems": service.max_subjects });
            Some((key.clone(), json!({ "anyOf": [one, many] })))
        })
        .collect();
    json!({
        "type": "object",
        "required": ["select", "where"],
        "additionalProperties": false,
        "properties": {
            "select": { "type": "array", "minItems": 1, "uniqueItems": true, "items": { "enum": service.fields } },
            "where": { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": keys },
            "limit": { "type": "integer", "minimum": 1, "maximum": service.max_records },
            "context": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "purpose": { "type": "string", "description": "IRI, full or compact (dpv:IdentityVerification)" },
                    "legalBasis": { "type": "string", "description": "GDPR Art. 6(1) as an IRI (eu-gdpr:A6-1-e)" },
                    "specialCategoryGround": { "type": "string", "description": "GDPR Art. 9(2) as an IRI" },
                    "provision": { "type": "string" },
                    "case": { "type": "string" },
                    "agent": { "type": "string" },
                },
            },
        },
    })
}

fn answer(service: &Service, description: &Description) -> Value {
    let mut own = Map::new();
    let mut groups: Map<String, Value> = Map::new();
    for name in &service.fields {
        let Some(field) = description.field(&service.entity, name) else { continue };
        let shown = shown(field, description);
        match name.split_once('.') {
            None => {
                own.insert(name.clone(), shown);
            }
            Some((group, member)) => {
                let list = groups.entry(group).or_insert_with(
                    || json!({ "type": "array", "items": { "type": "object", "properties": {} } }),
                );
                if let Some(members) = list.pointer_mut("/items/properties").and_then(Value::as_object_mut) {
                    members.insert(member.to_owned(), shown);
                }
            }
        }
    }
    own.extend(groups);
    json!({
        "type": "object",
        "required": ["decision", "records", "more"],
        "properties": {
            "decision": { "type": "object", "properties": {
                "id": { "type": "string", "format": "uuid" },
                "generation": { "type": "integer" },
                "purpose": { "type": "string" },
                "legalBasis": { "type": "string" },
                "fields": { "type": "object" },
                "obligations": { "type": "array", "items": { "type": "object" } },
                "rows": { "type": "array", "items": { "type": "object" } },
            }},
            "records": { "type": "array", "items": { "type": "object", "properties": own } },
            "more": { "type": "boolean" },
        },
    })
}

/// A value in full.
fn value(field: &FieldDescription, description: &Description) -> Value {
    match field.field_type() {
        FieldType::Text => json!({ "type": "string" }),
        FieldType::Date => json!({ "type": "string", "format": "date" }),
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::Integer => json!({ "type": "integer" }),
        FieldType::PersonalCode => json!({ "type": "string", "pattern": "^[1-8][0-9]{10}$" }),
        FieldType::Code(list) => {
            let labels = description.code_lists().get(list);
            let told = labels.map(|labels| {
                labels.iter().map(|(code, label)| format!("{code}: {label}")).collect::<Vec<_>>()
            });
            json!({ "type": "string", "description": told.map(|told| told.join("; ")) .unwrap_or_default() })
        }
    }
}

/// A value as an answer may hold it: in full, masked to a text, or null.
fn shown(field: &FieldDescription, description: &Description) -> Value {
    let mut schema = match field.field_type() {
        FieldType::Boolean => json!({ "type": ["boolean", "string", "null"] }),
        FieldType::Integer => json!({ "type": ["integer", "string", "null"] }),
        _ => json!({ "type": ["string", "null"] }),
    };
    if let Some(members) = schema.as_object_mut() {
        if let Some(title) = field.title() {
            members.insert("title".to_owned(), title.into());
        }
        if let Some(told) = value(field, description).get("description") {
            members.insert("description".to_owned(), told.clone());
        }
        members.insert("x-iri".to_owned(), field.iri().into());
        members.insert("x-category".to_owned(), field.category().into());
    }
    schema
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string" },
            "detail": { "type": "string" },
            "instance": { "type": "string", "description": "urn:uuid: and the id of the record" },
            "problems": { "type": "array", "items": { "type": "object", "properties": {
                "code": { "type": "string" }, "place": { "type": "string" }, "message": { "type": "string" } } } },
            "window": { "enum": ["hour", "day", "month", "year"], "description": "the cap that is in the way" },
            "left": { "type": "integer", "description": "how many persons would fit under it" },
            "opensAt": { "type": "string", "format": "date-time", "description": "when the query would fit, if nobody asks meanwhile" },
            "reasons": { "type": "array", "items": { "type": "object", "properties": {
                "by": { "type": "string" }, "code": { "type": "string" }, "message": { "type": "string" },
                "provision": { "type": "string" } } } },
        },
    })
}
