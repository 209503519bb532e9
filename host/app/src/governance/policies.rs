// SPDX-License-Identifier: Apache-2.0
//! Policies: making a new version of one.

use std::sync::Arc;

use paasla_core::{Limits, Mode, Policy, Rulebook, Scope, Vouching};
use paasla_engine::{ActivateError, travelling::cases_in};
use paasla_store::governance::{
    act::Act,
    version::{PolicyVersion, VersionState, digest_of},
};
use serde::Deserialize;

use super::{
    ActContext, Governance,
    actor::Actor,
    admission::Permit,
    now,
    refusal::Refusal,
    signatures,
    view::{PolicyView, view},
};
use crate::{
    active::{PolicyError, scope_unmet, try_policy},
    blocking::background,
    problem::Problem,
};

/// What a new version of a policy is to be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewPolicy {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// The rule: SHA-256 of its bytes, as lower-case hex.
    pub rule: String,
    /// Settings, as the rule's JSON Schema describes them.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// Which queries it speaks to.
    #[serde(default)]
    pub scope: Scope,
    /// Limits that differ from the host's defaults.
    #[serde(default)]
    pub limits: Limits,
}

impl Governance {
    /// Makes a version of a policy: it changes nothing yet. The same content as that of a version that is there already
    /// gives that version back.
    ///
    /// # Errors
    /// With everything that is wrong: the name, the scope, the signatures, the settings.
    pub async fn create_policy(
        &self,
        actor: &Actor,
        new: NewPolicy,
        reason: &str,
    ) -> Result<PolicyView, Refusal> {
        let name = new.name.clone();
        let context = ActContext { actor, action: "policy.create", target: &name, version: None, reason };
        match self.create(context, new).await {
            Ok(view) => Ok(view),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn create(&self, context: ActContext<'_>, new: NewPolicy) -> Result<PolicyView, Refusal> {
        context.check_reason()?;
        let NewPolicy { name, rule, settings, scope, limits } = new;
        self.check_tested(&rule).await?;
        let vouched_by = self.vouching(context.actor, &rule).await?;
        let policy = Policy { name, rule, settings, scope, limits, mode: Mode::Enforce, vouched_by };
        context.actor.check_scope(&policy.scope)?;
        let digest = digest_of(&policy);
        let usable =
            |version: &&PolicyVersion| version.state != VersionState::Rejected && version.digest() == digest;
        let versions = self.store.versions(Some(&policy.name)).await?;
        self.check_name(context.actor, &policy.name, &versions)?;
        if !versions.iter().any(|version| usable(&version)) {
            // Compiling takes long: nobody else's act waits for it. Under the change lock it comes out of the cache.
            let permit = self.limits.examinations.acquire(context.actor).await?;
            let rulebook = self.active.load().rulebook.clone();
            self.check_policy(context.actor, &rulebook, &policy, Some(permit)).await?;
        }
        let _lock = self.change_lock.lock().await;
        let active = self.active.load_full();
        let versions = self.store.versions(Some(&policy.name)).await?;
        self.check_name(context.actor, &policy.name, &versions)?;
        if let Some(known) = versions.iter().rev().find(usable) {
            return Ok(view(&active, known));
        }
        self.check_policy(context.actor, &active.rulebook, &policy, None).await?;
        let version = PolicyVersion {
            version: versions.last().map_or(0, |last| last.version).saturating_add(1),
            policy,
            state: VersionState::Checked,
            by: context.actor.who.clone(),
            token: context.actor.token.clone(),
            institution: context.actor.owner(),
            at: now(),
            approved_by: None,
            activate_at: None,
            expires_at: None,
            replaced: None,
        };
        let change =
            context.of(version.version).change(versions.last().map(PolicyVersion::digest), Some(digest));
        self.store.commit(&[Act::NewVersion(version.clone())], &change).await?;
        Ok(view(&active, &version))
    }

    /// The drop folder takes a rule whatever becomes of its cases. Such a rule gets no policy by governance before they have
    /// passed here.
    async fn check_tested(&self, rule: &str) -> Result<(), Refusal> {
        if self.store.admission(rule).await?.is_none_or(|admission| admission.cases > 0) {
            return Ok(());
        }
        let Some(stored) = self.store.rule(rule).await? else { return Ok(()) };
        if cases_in(&stored.bytes).is_ok_and(|cases| cases.is_empty()) {
            return Ok(());
        }
        let message = "the rule came in without a run of its cases: bring it in with `paasla rule push`, which runs them";
        Err(Refusal::invalid("rule_untested", "/rule", message))
    }

    /// A name belongs to whom it belonged first: an institution must not take the place of a policy of the ministry, for
    /// that would widen what is seen.
    fn check_name(&self, actor: &Actor, name: &str, versions: &[PolicyVersion]) -> Result<(), Refusal> {
        check_spelling(name)?;
        let owner = versions.first().map(|first| first.institution.clone());
        let seeded = self.active.load().rulebook.policies.iter().any(|policy| policy.name == name);
        let owner = owner.or_else(|| seeded.then_some(None));
        match owner {
            None => Ok(()),
            Some(owner) if owner == actor.owner() => Ok(()),
            Some(owner) => {
                // An institution must not learn whose it is.
                let whose = match actor.institution {
                    Some(_) => "somebody else".to_owned(),
                    None => owner.unwrap_or_else(|| "the ministry".to_owned()),
                };
                let message = format!("the policy `{name}` belongs to {whose}: choose another name");
                Err(Refusal::forbidden("policy_not_own", message))
            }
        }
    }

    /// Everything that is wrong with a policy.
    async fn check_policy(
        &self,
        actor: &Actor,
        rulebook: &Rulebook,
        policy: &Policy,
        permit: Option<Permit>,
    ) -> Result<(), Refusal> {
        let mut problems = scope_unmet(rulebook, &policy.scope, |client| actor.sees_client(client));
        for limit in policy.limits.impossible() {
            let message =
                format!("under this `{limit}` the rule could never rule, and every query would be refused");
            problems.push(Problem::new("limit_invalid", format!("/limits/{limit}"), message));
        }
        for (limit, most) in self.engine.config().beyond_most(&policy.limits) {
            let message =
                format!("no policy gets more than {most} here (`engine.most` in the host's configuration)");
            problems.push(Problem::new("limit_invalid", format!("/limits/{limit}"), message));
        }
        let admission = self.store.admission(&policy.rule).await?;
        let is_there = self.sees_rule(actor, &policy.rule, admission.as_ref()).await?;
        let Some(rule) = self.store.rule(&policy.rule).await?.filter(|_| is_there) else {
            let message = "there is no rule with this digest: bring it in with `paasla rule push`";
            problems.push(Problem::new("rule_unknown", "/rule", message));
            return Refusal::all(problems);
        };
        problems.extend(self.vouched(policy, actor.owner().as_deref()).await?);
        let work = {
            let (engine, description) = (self.engine.clone(), Arc::clone(&self.description));
            let (rulebook, policy) = (rulebook.clone(), policy.clone());
            move || {
                // Kept to the end, also when whoever asked has gone.
                let _permit = permit;
                try_policy(&engine, &description, &rulebook, &policy, &rule.bytes)
            }
        };
        let tried = background(work).await.ok_or_else(Refusal::internal)?;
        problems.extend(tried.err().map_or_else(Vec::new, unfit));
        Refusal::all(problems)
    }

    /// Who vouches for a rule: the ministry if one of its keys in force signed it; where no signatures are asked for, whoever
    /// brings the policy.
    async fn vouching(&self, actor: &Actor, rule: &str) -> Result<Vouching, Refusal> {
        if !self.settings.signatures {
            return Ok(if actor.owner().is_none() { Vouching::Ministry } else { Vouching::Institution });
        }
        let (keys, signatures) = (self.store.keys().await?, self.store.signatures(rule).await?);
        Ok(signatures::vouching(&keys, &signatures, rule))
    }

    /// Why nobody vouches for a policy; nothing when somebody does, or nobody must.
    /// Of a policy of an institution, no key of another institution is shown.
    pub(crate) async fn vouched(
        &self,
        policy: &Policy,
        institution: Option<&str>,
    ) -> Result<Option<Problem>, Refusal> {
        if !self.settings.signatures {
            return Ok(None);
        }
        let institution = institution.and_then(|institution| institution.parse().ok());
        let keys = self.keys_for(&Actor { institution, ..Actor::host() }).await?;
        let signatures = self.store.signatures(&policy.rule).await?;
        Ok(signatures::vouched(&keys, &signatures, &policy.rule, &policy.scope).err())
    }
}

/// What a policy may be called.
pub(super) const NAME_RULE: &str = "a policy's name has 1 to 60 characters of `a-z 0-9 -`, begins with a letter or a digit, and is \
                                    not `grant` or `host`";

/// A policy's name stands in URLs, records and file names.
pub(super) fn check_spelling(name: &str) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // What begins with `-` is an option to every program that a name is given to.
    let begins = !name.starts_with('-');
    if (1..=60).contains(&name.len()) && begins && name.chars().all(fits) && !matches!(name, "grant" | "host")
    {
        return Ok(());
    }
    Err(Refusal::invalid("name_invalid", "/name", NAME_RULE))
}

/// Why a policy cannot be put to work, each problem at its place.
fn unfit(error: PolicyError) -> Vec<Problem> {
    match error {
        PolicyError::Activate(ActivateError::Settings(problems)) => problems
            .into_iter()
            .map(|problem| {
                Problem::new("settings_invalid", format!("/settings{}", problem.pointer), problem.message)
            })
            .collect(),
        PolicyError::Activate(ActivateError::Configure(fault)) => {
            let message = format!("the rule broke while it took the settings: {fault}");
            vec![Problem::new("settings_fault", "/settings", message)]
        }
        PolicyError::Facts(facts) => {
            let message = format!("the rule needs facts that nobody here supplies: {}", facts.join(", "));
            vec![Problem::new("facts_missing", "/rule", message)]
        }
        error => vec![Problem::new("rule_unfit", "/rule", error.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_letter_or_a_digit() {
        for name in ["a", "1", "minors", "minors-2", "a-"] {
            assert!(check_spelling(name).is_ok(), "{name}");
        }
        for name in ["", "-", "-a", "--config", "A", "õ", "host", "grant", "a b", &"a".repeat(61)] {
            assert!(check_spelling(name).is_err(), "{name}");
        }
    }
}
