// SPDX-License-Identifier: Apache-2.0
//! What happens by itself: policies come into force and go out of it at the times that were set, and what another
//! program put into the store is taken over.

use std::sync::atomic::{AtomicU64, Ordering};

use paasla_store::governance::{
    act::Act,
    change::{ChangeOutcome, NewChange},
    version::PolicyVersion,
};

use super::{
    Deed,
    actor::Actor,
    now,
    refusal::Refusal,
    steps::{Step, StepOptions},
    turn::NotReady,
    view::{Life, life},
};
use crate::app::App;

/// The newest generation that could not be put to work, so that it is told once.
static NOT_READY: AtomicU64 = AtomicU64::new(0);

impl App {
    /// Looks whether something is due, and does it. For every second.
    pub async fn look_at_rulebook(&self) {
        let _turn = self.governor.turn.lock().await;
        match self.catch_up().await {
            Ok(()) => {}
            Err(NotReady::Store(error)) => {
                tracing::warn!(%error, "the store cannot be read for a newer rulebook")
            }
            Err(error) => {
                let newest = self.store.newest().await.unwrap_or(0);
                if NOT_READY.swap(newest, Ordering::Relaxed) != newest {
                    tracing::error!(generation = newest, %error, "the newest rulebook cannot be put to work: the one \
                                    before it stays");
                }
            }
        }
        if let Err(refusal) = self.do_what_is_due().await {
            tracing::warn!(problems = ?refusal.problems, "what is due could not be looked at");
        }
    }

    async fn do_what_is_due(&self) -> Result<(), Refusal> {
        let versions = self.store.versions(None).await?;
        for version in versions {
            let now = now();
            let stands = life(&self.active.load(), &version);
            let due = |at: Option<i64>| at.is_some_and(|at| at <= now);
            let step = match stands {
                Life::Scheduled | Life::Shadow if due(version.activate_at) => Step::Activate,
                Life::Enforced | Life::Quarantined if due(version.expires_at) => Step::Retire,
                _ => continue,
            };
            let actor = Actor::host();
            let reason = match step {
                Step::Retire => "the time that was set for it has come: it expires",
                _ => "the time that was set for it has come",
            };
            let action = if step == Step::Retire { "policy.expire" } else { "policy.activate" };
            let deed = Deed { actor: &actor, action, target: &version.policy.name, version: None, reason };
            let options = StepOptions { version: Some(version.version), ..StepOptions::default() };
            if let Err(refusal) = self.step_in_turn(deed, step, options).await {
                self.give_up(deed, version.clone(), refusal).await?;
            }
        }
        Ok(())
    }

    /// What is due cannot be done: that is noted, and not tried again, unless the host itself was at fault.
    async fn give_up(&self, deed: Deed<'_>, version: PolicyVersion, refusal: Refusal) -> Result<(), Refusal> {
        let problems: Vec<String> = refusal.problems.iter().map(|problem| problem.code.to_owned()).collect();
        tracing::error!(policy = deed.target, ?problems, "what was due for a policy could not be done");
        if refusal.status >= 500 {
            return Ok(());
        }
        let digest = Some(version.digest());
        let version = PolicyVersion { activate_at: None, expires_at: None, ..version };
        let change = deed.change(digest.clone(), digest);
        let change = NewChange { outcome: ChangeOutcome::Refused, problems, ..change };
        self.store.commit(&[Act::SetVersion(version)], &change).await?;
        Ok(())
    }
}
