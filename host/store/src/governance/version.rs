// SPDX-License-Identifier: Apache-2.0
//! Versions of policies and their states.

use paasla_core::{Mode, Policy};
use serde::{Deserialize, Serialize};

use crate::rule::digest;

/// One version of a policy, on its way into force or out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// Its number, from 1 for each name.
    pub version: u32,
    /// What it is. Its mode says nothing here: the rulebook alone says what is in force.
    pub policy: Policy,
    /// Where it stands, as far as the rulebook does not say.
    pub state: VersionState,
    /// Who made it.
    pub by: String,
    /// The id of the token with which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The institution for which it was made; none for the ministry's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it is to come into force; none when no time is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_at: Option<i64>,
    /// When it goes out of force by itself. Kept when it is out of force, so that nothing brings it back after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// What was in force when it last came into force, and gets its place back when it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Box<Policy>>,
}

/// Where a version stands, as far as the rulebook does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Its rule is checked, its cases have passed, and it takes its settings.
    Checked,
    /// Somebody else has approved it.
    Approved,
    /// Somebody has rejected it.
    Rejected,
    /// It is or was in force; when it is not now, it is retired.
    Served,
}

impl PolicyVersion {
    /// SHA-256 of the policy whatever its mode, lower-case hex.
    #[must_use]
    pub fn digest(&self) -> String {
        digest_of(&self.policy)
    }

    /// Whether it was rejected: then another version may have the same content, and what becomes of that is not its.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.state == VersionState::Rejected
    }

    /// Its number with its name: `spare 2`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.policy.name, self.version)
    }
}

/// The version that a policy is, of those of its name: the newest with its content that was not rejected.
#[must_use]
pub fn version_of<'a>(versions: &'a [PolicyVersion], policy: &Policy) -> Option<&'a PolicyVersion> {
    let digest = digest_of(policy);
    let mut good = versions.iter().rev().filter(|version| !version.is_rejected());
    good.find(|version| version.digest() == digest)
}

/// SHA-256 of a policy whatever its mode, lower-case hex: of its JSON with members sorted.
#[must_use]
pub fn digest_of(policy: &Policy) -> String {
    let mut json = serde_json::to_value(Policy { mode: Mode::Enforce, ..policy.clone() }).unwrap_or_default();
    json.sort_all_objects();
    digest(json.to_string().as_bytes())
}
