// SPDX-License-Identifier: Apache-2.0
//! What a client may ask, described: the paths `/rights` and their answers.

use paasla_core::{Service, Window};
use serde_json::{Map, Value, json};

use super::{
    Names,
    common::{self, reference},
};

/// The path of one version, or of the newest.
pub(super) fn path(service: &Service, operation: &str, answer: &str) -> Value {
    let text = "Tells, for each purpose and legal basis of the client's access rights, which fields of the service a query \
                would be shown now, masked or refused, by which access right or rule and on which provision, and what is \
                left of its caps on persons. It is decided as a query with the same headers would be, about one person \
                named by their code; nothing of the register is read, and nothing is counted. Less may be seen of single \
                persons: `dependsOnRows` says so.";
    json!({ "get": {
        "operationId": operation,
        "summary": format!("What may I ask? {}", service.title),
        "description": text,
        "tags": [service.name],
        "parameters": common::headers(common::Door::Rights),
        "responses": common::responses_without_body(answer, "What the client may ask"),
    }})
}

/// The schemas that all services share.
pub(super) fn schemas() -> Map<String, Value> {
    let day = || json!({ "type": "string", "format": "date" });
    let access_right = json!({
        "type": "object",
        "title": "The access right that a query stands on",
        "required": ["id", "validFrom", "mayHide"],
        "properties": {
            "id": { "type": "string" },
            "reference": { "type": "string", "description": "The act or agreement that gave it" },
            "validFrom": day(),
            "validUntil": { "type": "string", "format": "date", "description": "The last day it holds; none for no end" },
            "mayHide": { "type": "boolean", "description": "Whether a query may be hidden from the person for a time" },
        },
    });
    let windows: Vec<&str> = Window::ALL.into_iter().map(Window::name).collect();
    let cap = json!({
        "type": "object",
        "title": "A cap on persons",
        "required": ["window", "persons", "left", "reason"],
        "properties": {
            "window": { "type": "string", "enum": windows, "description": "60 minutes, 24 hours, 30 days or 365 days" },
            "persons": { "type": "integer", "minimum": 0, "description": "How many persons may be asked about in it" },
            "left": { "type": "integer", "minimum": 0, "description": "How many are left now" },
            "reason": reference("Reason"),
        },
    });
    [("AccessRight", access_right), ("CapLeft", cap)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// The schema of one version's answer.
pub(super) fn of_service(service: &Service, names: &Names) -> Map<String, Value> {
    let iri = |what: &str| json!({ "type": ["string", "null"], "format": "uri", "description": what });
    let fields: Map<String, Value> =
        service.fields.iter().map(|name| (name.clone(), reference("FieldDecision"))).collect();
    let right = json!({
        "type": "object",
        "title": "What may be asked for one purpose, on one legal basis",
        "required": ["purpose", "legalBasis", "decision"],
        "properties": {
            "purpose": iri("Why; `null` where the client has no access right"),
            "legalBasis": iri("On what ground; `null` likewise"),
            "accessRight": reference("AccessRight"),
            "decision": {
                "type": "string",
                "enum": ["allowed", "refused", "failed"],
                "description": "`allowed`: `fields`, `dependsOnRows`, `caps` and `obligations` are there. `refused`: `reasons` \
                                are. `failed`: it cannot be decided now, and `code` says why",
            },
            "fields": { "type": "object", "additionalProperties": false, "properties": fields },
            "dependsOnRows": { "type": "boolean", "description": "Whether less may be seen of single persons, or nothing" },
            "caps": { "type": "array", "items": reference("CapLeft") },
            "obligations": { "type": "array", "items": reference("Obligation") },
            "reasons": { "type": "array", "items": reference("Reason") },
            "code": { "type": "string" },
        },
    });
    let answer = json!({
        "type": "object",
        "title": format!("Rights: {}", service.title),
        "required": ["client", "service", "version", "generation", "at", "rights"],
        "properties": {
            "client": { "type": "string" },
            "service": { "type": "string" },
            "version": { "type": "integer", "minimum": 1 },
            "generation": { "type": "integer", "minimum": 0, "description": "The generation of the rulebook that says so" },
            "at": { "type": "string", "format": "date-time", "description": "When it was so" },
            "rights": { "type": "array", "minItems": 1, "items": reference(&names.right) },
        },
    });
    [(names.right.clone(), right), (names.rights.clone(), answer)].into_iter().collect()
}
