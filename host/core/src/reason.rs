// SPDX-License-Identifier: Apache-2.0
//! Why something was refused, hidden or masked.

use serde::{Deserialize, Serialize};

/// One reason, as it stands in answers and records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// Who says so: the policy's name, `grant`, or `host`.
    pub by: String,
    /// Stable code, e.g. `minors.birth-date-generalised`.
    pub code: String,
    /// A sentence for a person. Holds no personal data: rules see none when they write it, or are cut off.
    pub message: String,
    /// The provision of law behind it, where the rule names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<String>,
}

impl Reason {
    /// A reason without a provision.
    pub fn new(by: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { by: by.into(), code: code.into(), message: message.into(), provision: None }
    }
}
