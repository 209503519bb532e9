// SPDX-License-Identifier: Apache-2.0
//! The audit record of one query: its entry in the ledger. It says who asked, why, on what ground, for which fields, about
//! whom (as keyed hashes) and what was decided; never what the data said.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    call::Calls,
    client::ClientId,
    decision::Decision,
    query::{Approach, Query},
};

/// How a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Answered, maybe with no row found.
    Answered,
    /// Refused by the grant or by a rule.
    Refused,
    /// The request was wrong.
    Invalid,
    /// A rule or the host failed; nothing was answered.
    Failed,
}

impl Outcome {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }
}

/// What one policy did in a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulingSummary {
    /// The policy.
    pub policy: String,
    /// The rule's digest.
    pub rule: String,
    /// How each call of it ended.
    #[serde(rename = "said")]
    pub calls: Calls,
    /// Fuel that all its calls used.
    pub fuel: u64,
    /// What it was given of rows: the names of facts, and of fields whose raw values it had in at least one row.
    #[serde(default, rename = "told", skip_serializing_if = "Vec::is_empty")]
    pub row_inputs: Vec<String>,
}

/// In how many rows something became of a field, or of the whole row, for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowCount {
    /// The policy whose reason it is, or `host`.
    pub by: Arc<str>,
    /// The reason's code.
    pub code: String,
    /// The field; none where the row was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The most that was seen of it for this reason among others; `out` where the row was left out.
    pub to: String,
    /// How many rows.
    pub rows: u32,
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// The query's own id (UUID version 7), also the decision's.
    pub id: String,
    /// When the query arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Stable codes of the reasons or problems; `ok` alone when answered.
    pub codes: Vec<String>,
    /// The rulebook it was decided by; 0 when it did not come that far.
    pub generation: u64,
    /// The door: `xroad` or `rr`.
    pub channel: String,
    /// Who asked.
    pub client: ClientId,
    /// The service asked for, if its name was understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// `X-Road-Id` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `X-Road-Request-Id` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `X-Road-UserId` as given: the official.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official: Option<String>,
    /// `X-Road-Issue` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// The `X-Road-PDU-*` statements as given, without the prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<(String, String)>,
    /// What the rules were given, so that the decision can be run again. None when it did not come that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Arc<Query>>,
    /// What was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Arc<Decision>>,
    /// What each policy did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<RulingSummary>,
    /// What was decided of rows besides: in how many, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_decisions: Vec<RowCount>,
    /// SHA-256 of the register as rules are given it; none when it did not come that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// Whom the query named: keyed hashes (HMAC-SHA-256, hex), never the codes themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The broadest legal basis the query stood on, under which it counts towards usage. None: it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_basis: Option<String>,
    /// Whose usage it counts towards: the holder of the access right, which may be a member with all its subsystems.
    /// None: the client's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_holder: Option<ClientId>,
    /// How many refusals it stands for, when it stands for more than itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<u64>,
    /// How many rows were returned.
    pub returned: u32,
    /// Fuel used by all rulings together.
    pub cost: u64,
    /// From arrival to the moment before the record was written, in microseconds.
    pub duration_us: u64,
}

impl AuditRecord {
    /// How many persons it counts for: none unless it stands on a legal basis; see [`persons`].
    #[must_use]
    pub fn persons(&self) -> u64 {
        let basis = self.usage_basis.as_ref();
        basis.map_or(0, |_| persons(self.outcome, self.subjects.len(), self.returned))
    }

    /// Whether persons were looked up or searched for. None when it did not come that far.
    #[must_use]
    pub fn approach(&self) -> Option<Approach> {
        self.query.as_ref().map(|query| query.subjects.approach())
    }

    /// Whose usage it counts towards.
    #[must_use]
    pub fn holder(&self) -> &ClientId {
        self.usage_holder.as_ref().unwrap_or(&self.client)
    }
}

/// How many persons a query counts for that ended so: none unless it was answered, each person once: those named, or
/// those returned if they are more, and at least one: that nobody is found is an answer, too.
#[must_use]
pub fn persons(outcome: Outcome, named: usize, returned: u32) -> u64 {
    match outcome {
        Outcome::Answered => u64::try_from(named).unwrap_or(u64::MAX).max(returned.into()).max(1),
        Outcome::Refused | Outcome::Invalid | Outcome::Failed => 0,
    }
}
