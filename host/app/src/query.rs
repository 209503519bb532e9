// SPDX-License-Identifier: Apache-2.0
//! One query, from ask to answer: every step, in order. Whatever goes wrong on the way, a record is durable before
//! anything leaves, and nothing leaves that was not decided.

pub(crate) mod access;
pub mod answer;
pub mod ask;
pub(crate) mod catalogue;
mod disclose;
pub(crate) mod draft;
mod end;
pub(crate) mod evaluate;
pub(crate) mod gate;
mod lookup;
mod read;
mod requirement;
pub(crate) mod review;
pub mod rights;
pub(crate) mod rows;
mod select;
pub(crate) mod strangers;
pub(crate) mod subjects;
pub(crate) mod usage;
pub mod who;

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwap;
use paasla_core::{Decision, Reason};
use paasla_engine::RuleFault;
use paasla_ledger::Ledger;
use paasla_register::{Description, Masker, Source};
use paasla_store::Store;

use self::{
    access::Resolved, answer::Answer, ask::Ask, draft::Draft, strangers::Strangers, subjects::SubjectKey,
    usage::Reservation,
};
use crate::{
    active::{Active, Ruler},
    clock,
    health::Health,
    problem::{Capped, NoAnswer, Problem},
    quarantine::Quarantine,
    shadow::ShadowQueue,
};

/// Decides and answers queries.
pub struct Queries {
    /// The rulebook at work.
    pub(super) active: Arc<ArcSwap<Active>>,
    pub(super) description: Arc<Description>,
    pub(super) source: Arc<dyn Source>,
    pub(super) store: Arc<dyn Store>,
    pub(super) ledger: Ledger,
    pub(super) masker: Masker,
    pub(super) subjects: SubjectKey,
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) shadow: Arc<ShadowQueue>,
    pub(super) health: Arc<Health>,
    pub(super) strangers: Strangers,
}

/// Why a query has no answer.
pub(crate) enum Stop<'a> {
    /// It cannot be understood in the register's terms: everything that is wrong.
    Invalid(Vec<Problem>),
    /// There is no such service, or no such version of it.
    NotFound(Problem),
    /// Refused; the decision, if it came to one.
    Refused(Option<Arc<Decision>>, BTreeSet<Reason>),
    /// It does not fit under a cap.
    Capped(Arc<Decision>, Capped),
    /// A rule broke.
    Faulted(Ruler<'a>, RuleFault),
    /// The host could not do its part: the code of the problem.
    Failed(&'static str),
}

impl Queries {
    /// Decides and answers one query.
    pub(crate) async fn query(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        // One load: the query sees exactly one generation.
        let active = self.active.load_full();
        let id = clock::id().to_string();
        let mut draft = Draft::new(&id, active.rulebook.generation, &ask.caller);
        let resolved = match self.admit(&active, &ask, &id, &mut draft).await {
            Ok(resolved) => resolved,
            Err(stop) => return self.stop(draft, id, &active, stop).await,
        };
        let mut reservation = Reservation::default();
        let outcome = self.run(&active, &resolved, &mut draft, &mut reservation).await;
        let mut disclosed = 0;
        let ended = match outcome {
            Ok(answer) => {
                let record = draft.answered(&resolved.grant.client, &resolved.usage_basis, answer.rows.len());
                disclosed = record.persons();
                reservation.settle(&*self.store, &id, disclosed).await;
                // Nothing leaves before the record is durable.
                match self.write(record, &id).await {
                    Ok(()) if reservation.holds() => Ok(answer),
                    Ok(()) => {
                        tracing::error!(id, "an answer took longer than its reservation holds");
                        Err(NoAnswer::Failed { id, code: "overloaded", retry_after: None })
                    }
                    Err(none) => Err(none),
                }
            }
            Err(stop) => {
                reservation.settle(&*self.store, &id, 0).await;
                self.stop(draft, id, &active, stop).await
            }
        };
        // After the record, so that no query waits for policies in shadow.
        self.shadow.offer(&active, &resolved.query, ask, disclosed);
        ended
    }

    /// From a query that an access right opens to what is disclosed.
    async fn run<'a>(
        &self,
        active: &'a Active,
        resolved: &Resolved<'_>,
        draft: &mut Draft,
        reservation: &mut Reservation,
    ) -> Result<Answer, Stop<'a>> {
        let rulers = active.rulers(&resolved.query);
        let (decision, reviewed) =
            self.decide_and_read(&rulers, resolved, draft, &*self.source, Some(reservation)).await?;
        let decision = Arc::new(decision);
        draft.decision(&decision);
        Ok(self.disclose(resolved, active, &decision, &reviewed).0)
    }
}
