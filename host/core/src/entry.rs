// SPDX-License-Identifier: Apache-2.0
//! An entry of the ledger: the bytes of an audit record, its row in the index, and what it adds to usage.

use serde::Deserialize;

use crate::{
    audit_record::{AuditRecord, Outcome, persons},
    client::ClientId,
};

/// The bytes of an [`AuditRecord`], ready to be written, and what of it others look for. The query's own thread makes them,
/// so that the one thread that writes for all has little to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    bytes: Vec<u8>,
    finds: IndexRow,
    usage: Option<UsageDelta>,
}

/// What finds a record: its row in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRow {
    /// The record's id.
    pub id: String,
    /// When the query arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Who asked, as text.
    pub client: String,
    /// The service asked for, if its name was understood.
    pub service: Option<String>,
    /// Whom the query named, as the record holds them: keyed hashes.
    pub subjects: Vec<String>,
}

/// What one audit record adds to the usage of an access right's holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDelta {
    /// The record's id.
    pub id: String,
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
    pub fn of(record: &AuditRecord) -> Result<Self, serde_json::Error> {
        /// Most records fit.
        const USUAL_RECORD_BYTES: usize = 6 << 10;
        let mut bytes = Vec::with_capacity(USUAL_RECORD_BYTES);
        serde_json::to_writer(&mut bytes, record)?;
        let persons = record.persons();
        let basis = record.usage_basis.clone().filter(|_| persons > 0);
        let counted = |basis| UsageDelta {
            id: record.id.clone(),
            holder: record.holder().to_string(),
            basis,
            instant: record.instant,
            persons,
        };
        let finds = IndexRow {
            id: record.id.clone(),
            instant: record.instant,
            outcome: record.outcome,
            client: record.client.to_string(),
            service: record.service.clone(),
            subjects: record.subjects.clone(),
        };
        Ok(Self { bytes, finds, usage: basis.map(counted) })
    }

    /// What finds a record of which these bytes were written, and what it adds to usage. Nothing else is read of them.
    ///
    /// # Errors
    /// When they are no record's. The error may quote what it could not read: it must not be logged or answered.
    pub fn skim(bytes: &[u8]) -> Result<(IndexRow, Option<UsageDelta>), serde_json::Error> {
        let Header { id, instant, outcome, client, service, subjects, usage_basis, usage_holder, returned } =
            serde_json::from_slice(bytes)?;
        let client = client.to_string();
        let persons = persons(outcome, subjects.len(), returned);
        let usage = usage_basis.filter(|_| persons > 0).map(|basis| UsageDelta {
            id: id.clone(),
            holder: usage_holder.map_or_else(|| client.clone(), |holder| holder.to_string()),
            basis,
            instant,
            persons,
        });
        let finds = IndexRow { id, instant, outcome, client, service, subjects };
        Ok((finds, usage))
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.finds.id
    }

    /// What is written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What finds it.
    #[must_use]
    pub fn finds(&self) -> &IndexRow {
        &self.finds
    }

    /// What it adds to usage.
    #[must_use]
    pub fn usage(&self) -> Option<&UsageDelta> {
        self.usage.as_ref()
    }
}

/// What is read of a record's bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    id: String,
    instant: i64,
    outcome: Outcome,
    client: ClientId,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    usage_basis: Option<String>,
    #[serde(default)]
    usage_holder: Option<ClientId>,
    returned: u32,
}
