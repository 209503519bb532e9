// SPDX-License-Identifier: Apache-2.0
//! Schemas of answers: the decision, field by field, and the rows, which are `records` on the wire.

use paasla_core::{Mask, Service, Visibility};
use paasla_register::Description;
use serde_json::{Map, Value, json};

use super::{Names, capital, common::reference, value::About};

/// The schemas that all services share.
pub(super) fn schemas() -> Map<String, Value> {
    let masks = [
        Mask::Month,
        Mask::Year,
        Mask::Decade,
        Mask::Municipality,
        Mask::County,
        Mask::Initial,
        Mask::Pseudonym,
        Mask::Redact,
    ];
    let mut visibilities = vec![Visibility::Show.name()];
    visibilities.extend(masks.map(|mask| Visibility::Masked(mask).name()));
    visibilities.push(Visibility::Hide.name());
    let field = json!({
        "type": "object",
        "title": "What may be seen of a field",
        "required": ["visibility"],
        "properties": {
            "visibility": {
                "type": "string",
                "description": "`show`: in full. `redact` and `hide`: not at all, the field is in no record. Else the mask \
                                that its values stand under.",
                "enum": visibilities,
            },
            "reasons": { "type": "array", "description": "Why not more", "items": reference("Reason") },
        },
    });
    let attribute = json!({
        "type": "object",
        "required": ["name", "value"],
        "properties": {
            "name": { "type": "string" },
            "value": {
                "type": ["string", "integer", "boolean", "array", "null"],
                "items": { "type": "string" },
            },
        },
    });
    let obligation = json!({
        "type": "object",
        "title": "What the client has to observe",
        "required": ["code", "attributes"],
        "properties": {
            "code": { "type": "string" },
            "attributes": { "type": "array", "items": reference("Attribute") },
        },
    });
    [("FieldDecision", field), ("Attribute", attribute), ("Obligation", obligation)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// The schemas of one version's answers.
pub(super) fn of_service(description: &Description, service: &Service, names: &Names) -> Map<String, Value> {
    let mut schemas = Map::new();
    let (mut own, mut groups) = (Map::new(), Map::<String, Value>::new());
    for name in &service.fields {
        let Some(field) = description.field(&service.entity, name) else { continue };
        let shown = About::of(field, description).shown(name);
        match name.split_once('.') {
            None => {
                own.insert(name.clone(), shown);
            }
            Some((group, member)) => {
                let row = groups.entry(group).or_insert_with(|| json!({}));
                if let Some(members) = row.as_object_mut() {
                    members.insert(member.to_owned(), shown);
                }
            }
        }
    }
    for (group, members) in groups {
        let name = format!("{}{}", names.row, capital(&group));
        let title = format!("One row of {group}");
        schemas.insert(
            name.clone(),
            json!({ "type": "object", "title": title, "additionalProperties": false, "properties": members }),
        );
        own.insert(group, json!({ "type": "array", "items": reference(&name) }));
    }
    let record = json!({
        "type": "object",
        "title": format!("Record: {}", service.title),
        "description": "Only what was asked for and may be seen. A member that is missing is not told, and the decision \
                        says why; `null` means that the register has no value.",
        "additionalProperties": false,
        "properties": own,
    });
    let fields: Map<String, Value> =
        service.fields.iter().map(|name| (name.clone(), reference("FieldDecision"))).collect();
    let fields = json!({ "type": "object", "additionalProperties": false, "properties": fields });
    let (fields_name, decision_name, row_name) = (
        format!("{}Fields", names.row),
        format!("{}Decision", names.row),
        format!("{}RowDecision", names.row),
    );
    let row = json!({
        "type": "object",
        "title": "A record or row of which less is seen",
        "required": ["record", "fields"],
        "properties": {
            "record": { "type": "integer", "minimum": 0, "description": "The place of the record in `records`, from 0" },
            "group": { "type": "string", "description": "The group of rows; without it the record itself is meant" },
            "row": { "type": "integer", "minimum": 0, "description": "The place of the row in its group, from 0" },
            "fields": reference(&fields_name),
        },
    });
    let decision = json!({
        "type": "object",
        "title": "What was decided",
        "required": ["id", "generation", "purpose", "legalBasis", "fields", "obligations"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "generation": { "type": "integer", "minimum": 0, "description": "The generation of the rulebook it was decided by" },
            "purpose": { "type": "string", "format": "uri" },
            "legalBasis": { "type": "string", "format": "uri" },
            "fields": reference(&fields_name),
            "obligations": { "type": "array", "items": reference("Obligation") },
            "rows": {
                "type": "array",
                "description": "Where less is seen of one record or row than `fields` says; here its own decision counts",
                "items": reference(&row_name),
            },
        },
    });
    let answer = json!({
        "type": "object",
        "title": format!("Answer: {}", service.title),
        "required": ["decision", "records", "more"],
        "properties": {
            "decision": reference(&decision_name),
            "records": { "type": "array", "maxItems": service.max_rows, "items": reference(&names.record) },
            "more": { "type": "boolean", "description": "Whether there is more than was told: ask for fewer" },
        },
    });
    schemas.extend([
        (fields_name, fields),
        (row_name, row),
        (decision_name, decision),
        (names.record.clone(), record),
        (names.answer.clone(), answer),
    ]);
    schemas
}
