// SPDX-License-Identifier: Apache-2.0
//! Tokens: who may change control data.

use std::{fmt, str::FromStr};

use paasla_core::ClientId;
use serde::{Deserialize, Serialize};

/// A bearer token, without its text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id: names it where its text must not stand.
    pub id: String,
    /// SHA-256 of its text, lower-case hex.
    pub hash: String,
    /// Who holds it: a [`Person`](paasla_core::Person) as text. Stands in every change they make.
    pub holder: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The X-Road member they act for; none for the ministry's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<ClientId>,
    /// When it was made: milliseconds since 1970-01-01T00:00:00Z.
    pub created_at: i64,
    /// From when on it is no longer good; none: it is good until revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Brings rules in, makes policies of them and puts these in shadow.
    RuleAuthor,
    /// Approves and rejects.
    RuleApprover,
    /// Puts policies in force and takes them out.
    DataManager,
    /// Looks at everything and changes nothing.
    Auditor,
    /// Looks after the host: keys, roll-backs, quarantine.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::RuleAuthor, Self::RuleApprover, Self::DataManager, Self::Auditor, Self::Operator];

    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RuleAuthor => "rule-author",
            Self::RuleApprover => "rule-approver",
            Self::DataManager => "data-manager",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

/// There is no role of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the roles are rule-author, rule-approver, data-manager, auditor and operator")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or(UnknownRole)
    }
}

/// Whether a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is.
    Good,
    /// Its time is up.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Token {
    /// Whether it is good at this instant, or why not.
    #[must_use]
    pub fn state(&self, now: i64) -> TokenState {
        if self.revoked_at.is_some() {
            return TokenState::Revoked;
        }
        if self.expires_at.is_some_and(|expires| expires <= now) {
            TokenState::Expired
        } else {
            TokenState::Good
        }
    }

    /// Whether it is good at this instant.
    #[must_use]
    pub fn is_good(&self, now: i64) -> bool {
        self.state(now) == TokenState::Good
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}
