// SPDX-License-Identifier: Apache-2.0
//! Visibility of governance objects. The ministry's people see everything; an institution's people see what is of their
//! own institution, and of everything else not even whether it is there.

use paasla_core::Rulebook;
use paasla_store::{
    GenerationInfo, StoreError,
    governance::{
        act::Admission,
        change::Change,
        key::TrustKey,
        version::{PolicyVersion, version_of},
    },
};

use super::{Governance, actor::Actor};

impl Governance {
    /// A rulebook, as they see it: an institution sees the access rights of its clients, the services that these open, and
    /// its own policies.
    pub(super) async fn seen(&self, actor: &Actor, mut rulebook: Rulebook) -> Result<Rulebook, StoreError> {
        if actor.institution.is_none() {
            return Ok(rulebook);
        }
        rulebook.grants.retain(|grant| actor.sees_client(&grant.client));
        let grants = &rulebook.grants;
        rulebook.services.retain(|service| grants.iter().any(|grant| grant.service == service.name));
        let mut versions = self.store.versions(None).await?;
        versions.retain(|version| actor.sees_of(version.institution.as_deref()));
        rulebook.policies.retain(|policy| {
            let mut of_name = versions.clone();
            of_name.retain(|version| version.policy.name == policy.name);
            version_of(&of_name, policy).is_some()
        });
        Ok(rulebook)
    }

    /// Whether a service is there for them: an institution sees those that its clients have access rights to.
    #[must_use]
    pub fn sees_service(&self, actor: &Actor, service: &str) -> bool {
        let active = self.active.load();
        let mut grants = active.rulebook.grants.iter();
        match actor.institution {
            None => active.rulebook.latest(service).is_some(),
            Some(_) => grants.any(|grant| grant.service == service && actor.sees_client(&grant.client)),
        }
    }

    /// Every generation, newest first; an institution sees the one at work, whose number stands in answers to its queries, too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn generations(&self, actor: &Actor) -> Result<Vec<GenerationInfo>, StoreError> {
        let mut all = self.store.generations().await?;
        all.retain(|info| actor.institution.is_none() || info.active);
        Ok(all)
    }

    /// The trust list.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<TrustKey>, StoreError> {
        Ok(self.store.keys().await?.into_iter().filter_map(|key| actor.sees_key(key)).collect())
    }

    /// The keys that may vouch for a policy of theirs: the ministry's, and those they see.
    pub(crate) async fn keys_for(&self, actor: &Actor) -> Result<Vec<TrustKey>, StoreError> {
        let keys = self.store.keys().await?;
        let of_ministry = |key: &TrustKey| key.scope.clients.is_empty();
        Ok(keys
            .into_iter()
            .filter_map(|key| if of_ministry(&key) { Some(key) } else { actor.sees_key(key) })
            .collect())
    }

    /// Acts on control data, done and refused, newest first; an institution sees those of its own people.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changes(
        &self,
        actor: &Actor,
        target: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Change>, StoreError> {
        self.store.changes(target, actor.owner().as_deref(), before, limit).await
    }

    /// Whether a rule is there for them: they brought it, or a policy of theirs is of it.
    pub(crate) async fn sees_rule(
        &self,
        actor: &Actor,
        digest: &str,
        admission: Option<&Admission>,
    ) -> Result<bool, StoreError> {
        let Some(institution) = actor.owner() else { return Ok(true) };
        if admission.is_some_and(|admission| admission.was_brought_for(&institution)) {
            return Ok(true);
        }
        let versions = self.store.versions(None).await?;
        let own = |version: &PolicyVersion| version.institution.as_ref() == Some(&institution);
        Ok(versions.iter().any(|version| own(version) && version.policy.rule == digest))
    }
}
