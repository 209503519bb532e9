// SPDX-License-Identifier: Apache-2.0
//! Masks, applied by the host to cells after the last ruling.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use paasla_core::{Date, Mask, Value, Visibility};
use sha2::{Digest, Sha256};

use crate::{description::FieldDescription, rows::Cell};

/// For whom a pseudonym is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskContext<'a> {
    /// The client, as `instance/class/member[/subsystem]`.
    pub client: &'a str,
    /// The purpose's full IRI.
    pub purpose: &'a str,
}

/// Applies masks. Holds the secret that pseudonyms are made with.
#[derive(Clone)]
pub struct Masker {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker(…)")
    }
}

impl Masker {
    /// With the secret for pseudonyms. Another secret gives other pseudonyms; it should have 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        // HMAC hashes a key longer than its block of 64 bytes first (RFC 2104 §2) and fills a shorter one up with
        // zeros. Done here, because a key of exactly one block cannot be refused.
        let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
        if secret.len() > key.len() {
            key.iter_mut().zip(Sha256::digest(secret)).for_each(|(slot, byte)| *slot = byte);
        } else {
            key.iter_mut().zip(secret).for_each(|(slot, &byte)| *slot = byte);
        }
        Self { keyed: Hmac::new(&key) }
    }

    /// What is shown of a cell when at most `last` may be seen, and the visibility that was applied. That is
    /// `last`, or less: never more than was planned, and `redact` where the mask does not fit the field.
    ///
    /// A code is given as it is; its label is for the answer to add. An absent value stays absent under every
    /// mask, and a redacted one is absent too: [`Cell::is_present`] tells them apart.
    #[must_use]
    pub fn mask(
        &self,
        cell: &Cell,
        field: &FieldDescription,
        last: Visibility,
        context: &MaskContext<'_>,
    ) -> (Value, Visibility) {
        let visibility = field.effective(last.meet(cell.planned()));
        let redacted = (Value::Absent, Visibility::Masked(Mask::Redact));
        let held = match visibility {
            Visibility::Hide => return (Value::Absent, Visibility::Hide),
            Visibility::Masked(Mask::Redact) => return redacted,
            Visibility::Masked(Mask::Municipality) => cell.municipality.as_ref(),
            Visibility::Masked(Mask::County) => cell.county.as_ref(),
            Visibility::Show
            | Visibility::Masked(Mask::Month | Mask::Year | Mask::Decade | Mask::Initial | Mask::Pseudonym) => {
                cell.raw.as_ref()
            }
        };
        let Some(value) = held else { return redacted };
        if value.is_absent() {
            return (Value::Absent, visibility);
        }
        let date = || match value {
            Value::Date(date) => Some(*date),
            Value::Absent | Value::Truth(_) | Value::Integer(_) | Value::Text(_) | Value::Texts(_) => None,
        };
        let masked = match visibility {
            Visibility::Show | Visibility::Masked(Mask::Municipality | Mask::County) => {
                return (value.clone(), visibility);
            }
            Visibility::Masked(Mask::Month) => date().map(month),
            Visibility::Masked(Mask::Year) => date().map(year),
            Visibility::Masked(Mask::Decade) => date().map(decade),
            Visibility::Masked(Mask::Initial) => value.as_text().and_then(initial),
            Visibility::Masked(Mask::Pseudonym) => {
                Some(self.pseudonym(field.pseudonym_domain(), value, context))
            }
            // Nothing was held for these.
            Visibility::Hide | Visibility::Masked(Mask::Redact) => None,
        };
        // Of a value that the mask does not fit nothing is shown.
        masked.map_or(redacted, |text| (Value::Text(text), visibility))
    }

    /// `p-` and 128 bits in hex. Every part is bound with its length before it, so no two different inputs run
    /// together into the same bytes.
    fn pseudonym(&self, domain: &str, value: &Value, context: &MaskContext<'_>) -> String {
        let mut mac = self.keyed.clone();
        for part in [context.client, context.purpose, domain, canonical(value).as_str()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let whole = hex::encode(mac.finalize().into_bytes());
        whole.chars().take(32).fold("p-".to_owned(), |mut text, digit| {
            text.push(digit);
            text
        })
    }
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Absent => String::new(),
        Value::Truth(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::Texts(texts) => texts.join("\u{1F}"),
    }
}

fn month(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}

fn year(date: Date) -> String {
    format!("{:04}", date.year())
}

fn decade(date: Date) -> String {
    format!("{:04}s", date.year() - date.year().rem_euclid(10))
}

/// The first character with its accents, in upper case, and a full stop.
fn initial(name: &str) -> Option<String> {
    let mut characters = name.trim_start().chars();
    let mut initial: String = characters.next()?.to_uppercase().collect();
    initial.extend(characters.take_while(|c| ('\u{300}'..='\u{36F}').contains(c)));
    initial.push('.');
    Some(initial)
}

#[cfg(test)]
mod tests;
