// SPDX-License-Identifier: Apache-2.0
//! A record as it is written.

use crate::record::Record;

/// The bytes of a [`Record`], ready to be written: whoever asks makes them, so that the one who writes for all has
/// little to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: String,
    bytes: Vec<u8>,
    usage: Option<Counted>,
}

/// What one record adds to the usage of an access right's holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Whose usage it is.
    pub holder: String,
    /// The broadest legal basis that it counts under.
    pub basis: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// How many persons; at least 1.
    pub persons: u64,
}

impl Entry {
    /// Of a record, as JSON (RFC 8259).
    ///
    /// # Errors
    /// None for a record that this program made: JSON has a form for all that can be in it.
    pub fn of(record: &Record) -> Result<Self, serde_json::Error> {
        /// Most records fit.
        const USUAL: usize = 6 << 10;
        let mut bytes = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut bytes, record)?;
        let persons = record.persons();
        let basis = record.usage_basis.clone().filter(|_| persons > 0);
        let counted =
            |basis| Counted { holder: record.holder().to_string(), basis, instant: record.instant, persons };
        Ok(Self { id: record.id.clone(), bytes, usage: basis.map(counted) })
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it adds to usage.
    #[must_use]
    pub fn usage(&self) -> Option<&Counted> {
        self.usage.as_ref()
    }
}
