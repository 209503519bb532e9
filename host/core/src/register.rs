// SPDX-License-Identifier: Apache-2.0
//! The register as rules are given it in `configure`, before there is any query: its fields and facts.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::query::Field;

/// What a register holds. Queries and rulings name fields by their index in it ([`Field::index`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    fields: Vec<RegisterField>,
    row_facts: Vec<RowFact>,
    digest: String,
}

/// A field, and the entity that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisterField {
    /// The entity, e.g. `person`.
    pub entity: String,
    /// The field.
    pub field: Arc<Field>,
}

/// A fact that a register has for each row of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowFact {
    /// The entity, e.g. `person`.
    pub entity: String,
    /// Its name, e.g. `subject.birth-date`.
    pub name: String,
    /// The kind of its value, as the rule interface names it: `truth`, `integer`, `text` or `date`.
    pub kind: &'static str,
    /// The category of personal data that it discloses: a full IRI. None: only the ministry's rules are given it.
    pub category: Option<String>,
}

impl Register {
    /// A register with these fields, of which each has the index of its place, and these facts.
    #[must_use]
    pub fn new(fields: Vec<RegisterField>, row_facts: Vec<RowFact>) -> Self {
        let content = serde_json::to_vec(&(&fields, &row_facts)).unwrap_or_default();
        Self { digest: hex::encode(Sha256::digest(content)), fields, row_facts }
    }

    /// Its fields, by their index.
    #[must_use]
    pub fn fields(&self) -> &[RegisterField] {
        &self.fields
    }

    /// Its facts.
    #[must_use]
    pub fn row_facts(&self) -> &[RowFact] {
        &self.row_facts
    }

    /// SHA-256 of all that rules are given of it, lower-case hex. It is part of what a policy starts from, so a decision
    /// can be run again only with a register of the same digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
