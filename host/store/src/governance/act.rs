// SPDX-License-Identifier: Apache-2.0
//! Acts: what one change writes.

use paasla_core::{Rulebook, is_same_person};
use serde::{Deserialize, Serialize};

use super::{key::TrustKey, proposal::Proposal, token::Token, version::PolicyVersion};
use crate::{fault::LogFault, rule::StoredRule};

/// One thing that a change writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Stores a rule and how it came in. A rule that is there already stays as it is.
    PutRule(StoredRule, Admission),
    /// Notes that somebody brought a rule once more. Nothing happens when they did before, or when it is not known how
    /// the rule came in.
    AddBringer {
        /// The rule: SHA-256 of its bytes, lower-case hex.
        rule: String,
        /// Who brought it.
        by: String,
        /// For which institution they act; none for the ministry's people.
        institution: Option<String>,
    },
    /// Notes that so many of a rule's cases have passed. Nothing happens when it is not known how the rule came in.
    PutCases {
        /// The rule: SHA-256 of its bytes, lower-case hex.
        rule: String,
        /// How many.
        cases: u64,
    },
    /// Adds a signature, or replaces the one of the same key.
    PutSignature(Signature),
    /// Adds a key, or replaces what is known of it.
    PutKey(TrustKey),
    /// Adds a token, or replaces what is known of it.
    PutToken(Token),
    /// Adds a version of a policy, which must not be there yet.
    NewVersion(PolicyVersion),
    /// Replaces what is known of a version, which must be there.
    SetVersion(PolicyVersion),
    /// Ends the quarantine of every version of the policy of this name; signed with the change's name and reason.
    LiftQuarantine(String),
    /// Notes that something is wrong with the log of records that is a loss, and is accepted: it is no longer reported.
    AcceptLoss(LogFault),
    /// Adds a proposal; its number is not looked at.
    PutProposal(Box<Proposal>),
    /// Replaces what is known of a proposal, which must still wait for a second person.
    DecideProposal(Box<Proposal>),
    /// Installs a rulebook as the next generation, if the active generation is `expected` (0: none yet). Unlike
    /// [`crate::Store::install`] it makes a new generation also when the content is that of the active one.
    Install {
        /// The content; its own number is not looked at.
        rulebook: Box<Rulebook>,
        /// The generation it was made from.
        expected: u64,
    },
}

/// How a rule came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Admission {
    /// Who brought it.
    pub by: String,
    /// For which institution they act; none for the ministry's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// How many of its cases ran in the sandbox, and passed.
    pub cases: u64,
    /// Who brought it again, after the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_by: Vec<String>,
    /// The institutions of those who brought it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_for: Vec<String>,
}

impl Admission {
    /// Whether people of an institution brought it, first or later.
    #[must_use]
    pub fn was_brought_for(&self, institution: &str) -> bool {
        self.institution.as_deref() == Some(institution) || self.also_for.iter().any(|own| own == institution)
    }

    /// Whether somebody brought it, first or later.
    #[must_use]
    pub fn was_brought_by(&self, who: &str) -> bool {
        is_same_person(&self.by, who) || self.also_by.iter().any(|other| is_same_person(other, who))
    }
}

/// A signature on a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// The rule: SHA-256 of its bytes, lower-case hex.
    pub rule: String,
    /// The key's id.
    pub key: String,
    /// The signature (Ed25519, RFC 8032), 64 bytes in hex.
    pub signature: String,
    /// When it was brought: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

/// What a commit made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The change's id.
    pub change: i64,
    /// The active generation after it, if it installed one.
    pub generation: Option<u64>,
    /// The number of the proposal that it added, if any.
    pub proposal: Option<i64>,
}
