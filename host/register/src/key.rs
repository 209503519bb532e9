// SPDX-License-Identifier: Apache-2.0
//! Keys: the values by which a query names whom it asks about.

use jiff::civil::Date;
use paasla_core::{PersonalCode, Value, personal_code::PersonalCodeError};

use crate::description::{Description, FieldType};

/// The most characters that a key may have.
pub const KEY_LENGTH_MAX: usize = 200;

/// Why a text is no value of a key. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The entity has no such field, or it may not be named in `where`.
    #[error("this field may not be used as a key")]
    NotAKey,
    /// A personal code with a wrong form, date or check digit.
    #[error(transparent)]
    PersonalCode(#[from] PersonalCodeError),
    /// No calendar date.
    #[error("a date is written yyyy-mm-dd and must exist")]
    Date,
    /// Neither true nor false.
    #[error("a truth value is `true` or `false`")]
    Boolean,
    /// No whole number of 64 bits.
    #[error("a whole number has digits only, with `-` before them if it is negative")]
    Integer,
    /// Too short or too long.
    #[error("a text has 1 to 200 characters")]
    Length,
    /// A control character.
    #[error("a text must not have control characters")]
    Character,
}

impl Description {
    /// Reads one value of a key field from its text, by the field's type. A code is not looked up in its list: a
    /// list may lag behind the register.
    ///
    /// # Errors
    /// When the field is no key, or the text no value of its type.
    pub fn parse_key(&self, entity: &str, field: &str, text: &str) -> Result<Value, KeyError> {
        let field = self.field(entity, field).filter(|field| field.is_key()).ok_or(KeyError::NotAKey)?;
        match field.field_type() {
            FieldType::PersonalCode => Ok(Value::Text(PersonalCode::parse(text)?.as_str().to_owned())),
            FieldType::Date => date(text).map(Value::Date).ok_or(KeyError::Date),
            FieldType::Boolean => text.parse().map(Value::Truth).map_err(|_| KeyError::Boolean),
            FieldType::Integer => text.parse().map(Value::Integer).map_err(|_| KeyError::Integer),
            FieldType::Text | FieldType::Code(_) => {
                if text.is_empty() || text.chars().count() > KEY_LENGTH_MAX {
                    return Err(KeyError::Length);
                }
                if text.chars().any(char::is_control) {
                    return Err(KeyError::Character);
                }
                Ok(Value::Text(text.to_owned()))
            }
        }
    }
}

/// Reads `yyyy-mm-dd` and nothing else.
pub(crate) fn date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if shape { text.parse().ok() } else { None }
}
