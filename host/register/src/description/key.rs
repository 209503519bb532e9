// SPDX-License-Identifier: Apache-2.0
//! Keys: the values by which a query names the persons it asks about.

use jiff::civil::Date;
use paasla_core::{PersonalCode, Value, personal_code::PersonalCodeError, text};

use super::{Compare, Description, FieldType};

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
    /// A character that nobody sees.
    #[error("a text must not have control characters, or others that nobody sees")]
    Character,
    /// Not as a register would write it, where it is compared as it stands.
    #[error(
        "this field is compared as it stands: give the text without blanks at its ends, in Unicode's composed form (NFC)"
    )]
    Form,
}

impl Description {
    /// Reads one value of a key field from its text, by the field's type. A code is not looked up in its list: a
    /// list may lag behind the register. A name comes back folded, as it is compared.
    ///
    /// # Errors
    /// When the field is no key, or the text no value of its type.
    pub fn parse_key(&self, entity: &str, field: &str, sent: &str) -> Result<Value, KeyError> {
        let field = self.field(entity, field).filter(|field| field.is_key()).ok_or(KeyError::NotAKey)?;
        match field.field_type() {
            FieldType::PersonalCode => Ok(Value::Text(PersonalCode::parse(sent)?.as_str().to_owned())),
            FieldType::Date => date(sent).map(Value::Date).ok_or(KeyError::Date),
            FieldType::Boolean => sent.parse().map(Value::Truth).map_err(|_| KeyError::Boolean),
            FieldType::Integer => sent.parse().map(Value::Integer).map_err(|_| KeyError::Integer),
            FieldType::Text | FieldType::Code(_) => {
                if text::is_blank(sent) || sent.chars().count() > KEY_LENGTH_MAX {
                    return Err(KeyError::Length);
                }
                if sent.chars().any(text::is_invisible) {
                    return Err(KeyError::Character);
                }
                match field.compare() {
                    Compare::Name(_) => Ok(Value::Text(text::fold_name(sent))),
                    Compare::Exact if text::is_composed(sent) => Ok(Value::Text(sent.to_owned())),
                    Compare::Exact => Err(KeyError::Form),
                }
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
