// SPDX-License-Identifier: Apache-2.0
//! Trust keys: keys whose signatures on rules count.

use paasla_core::Scope;
use serde::{Deserialize, Serialize};

/// A public key, whose it is, and what it may vouch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustKey {
    /// SHA-256 of the public key, lower-case hex.
    pub id: String,
    /// The public key (Ed25519, RFC 8032), 32 bytes in hex.
    pub public_key: String,
    /// Whose it is, e.g. the ministry's or an institution's name.
    pub owner: String,
    /// Policies with rules that it signed must lie in this scope. Empty lists mean: everything.
    pub scope: Scope,
    /// When it was put into the list: milliseconds since 1970-01-01T00:00:00Z.
    pub added_at: i64,
    /// When it lost its force; none while it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

impl TrustKey {
    /// Whether its signatures count.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.revoked_at.is_none()
    }
}
