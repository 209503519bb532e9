// SPDX-License-Identifier: Apache-2.0
//! Proposals: acts that loosen, which one person proposes and another confirms.

use paasla_core::{Edit, ObjectDiff, ObjectId, ObjectKind, Rulebook};
use serde::{Deserialize, Serialize};

/// An act that one person proposed, or did in an emergency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// Its number; rises with time.
    #[serde(default)]
    pub id: i64,
    /// What is to be done.
    pub act: ProposedAct,
    /// Where it stands.
    pub state: ProposalState,
    /// Who proposed it.
    pub by: String,
    /// The id of the token with which it was proposed; none for acts at the host's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The institution for which they act; none for the ministry's people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Why, in their words.
    pub reason: String,
    /// The generation that it was made from.
    pub base: u64,
    /// What it would change, or has changed.
    pub effect: Effect,
    /// Who ended it; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "kind")]
pub enum ProposedAct {
    /// A policy is taken out of force, or out of shadow.
    Retire {
        /// Its name.
        name: String,
        /// Which version; none for the one at work.
        version: Option<u32>,
    },
    /// The content of an earlier generation is put to work again.
    RollBack {
        /// Which generation.
        to: u64,
        /// What of it comes back though it was taken out since.
        bring_back: Vec<String>,
    },
    /// Control data from files is put to work.
    Seed {
        /// What the files say.
        files: Box<Rulebook>,
        /// Whether policies go that are in no file.
        replace_policies: bool,
        /// What of it comes back though it was taken out before.
        bring_back: Vec<String>,
    },
    /// Services, access rights and terms are put in or taken out.
    Edit {
        /// Which, one after the other.
        edits: Vec<Edit>,
        /// When: milliseconds since 1970-01-01T00:00:00Z; none for at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<i64>,
    },
    /// A policy in quarantine is put back into service.
    Lift {
        /// Its name.
        name: String,
    },
}

/// What an act changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Effect {
    /// What of the rulebook becomes another.
    pub changes: Vec<ObjectDiff>,
    /// What was taken out before, and stays out.
    pub left_out: Vec<ObjectId>,
    /// What was taken out before, and comes back because somebody asked for it by name.
    pub brought_back: Vec<ObjectId>,
    /// The quarantines that it ends, by number.
    pub quarantines: Vec<i64>,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalState {
    /// It waits for a second person.
    Open,
    /// It was done in an emergency, and waits for a second person.
    Unconfirmed,
    /// All who are needed agree, and it is done when its time comes.
    Scheduled,
    /// It is done, and a second person confirmed it where one was needed.
    Confirmed,
    /// Somebody rejected it. What was done in an emergency stays done.
    Rejected,
    /// It would have changed something else than what was proposed, so it was not done.
    Outdated,
}

/// How a proposal ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// By whom.
    pub by: String,
    /// The id of their token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Why, in their words.
    pub reason: String,
}

impl ProposedAct {
    /// What it is called in changes.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Retire { .. } => "policy.retire",
            Self::RollBack { .. } => "rulebook.rollback",
            Self::Seed { .. } => "rulebook.seed",
            Self::Lift { .. } => "policy.lift",
            Self::Edit { edits, .. } => match edits.as_slice() {
                [edit] => action_of(edit),
                _ => "rulebook.edit",
            },
        }
    }

    /// On what it is done.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Retire { name, .. } | Self::Lift { name } => name.clone(),
            Self::RollBack { to, .. } => to.to_string(),
            Self::Seed { .. } => "rulebook".to_owned(),
            Self::Edit { edits, .. } => match edits.as_slice() {
                [edit] => edit.id().name,
                _ => "rulebook".to_owned(),
            },
        }
    }

    /// The time that is set for it; none for at once.
    #[must_use]
    pub fn at(&self) -> Option<i64> {
        match self {
            Self::Edit { at, .. } => *at,
            _ => None,
        }
    }
}

/// What one edit is called in changes.
fn action_of(edit: &Edit) -> &'static str {
    let is_put = matches!(edit, Edit::Put { .. });
    match (edit.id().kind, is_put) {
        (ObjectKind::Service, true) => "service.put",
        (ObjectKind::Service, false) => "service.retire",
        (ObjectKind::Grant, true) => "grant.put",
        (ObjectKind::Grant, false) => "grant.retire",
        (ObjectKind::Purpose | ObjectKind::LegalBasis | ObjectKind::SpecialGround, true) => "term.put",
        (ObjectKind::Purpose | ObjectKind::LegalBasis | ObjectKind::SpecialGround, false) => "term.retire",
        (ObjectKind::Prefix | ObjectKind::Policy | ObjectKind::Shadow, _) => "rulebook.edit",
    }
}

impl Effect {
    /// Whether a second person is needed.
    #[must_use]
    pub fn loosens(&self) -> bool {
        !self.quarantines.is_empty()
            || !self.brought_back.is_empty()
            || self.changes.iter().any(|change| change.loosens)
    }
}

impl ProposalState {
    /// Whether a second person is still awaited.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Open | Self::Unconfirmed)
    }

    /// Whether something is still to come of it.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self.is_waiting() || self == Self::Scheduled
    }
}
