// SPDX-License-Identifier: Apache-2.0
//! Services: configured queries. Data, not code.

use serde::{Deserialize, Serialize};

/// A configured query, versioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// Its code in URLs: letters, digits and `-`; never `listMethods`, `allowedMethods`, `getOpenAPI`, `getWsdl`.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// The entity of the register it reads.
    pub entity: String,
    /// The fields that may be given in `where`; at least one must be.
    pub keys: Vec<String>,
    /// The fields that may be selected.
    pub fields: Vec<String>,
    /// How many persons one query may name.
    pub max_subjects: u32,
    /// How many rows one query may return.
    #[serde(rename = "max-records")]
    pub max_rows: u32,
    /// The purposes it may be used for; narrower ones are covered. Full IRIs.
    pub purposes: Vec<String>,
}
