// SPDX-License-Identifier: Apache-2.0
//! Values: what facts, conditions and the cells of rows hold.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One value. The set is closed: it is the same as `value` in the rule interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// There is no value: unknown, or not applicable.
    Absent,
    /// True or false.
    Truth(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A calendar date (Gregorian), without time or zone.
    Date(Date),
    /// Several texts, order kept.
    Texts(Vec<String>),
}

impl Value {
    /// Whether there is no value.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as an institution reads it in an answer: dates as `yyyy-mm-dd`, an absent value as null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Absent => serde_json::Value::Null,
            Self::Truth(truth) => (*truth).into(),
            Self::Integer(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Date(date) => date.to_string().into(),
            Self::Texts(texts) => texts.clone().into(),
        }
    }
}

/// A named value: a fact about the query, or an attribute of a grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribute {
    /// Dotted name, e.g. `usage.client.persons.last-month`.
    pub name: String,
    /// What it is.
    pub value: Value,
}
