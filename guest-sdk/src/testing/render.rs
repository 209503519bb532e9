// SPDX-License-Identifier: Apache-2.0
//! What a rule said, in the words of `expect`.

use serde_json::{Map, Value as Json, json};

use crate::{Date, Decided, Description, Exception, Narrowed, Narrowing, Reason, Reviewed, Test, Value};

pub(super) fn decided(names: &[String], description: &Description, said: &Decided) -> Result<Json, String> {
    Ok(match said {
        Decided::Abstain => json!("abstain"),
        Decided::Refuse(reason) => json!({ "refuse": reason.code }),
        Decided::Narrow(narrowing) => json!({ "narrow": narrow(names, description, narrowing)? }),
    })
}

fn narrow(names: &[String], description: &Description, said: &Narrowing) -> Result<Json, String> {
    let mut narrow = Map::new();
    if !said.exceptions.is_empty() {
        narrow.insert("fields".to_owned(), fields(names, &said.reasons, &said.exceptions)?);
    }
    if !said.conditions.is_empty() {
        let conditions = said.conditions.iter().map(|condition| {
            let fact = get(&description.row_facts, condition.fact, "row fact")?;
            let code = &get(&said.reasons, condition.reason, "reason")?.code;
            Ok(format!("{} {} because {code}", fact.name, comparison(condition.test, &condition.value)))
        });
        narrow.insert("conditions".to_owned(), conditions.collect::<Result<Vec<_>, String>>()?.into());
    }
    if !said.obligations.is_empty() {
        let obligations = said.obligations.iter().map(|obligation| {
            let parameters = obligation.attributes.iter().map(|a| match (a.name.as_str(), &a.value) {
                ("reason", Value::Integer(place)) => {
                    let place = u32::try_from(*place).map_err(|_| format!("no reason {place}"))?;
                    Ok(format!(" because {}", get(&said.reasons, place, "reason")?.code))
                }
                (name, value) => Ok(format!(" {name} {}", text(value))),
            });
            Ok(format!("{}{}", obligation.code, parameters.collect::<Result<String, String>>()?))
        });
        narrow.insert("obligations".to_owned(), obligations.collect::<Result<Vec<_>, String>>()?.into());
    }
    Ok(Json::Object(narrow))
}

/// By row index: `"leave out because <code>"`, or an object of fields. Rows of which nothing is said are not in it.
pub(super) fn reviewed(names: &[String], said: &Reviewed) -> Result<Json, String> {
    let mut rows = Map::new();
    for ruling in &said.rows {
        let what = match ruling.leave_out {
            Some(reason) => {
                let code = &get(&said.reasons, reason, "reason")?.code;
                format!("leave out because {code}").into()
            }
            None => {
                let mut told = fields(names, &said.reasons, &ruling.exceptions)?;
                for replacement in &ruling.replacements {
                    let name = get(names, replacement.field, "field")?;
                    let code = &get(&said.reasons, replacement.reason, "reason")?.code;
                    let what = format!("replaced by {} because {code}", text(&replacement.value));
                    if let Some(told) = told.as_object_mut() {
                        told.insert(name.clone(), what.into());
                    }
                }
                told
            }
        };
        if rows.insert(ruling.row.to_string(), what).is_some() {
            return Err(format!("two rulings for row {}", ruling.row));
        }
    }
    Ok(Json::Object(rows))
}

fn fields(names: &[String], reasons: &[Reason], exceptions: &[Exception]) -> Result<Json, String> {
    let mut fields = Map::new();
    for exception in exceptions {
        let name = get(names, exception.field, "field")?;
        let to = match &exception.to {
            Narrowed::Hide => "hide",
            Narrowed::Mask(mask) => mask,
        };
        let code = &get(reasons, exception.reason, "reason")?.code;
        let told = format!("{to} because {code}");
        if fields.insert(name.clone(), told.into()).is_some() {
            return Err(format!("two exceptions for `{name}`"));
        }
    }
    Ok(Json::Object(fields))
}

fn get<'a, T>(list: &'a [T], index: u32, what: &str) -> Result<&'a T, String> {
    let place = usize::try_from(index).map_err(|_| format!("no {what} {index}"))?;
    list.get(place).ok_or_else(|| format!("no {what} {index}"))
}

fn comparison(test: Test, value: &Value) -> String {
    match test {
        Test::Equal => format!("equal {}", text(value)),
        Test::NotEqual => format!("not-equal {}", text(value)),
        Test::Less => format!("less {}", text(value)),
        Test::AtMost => format!("at-most {}", text(value)),
        Test::Greater => format!("greater {}", text(value)),
        Test::AtLeast => format!("at-least {}", text(value)),
        Test::Absent => "absent".to_owned(),
        Test::Present => "present".to_owned(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Absent => "absent".to_owned(),
        Value::Truth(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Date(days) => Date(*days).to_string(),
        Value::Texts(texts) => texts.join(", "),
    }
}
