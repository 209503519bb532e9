// SPDX-License-Identifier: Apache-2.0
//! The scheduler: policies come into force and go out of it at their set times, and what another program put into the
//! store is taken over.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use paasla_store::governance::{
    act::Act,
    change::{ChangeOutcome, NewChange},
    version::PolicyVersion,
};

use super::{
    ActContext, Governance,
    actor::Actor,
    lifecycle::{Step, StepOptions},
    now,
    refusal::Refusal,
    rulebook_change::NotReady,
    view::{Life, life},
};

/// The newest generation that could not be put to work: it is logged once.
static NOT_READY: AtomicU64 = AtomicU64::new(0);

/// Versions for which something is due that could not be done: each is logged once.
static WAITING: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

impl Governance {
    /// Looks whether something is due, and does it. For every second.
    pub async fn look_at_rulebook(&self) {
        self.note_passed_over().await;
        let _lock = self.change_lock.lock().await;
        match self.catch_up().await {
            Ok(()) => {}
            // What is due waits: it would be made from a rulebook that is not the newest.
            Err(NotReady::Store(error)) => {
                tracing::warn!(%error, "the store cannot be read for a newer rulebook");
                return;
            }
            Err(error) => {
                let newest = self.store.newest().await.unwrap_or(0);
                if NOT_READY.swap(newest, Ordering::Relaxed) != newest {
                    tracing::error!(generation = newest, %error, "the newest rulebook cannot be put to work: the one \
                                    before it stays, and what is due waits");
                }
                return;
            }
        }
        if let Err(refusal) = self.do_what_is_due().await {
            tracing::warn!(problems = ?refusal.problems, "what is due could not be looked at");
        }
    }

    async fn do_what_is_due(&self) -> Result<(), Refusal> {
        self.do_what_is_planned().await?;
        let versions = self.store.planned().await?;
        for version in &versions {
            let now = now();
            let due = |at: Option<i64>| at.is_some_and(|at| at <= now);
            let done = match life(&self.active.load(), version) {
                Life::Scheduled | Life::Shadow if due(version.activate_at) => {
                    self.activate_due(version).await
                }
                Life::Enforced | Life::Quarantined if due(version.expires_at) => {
                    let of_name = self.store.versions(Some(&version.policy.name)).await?;
                    self.expire(version, &of_name).await
                }
                _ => continue,
            };
            let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
            let Err(Refusal { problems, .. }) = done else {
                waiting.remove(&version.label());
                continue;
            };
            // It is still due, and tried again.
            if waiting.insert(version.label()) {
                tracing::error!(
                    version = version.label(),
                    ?problems,
                    "what is due for a policy cannot be done now"
                );
            }
        }
        Ok(())
    }

    /// Puts a version in force whose time has come. If it cannot be, that is noted, and not tried again; unless the host
    /// is at fault.
    async fn activate_due(&self, version: &PolicyVersion) -> Result<(), Refusal> {
        let actor = Actor::host();
        let reason = "the time that was set for it has come";
        let target = version.policy.name.as_str();
        let context = ActContext { actor: &actor, action: "policy.activate", target, version: None, reason };
        let options = StepOptions { version: Some(version.version), ..StepOptions::default() };
        // What was done a moment ago may have cancelled it.
        let of_name = self.store.versions(Some(target)).await?;
        if !of_name.iter().any(|own| own.version == version.version && own.activate_at == version.activate_at)
        {
            return Ok(());
        }
        match self.step_locked(context, Step::Activate, options).await {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.is_passing() => Err(refusal),
            Err(refusal) => self.give_up(context.of(version.version), version, refusal).await,
        }
    }

    async fn give_up(
        &self,
        context: ActContext<'_>,
        version: &PolicyVersion,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        let problems: Vec<String> = refusal.problems.iter().map(|problem| problem.code.to_owned()).collect();
        tracing::error!(
            policy = context.target,
            ?problems,
            "a policy cannot come into force at the time that was set"
        );
        let digest = Some(version.digest());
        let version = PolicyVersion { activate_at: None, ..version.clone() };
        let change = context.change(digest.clone(), digest);
        let change = NewChange { outcome: ChangeOutcome::Refused, problems, ..change };
        self.store.commit(&[Act::SetVersion(version)], &change).await?;
        Ok(())
    }
}
