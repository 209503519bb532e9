// SPDX-License-Identifier: Apache-2.0
//! The history of a governance object: what stood under its name, since when, by whom and why.

use serde_json::Value;

/// What stood under a name from a generation on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The generation that brought it, or took it out.
    pub generation: u64,
    /// When that was installed: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// By whom.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// What it is; none when it was taken out.
    pub content: Option<Value>,
}
