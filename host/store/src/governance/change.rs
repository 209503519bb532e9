// SPDX-License-Identifier: Apache-2.0
//! Changes: acts on control data, done or refused, as they are recorded.

use serde::{Deserialize, Serialize};

/// One act on control data, done or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewChange {
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// Who: the name on the token.
    pub who: String,
    /// The token's id; none for acts of the host itself, or at its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The institution they act for; none for the ministry's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// What, e.g. `policy.approve`.
    pub action: String,
    /// On what: a policy's name, a rule's digest, a key's id.
    pub target: String,
    /// Which version of the policy, where it is done to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Why, in their words.
    pub reason: String,
    /// Whether it was done, refused or proposed.
    pub outcome: ChangeOutcome,
    /// SHA-256 of what was there before, lower-case hex; none when there was nothing. Of an act that changes the rulebook:
    /// of the rulebook whatever its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The same after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Codes of the problems for which it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Versions of policies (`spare 2`) that were to come into force at a set time, which this cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<String>,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// It was done.
    Done,
    /// It was refused, and nothing changed.
    Refused,
    /// It was proposed, and nothing changed: a second person is needed.
    Proposed,
    /// It is to be done at a set time, and nothing changed yet.
    Planned,
}

/// A change as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its number; rises with time.
    #[serde(default)]
    pub id: i64,
    /// What it was.
    #[serde(flatten)]
    pub what: NewChange,
    /// The generation that it made, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}
