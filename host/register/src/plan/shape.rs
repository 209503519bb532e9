// SPDX-License-Identifier: Apache-2.0
//! What reads with the same SQL have in common.

use paasla_core::{Value, Visibility};

use crate::{read::Read, sql::padded_len};

/// Everything in a read that its SQL, and whether it can be planned, depend on: names, visibilities, tests, and of
/// values their types and (for keys) how many there are. No value is in it. What only [`Read::asks_too_much`] looks at
/// is not in it either.
///
/// It is written as bytes that could be read back in one way only: every text and every list has its length before it.
/// So reads that differ in any of this have different bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shape(Vec<u8>);

impl Shape {
    pub(crate) fn of<N: AsRef<str>>(read: &Read<N>) -> Self {
        // Enough for most, so that it grows at most once.
        let mut shape = Self(Vec::with_capacity(64 + 32 * read.fields.len()));
        shape.text(read.entity.as_ref());
        shape.byte(u8::from(read.review));
        shape.length(read.fields.len());
        for (name, visibility) in &read.fields {
            shape.text(name.as_ref());
            shape.visibility(*visibility);
        }
        shape.length(read.keys.len());
        for (name, values) in &read.keys {
            shape.text(name.as_ref());
            shape.length(padded_len(values.len()));
            shape.byte(type_of(values));
        }
        shape.length(read.row_facts.len());
        for name in &read.row_facts {
            shape.text(name.as_ref());
        }
        shape.length(read.conditions.len());
        for condition in &read.conditions {
            shape.text(&condition.fact);
            shape.byte(condition.test as u8);
            shape.byte(type_of(std::slice::from_ref(&condition.value)));
        }
        shape
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&length.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn visibility(&mut self, visibility: Visibility) {
        match visibility {
            Visibility::Show => self.byte(0),
            Visibility::Hide => self.byte(1),
            Visibility::Masked(mask) => {
                self.byte(2);
                self.byte(mask as u8);
            }
        }
    }
}

/// The one type of all values. A key that has none, or values of several types, cannot be planned, whichever they are.
fn type_of(values: &[Value]) -> u8 {
    const NONE: u8 = 6;
    const SEVERAL: u8 = 7;
    let mut all = values.iter().map(|value| match value {
        Value::Absent => 0,
        Value::Truth(_) => 1,
        Value::Integer(_) => 2,
        Value::Text(_) => 3,
        Value::Date(_) => 4,
        Value::Texts(_) => 5,
    });
    let Some(first) = all.next() else { return NONE };
    if all.all(|other| other == first) { first } else { SEVERAL }
}

#[cfg(test)]
mod tests;
