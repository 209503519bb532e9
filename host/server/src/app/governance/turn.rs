// SPDX-License-Identifier: Apache-2.0
//! The one way in which the rulebook changes: the next generation is built beside the one at work, everything compiled;
//! then it is written; then it takes over in one step. Queries under way finish on theirs.

use std::{collections::BTreeMap, sync::Arc};

use paasla_core::{Policy, Rulebook};
use paasla_store::{StoreError, governance::act::Act};

use super::{Deed, Governor, refusal::Refusal};
use crate::app::{
    App, StartError, Then,
    active::{Active, BuildError, build},
    problem::Problem,
    quarantine,
};

/// What is to be written with the next generation.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The next rulebook; its number is not looked at.
    pub(crate) rulebook: Rulebook,
    /// What is written with it.
    pub(crate) acts: Vec<Act>,
}

/// Why the next generation is not ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    #[error("{0}")]
    Build(#[from] BuildError),
    #[error("{0}")]
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
                Self { status: 422, problems: problems.into_iter().map(problem).collect() }
            }
            NotReady::Store(error) => error.into(),
            NotReady::Broken => Self::internal(),
        }
    }
}

impl Governor {
    /// A rulebook made ready to decide by, its policies out of service marked.
    pub(crate) async fn ready(&self, app: &App, rulebook: Rulebook) -> Result<Active, NotReady> {
        let active = self.make(app, rulebook).await?;
        app.quarantine.refresh(&active).await?;
        Ok(active)
    }

    async fn make(&self, app: &App, rulebook: Rulebook) -> Result<Active, NotReady> {
        let mut rules = BTreeMap::new();
        self.fetch(&rulebook.policies, &mut rules).await?;
        let earlier = match self.then {
            Then::Refuse => Vec::new(),
            // None of it is needed to begin with: what cannot be read is left out, loudly.
            Then::Previous => quarantine::previous(&*self.store, &rulebook).await.unwrap_or_else(|error| {
                tracing::error!(%error, "no previous version of a policy is ready: earlier rulebooks cannot be read");
                Vec::new()
            }),
        };
        for policy in &earlier {
            if let Err(error) = self.fetch(std::slice::from_ref(policy), &mut rules).await {
                tracing::error!(rule = policy.rule, %error, "a rule cannot be read");
            }
        }
        let (engine, pool) = (self.engine.clone(), Arc::clone(&self.pool));
        let description = Arc::clone(&app.description);
        let work = move || {
            let active = build(&engine, &description, rulebook, &rules, &pool)?;
            Ok::<_, BuildError>(active.with_previous(&engine, &description, &earlier, &rules, &pool))
        };
        Ok(tokio::task::spawn_blocking(work).await.map_err(|_| NotReady::Broken)??)
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

impl App {
    /// Makes the next generation from the one at work, and puts it to work. Gives back its number. The caller holds
    /// the governor's turn.
    pub(crate) async fn take_turn(
        &self,
        deed: Deed<'_>,
        mut make: impl FnMut(&Active) -> Result<Turn, Refusal>,
    ) -> Result<u64, Refusal> {
        let mut tries = 0;
        loop {
            self.catch_up().await?;
            let current = self.active.load_full();
            let expected = current.rulebook.generation;
            let Turn { rulebook, mut acts } = make(&current)?;
            let rulebook = Rulebook { generation: expected.saturating_add(1), ..rulebook };
            acts.push(Act::Install { rulebook: Box::new(rulebook.clone()), expected });
            let next = self.governor.ready(self, rulebook).await?;
            let (before, after) = (current.digest.clone(), next.digest.clone());
            match self.store.commit(&acts, &deed.change(Some(before), Some(after))).await {
                Ok(_) => return Ok(self.put_to_work(next)),
                // Another host was first: once more, on what it made.
                Err(StoreError::Conflict { what: "generation", .. }) if tries < 3 => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes over what another program has put into the store, if there is something newer. The caller holds the
    /// governor's turn.
    pub(crate) async fn catch_up(&self) -> Result<(), NotReady> {
        let newest = self.store.newest().await?;
        if newest <= self.active.load().rulebook.generation {
            return Ok(());
        }
        if let Some(rulebook) = self.store.rulebook().await? {
            let next = self.governor.ready(self, rulebook).await?;
            self.put_to_work(next);
        }
        Ok(())
    }

    fn put_to_work(&self, next: Active) -> u64 {
        let generation = next.rulebook.generation;
        let next = Arc::new(next);
        self.active.store(Arc::clone(&next));
        self.governor.pool.tidy(&next);
        tracing::info!(generation, "a new rulebook is at work");
        generation
    }
}
