// SPDX-License-Identifier: Apache-2.0
//! Plans of acts: what an act that may loosen would do, worked out before anything changes. A plan is shown, proposed,
//! and worked out once more when a second person confirms it.

use std::collections::BTreeSet;

use paasla_core::{Mode, ObjectId, ObjectKind, Policy, Rulebook};
use paasla_store::governance::{
    act::{Act, Committed},
    proposal::{Effect, ProposedAct},
    version::{PolicyVersion, VersionState, digest_of, version_of},
};

use super::{
    ActContext, Governance,
    lifecycle::{chosen, not_at_work},
    now,
    refusal::Refusal,
    revival,
    rulebook_change::{OnUnloadable, RulebookChange},
    seed,
};

/// An act, worked out against the rulebook at work.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The generation that it was made from.
    pub(super) base: u64,
    /// What it changes.
    pub(super) effect: Effect,
    /// The rulebook after it; none when that stays as it is.
    next: Option<Rulebook>,
    /// What is written with it.
    acts: Vec<Act>,
    /// Versions that will not come into force at the time that was set for them.
    cancelled: Vec<PolicyVersion>,
    /// Which version of the policy it is done to.
    pub(super) version: Option<u32>,
    /// Whether it is done also where the newest rulebook in the store cannot be put to work.
    passes_over: bool,
}

impl Plan {
    /// A rulebook in the place of the one of generation `base`.
    pub(super) fn of(base: u64, effect: Effect, next: Rulebook) -> Self {
        Self { base, effect, next: Some(next), ..Self::default() }
    }
}

impl Governance {
    /// Works an act out. The caller holds the change lock.
    pub(super) async fn plan(&self, context: ActContext<'_>, act: &ProposedAct) -> Result<Plan, Refusal> {
        match act {
            ProposedAct::Retire { name, version } => {
                self.catch_up().await?;
                self.plan_retirement(context, name, *version).await
            }
            ProposedAct::RollBack { to, bring_back } => self.plan_roll_back(context, *to, bring_back).await,
            ProposedAct::Seed { files, replace_policies, bring_back } => {
                context.actor.check_ministry()?;
                self.newest_or_unloadable().await?;
                let now = self.rulebook();
                let next = seed::combine(&*self.store, &now, files, *replace_policies, bring_back).await?;
                Ok(Plan {
                    base: now.generation,
                    effect: next.effect,
                    next: Some(next.rulebook),
                    passes_over: true,
                    ..Plan::default()
                })
            }
            ProposedAct::Edit { edits, .. } => self.plan_edits(context, edits).await,
            ProposedAct::Lift { name } => {
                context.actor.check_ministry()?;
                let all = self.store.quarantined().await?.into_iter();
                let own = all.filter(|quarantine| quarantine.entry.policy == *name);
                let quarantines: Vec<i64> = own.map(|quarantine| quarantine.id).collect();
                if quarantines.is_empty() {
                    return Err(Refusal::not_found("quarantine", name));
                }
                Ok(Plan {
                    base: self.active.load().rulebook.generation,
                    effect: Effect { quarantines, ..Effect::default() },
                    acts: vec![Act::LiftQuarantine(name.clone())],
                    ..Plan::default()
                })
            }
        }
    }

    /// Does what was worked out, and writes more in the same transaction. The caller holds the change lock since.
    pub(super) async fn carry_out(
        &self,
        context: ActContext<'_>,
        plan: Plan,
        more: Vec<Act>,
    ) -> Result<Committed, Refusal> {
        let context = ActContext { version: plan.version, ..context };
        let mut acts = plan.acts;
        acts.extend(more);
        let Some(next) = plan.next else {
            let done = self.store.commit(&acts, &context.change(None, None)).await?;
            self.look_at_quarantine().await?;
            return Ok(done);
        };
        let make = |active: &crate::active::Active| {
            // Another host was first: what comes of it is not what was shown.
            if active.rulebook.generation != plan.base {
                return Err(Refusal::changed_meanwhile());
            }
            Ok(RulebookChange::new(next.clone(), acts.clone()).cancelling(&plan.cancelled))
        };
        let on_unloadable = if plan.passes_over { OnUnloadable::Override } else { OnUnloadable::Refuse };
        self.change_rulebook(context, on_unloadable, make).await
    }

    /// Fails when what was worked out cannot be put to work.
    pub(super) async fn check_plan(&self, plan: &Plan) -> Result<(), Refusal> {
        if let Some(next) = &plan.next {
            self.ready(next.clone()).await?;
        }
        Ok(())
    }

    /// A policy out of force, or out of shadow: the version that is asked for, or else the one in force, or else the one
    /// in shadow. Made from the rulebook at work, be it the newest or not.
    pub(super) async fn plan_retirement(
        &self,
        context: ActContext<'_>,
        name: &str,
        number: Option<u32>,
    ) -> Result<Plan, Refusal> {
        let versions = self.store.versions(Some(name)).await?;
        context.actor.check_sees_policy(name, &versions)?;
        let active = self.active.load_full();
        // A seeded rulebook has policies of no version.
        if versions.is_empty() && !active.rulebook.policies.iter().any(|own| own.name == name) {
            return Err(Refusal::not_found("policy", name));
        }
        let wanted = number.map(|_| chosen(name, &versions, number)).transpose()?;
        if let Some(wanted) = &wanted {
            context.actor.check_owner(name, wanted.institution.as_deref())?;
        }
        if wanted.as_ref().is_some_and(PolicyVersion::is_rejected) {
            return Err(not_at_work(name));
        }
        let wanted = wanted.map(|version| version.digest());
        let at_work = |mode: Mode| {
            let mut own = active.rulebook.policies.iter().filter(|own| own.name == name && own.mode == mode);
            own.find(|own| wanted.as_ref().is_none_or(|wanted| digest_of(own) == *wanted))
        };
        let Some(policy) = at_work(Mode::Enforce).or_else(|| at_work(Mode::Shadow)).cloned() else {
            return Err(not_at_work(name));
        };
        let version = version_of(&versions, &policy).cloned();
        let owner = version.as_ref().and_then(|version| version.institution.clone());
        context.actor.check_owner(name, owner.as_deref())?;
        // What came with a seeded rulebook becomes a version now, so that it is not forgotten.
        let (number, act) = match version {
            Some(version) => {
                let number = version.version;
                (number, Act::SetVersion(PolicyVersion { activate_at: None, ..version }))
            }
            None => {
                let seeded = of_seeded(&versions, policy.clone());
                (seeded.version, Act::NewVersion(seeded))
            }
        };
        // What was to come in its place does not come by itself; what was only watched is no place.
        let others = revival::planned(&versions, |other| other == name && policy.mode == Mode::Enforce);
        let cancelled = others.filter(|other| other.version != number).cloned().collect();
        let digest = digest_of(&policy);
        let mut next = active.rulebook.clone();
        next.policies.retain(|own| !(own.mode == policy.mode && digest_of(own) == digest));
        Ok(Plan {
            base: active.rulebook.generation,
            effect: Effect { changes: active.rulebook.diff(&next), ..Effect::default() },
            next: Some(next),
            acts: vec![act],
            cancelled,
            version: Some(number),
            passes_over: false,
        })
    }

    /// The content of an earlier generation, without what was taken out since.
    async fn plan_roll_back(
        &self,
        context: ActContext<'_>,
        to: u64,
        bring_back: &[String],
    ) -> Result<Plan, Refusal> {
        context.actor.check_ministry()?;
        let newest = self.newest_or_unloadable().await?;
        let now = self.rulebook();
        if to == now.generation && to == newest {
            let message = format!("generation {to} is the one at work");
            return Err(Refusal::conflict("already_at_work", message));
        }
        let earlier = self.store.rulebook_at(to).await?;
        let earlier = earlier.ok_or_else(|| Refusal::not_found("generation", &to.to_string()))?;
        let here = now.objects();
        let gone = earlier.objects().into_keys().filter(|id| !here.contains_key(id));
        let gone: BTreeSet<ObjectId> = gone.filter(|id| id.kind != ObjectKind::Shadow).collect();
        let (brought_back, left_out) = sort_out(gone, bring_back, &earlier)?;
        let next = earlier.without(&left_out);
        let versions = self.store.versions(None).await?;
        Refusal::all(self.barred_in(&next, &now, &versions).await?)?;
        let cancelled =
            revival::planned(&versions, |name| revival::differ(&now, &next, name)).cloned().collect();
        Ok(Plan {
            base: now.generation,
            effect: Effect {
                changes: now.diff(&next),
                left_out: left_out.into_iter().collect(),
                brought_back,
                quarantines: Vec::new(),
            },
            next: Some(next),
            cancelled,
            passes_over: true,
            ..Plan::default()
        })
    }
}

/// Of what was taken out before: what comes back, because somebody says so by name, and what stays out.
pub(super) fn sort_out(
    gone: BTreeSet<ObjectId>,
    bring_back: &[String],
    rulebook: &Rulebook,
) -> Result<(Vec<ObjectId>, BTreeSet<ObjectId>), Refusal> {
    let names: Vec<String> = bring_back.iter().map(|name| rulebook.vocabulary.expand(name)).collect();
    for (place, name) in names.iter().enumerate() {
        if !gone.iter().any(|id| id.is_called(name)) {
            let message = format!("nothing called `{name}` would be left out: a dry run shows what would");
            return Err(Refusal::invalid("bring_back_unknown", format!("/bringBack/{place}"), message));
        }
    }
    let (back, out): (BTreeSet<ObjectId>, _) =
        gone.into_iter().partition(|id| names.iter().any(|name| id.is_called(name)));
    Ok((back.into_iter().collect(), out))
}

/// The version that a policy becomes which came with a seeded rulebook.
fn of_seeded(versions: &[PolicyVersion], policy: Policy) -> PolicyVersion {
    PolicyVersion {
        version: versions.last().map_or(0, |last| last.version).saturating_add(1),
        policy,
        state: VersionState::Served,
        by: "seed".to_owned(),
        token: None,
        institution: None,
        at: now(),
        approved_by: None,
        activate_at: None,
        expires_at: None,
        replaced: None,
    }
}
