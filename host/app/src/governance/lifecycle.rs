// SPDX-License-Identifier: Apache-2.0
//! The life cycle of a version of a policy: its steps into shadow, approval and force, or to rejection.

use paasla_core::{Mode, Policy};
use paasla_store::governance::{
    act::Act,
    version::{PolicyVersion, VersionState, digest_of},
};
use serde::Deserialize;

use super::{
    ActContext, Governance,
    actor::Actor,
    now,
    refusal::Refusal,
    revival,
    rulebook_change::{OnUnloadable, RulebookChange},
    view::{Life, PolicyView, instant, life, view},
};
use crate::{active::Active, blocking::background};

/// How much a clock may differ from the host's: a time that was over no longer ago is as good as the present one.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// Whether a time is over, by any clock near the host's.
pub(super) fn is_over(at: i64, now: i64) -> bool {
    at < now.saturating_sub(CLOCKS_DIFFER_MS)
}

/// A step in a policy's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Runs after the answers from now on.
    Shadow,
    /// May be put in force.
    Approve,
    /// Will not be put in force, and leaves shadow.
    Reject,
    /// Is in force, now or from a set time.
    Activate,
}

/// Of which version, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct StepOptions {
    /// Which version. Otherwise the newest.
    pub version: Option<u32>,
    /// When to put it in force: milliseconds since 1970-01-01T00:00:00Z. Otherwise at once.
    pub at: Option<i64>,
    /// When it goes out of force by itself.
    pub expires: Option<i64>,
}

impl Step {
    fn action(self) -> &'static str {
        match self {
            Self::Shadow => "policy.shadow",
            Self::Approve => "policy.approve",
            Self::Reject => "policy.reject",
            Self::Activate => "policy.activate",
        }
    }
}

impl Governance {
    /// Takes a step with a policy.
    ///
    /// # Errors
    /// When the policy is not there, the step does not follow from where it stands, the actor may not take it, or the
    /// rulebook that would come of it cannot be put to work. Nothing has changed then.
    pub async fn step(
        &self,
        actor: &Actor,
        name: &str,
        step: Step,
        options: StepOptions,
        reason: &str,
    ) -> Result<PolicyView, Refusal> {
        let context = ActContext { actor, action: step.action(), target: name, version: None, reason };
        let _lock = self.change_lock.lock().await;
        match self.step_locked(context, step, options).await {
            Ok(view) => Ok(view),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    /// The same for a caller who holds the change lock.
    pub(super) async fn step_locked(
        &self,
        context: ActContext<'_>,
        step: Step,
        options: StepOptions,
    ) -> Result<PolicyView, Refusal> {
        context.check_reason()?;
        self.catch_up().await?;
        let versions = self.store.versions(Some(context.target)).await?;
        context.actor.check_sees_policy(context.target, &versions)?;
        let active = self.active.load_full();
        let version = chosen(context.target, &versions, options.version)?;
        context.actor.check_owner(context.target, version.institution.as_deref())?;
        match step {
            Step::Shadow => self.shadow_step(context, &active, &versions, version).await,
            Step::Approve => self.approve(context, &active, version).await,
            Step::Reject => self.reject(context, &active, version).await,
            Step::Activate => self.activate(context, &active, &versions, version, options).await,
        }
    }

    async fn shadow_step(
        &self,
        context: ActContext<'_>,
        active: &Active,
        versions: &[PolicyVersion],
        version: PolicyVersion,
    ) -> Result<PolicyView, Refusal> {
        match life(active, &version) {
            Life::Shadow => return Ok(view(active, &version)),
            Life::Rejected => return Err(wrong_state(&version, "it was rejected: make a new version")),
            Life::Enforced | Life::Quarantined => {
                return Err(wrong_state(&version, "it is in force: it would differ from itself in nothing"));
            }
            _ => {}
        }
        check_place(active, versions, &version)?;
        self.refuse_unvouched(&version).await?;
        self.refuse_unapproved_reader(&version).await?;
        self.install(context, &version, vec![], |policies| {
            policies.retain(|own| !(own.name == version.policy.name && own.mode == Mode::Shadow));
            policies.push(Policy { mode: Mode::Shadow, ..version.policy.clone() });
        })
        .await
    }

    /// In shadow a rule runs on the queries of everybody in its scope: one that is given rows must be approved first.
    async fn refuse_unapproved_reader(&self, version: &PolicyVersion) -> Result<(), Refusal> {
        if !self.settings.four_eyes || matches!(version.state, VersionState::Approved | VersionState::Served)
        {
            return Ok(());
        }
        let Some(rule) = self.store.rule(&version.policy.rule).await? else { return Ok(()) };
        let engine = self.engine.clone();
        let loaded = background(move || engine.load(&rule.bytes)).await.ok_or_else(Refusal::internal)?;
        let about = loaded.map_err(|_| Refusal::internal())?.about;
        if about.row_facts.is_empty() && about.reads.is_empty() {
            return Ok(());
        }
        let message = "its rule is told of rows, so it sees people's data in shadow, too: `paasla policy approve` comes \
                       first";
        Err(wrong_state(version, message))
    }

    async fn approve(
        &self,
        context: ActContext<'_>,
        active: &Active,
        version: PolicyVersion,
    ) -> Result<PolicyView, Refusal> {
        if version.state == VersionState::Rejected {
            return Err(wrong_state(&version, "it was rejected: make a new version"));
        }
        if version.state == VersionState::Approved || matches!(life(active, &version), Life::Enforced) {
            return Err(wrong_state(&version, "it is approved already"));
        }
        if self.settings.four_eyes {
            let admission = self.store.admission(&version.policy.rule).await?;
            let brought_it = admission.is_some_and(|admission| admission.was_brought_by(&context.actor.who));
            if brought_it || context.actor.is_who(&version.by, version.token.as_deref()) {
                let message = "somebody other than who made the policy, and other than who brought in its rule, must \
                               approve it";
                return Err(Refusal::forbidden("four_eyes", message));
            }
        }
        self.refuse_unvouched(&version).await?;
        let approved = PolicyVersion {
            state: VersionState::Approved,
            approved_by: Some(context.actor.who.clone()),
            activate_at: None,
            expires_at: None,
            ..version
        };
        self.note(context, active, approved).await
    }

    async fn reject(
        &self,
        context: ActContext<'_>,
        active: &Active,
        version: PolicyVersion,
    ) -> Result<PolicyView, Refusal> {
        let stands = life(active, &version);
        if matches!(stands, Life::Enforced | Life::Quarantined | Life::Rejected | Life::Retired) {
            return Err(wrong_state(&version, "only what is not and was not in force can be rejected"));
        }
        let rejected =
            PolicyVersion { state: VersionState::Rejected, activate_at: None, expires_at: None, ..version };
        if stands != Life::Shadow {
            let view = self.note(context, active, rejected).await?;
            self.look_at_stand_ins().await;
            return Ok(view);
        }
        let digest = rejected.digest();
        self.install(context, &rejected, vec![Act::SetVersion(rejected.clone())], |policies| {
            policies.retain(|own| !(own.mode == Mode::Shadow && digest_of(own) == digest));
        })
        .await
    }

    async fn activate(
        &self,
        context: ActContext<'_>,
        active: &Active,
        versions: &[PolicyVersion],
        version: PolicyVersion,
        options: StepOptions,
    ) -> Result<PolicyView, Refusal> {
        let stands = life(active, &version);
        if matches!(stands, Life::Enforced | Life::Quarantined) {
            return Err(wrong_state(&version, "it is in force already"));
        }
        if stands == Life::Retired {
            return Err(wrong_state(
                &version,
                "it is retired: it must be approved anew to come into force again",
            ));
        }
        if version.state != VersionState::Approved {
            return Err(wrong_state(&version, "it is not approved: `paasla policy approve` comes first"));
        }
        check_place(active, versions, &version)?;
        self.refuse_unvouched(&version).await?;
        let now = now();
        let expires_at = options.expires.or(version.expires_at);
        if expires_at.is_some_and(|expires| expires <= options.at.unwrap_or(now).max(now)) {
            let message = "it would expire before it comes into force: set a later time for that";
            return Err(Refusal::invalid("expires_too_early", "/expires", message));
        }
        if options.at.is_some_and(|at| is_over(at, now)) {
            let message =
                "this time is over: set one to come, or leave it out to put the policy in force at once";
            return Err(Refusal::invalid("at_in_the_past", "/at", message));
        }
        if let Some(at) = options.at.filter(|at| *at > now) {
            let earlier = version.activate_at;
            let scheduled = PolicyVersion { activate_at: Some(at), expires_at, ..version };
            let view = self.note(context, active, scheduled).await?;
            return Ok(PolicyView { instead_of: earlier.and_then(instant), ..view });
        }
        // Where this is what was planned, so is what was planned to follow it.
        let as_planned = version.activate_at.is_some_and(|at| at <= now);
        let others = revival::planned(versions, |name| name == context.target).filter(|other| {
            other.version < version.version || (other.version > version.version && !as_planned)
        });
        let others: Vec<PolicyVersion> = others.cloned().collect();
        let served = PolicyVersion { state: VersionState::Served, activate_at: None, expires_at, ..version };
        let digest = served.digest();
        self.change_rulebook(context.of(served.version), OnUnloadable::Refuse, |active| {
            let mut rulebook = active.rulebook.clone();
            let mut in_force = rulebook.policies.iter().filter(|own| own.mode == Mode::Enforce);
            let replaced = in_force.find(|own| own.name == context.target).cloned().map(Box::new);
            rulebook.policies.retain(|own| {
                own.name != context.target || (own.mode == Mode::Shadow && digest_of(own) != digest)
            });
            rulebook.policies.push(Policy { mode: Mode::Enforce, ..served.policy.clone() });
            let served = PolicyVersion { replaced, ..served.clone() };
            Ok(RulebookChange::new(rulebook, vec![Act::SetVersion(served)]).cancelling(&others))
        })
        .await?;
        Ok(view(&self.active.load(), &served))
    }

    /// Puts a rulebook with other policies to work.
    async fn install(
        &self,
        context: ActContext<'_>,
        version: &PolicyVersion,
        acts: Vec<Act>,
        change: impl Fn(&mut Vec<Policy>),
    ) -> Result<PolicyView, Refusal> {
        self.change_rulebook(context.of(version.version), OnUnloadable::Refuse, |active| {
            let mut rulebook = active.rulebook.clone();
            change(&mut rulebook.policies);
            Ok(RulebookChange::new(rulebook, acts.clone()))
        })
        .await?;
        Ok(view(&self.active.load(), version))
    }

    /// Notes where a version stands, where the rulebook stays as it is.
    async fn note(
        &self,
        context: ActContext<'_>,
        active: &Active,
        version: PolicyVersion,
    ) -> Result<PolicyView, Refusal> {
        let digest = Some(version.digest());
        let change = context.of(version.version).change(digest.clone(), digest);
        self.store.commit(&[Act::SetVersion(version.clone())], &change).await?;
        Ok(view(active, &version))
    }

    async fn refuse_unvouched(&self, version: &PolicyVersion) -> Result<(), Refusal> {
        Refusal::all(
            self.vouched(&version.policy, version.institution.as_deref()).await?.into_iter().collect(),
        )
    }
}

/// The version that is asked for, or the newest.
pub(super) fn chosen(
    name: &str,
    versions: &[PolicyVersion],
    number: Option<u32>,
) -> Result<PolicyVersion, Refusal> {
    let found = match number {
        None => versions.last(),
        Some(number) => versions.iter().find(|version| version.version == number),
    };
    found.cloned().ok_or_else(|| match number {
        Some(number) => Refusal::not_found("version", &format!("{name} {number}")),
        None => Refusal::not_found("policy", name),
    })
}

/// The place of a policy goes to a version of the same owner only: otherwise an institution could put its own in the
/// place of the ministry's, which would widen what is seen.
fn check_place(active: &Active, versions: &[PolicyVersion], version: &PolicyVersion) -> Result<(), Refusal> {
    let name = &version.policy.name;
    let held = active.rulebook.policies.iter().filter(|own| own.name == *name);
    for owner in held.map(|own| revival::owner_of(versions, own)) {
        if owner != version.institution {
            // An institution must not learn whose it is.
            let whose = match version.institution {
                Some(_) => "somebody else".to_owned(),
                None => owner.unwrap_or_else(|| "the ministry".to_owned()),
            };
            let message =
                format!("the policy `{name}` that is at work belongs to {whose}: choose another name");
            return Err(Refusal::forbidden("policy_not_own", message));
        }
    }
    Ok(())
}

pub(super) fn not_at_work(name: &str) -> Refusal {
    let message = format!("no such version of the policy `{name}` is in force or in shadow");
    Refusal::conflict("not_at_work", message)
}

fn wrong_state(version: &PolicyVersion, why: &str) -> Refusal {
    let message = format!("version {} of the policy `{}`: {why}", version.version, version.policy.name);
    Refusal::conflict("wrong_state", message)
}
