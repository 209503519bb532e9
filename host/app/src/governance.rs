// SPDX-License-Identifier: Apache-2.0
//! Governance: acts on control data while queries run, from a rule that is brought in to a policy in force, and back.
//!
//! Every act, files in order: [`actor`] (who) -> [`rules`], [`policies`], [`objects`], [`keys`], [`rulebook`] (what) -> [`proposals`]
//! (what loosens needs two people; `plan` works out what it would change) -> [`rulebook_change`] (the one way in which
//! the rulebook changes) -> [`schedule`] (what happens by itself). [`revival`] says what may come back. Every act leaves
//! a change in the store, in the same transaction; one that is refused leaves one too ([`refused_acts`]), and nothing
//! else. [`sight`] says what of it somebody sees.

pub mod actor;
pub mod admission;
pub mod differences;
pub mod drop_folder;
mod expiry;
pub mod keys;
pub mod lifecycle;
pub mod objects;
mod plan;
pub mod policies;
pub mod proposals;
pub mod refusal;
mod refused_acts;
pub(crate) mod revival;
pub mod rulebook;
mod rulebook_change;
pub mod rules;
pub mod schedule;
pub mod seed;
mod sight;
mod signatures;
pub mod since;
pub mod view;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use paasla_core::text::{LineError, check_line};
use paasla_engine::Engine;
use paasla_register::Description;
use paasla_store::{
    Store, StoreError,
    governance::change::{ChangeOutcome, NewChange},
};
use serde::Deserialize;

pub(crate) use self::refused_acts::Refusals;
use self::{actor::Actor, admission::ActAdmission, refusal::Refusal};
use super::{
    QuarantineFallback,
    active::{Active, Pool},
    clock,
    quarantine::Quarantine,
};

/// How many characters a reason may have.
const MAX_REASON_CHARACTERS: usize = 500;

/// How governance is done here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GovernanceSettings {
    /// Whether somebody other than who made a policy, and other than who brought in its rule, must approve it; and
    /// somebody other than who proposed what loosens must confirm it.
    pub four_eyes: bool,
    /// Whether a rule must be signed by a key of the trust list.
    pub signatures: bool,
    /// What becomes of the policies of a key that is revoked.
    pub revoked: Revoked,
    /// How many versions of policies are kept ready, besides those at work, so that going back takes no compiling.
    pub kept: usize,
    /// How many queries may wait to be compared with policies in shadow; one more is counted as missed.
    pub shadow_queue: usize,
    /// How long all cases of a rule that is brought in may take, in seconds.
    pub cases_seconds: u64,
}

/// What becomes of the policies of a key that is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revoked {
    /// They stay in force: rules only narrow, so they can do no harm to the persons concerned.
    #[default]
    Keep,
    /// They go into quarantine: every query in their scope is refused until an operator lifts that.
    Refuse,
    /// They are retired: from then on more may be seen than before. With four eyes, once a second person confirms it.
    Retire,
}

impl Default for GovernanceSettings {
    fn default() -> Self {
        Self {
            four_eyes: true,
            signatures: true,
            revoked: Revoked::Keep,
            kept: 64,
            shadow_queue: 1024,
            cases_seconds: 60,
        }
    }
}

impl GovernanceSettings {
    /// What is wrong with it, if anything: a number that would let nothing through, or as good as everything.
    ///
    /// # Errors
    /// A sentence that names it.
    pub fn check(&self) -> Result<(), String> {
        if self.kept > 10_000 {
            return Err("`governance.kept` must be at most 10,000".to_owned());
        }
        if !(1..=1_000_000).contains(&self.shadow_queue) {
            return Err("`governance.shadow-queue` must be 1 to 1,000,000".to_owned());
        }
        if !(1..=3_600).contains(&self.cases_seconds) {
            return Err("`governance.cases-seconds` must be 1 to 3,600".to_owned());
        }
        Ok(())
    }
}

/// Changes governance while queries run.
pub struct Governance {
    pub(crate) settings: GovernanceSettings,
    pub(crate) engine: Engine,
    pub(crate) pool: Arc<Pool>,
    pub(crate) then: QuarantineFallback,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) description: Arc<Description>,
    /// The rulebook at work.
    pub(crate) active: Arc<ArcSwap<Active>>,
    pub(crate) quarantine: Arc<Quarantine>,
    /// One changes at a time; the store sees to it that of several hosts one does.
    pub(crate) change_lock: tokio::sync::Mutex<()>,
    /// Permits for all of that; acquired before the change lock.
    pub(crate) limits: ActLimits,
    pub(crate) refusals: Refusals,
}

/// How many acts are under way at one time, from the body to the answer.
const MAX_ACTS: usize = 32;

/// How many rules are brought in at one time, from the body to the end of their cases: it takes the machine's time and
/// memory. Apart from [`MAX_ACTS`], so that nobody else's act waits for it.
const MAX_UPLOADS: usize = 4;

/// How many policies are tried at one time.
const MAX_EXAMINATIONS: usize = 4;

/// How many acts of each kind may be under way.
#[derive(Debug)]
pub(crate) struct ActLimits {
    pub(crate) acts: ActAdmission,
    pub(crate) uploads: ActAdmission,
    pub(crate) examinations: ActAdmission,
}

impl Default for ActLimits {
    fn default() -> Self {
        Self {
            acts: ActAdmission::new(MAX_ACTS),
            uploads: ActAdmission::new(MAX_UPLOADS),
            examinations: ActAdmission::new(MAX_EXAMINATIONS),
        }
    }
}

impl Governance {
    /// Makes what is at work agree with the store's list of policies out of service. For every few seconds: what an
    /// operator lifts is in service again.
    ///
    /// # Errors
    /// When the list cannot be read. What is out of service stays so.
    pub async fn look_at_quarantine(&self) -> Result<(), StoreError> {
        self.quarantine.refresh(&self.active.load_full()).await
    }

    /// How long the cases of one rule may take.
    pub(crate) fn longest_cases(&self) -> Duration {
        Duration::from_secs(self.settings.cases_seconds)
    }
}

/// The context of an act: who does it, what it is called, what it is done to, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActContext<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) action: &'static str,
    pub(crate) target: &'a str,
    /// Which version of the policy, once that is known.
    pub(crate) version: Option<u32>,
    pub(crate) reason: &'a str,
}

impl ActContext<'_> {
    /// The same, done to this version.
    pub(crate) fn of(self, version: u32) -> Self {
        Self { version: Some(version), ..self }
    }

    /// The change, as one that was done.
    pub(crate) fn change(&self, before: Option<String>, after: Option<String>) -> NewChange {
        NewChange {
            instant: now(),
            who: self.actor.who.clone(),
            token: self.actor.token.clone(),
            institution: self.actor.institution.as_ref().map(ToString::to_string),
            action: self.action.to_owned(),
            target: self.target.to_owned(),
            version: self.version,
            reason: self.reason.trim().to_owned(),
            outcome: ChangeOutcome::Done,
            before,
            after,
            problems: Vec::new(),
            cancelled: Vec::new(),
        }
    }

    /// The reason, which must be there, and which lists show in one line.
    pub(crate) fn check_reason(&self) -> Result<(), Refusal> {
        check_line(self.reason, MAX_REASON_CHARACTERS).map_err(|error| {
            let (code, message) = match error {
                LineError::Length(most) => (
                    "reason_missing",
                    format!(
                        "say why, in 1 to {most} characters that can be read; it is kept with the change"
                    ),
                ),
                error => ("reason_invalid", format!("the reason cannot be shown in one line: {error}")),
            };
            Refusal::invalid(code, "/reason", message)
        })
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now() -> i64 {
    clock::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_can_be_read_in_one_line() {
        let actor = Actor::host();
        let said = |reason: &str| {
            let context = ActContext {
                actor: &actor,
                action: "policy.retire",
                target: "minors",
                version: None,
                reason,
            };
            context
                .check_reason()
                .map_err(|refusal| refusal.problems.first().map(|problem| problem.code.to_string()))
        };
        for reason in ["why", " õige põhjus\n", &"õ".repeat(500)] {
            assert_eq!(said(reason), Ok(()), "{reason:?}");
        }
        for reason in ["", "\u{200B}", "\u{FE0F}", "\u{301}", "\u{E000}", &"a".repeat(501)] {
            assert_eq!(said(reason), Err(Some("reason_missing".to_owned())), "{reason:?}");
        }
        for reason in ["\0", "a\nb", "a\u{202E}b", "a\u{2066}b", "a\u{1B}b"] {
            assert_eq!(said(reason), Err(Some("reason_invalid".to_owned())), "{reason:?}");
        }
    }
}
