// SPDX-License-Identifier: Apache-2.0
//! The drop folder, for those who write rules: a rule that is put there is at work a moment later, without signatures and
//! approval. A host that serves anybody else must not be started so.

use std::{collections::BTreeSet, sync::Arc};

use paasla_core::{Limits, Mode, Policy, Scope, Vouching};
use paasla_engine::{
    digest_of as digest_of_bytes,
    travelling::{cases_in, run_case_files},
};
use paasla_store::{
    StoredRule,
    governance::{
        act::{Act, Admission},
        version::{PolicyVersion, VersionState, version_of},
    },
};
use serde::Deserialize;

use super::{
    ActContext, Governance,
    actor::Actor,
    now,
    policies::check_spelling,
    refusal::Refusal,
    rulebook_change::{OnUnloadable, RulebookChange},
    view::{PolicyView, view},
};
use crate::active::scope_unmet;

/// Who does it, as it stands in changes.
const FOLDER: &str = "drop folder";

/// How a rule from the folder is to be at work: as the file says, and nothing else. What is left out is as it usually is,
/// whatever it was before.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DroppedPolicy {
    /// Settings.
    pub settings: serde_json::Value,
    /// Which queries it speaks to.
    pub scope: Scope,
    /// Whether its rulings count.
    pub mode: Mode,
    /// Limits.
    pub limits: Limits,
}

impl Governance {
    /// Puts a rule to work as the policy of this name, or in its place if there is one.
    ///
    /// # Errors
    /// When it is no rule, or does not take the settings. Nothing has changed then.
    pub async fn drop_in(
        &self,
        name: &str,
        component: Vec<u8>,
        wanted: DroppedPolicy,
    ) -> Result<PolicyView, Refusal> {
        let actor = Actor { who: FOLDER.to_owned(), ..Actor::host() };
        let reason = "a file in the drop folder";
        let context =
            ActContext { actor: &actor, action: "policy.drop-in", target: name, version: None, reason };
        match self.put_dropped(context, component, wanted).await {
            Ok(view) => Ok(view),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn put_dropped(
        &self,
        context: ActContext<'_>,
        component: Vec<u8>,
        wanted: DroppedPolicy,
    ) -> Result<PolicyView, Refusal> {
        let name = context.target;
        check_spelling(name)?;
        let (engine, bytes) = (self.engine.clone(), component.clone());
        let loaded = tokio::task::spawn_blocking(move || engine.load(&bytes)).await;
        let rule = loaded
            .map_err(|_| Refusal::internal())?
            .map_err(|error| Refusal::invalid("component_unfit", "/component", error.to_string()))?;
        let _lock = self.change_lock.lock().await;
        self.catch_up().await?;
        let active = self.active.load_full();
        let DroppedPolicy { settings, scope, mode, limits } = wanted;
        Refusal::all(scope_unmet(&active.rulebook, &scope, |_| true))?;
        let policy = Policy {
            name: name.to_owned(),
            rule: digest_of_bytes(&component),
            settings,
            scope,
            limits,
            mode,
            vouched_by: Vouching::Ministry,
        };
        let stored = StoredRule {
            digest: policy.rule.clone(),
            bytes: component,
            name: rule.about.name.clone(),
            version: rule.about.version.clone(),
            summary: rule.about.summary.clone(),
        };
        let by = context.actor.who.clone();
        let admission = Admission {
            by: by.clone(),
            institution: None,
            at: now(),
            cases: 0,
            also_by: Vec::new(),
            also_for: Vec::new(),
        };
        let versions = self.store.versions(Some(name)).await?;
        let stored_version = version_of(&versions, &policy);
        // As after a restart: nothing is new, and no generation is made for that.
        if let Some(stored_version) = stored_version.filter(|_| active.rulebook.policies.contains(&policy)) {
            return Ok(view(&active, stored_version));
        }
        let version = match stored_version {
            Some(stored_version) => PolicyVersion {
                state: VersionState::Served,
                activate_at: None,
                expires_at: None,
                ..stored_version.clone()
            },
            None => PolicyVersion {
                version: versions.last().map_or(0, |last| last.version).saturating_add(1),
                policy: policy.clone(),
                state: VersionState::Served,
                by,
                token: None,
                institution: None,
                at: now(),
                approved_by: None,
                activate_at: None,
                expires_at: None,
                replaced: None,
            },
        };
        let is_new = !versions.iter().any(|stored_version| stored_version.version == version.version);
        let put = if is_new { Act::NewVersion(version.clone()) } else { Act::SetVersion(version.clone()) };
        // Stored before the change: the rulebook is made ready from what the store holds.
        let brought = ActContext { action: "rule.drop-in", target: &stored.digest, ..context };
        let change = brought.change(None, Some(stored.digest.clone()));
        self.store.commit(&[Act::PutRule(stored.clone(), admission)], &change).await?;
        self.change_rulebook(context.of(version.version), OnUnloadable::Refuse, |active| {
            let mut rulebook = active.rulebook.clone();
            rulebook
                .policies
                .retain(|own| own.name != name || (own.mode != mode && !is_dropped(&versions, own)));
            rulebook.policies.push(policy.clone());
            Ok(RulebookChange::new(rulebook, vec![put.clone()]))
        })
        .await?;
        Ok(view(&self.active.load(), &version))
    }

    /// Takes the policy of this name out, because its file is gone. Nothing happens when it is not at work.
    ///
    /// # Errors
    /// When the rulebook without it cannot be put to work.
    pub async fn drop_out(&self, name: &str) -> Result<(), Refusal> {
        let actor = Actor { who: FOLDER.to_owned(), ..Actor::host() };
        let reason = "its file is gone from the drop folder";
        let context =
            ActContext { actor: &actor, action: "policy.drop-out", target: name, version: None, reason };
        let _lock = self.change_lock.lock().await;
        let versions = self.store.versions(Some(name)).await?;
        let active = self.active.load_full();
        if !active.rulebook.policies.iter().any(|own| own.name == name && is_dropped(&versions, own)) {
            return Ok(());
        }
        self.change_rulebook(context, OnUnloadable::Refuse, |active| {
            let mut rulebook = active.rulebook.clone();
            rulebook.policies.retain(|own| own.name != name || !is_dropped(&versions, own));
            Ok(RulebookChange::new(rulebook, Vec::new()))
        })
        .await?;
        Ok(())
    }

    /// Takes out every policy that came from the folder and whose file is not there: for the start of a host, since files
    /// go while none is running, and a host may be started without the folder. Each problem is in the log.
    pub async fn drop_leftovers(&self, there: &BTreeSet<String>) {
        let versions = match self.store.versions(None).await {
            Ok(versions) => versions,
            Err(error) => {
                tracing::error!(%error, "policies of the drop folder could not be looked for");
                return;
            }
        };
        let active = self.active.load_full();
        let left: BTreeSet<&str> = active
            .rulebook
            .policies
            .iter()
            .filter(|own| !there.contains(&own.name) && is_dropped(&versions, own))
            .map(|own| own.name.as_str())
            .collect();
        for name in left {
            match self.drop_out(name).await {
                Ok(()) => tracing::warn!(
                    policy = name,
                    "it came from a drop folder, and its file is not there: it is retired"
                ),
                Err(refusal) => {
                    tracing::error!(policy = name, problems = ?refusal.problems, "it could not be retired")
                }
            }
        }
    }

    /// Runs the cases that travel with a component, and logs those that fail.
    ///
    /// # Errors
    /// With one line for each case that failed.
    pub async fn dropped_cases(&self, component: Arc<[u8]>) -> Result<usize, Vec<String>> {
        let (engine, longest) = (self.engine.clone(), self.longest_cases());
        let work = move || {
            let rule = engine.load(&component).map_err(|error| vec![error.to_string()])?;
            let files = cases_in(&component).map_err(|error| vec![error])?;
            run_case_files(&engine, &rule, &files, longest)
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(vec!["running the cases broke".to_owned()]))
    }
}

/// Whether a policy came from the folder.
fn is_dropped(versions: &[PolicyVersion], policy: &Policy) -> bool {
    version_of(versions, policy).is_some_and(|version| version.by == FOLDER && version.token.is_none())
}
