// SPDX-License-Identifier: Apache-2.0
//! Proposals: what loosens is proposed by one person and done when another confirms it. In an emergency one person does
//! it, and another confirms afterwards.

use paasla_core::Edit;
use paasla_store::{
    StoreError,
    governance::{
        act::{Act, Committed},
        change::{ChangeOutcome, NewChange},
        proposal::{Decided, Effect, Proposal, ProposalState, ProposedAct},
    },
};

use super::{ActContext, Governance, actor::Actor, lifecycle::is_over, now, plan::Plan, refusal::Refusal};

/// How an act that may loosen is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Dry run: nothing is done, and the answer says what would be.
    pub dry_run: bool,
    /// It is done at once, and a second person confirms afterwards.
    pub emergency: bool,
    /// It is done only where this generation is at work; none for any.
    pub base: Option<u64>,
}

/// What came of an act that may loosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing is done.
    DryRun {
        /// What it would change.
        effect: Effect,
        /// Whether a second person would be needed.
        second_person: bool,
    },
    /// Nothing is done yet: a second person is needed.
    Proposed(Box<Proposal>),
    /// Nothing is done yet: its time has not come.
    Planned(Box<Proposal>),
    /// It is done.
    Done(Done),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The generation that it made, if any.
    pub generation: Option<u64>,
    /// The version of the policy that it was done to, if it was done to one.
    pub version: Option<u32>,
    /// What it changed.
    pub effect: Effect,
    /// The proposal with which a second person confirms what was done in an emergency.
    pub unconfirmed: Option<i64>,
}

impl Governance {
    /// Takes a policy out of force, or out of shadow.
    ///
    /// # Errors
    /// When it is not at work, or is not the actor's to take out.
    pub async fn retire(
        &self,
        actor: &Actor,
        name: &str,
        version: Option<u32>,
        how: How,
        reason: &str,
    ) -> Result<Outcome, Refusal> {
        self.act(actor, ProposedAct::Retire { name: name.to_owned(), version }, how, reason).await
    }

    /// Puts a policy that is in quarantine back into service.
    ///
    /// # Errors
    /// When it is not in quarantine.
    pub async fn lift(&self, actor: &Actor, name: &str, how: How, reason: &str) -> Result<Outcome, Refusal> {
        self.act(actor, ProposedAct::Lift { name: name.to_owned() }, how, reason).await
    }

    /// Puts the content of an earlier generation to work again (that of the one before, if none is named), as a new one.
    /// What was taken out since stays out, unless it is named. Gives back which generation's content that is.
    ///
    /// # Errors
    /// When there is no such generation, it is the one at work, it can no longer be put to work, or it holds versions of
    /// policies that were rejected since, have expired, or were signed by keys that were all revoked.
    pub async fn roll_back(
        &self,
        actor: &Actor,
        to: Option<u64>,
        bring_back: Vec<String>,
        how: How,
        reason: &str,
    ) -> Result<(u64, Outcome), Refusal> {
        let to = match to {
            Some(to) => to,
            None => self.the_one_before().await,
        };
        Ok((to, self.act(actor, ProposedAct::RollBack { to, bring_back }, how, reason).await?))
    }

    /// The generation before the one at work; where the newest cannot be put to work, the one at work.
    async fn the_one_before(&self) -> u64 {
        let _lock = self.change_lock.lock().await;
        let newest = self.newest_or_unloadable().await;
        let at_work = self.active.load().rulebook.generation;
        let is_passed_over = newest.is_ok_and(|newest| newest > at_work);
        if is_passed_over { at_work } else { at_work.saturating_sub(1) }
    }

    /// Puts services, access rights and terms in, and takes them out: all of them, or none.
    pub(super) async fn edit(
        &self,
        actor: &Actor,
        edits: Vec<Edit>,
        at: Option<i64>,
        how: How,
        reason: &str,
    ) -> Result<Outcome, Refusal> {
        if at.is_some_and(|at| is_over(at, now())) {
            return Err(Refusal::invalid(
                "time_over",
                "/at",
                "this time is over: give one to come, or none for now",
            ));
        }
        let at = at.filter(|at| *at > now());
        if at.is_some() && how.emergency {
            let message =
                "in an emergency it is done at once: give no time, or let a second person confirm it";
            return Err(Refusal::invalid("emergency_planned", "/at", message));
        }
        self.act(actor, ProposedAct::Edit { edits, at }, how, reason).await
    }

    async fn act(&self, actor: &Actor, act: ProposedAct, how: How, reason: &str) -> Result<Outcome, Refusal> {
        let target = act.target();
        let context = ActContext { actor, action: act.action(), target: &target, version: None, reason };
        let _lock = self.change_lock.lock().await;
        match self.act_locked(context, act, how).await {
            Ok(outcome) => Ok(outcome),
            Err(refusal) if how.dry_run => Err(refusal),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn act_locked(
        &self,
        context: ActContext<'_>,
        act: ProposedAct,
        how: How,
    ) -> Result<Outcome, Refusal> {
        context.check_reason()?;
        let plan = self.plan(context, &act).await?;
        if let Some(base) = how.base.filter(|base| *base != plan.base) {
            let message = format!(
                "generation {} is at work, and not {base}: look at what changed, and make the plan anew",
                plan.base
            );
            return Err(Refusal::conflict("changed_meanwhile", message));
        }
        let (effect, version) = (plan.effect.clone(), plan.version);
        let second_person = self.settings.four_eyes && effect.loosens();
        if how.dry_run {
            self.check_plan(&plan).await?;
            return Ok(Outcome::DryRun { effect, second_person });
        }
        if second_person && !how.emergency {
            return self.propose(context, act, &plan).await;
        }
        if act.at().is_some_and(|at| at > now()) {
            self.check_plan(&plan).await?;
            let planned = proposal(context, act, &plan, ProposalState::Scheduled);
            let change = planned_change(ActContext { version: plan.version, ..context });
            let acts = [Act::PutProposal(Box::new(planned.clone()))];
            let id = self.store.commit(&acts, &change).await?.proposal.unwrap_or_default();
            return Ok(Outcome::Planned(Box::new(Proposal { id, ..planned })));
        }
        let afterwards = second_person.then(|| {
            let proposal = proposal(context, act, &plan, ProposalState::Unconfirmed);
            Act::PutProposal(Box::new(proposal))
        });
        let done = self.carry_out(context, plan, afterwards.into_iter().collect()).await?;
        let Committed { generation, proposal: unconfirmed, .. } = done;
        if let Some(proposal) = unconfirmed {
            let (action, who) = (context.action, context.actor.who.as_str());
            tracing::warn!(action, who, proposal, "done in an emergency: a second person must confirm it");
        }
        Ok(Outcome::Done(Done { generation, version, effect, unconfirmed }))
    }

    /// Keeps an act for a second person.
    async fn propose(
        &self,
        context: ActContext<'_>,
        act: ProposedAct,
        plan: &Plan,
    ) -> Result<Outcome, Refusal> {
        self.check_plan(plan).await?;
        let mut acts = Vec::new();
        let waiting = self.store.proposals(true).await?.into_iter();
        for same in waiting.filter(|other| other.state == ProposalState::Open && other.act == act) {
            // Saying it once more says nothing new.
            if same.effect == plan.effect {
                return Ok(Outcome::Proposed(Box::new(same)));
            }
            acts.push(Act::DecideProposal(Box::new(decided(context, same, ProposalState::Outdated))));
        }
        let proposal = proposal(context, act, plan, ProposalState::Open);
        acts.push(Act::PutProposal(Box::new(proposal.clone())));
        let change = ActContext { version: plan.version, ..context }.change(None, None);
        let change = NewChange { outcome: ChangeOutcome::Proposed, ..change };
        let id = self.store.commit(&acts, &change).await?.proposal.unwrap_or_default();
        Ok(Outcome::Proposed(Box::new(Proposal { id, ..proposal })))
    }

    /// Proposals that somebody may see, newest first; only those that wait for a second person, if that is wanted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn proposals(&self, actor: &Actor, waiting: bool) -> Result<Vec<Proposal>, StoreError> {
        let mut all = self.store.proposals(waiting).await?;
        all.retain(|proposal| is_theirs(actor, proposal));
        Ok(all)
    }

    /// One proposal, if somebody may see it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn proposal(&self, actor: &Actor, id: i64) -> Result<Proposal, Refusal> {
        let found = self.store.proposal(id).await?.filter(|proposal| is_theirs(actor, proposal));
        found.ok_or_else(|| Refusal::not_found("proposal", &id.to_string()))
    }

    /// Does what somebody else has proposed, or confirms what somebody else has done in an emergency. Gives back the
    /// proposal, and the generation that was made.
    ///
    /// # Errors
    /// When the actor is no other person, the proposal is decided already, or what it would change now is not what was
    /// proposed.
    pub async fn confirm(
        &self,
        actor: &Actor,
        id: i64,
        reason: &str,
    ) -> Result<(Proposal, Option<u64>), Refusal> {
        let target = id.to_string();
        let context =
            ActContext { actor, action: "proposal.confirm", target: &target, version: None, reason };
        let _lock = self.change_lock.lock().await;
        match self.confirm_locked(context, id).await {
            Ok(done) => Ok(done),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn confirm_locked(
        &self,
        context: ActContext<'_>,
        id: i64,
    ) -> Result<(Proposal, Option<u64>), Refusal> {
        context.check_reason()?;
        let proposal = self.pending(context.actor, id).await?;
        if proposal.state == ProposalState::Scheduled {
            let message = format!("proposal {id} needs nobody else: it waits for its time");
            return Err(Refusal::conflict("proposal_scheduled", message));
        }
        self.check_other(context.actor, &proposal)?;
        if proposal.act.at().is_some_and(|at| at > now()) && proposal.state == ProposalState::Open {
            let scheduled = decided(context, proposal, ProposalState::Scheduled);
            let decide = Act::DecideProposal(Box::new(scheduled.clone()));
            self.store.commit(&[decide], &planned_change(context)).await?;
            return Ok((scheduled, None));
        }
        let confirmed = decided(context, proposal.clone(), ProposalState::Confirmed);
        let decide = Act::DecideProposal(Box::new(confirmed.clone()));
        if proposal.state == ProposalState::Unconfirmed {
            self.store.commit(&[decide], &context.change(None, None)).await?;
            return Ok((confirmed, None));
        }
        let (target, by) = (proposal.act.target(), &proposal.by);
        let reason = format!("{} (proposal {id} of {by}: {})", context.reason.trim(), proposal.reason);
        let own = ActContext { action: proposal.act.action(), target: &target, reason: &reason, ..context };
        let plan = self.plan(own, &proposal.act).await?;
        if plan.effect != proposal.effect {
            let ended = decided(context, proposal, ProposalState::Outdated);
            let change = ActContext { action: "proposal.outdated", ..context }.change(None, None);
            self.store.commit(&[Act::DecideProposal(Box::new(ended))], &change).await?;
            return Err(outdated());
        }
        let done = self.carry_out(own, plan, vec![decide]).await?;
        Ok((confirmed, done.generation))
    }

    /// Ends a proposal without doing it. What was done in an emergency stays done, and is marked.
    ///
    /// # Errors
    /// When it is decided already, or was done in an emergency by the actor.
    pub async fn reject_proposal(&self, actor: &Actor, id: i64, reason: &str) -> Result<Proposal, Refusal> {
        let target = id.to_string();
        let context = ActContext { actor, action: "proposal.reject", target: &target, version: None, reason };
        let _lock = self.change_lock.lock().await;
        let work = async {
            context.check_reason()?;
            let proposal = self.pending(actor, id).await?;
            if proposal.state == ProposalState::Unconfirmed {
                self.check_other(actor, &proposal)?;
            }
            let rejected = decided(context, proposal, ProposalState::Rejected);
            let decide = Act::DecideProposal(Box::new(rejected.clone()));
            self.store.commit(&[decide], &context.change(None, None)).await?;
            Ok(rejected)
        };
        match work.await {
            Ok(rejected) => Ok(rejected),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    /// Does what was planned for a time that has come. What would change something else by now is not done, and neither is
    /// what cannot be: that is noted, and not tried again, unless the host is at fault.
    pub(super) async fn do_what_is_planned(&self) -> Result<(), Refusal> {
        let all = self.store.proposals(true).await?.into_iter();
        let due = all.filter(|own| {
            own.state == ProposalState::Scheduled && own.act.at().is_some_and(|at| at <= now())
        });
        for proposal in due {
            self.do_planned(proposal).await?;
        }
        Ok(())
    }

    async fn do_planned(&self, proposal: Proposal) -> Result<(), Refusal> {
        let (actor, id, target) = (Actor::host(), proposal.id, proposal.act.target());
        let reason = format!("its time has come (proposal {id} of {}: {})", proposal.by, proposal.reason);
        let action = proposal.act.action();
        let context = ActContext { actor: &actor, action, target: &target, version: None, reason: &reason };
        let end = |state| Act::DecideProposal(Box::new(ended(context, proposal.clone(), state)));
        let done = match self.plan(context, &proposal.act).await {
            Ok(plan) if plan.effect == proposal.effect => {
                self.carry_out(context, plan, vec![end(ProposalState::Confirmed)]).await.map(drop)
            }
            Ok(_) => Err(outdated()),
            Err(refusal) => Err(refusal),
        };
        match done {
            Err(refusal) if !refusal.kind.is_the_hosts() => {
                let problems: Vec<String> =
                    refusal.problems.iter().map(|problem| problem.code.to_owned()).collect();
                tracing::error!(proposal = id, ?problems, "what was planned cannot be done at its time");
                let change = context.change(None, None);
                let change = NewChange { outcome: ChangeOutcome::Refused, problems, ..change };
                self.store.commit(&[end(ProposalState::Outdated)], &change).await?;
                Ok(())
            }
            done => done,
        }
    }

    /// A proposal of which something is still to come.
    async fn pending(&self, actor: &Actor, id: i64) -> Result<Proposal, Refusal> {
        let proposal = self.proposal(actor, id).await?;
        if proposal.state.is_pending() {
            return Ok(proposal);
        }
        let by = proposal.decided.map_or_else(String::new, |decided| format!(" by {}", decided.by));
        Err(Refusal::conflict("proposal_decided", format!("proposal {id} was decided already{by}")))
    }

    fn check_other(&self, actor: &Actor, proposal: &Proposal) -> Result<(), Refusal> {
        if !self.settings.four_eyes || !actor.is_who(&proposal.by, proposal.token.as_deref()) {
            return Ok(());
        }
        Err(Refusal::forbidden("four_eyes", "somebody other than who proposed it must confirm it"))
    }
}

/// A proposal of an act that was worked out.
pub(super) fn proposal(
    context: ActContext<'_>,
    act: ProposedAct,
    plan: &Plan,
    state: ProposalState,
) -> Proposal {
    Proposal {
        id: 0,
        act,
        state,
        by: context.actor.who.clone(),
        token: context.actor.token.clone(),
        institution: context.actor.owner(),
        at: now(),
        reason: context.reason.trim().to_owned(),
        base: plan.base,
        effect: plan.effect.clone(),
        decided: None,
    }
}

/// What was to be done is not what would come of it now.
fn outdated() -> Refusal {
    let message = "the rulebook has changed since, and it would change something else now than what was proposed: \
                   nothing was done, and it must be proposed again";
    Refusal::conflict("proposal_outdated", message)
}

/// The change that says that an act waits for its time.
fn planned_change(context: ActContext<'_>) -> NewChange {
    NewChange { outcome: ChangeOutcome::Planned, ..context.change(None, None) }
}

/// A proposal that ends by itself: who decided it stays who did.
fn ended(context: ActContext<'_>, proposal: Proposal, state: ProposalState) -> Proposal {
    match proposal.decided {
        Some(_) => Proposal { state, ..proposal },
        None => decided(context, proposal, state),
    }
}

fn decided(context: ActContext<'_>, proposal: Proposal, state: ProposalState) -> Proposal {
    let decided = Decided {
        by: context.actor.who.clone(),
        token: context.actor.token.clone(),
        at: now(),
        reason: context.reason.trim().to_owned(),
    };
    Proposal { state, decided: Some(decided), ..proposal }
}

/// The ministry's people see all, an institution's their own.
fn is_theirs(actor: &Actor, proposal: &Proposal) -> bool {
    actor.institution.is_none() || actor.owner() == proposal.institution
}
