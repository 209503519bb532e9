// SPDX-License-Identifier: Apache-2.0
//! The answer of the compatible door: a list of persons, as today's clients read it; not found is an empty list.
//!
//! These clients know no masks, so a false value must never take the place of a true one:
//! - what is hidden or redacted, or masked so that it no longer fits its type, is left out of its object;
//! - a part of which nothing may be disclosed is left out altogether: an empty list would say that there is nothing;
//! - a person of whom nothing may be disclosed is left out of the list;
//! - a value that may be disclosed and is not there is left out too, as these clients expect.

use paasla_core::{Mask, Visibility};
use serde_json::{Map, Value as Json, json};

use super::words::{self, Part, Wire, Word};
use paasla_app::{
    Gatehouse,
    answer::{Answer, AnswerRow, Cell},
};

/// The whole answer.
pub(super) fn shape(gate: &dyn Gatehouse, answer: &Answer) -> Json {
    answer.rows.iter().filter_map(|row| person(gate, answer, row)).collect()
}

/// What became of one value.
enum Disclosure {
    /// It is disclosed.
    Value(Json),
    /// It may be disclosed, but there is none.
    Absent,
    /// It must not be disclosed.
    Withheld,
}

fn person(gate: &dyn Gatehouse, answer: &Answer, row: &AnswerRow) -> Option<Json> {
    let own = members(gate, answer, &row.cells);
    let mut is_disclosed = own.is_some();
    let mut object = own.unwrap_or_default();
    for (group, rows) in &row.groups {
        let Some(part) = words::PARTS.iter().find(|part| part.group == Some(group.as_str())) else {
            continue;
        };
        if let Some(list) = part_of(gate, answer, part, rows) {
            object.insert(part.wire.to_owned(), list);
            is_disclosed = true;
        }
    }
    is_disclosed.then_some(Json::Object(object))
}

/// The rows of one part; none when nothing may be disclosed of them.
fn part_of(gate: &dyn Gatehouse, answer: &Answer, part: &Part, rows: &[Vec<(usize, Cell)>]) -> Option<Json> {
    let tellable = answer.fields.iter().any(|field| {
        let word = words::of_field(&field.name);
        field.group.as_deref() == part.group
            && word.is_some_and(|(_, word)| fits(word.kind, field.decision.visibility))
    });
    let objects = rows.iter().filter_map(|cells| members(gate, answer, cells));
    let list: Vec<Json> = objects.map(Json::Object).collect();
    // Rows of which nothing may be disclosed must not look like no rows.
    (tellable && (rows.is_empty() || !list.is_empty())).then_some(Json::Array(list))
}

/// One object; none when nothing may be disclosed of it. It may be empty: what may be disclosed need not be there.
fn members(gate: &dyn Gatehouse, answer: &Answer, cells: &[(usize, Cell)]) -> Option<Map<String, Json>> {
    let mut object = Map::new();
    let mut is_disclosed = false;
    for (index, field) in answer.fields.iter().enumerate() {
        let Some((_, cell)) = cells.iter().find(|(of, _)| *of == index) else { continue };
        let Some((_, word)) = words::of_field(&field.name) else { continue };
        match value(gate, word, cell) {
            Disclosure::Value(value) => {
                object.insert(word.answered(), value);
                is_disclosed = true;
            }
            Disclosure::Absent => is_disclosed = true,
            Disclosure::Withheld => {}
        }
    }
    is_disclosed.then_some(object)
}

/// Whether a value seen so far still is what its name says. A part of an address is an address and an initial stands
/// for a name; a pseudonym is neither.
fn fits(kind: Wire, visibility: Visibility) -> bool {
    match visibility {
        Visibility::Show => true,
        Visibility::Masked(Mask::Initial | Mask::Municipality | Mask::County) => kind == Wire::Text,
        Visibility::Masked(_) | Visibility::Hide => false,
    }
}

fn value(gate: &dyn Gatehouse, word: &Word, cell: &Cell) -> Disclosure {
    use paasla_core::Value;

    if !fits(word.kind, cell.visibility) {
        return Disclosure::Withheld;
    }
    let value = match (word.kind, &cell.value) {
        (_, Value::Absent) => return Disclosure::Absent,
        (Wire::Code | Wire::Text, Value::Text(text)) => Json::from(text.as_str()),
        (Wire::Truth, Value::Truth(truth)) => Json::from(*truth),
        (Wire::Date, Value::Date(date)) => Json::from(date.to_string()),
        (Wire::DateTime, Value::Date(date)) => Json::from(format!("{date}T00:00:00")),
        (Wire::Coded, Value::Text(code)) => coded(gate, word, code),
        (Wire::Country, Value::Text(code)) => json!({ "riik": coded(gate, word, code) }),
        _ => return Disclosure::Withheld,
    };
    Disclosure::Value(value)
}

fn coded(gate: &dyn Gatehouse, word: &Word, code: &str) -> Json {
    match gate.code_label(word.field, code) {
        Some((list, label)) => json!({ "kood": list, "elemendiKood": code, "nimetus": label }),
        None => json!({ "elemendiKood": code }),
    }
}
