// SPDX-License-Identifier: Apache-2.0
//! Schemas of field values, as they are asked for and answered.

use std::{fmt::Write as _, sync::LazyLock};

use paasla_core::text;
use paasla_register::{Description, FieldDescription, FieldType, key::KEY_LENGTH_MAX};
use serde_json::{Value, json};

/// A personal code: its form. Date and check digit (EVS 585) no pattern can say.
const PERSONAL_CODE: &str = "^[1-8][0-9]{10}$";

/// A text in which everything can be seen, and something is, as a regular expression.
static VISIBLE: LazyLock<String> = LazyLock::new(|| {
    let (invisible, spaces) = (class(text::is_invisible), class(char::is_whitespace));
    format!("^[^{invisible}]*[^{invisible}{spaces}][^{invisible}]*$")
});

/// The inside of a class of a regular expression: the characters of the basic plane, since dialects differ in how they
/// write others.
fn class(is_in: impl Fn(char) -> bool) -> String {
    let mut class = String::new();
    let mut characters = ('\0'..='\u{FFFF}').filter(|c| is_in(*c)).peekable();
    while let Some(first) = characters.next() {
        let mut last = first;
        while let Some(next) = characters.next_if(|next| u32::from(*next) == u32::from(last) + 1) {
            last = next;
        }
        // Writing to a string cannot fail.
        let _ = write!(class, "\\u{:04X}-\\u{:04X}", u32::from(first), u32::from(last));
    }
    class
}

/// A text that can be seen.
pub(super) fn visible(most: usize, may_be_null: bool) -> Value {
    let kind = if may_be_null { json!(["string", "null"]) } else { json!("string") };
    json!({ "type": kind, "minLength": 1, "maxLength": most, "pattern": *VISIBLE })
}

/// A value of a key. All are sent as texts.
pub(super) fn key(field: &FieldType) -> Value {
    match field {
        FieldType::Text | FieldType::Code(_) => visible(KEY_LENGTH_MAX, false),
        FieldType::Date => json!({ "type": "string", "format": "date" }),
        FieldType::Boolean => json!({ "type": "string", "enum": ["true", "false"] }),
        FieldType::Integer => json!({ "type": "string", "pattern": "^-?[0-9]{1,18}$" }),
        FieldType::PersonalCode => {
            json!({ "type": "string", "format": "estonian-personal-code", "pattern": PERSONAL_CODE })
        }
    }
}

/// A value that a key may have. It is nobody's: the personal code is a published one for tests.
pub(super) fn example(field: &FieldDescription, description: &Description) -> Value {
    match field.field_type() {
        FieldType::PersonalCode => "60001017869".into(),
        FieldType::Date => "2000-01-01".into(),
        FieldType::Boolean => "true".into(),
        FieldType::Integer => "1".into(),
        FieldType::Text => "Näidis".into(),
        FieldType::Code(list) => {
            let first = description.code_lists().get(list).and_then(|labels| labels.keys().next());
            first.map_or("1", String::as_str).into()
        }
    }
}

/// The description of a field for people.
pub(crate) struct About<'a> {
    field: &'a FieldDescription,
    description: &'a Description,
}

impl<'a> About<'a> {
    pub(crate) fn of(field: &'a FieldDescription, description: &'a Description) -> Self {
        Self { field, description }
    }

    /// In English; its name if it has no title.
    pub(crate) fn title(&self, name: &str) -> String {
        self.field.title().unwrap_or(name).to_owned()
    }

    /// In Estonian, and what its codes mean.
    pub(crate) fn text(&self) -> String {
        let title = self.field.title_et().map(str::to_owned);
        let codes = self.field.code_list().and_then(|list| self.description.code_lists().get(list));
        let codes = codes.map(|labels| {
            labels.iter().map(|(code, label)| format!("- `{code}`: {label}")).collect::<Vec<_>>().join("\n")
        });
        title.into_iter().chain(codes).collect::<Vec<_>>().join("\n\n")
    }

    /// A value as an answer may hold it: in full, masked to a text, or null where the register has none.
    pub(super) fn shown(&self, name: &str) -> Value {
        let masked = |what: Value| {
            let text = json!({ "type": "string", "title": "masked", "description": "What a mask leaves" });
            json!({ "anyOf": [what, text, { "type": "null" }] })
        };
        let mut schema = match self.field.field_type() {
            FieldType::Boolean => masked(json!({ "type": "boolean" })),
            FieldType::Integer => masked(json!({ "type": "integer" })),
            FieldType::Date => masked(json!({ "type": "string", "format": "date" })),
            FieldType::Text | FieldType::Code(_) | FieldType::PersonalCode => {
                json!({ "type": ["string", "null"] })
            }
        };
        if let Some(members) = schema.as_object_mut() {
            members.insert("title".to_owned(), self.title(name).into());
            members.insert("description".to_owned(), self.text().into());
            members.insert("x-iri".to_owned(), self.field.iri().into());
            members.insert("x-category".to_owned(), self.field.category().into());
        }
        schema
    }
}
