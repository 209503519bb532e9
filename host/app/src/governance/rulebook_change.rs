// SPDX-License-Identifier: Apache-2.0
//! Changes of the rulebook, and the one way to make them: the next generation is built beside the one at work, everything
//! compiled; then it is written; then it takes over in one step. Queries under way finish on theirs.

use std::{collections::BTreeMap, sync::Arc};

use paasla_core::{Policy, Rulebook};
use paasla_store::{
    StoreError,
    governance::{
        act::{Act, Committed},
        change::NewChange,
        version::PolicyVersion,
    },
};

use super::{
    ActContext, Governance,
    refusal::{Refusal, RefusalKind},
    revival::StandIn,
};
use crate::{
    QuarantineFallback, StartError,
    active::{Active, BuildError, build},
    blocking::background,
    problem::Problem,
};

/// The next rulebook, and what is written with it.
#[derive(Debug)]
pub(crate) struct RulebookChange {
    /// The next rulebook; its number is not looked at.
    pub(crate) rulebook: Rulebook,
    /// What is written with it.
    acts: Vec<Act>,
    /// Versions that will not come into force at the time that was set for them.
    cancelled: Vec<String>,
}

impl RulebookChange {
    /// A rulebook, and what is written with it.
    pub(crate) fn new(rulebook: Rulebook, acts: Vec<Act>) -> Self {
        Self { rulebook, acts, cancelled: Vec::new() }
    }

    /// The same, and these versions do not come into force at the time that was set for them.
    pub(crate) fn cancelling<'a>(mut self, planned: impl IntoIterator<Item = &'a PolicyVersion>) -> Self {
        for version in planned {
            self.cancelled.push(version.label());
            self.acts.push(Act::SetVersion(PolicyVersion { activate_at: None, ..version.clone() }));
        }
        self
    }
}

/// What is done where the newest rulebook in the store cannot be put to work, because of what another program put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnUnloadable {
    /// The change is refused: it would undo what nobody here has seen.
    Refuse,
    /// The change is made from the rulebook at work, and supersedes the newest. Roll-backs and the revocation of a key must
    /// always be possible.
    Override,
}

/// Why the next generation is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("making the rulebook ready ended before its end")]
    Broken,
}

impl From<NotReady> for StartError {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Build(error) => Self::Build(error),
            NotReady::Store(error) => Self::Store(error),
            NotReady::Broken => Self::Broken,
        }
    }
}

impl From<NotReady> for Refusal {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Build(BuildError(problems)) => {
                let problem = |what: String| Problem::new("rulebook_wrong", "rulebook", what);
                Self { kind: RefusalKind::Invalid, problems: problems.into_iter().map(problem).collect() }
            }
            NotReady::Store(error) => error.into(),
            NotReady::Broken => Self::internal(),
        }
    }
}

impl Governance {
    /// A rulebook made ready to decide by, its policies out of service marked.
    pub(crate) async fn ready(&self, rulebook: Rulebook) -> Result<Active, NotReady> {
        let active = self.make(rulebook).await?;
        self.quarantine.refresh(&active).await?;
        Ok(active)
    }

    async fn make(&self, rulebook: Rulebook) -> Result<Active, NotReady> {
        let mut rules = BTreeMap::new();
        self.fetch(&rulebook.policies, &mut rules).await?;
        let earlier = match self.then {
            QuarantineFallback::Refuse => Vec::new(),
            // None of it is needed to begin with: what cannot be read is left out, loudly.
            QuarantineFallback::Previous => self.stand_ins(&rulebook).await.unwrap_or_else(|error| {
                tracing::error!(%error, "no previous version of a policy is ready: earlier rulebooks cannot be read");
                Vec::new()
            }),
        };
        for StandIn { policy, .. } in &earlier {
            if let Err(error) = self.fetch(std::slice::from_ref(policy), &mut rules).await {
                tracing::error!(rule = policy.rule, %error, "a rule cannot be read");
            }
        }
        let (engine, pool) = (self.engine.clone(), Arc::clone(&self.pool));
        let description = Arc::clone(&self.description);
        // Where everything is ready it takes a moment, and before the first rulebook no query can wait.
        let at_once = rules.is_empty() || self.active.load().rulebook.generation == 0;
        let work = move || {
            let active = build(&engine, &description, rulebook, &rules, &pool)?;
            Ok::<_, BuildError>(active.with_previous(&engine, &description, &earlier, &rules, &pool))
        };
        let done =
            if at_once { tokio::task::spawn_blocking(work).await.ok() } else { background(work).await };
        Ok(done.ok_or(NotReady::Broken)??)
    }

    /// The components of policies that are not ready yet.
    async fn fetch(
        &self,
        policies: &[Policy],
        rules: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        for policy in policies {
            if !self.pool.holds(policy)
                && !rules.contains_key(&policy.rule)
                && let Some(rule) = self.store.rule(&policy.rule).await?
            {
                rules.insert(policy.rule.clone(), rule.bytes);
            }
        }
        Ok(())
    }
}

impl Governance {
    /// Makes the next generation from the one at work, and puts it to work. The caller holds the change lock.
    pub(crate) async fn change_rulebook(
        &self,
        context: ActContext<'_>,
        on_unloadable: OnUnloadable,
        mut make: impl FnMut(&Active) -> Result<RulebookChange, Refusal>,
    ) -> Result<Committed, Refusal> {
        let mut tries = 0;
        loop {
            let expected = match on_unloadable {
                OnUnloadable::Refuse => {
                    self.catch_up().await?;
                    self.active.load().rulebook.generation
                }
                OnUnloadable::Override => self.newest_or_unloadable().await?,
            };
            let current = self.active.load_full();
            let RulebookChange { rulebook, mut acts, cancelled } = make(&current)?;
            let rulebook = Rulebook { generation: expected.saturating_add(1), ..rulebook };
            acts.push(Act::Install { rulebook: Box::new(rulebook.clone()), expected });
            let next = self.ready(rulebook).await?;
            let (before, after) = (current.digest.clone(), next.digest.clone());
            let change = NewChange { cancelled, ..context.change(Some(before), Some(after)) };
            match self.store.commit(&acts, &change).await {
                Ok(done) => {
                    self.put_to_work(next);
                    return Ok(done);
                }
                // Another host was first: once more, on what it made.
                Err(StoreError::Conflict { what: "generation", .. }) if tries < 3 => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes over what another program has put into the store, if there is something newer. The caller holds the
    /// change lock.
    pub(crate) async fn catch_up(&self) -> Result<(), NotReady> {
        let newest = self.store.newest().await?;
        if newest <= self.active.load().rulebook.generation {
            return Ok(());
        }
        if let Some(rulebook) = self.store.rulebook().await? {
            let next = self.ready(rulebook).await?;
            self.put_to_work(next);
        }
        Ok(())
    }

    /// The number of the newest generation, which is at work now if it can be put to work.
    pub(crate) async fn newest_or_unloadable(&self) -> Result<u64, NotReady> {
        match self.catch_up().await {
            Ok(()) => Ok(self.active.load().rulebook.generation),
            Err(error @ (NotReady::Build(_) | NotReady::Store(StoreError::Corrupt { .. }))) => {
                let newest = self.store.newest().await?;
                tracing::warn!(generation = newest, %error, "the newest rulebook cannot be put to work, and is passed over");
                Ok(newest)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the rulebook at work ready once more, since other versions may stand in for those in quarantine now. The
    /// caller holds the change lock.
    pub(crate) async fn look_at_stand_ins(&self) {
        if self.then == QuarantineFallback::Refuse {
            return;
        }
        match self.ready(self.rulebook()).await {
            Ok(next) => self.put_to_work(next),
            Err(error) => {
                tracing::error!(%error, "previous versions of policies could not be looked at: a restart does")
            }
        }
    }

    fn put_to_work(&self, next: Active) {
        let generation = next.rulebook.generation;
        let next = Arc::new(next);
        self.active.store(Arc::clone(&next));
        self.pool.tidy(&next);
        tracing::info!(generation, "a new rulebook is at work");
    }
}
