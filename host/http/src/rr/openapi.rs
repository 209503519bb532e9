// SPDX-License-Identifier: Apache-2.0
//! `GET /rr/domesticDataExchange/v1/openapi.json`: this door for those who build clients of it. The names are the
//! population register's own where they are known, and ours otherwise (`words`).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    SERVICE,
    query::MAX_PERSONS,
    words::{PARTS, Part, Wire, Word},
};
use crate::{
    openapi::{
        common::{self, Head, reference},
        value::About,
    },
    problem::Document,
    router::Doors,
};
use paasla_app::{CatalogueEntry, Gatehouse};

const TEXT: &str = "Data of persons by their codes, as today's clients of the population register ask for them. Queries \
    come through an X-Road security server, which says who asks (`X-Road-Client`): a message holds no other credentials. \
    What may not be told is left out of the answer, and so is what the register has no value for; the door of the service \
    itself tells the two apart, and says why.";

/// The description of this door.
pub(crate) async fn description(State(doors): State<Arc<Doors>>) -> Response {
    match describe(&*doors.gate) {
        Some(document) => Json(document).into_response(),
        None => Document::new(StatusCode::NOT_FOUND, "service_unknown", "there is no such service")
            .into_response(),
    }
}

/// None when the service behind this door is not there.
fn describe(gate: &dyn Gatehouse) -> Option<Value> {
    let entry = gate.catalogue_entry(SERVICE)?;
    let operation = json!({ "post": {
        "operationId": SERVICE,
        "summary": "Isikute andmed / Data of persons",
        "description": "Persons stand in the register's order. A person who is not in the register, or of whom nothing may \
                        be told, is not in the list: ask for `Isikukood` to see who is.",
        "tags": [SERVICE],
        "parameters": common::headers(common::Door::Rr),
        "requestBody": common::body("IsikudQuery"),
        "responses": common::responses("Isikud", "The persons of whom something may be told"),
    }});
    let paths = [("/isikud".to_owned(), operation)].into_iter().collect();
    let head = Head {
        title: "Isikud / Persons",
        version: "1",
        text: TEXT,
        tag: SERVICE,
        server: "/rr/domesticDataExchange/v1",
    };
    let mut schemas = common::schemas();
    schemas.extend(query());
    schemas.extend(answer(&entry));
    Some(common::document(&entry.register, head, paths, schemas))
}

fn query() -> Map<String, Value> {
    let code = json!({ "type": "string", "format": "estonian-personal-code", "pattern": "^[1-8][0-9]{10}$" });
    let names = |part: &Part| {
        let names: Vec<&str> = part.words.iter().map(|word| word.wire).collect();
        json!({ "type": ["array", "null"], "maxItems": 200, "items": { "type": "string", "enum": names } })
    };
    let parts: Map<String, Value> = PARTS.iter().map(|part| (part.wire.to_owned(), names(part))).collect();
    let any = PARTS.iter().map(|part| {
        let some = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
        json!({ "required": [part.wire], "properties": { part.wire: some } })
    });
    let fields = json!({
        "type": "object",
        "title": "The fields asked for, part by part; at least one",
        "additionalProperties": false,
        "properties": parts,
        "anyOf": any.collect::<Vec<_>>(),
    });
    let query = json!({
        "type": "object",
        "title": "Request for persons",
        "required": ["isikukoodid", "andmevaljad"],
        "additionalProperties": false,
        "properties": {
            "isikukoodid": {
                "type": "array",
                "description": "Isikukoodid / Personal codes",
                "minItems": 1,
                "maxItems": MAX_PERSONS,
                "items": code,
            },
            "andmevaljad": reference("Andmevaljad"),
        },
    });
    [("IsikudQuery".to_owned(), query), ("Andmevaljad".to_owned(), fields)].into_iter().collect()
}

fn answer(entry: &CatalogueEntry) -> Map<String, Value> {
    let mut schemas = Map::new();
    let members = |part: &Part| -> Map<String, Value> {
        part.words.iter().map(|word| (word.answered(), value(entry, word))).collect()
    };
    let mut person = Map::new();
    for part in &PARTS {
        if part.group.is_none() {
            person.extend(members(part));
            continue;
        }
        let name = format!("{}Rida", part.wire.split_at(1).0.to_ascii_uppercase() + part.wire.split_at(1).1);
        let title = format!("One row of {}", part.wire);
        schemas.insert(
            name.clone(),
            json!({ "type": "object", "title": title, "additionalProperties": false, "properties": members(part) }),
        );
        person.insert(part.wire.to_owned(), json!({ "type": "array", "items": reference(&name) }));
    }
    let text = || json!({ "type": "string" });
    let coded = json!({
        "type": "object",
        "title": "An element of a code list",
        "required": ["elemendiKood"],
        "properties": { "kood": text(), "elemendiKood": text(), "nimetus": text() },
    });
    let country = json!({
        "type": "object",
        "title": "A country",
        "required": ["riik"],
        "properties": { "riik": reference("Element") },
    });
    let person =
        json!({ "type": "object", "title": "A person", "additionalProperties": false, "properties": person });
    let persons = json!({ "type": "array", "maxItems": MAX_PERSONS, "items": reference("Isik") });
    schemas.extend(
        [("Element", coded), ("Riik", country), ("Isik", person), ("Isikud", persons)]
            .map(|(name, schema)| (name.to_owned(), schema)),
    );
    schemas
}

fn value(entry: &CatalogueEntry, word: &Word) -> Value {
    let mut schema = match word.kind {
        Wire::Code | Wire::Text => json!({ "type": "string" }),
        Wire::Truth => json!({ "type": "boolean" }),
        Wire::Date => json!({ "type": "string", "format": "date" }),
        // Without a zone, as today's clients read it: no `date-time`.
        Wire::DateTime => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00$" }),
        Wire::Coded => reference("Element"),
        Wire::Country => reference("Riik"),
    };
    let field = entry.register.field(&entry.newest.entity, word.field);
    if let (Some(members), Some(field)) = (schema.as_object_mut(), field) {
        let about = About::of(field, &entry.register);
        members.insert("title".to_owned(), about.title(word.field).into());
        members.insert("description".to_owned(), about.text().into());
    }
    schema
}
