// SPDX-License-Identifier: Apache-2.0
//! Reasons: why something was refused, hidden or masked. Answers and audit records repeat them.

use std::{ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One reason, as it stands in answers and records. Many fields share one, so a copy of it costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(Arc<ReasonText>);

/// What a reason says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReasonText {
    /// Who says so: the policy's name, `grant`, or `host`.
    pub by: Arc<str>,
    /// Stable code, e.g. `minors.birth-date-generalised`.
    pub code: String,
    /// A sentence for a person. Holds no personal data: rules see none when they write it, or are cut off.
    pub message: String,
    /// The provision of law behind it, where the rule names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<Arc<str>>,
}

impl Reason {
    /// A reason without a provision.
    pub fn new(by: impl Into<Arc<str>>, code: impl Into<String>, message: impl Into<String>) -> Self {
        ReasonText { by: by.into(), code: code.into(), message: message.into(), provision: None }.into()
    }
}

impl From<ReasonText> for Reason {
    fn from(text: ReasonText) -> Self {
        Self(Arc::new(text))
    }
}

impl Deref for Reason {
    type Target = ReasonText;

    fn deref(&self) -> &ReasonText {
        &self.0
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReasonText::deserialize(deserializer).map(Self::from)
    }
}
