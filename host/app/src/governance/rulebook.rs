// SPDX-License-Identifier: Apache-2.0
//! Views of the rulebook: as it is now, as it was, and what differs between two generations.

use paasla_core::{ObjectDiff, Policy, Rulebook};
use paasla_store::{GenerationInfo, governance::version::digest_of};
use serde::Serialize;

use super::{
    Governance,
    actor::Actor,
    refusal::Refusal,
    since::{Since, since},
};

/// A policy of a rulebook, and since when it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicySince {
    /// Its name.
    pub name: String,
    /// Whether it is in force; otherwise it is in shadow.
    pub enforced: bool,
    /// Since when.
    pub since: Option<Since>,
}

impl Governance {
    /// The rulebook at work.
    #[must_use]
    pub fn rulebook(&self) -> Rulebook {
        self.active.load().rulebook.clone()
    }

    /// The rulebook that was the newest at an instant (milliseconds since 1970-01-01T00:00:00Z), or the one at work, as
    /// somebody sees it; and since when it and each of its policies were there. The past is for the ministry's people.
    ///
    /// # Errors
    /// When there was none yet, or an institution asks for the past.
    pub async fn rulebook_at(
        &self,
        actor: &Actor,
        instant: Option<i64>,
    ) -> Result<(Since, Rulebook, Vec<PolicySince>), Refusal> {
        if instant.is_some() {
            actor.check_ministry()?;
        }
        let none = || Refusal::invalid("generation_none", "url", "there was no rulebook yet at that time");
        let at_work = self.rulebook();
        let all = self.store.generations().await?.into_iter();
        let mut all = all.filter(|info| info.generation <= at_work.generation);
        let is_then = |info: &GenerationInfo| instant.is_none_or(|instant| info.installed_at <= instant);
        let info = all.find(is_then).ok_or_else(none)?;
        let rulebook = match info.generation {
            number if number == at_work.generation => at_work,
            number => self.store.rulebook_at(number).await?.ok_or_else(none)?,
        };
        let rulebook = self.seen(actor, rulebook).await?;
        let origins = since(&*self.store, &rulebook).await?;
        let one = |policy: &Policy| {
            let enforced = policy.mode == paasla_core::Mode::Enforce;
            let since =
                origins.get(&(enforced, digest_of(policy))).cloned().map(|since| since.seen_by(actor));
            PolicySince { name: policy.name.clone(), enforced, since }
        };
        let policies = rulebook.policies.iter().map(one).collect();
        Ok((Since::from(&info).seen_by(actor), rulebook, policies))
    }

    /// What differs between two generations. It holds everybody's rights, so it is for the ministry's people.
    ///
    /// # Errors
    /// When there is no such generation, or the actor is of an institution.
    pub async fn rulebook_diff(&self, actor: &Actor, from: u64, to: u64) -> Result<Vec<ObjectDiff>, Refusal> {
        actor.check_ministry()?;
        let [from, to] = [self.generation_of(from).await?, self.generation_of(to).await?];
        Ok(from.diff(&to))
    }

    async fn generation_of(&self, number: u64) -> Result<Rulebook, Refusal> {
        let found = self.store.rulebook_at(number).await?;
        found.ok_or_else(|| Refusal::not_found("generation", &number.to_string()))
    }
}
