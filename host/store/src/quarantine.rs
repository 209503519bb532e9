// SPDX-License-Identifier: Apache-2.0
//! The quarantine list: policies out of service, as they are stored.

/// What is done instead, while a policy is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Every query in its scope is refused.
    Refuse,
    /// Its previous version rules.
    Previous,
}

/// One version of a policy that is to be taken out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuarantine {
    /// The policy's name.
    pub policy: String,
    /// SHA-256 of the rule's bytes, as lower-case hex.
    pub rule: String,
    /// SHA-256 of what the rule was configured with, as lower-case hex.
    pub settings: String,
    /// Since when: milliseconds since 1970-01-01T00:00:00Z.
    pub since: i64,
    /// How often the rule had broken by then, within the time that the operator set.
    pub faults: u32,
    /// The kind of the last fault.
    pub kind: String,
    /// What was done from then on.
    pub action: Action,
}

/// One version of a policy that is or was out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Its number in the store.
    pub id: i64,
    /// What was put in.
    pub entry: NewQuarantine,
    /// Who lifted it; none while it is in force.
    pub lifted: Option<Lifted>,
}

/// An operator's act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifted {
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who did it.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

impl Action {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Previous => "previous",
        }
    }
}
