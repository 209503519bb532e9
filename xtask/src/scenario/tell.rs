// SPDX-License-Identifier: Apache-2.0
//! An answer in a few words.

use std::collections::{BTreeMap, BTreeSet};

use paasla_tests::{Ask, Got};
use serde_json::Value;

/// How much of a record is shown in the table, in characters.
const SHOWN: usize = 150;

/// What came back, and what was hidden and why.
pub(super) fn tell(ask: &Ask, got: &Got) -> (String, String) {
    if got.status != 200 {
        let code = got.json.get("code").and_then(Value::as_str).unwrap_or_default();
        return (format!("{} {code}", got.status), refusal(got));
    }
    let count = got.records().len();
    let records = match count {
        0 => "nobody".to_owned(),
        1 => brief(got.first()),
        _ => format!("{count} persons, the first: {}", brief(got.first())),
    };
    let hidden = if got.json.is_array() { left_out(ask, got) } else { narrowed(got) };
    (records, hidden)
}

/// A record without JSON's punctuation, cut short.
fn brief(record: &Value) -> String {
    let text: String = record.to_string().chars().filter(|c| *c != '"').collect();
    let text = text.replace(',', ", ").replace(':', ": ");
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// The reasons of a refusal, or the problems of a request.
fn refusal(got: &Got) -> String {
    let list = |name| got.json.get(name).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let reasons =
        list("reasons").map(|reason| format!("{}: {}", text(reason, "code"), text(reason, "message")));
    let problems =
        list("problems").map(|problem| format!("{} at {}", text(problem, "code"), text(problem, "place")));
    let all: BTreeSet<String> = reasons.chain(problems).collect();
    all.into_iter().collect::<Vec<_>>().join("; ")
}

/// Fields by how and why they are narrowed: of the whole query first, then of single rows.
fn narrowed(got: &Got) -> String {
    let whole = got.json.pointer("/decision/fields");
    let rows = got.json.pointer("/decision/rows").and_then(Value::as_array).into_iter().flatten();
    let mut told = BTreeSet::new();
    for (prefix, fields) in whole
        .map(|fields| ("", fields))
        .into_iter()
        .chain(rows.filter_map(|row| Some(("in a row: ", row.get("fields")?))))
    {
        let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, decision) in fields.as_object().into_iter().flatten() {
            if let Some(why) = why(decision) {
                by_reason.entry(why).or_default().push(name);
            }
        }
        told.extend(
            by_reason.into_iter().map(|(why, fields)| format!("{prefix}{} {why}", fields.join(", "))),
        );
    }
    told.into_iter().collect::<Vec<_>>().join("; ")
}

fn why(decision: &Value) -> Option<String> {
    let visibility = decision.get("visibility")?.as_str().filter(|visibility| *visibility != "show")?;
    let reasons = decision.get("reasons").and_then(Value::as_array).into_iter().flatten();
    let codes: Vec<&str> = reasons.filter_map(|reason| reason.get("code")?.as_str()).collect();
    let how = match visibility {
        "hide" => "hidden".to_owned(),
        mask => format!("as {mask}"),
    };
    Some(format!("{how} ({})", codes.join(", ")))
}

/// The door of today's clients gives no reasons: what was asked and is not there.
fn left_out(ask: &Ask, got: &Got) -> String {
    let parts = ask.body.get("andmevaljad").and_then(Value::as_object).into_iter().flatten();
    let mut missing = Vec::new();
    for (part, fields) in parts {
        let fields = fields.as_array().into_iter().flatten().filter_map(Value::as_str);
        if part == "isikuandmed" {
            missing.extend(fields.map(small).filter(|name| got.first().get(name).is_none()));
        } else if fields.count() > 0 && got.first().get(part).is_none() {
            missing.push(part.clone());
        }
    }
    if missing.is_empty() || got.records().is_empty() {
        return String::new();
    }
    format!("left out: {}", missing.join(", "))
}

/// A name as it stands in answers: `SynniKuupaev` is `synniKuupaev` there.
fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
