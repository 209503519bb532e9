// SPDX-License-Identifier: Apache-2.0
//! What a rule said, in the words of `expect`.

use serde_json::{Map, Value as Json, json};

use crate::{
    __ruling::{Reason, Register},
    Date, Decided, Description, Exception, Narrowed, Narrowing, Obligation, Reviewed, Test, Value,
};

/// What what is said refers to.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) register: &'a Register,
    pub(super) description: &'a Description,
    /// What the rule declared.
    pub(super) reasons: &'a [Reason],
}

impl Context<'_> {
    fn code(&self, reason: u32) -> Result<&str, String> {
        Ok(get(self.reasons, reason, "reason")?.code.as_str())
    }
}

pub(super) fn decided(context: Context<'_>, said: &Decided) -> Result<Json, String> {
    Ok(match said {
        Decided::Abstain => json!("abstain"),
        Decided::Refuse(reason) => json!({ "refuse": context.code(*reason)? }),
        Decided::Narrow(narrowing) => json!({ "narrow": narrow(context, narrowing)? }),
    })
}

fn narrow(context: Context<'_>, said: &Narrowing) -> Result<Json, String> {
    let mut narrow = Map::new();
    if !said.exceptions.is_empty() {
        narrow.insert("fields".to_owned(), fields(context, &said.exceptions)?);
    }
    if !said.conditions.is_empty() {
        let conditions = said.conditions.iter().map(|condition| {
            let fact = get(&context.description.row_facts, condition.fact, "row fact")?;
            let code = context.code(condition.reason)?;
            Ok(format!("{} {} because {code}", fact.name, comparison(condition.test, &condition.value)))
        });
        narrow.insert("conditions".to_owned(), conditions.collect::<Result<Vec<_>, String>>()?.into());
    }
    if !said.obligations.is_empty() {
        let obligations = said.obligations.iter().map(|one| obligation(context, one));
        narrow.insert("obligations".to_owned(), obligations.collect::<Result<Vec<_>, _>>()?.into());
    }
    Ok(Json::Object(narrow))
}

/// A reason that is to be told reads as reasons do elsewhere: `inform-client because <code>`.
fn obligation(context: Context<'_>, said: &Obligation) -> Result<String, String> {
    let parameter = |parameter: &crate::Attribute| match (parameter.name.as_str(), &parameter.value) {
        ("reason", Value::Integer(reason)) => {
            Ok(format!(" because {}", context.code(u32::try_from(*reason).unwrap_or(u32::MAX))?))
        }
        (name, value) => Ok(format!(" {name} {}", text(value))),
    };
    let parameters = said.attributes.iter().map(parameter).collect::<Result<String, String>>()?;
    Ok(format!("{}{parameters}", said.code))
}

/// By row index: `"leave out because <code>"`, or an object of fields. Rows of which nothing is said are not in it.
pub(super) fn reviewed(context: Context<'_>, said: &Reviewed) -> Result<Json, String> {
    let mut rows = Map::new();
    for ruling in &said.rows {
        let what = match ruling.leave_out {
            Some(reason) => format!("leave out because {}", context.code(reason)?).into(),
            None => fields(context, &ruling.exceptions)?,
        };
        if rows.insert(ruling.row.to_string(), what).is_some() {
            return Err(format!("two rulings for row {}", ruling.row));
        }
    }
    Ok(Json::Object(rows))
}

fn fields(context: Context<'_>, exceptions: &[Exception]) -> Result<Json, String> {
    let mut fields = Map::new();
    for exception in exceptions {
        let name = &get(&context.register.fields, exception.field, "field")?.name;
        let to = match &exception.to {
            Narrowed::Hide => "hide",
            Narrowed::Mask(mask) => mask,
        };
        let code = context.code(exception.reason)?;
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
