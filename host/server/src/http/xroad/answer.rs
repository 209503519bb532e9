// SPDX-License-Identifier: Apache-2.0
//! The answer to a query: what was decided, and the records.
//!
//! A hidden field is left out of the records, a redacted one is `null`, a masked one holds what the mask leaves. The
//! decision says which is which: without it nobody could tell a redacted value from an absent one.

use paasla_core::{FieldDecision, Obligation, Visibility};
use serde_json::{Map, Value, json};

use crate::{
    app::answer::{Answer, AnswerRecord, Cell},
    http::problem::reason,
};

/// The whole answer.
pub(super) fn shape(answer: &Answer) -> Value {
    let fields: Map<String, Value> =
        answer.fields.iter().map(|field| (field.name.clone(), decision(&field.decision))).collect();
    let mut rows = Vec::new();
    for (index, found) in answer.records.iter().enumerate() {
        rows.extend(differing(answer, json!({ "record": index }), &found.cells));
        for (group, cells) in &found.groups {
            for (row, cells) in cells.iter().enumerate() {
                let place = json!({ "record": index, "group": group, "row": row });
                rows.extend(differing(answer, place, cells));
            }
        }
    }
    let mut body = json!({
        "decision": {
            "id": answer.id,
            "generation": answer.generation,
            "purpose": answer.purpose,
            "legalBasis": answer.legal_basis,
            "fields": fields,
            "obligations": answer.obligations.iter().map(obligation).collect::<Value>(),
        },
        "records": answer.records.iter().map(|found| record(answer, found)).collect::<Value>(),
        "more": answer.more,
    });
    if let Some(decision) = body.get_mut("decision").and_then(Value::as_object_mut)
        && !rows.is_empty()
    {
        decision.insert("rows".to_owned(), rows.into());
    }
    body
}

/// What may be seen of a field, and why not more.
fn decision(decision: &FieldDecision) -> Value {
    let mut object = Map::new();
    object.insert("visibility".to_owned(), decision.visibility.name().into());
    if decision.visibility != Visibility::Show && !decision.reasons.is_empty() {
        object.insert("reasons".to_owned(), decision.reasons.iter().map(reason).collect());
    }
    Value::Object(object)
}

fn obligation(obligation: &Obligation) -> Value {
    let attributes = obligation
        .attributes
        .iter()
        .map(|attribute| json!({ "name": attribute.name, "value": attribute.value.to_json() }));
    json!({ "code": obligation.code, "attributes": attributes.collect::<Value>() })
}

/// One entry of `rows`: the fields of one row that are shown less than the decision says.
fn differing(answer: &Answer, mut place: Value, cells: &[(usize, Cell)]) -> Option<Value> {
    let narrowed = cells.iter().filter_map(|(index, cell)| {
        Some((answer.fields.get(*index)?.name.clone(), decision(cell.narrowed.as_ref()?)))
    });
    let fields: Map<String, Value> = narrowed.collect();
    if fields.is_empty() {
        return None;
    }
    place.as_object_mut()?.insert("fields".to_owned(), fields.into());
    Some(place)
}

/// One record, its members in the order asked.
fn record(answer: &Answer, record: &AnswerRecord) -> Value {
    let mut object = Map::new();
    for (index, field) in answer.fields.iter().enumerate() {
        let Some(group) = &field.group else {
            object.extend(member(&field.name, index, &record.cells));
            continue;
        };
        if object.contains_key(group) {
            continue;
        }
        if let Some((_, rows)) = record.groups.iter().find(|(name, _)| name == group) {
            object.insert(group.clone(), rows.iter().map(|cells| row(answer, group, cells)).collect());
        }
    }
    Value::Object(object)
}

fn row(answer: &Answer, group: &str, cells: &[(usize, Cell)]) -> Value {
    let fields = answer.fields.iter().enumerate().filter(|(_, field)| field.group.as_deref() == Some(group));
    let members = fields.filter_map(|(index, field)| {
        let short = field.name.strip_prefix(group).and_then(|name| name.strip_prefix('.'));
        member(short.unwrap_or(&field.name), index, cells)
    });
    Value::Object(members.collect())
}

fn member(name: &str, index: usize, cells: &[(usize, Cell)]) -> Option<(String, Value)> {
    let (_, cell) = cells.iter().find(|(of, _)| *of == index)?;
    let shown = cell.visibility != Visibility::Hide;
    shown.then(|| (name.to_owned(), cell.value.to_json()))
}
