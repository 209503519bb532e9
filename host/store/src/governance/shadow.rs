// SPDX-License-Identifier: Apache-2.0
//! Results of shadow runs: what policies in shadow would have done.

use paasla_core::ClientId;
use serde::{Deserialize, Serialize};

/// How many of the queries that would have been decided otherwise are kept for one version, the newest.
pub const SHADOW_CHANGES_KEPT: u32 = 10_000;

/// What one policy in shadow would have done with one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowSeen {
    /// The version: digest of the policy.
    pub version: String,
    /// The query's record.
    pub record: String,
    /// When the query arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// Who asked.
    pub client: ClientId,
    /// The service.
    pub service: String,
    /// What was seen.
    pub what: ShadowOutcome,
}

/// What was seen of one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShadowOutcome {
    /// It would have been decided the same.
    Same,
    /// It would have been decided otherwise; at least one difference.
    Changed(Vec<Difference>),
    /// The rule broke.
    Fault {
        /// The kind of fault.
        kind: String,
        /// Whether the query was allowed: in force, the rule would have refused it by breaking. A query that had no
        /// answer anyhow stays without.
        changed: bool,
    },
}

/// Queries of one client that were not compared: too many waited, or what was seen of them could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowMissed {
    /// The version: digest of the policy.
    pub version: String,
    /// Who asked.
    pub client: ClientId,
    /// How many.
    pub queries: u64,
}

/// One difference between what was decided and what would have been.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// `refused`, `allowed`, `hidden`, `narrowed`, `widened`, `masked-otherwise`, `replaced`, `rows`, `obligations`, `fault`.
    pub kind: String,
    /// The field, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was decided, e.g. `show`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What would have been, e.g. `hide`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be: Option<String>,
    /// Codes of the reasons that make the difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Queries seen for one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowCount {
    /// Who asked.
    pub client: String,
    /// Compared.
    pub queries: u64,
    /// Of these, would have been decided otherwise.
    pub changed: u64,
    /// Of these, the rule broke.
    pub faults: u64,
    /// Not compared, because too many waited.
    pub missed: u64,
}

/// How often one difference came for one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowTally {
    /// Who asked.
    pub client: String,
    /// See [`Difference::kind`].
    pub kind: String,
    /// The field; empty when it is not of one.
    pub field: String,
    /// The code of a reason; empty when there is none.
    pub reason: String,
    /// In how many queries.
    pub queries: u64,
}

/// A query that would have been decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowChange {
    /// The query's record.
    pub record: String,
    /// When it arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// Who asked.
    pub client: String,
    /// The service.
    pub service: String,
    /// What would have been otherwise.
    pub differences: Vec<Difference>,
}
