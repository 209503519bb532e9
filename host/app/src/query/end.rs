// SPDX-License-Identifier: Apache-2.0
//! The ends of a query without an answer: each has an audit record, which is durable before the client is answered.

use std::{collections::BTreeSet, time::Duration};

use paasla_core::{AuditRecord, Outcome, Reason};
use paasla_engine::RuleFault;

use super::{Queries, Stop, draft::Draft};
use crate::{
    active::{Active, Ruler},
    problem::{Capped, NoAnswer, Problem},
};

/// Says in the log that a rule broke; gives the code of the problem.
pub(super) fn broken(id: &str, ruler: &Ruler<'_>, fault: &RuleFault) -> &'static str {
    let (policy, kind) = (&ruler.at_work.policy().name, fault.kind());
    tracing::error!(id, policy, kind, "a rule broke");
    if fault.is_the_rules() { "rule_fault" } else { "overloaded" }
}

impl Queries {
    /// Ends a query that has no answer.
    pub(super) async fn stop<T>(
        &self,
        mut draft: Draft,
        id: String,
        active: &Active,
        stop: Stop<'_>,
    ) -> Result<T, NoAnswer> {
        match stop {
            Stop::Invalid(problems) => self.invalid(draft, id, problems).await,
            Stop::NotFound(problem) => {
                self.write(draft.end(Outcome::Invalid, vec![problem.code.to_owned()]), &id).await?;
                Err(NoAnswer::NotFound { id, problem })
            }
            Stop::Refused(decision, reasons) => {
                if let Some(decision) = decision {
                    draft.decision(&decision);
                }
                self.refuse(draft, id, active, reasons).await
            }
            Stop::Capped(decision, capped) => {
                draft.decision(&decision);
                self.refuse_capped(draft, id, active, capped).await
            }
            Stop::Faulted(ruler, fault) => {
                let code = broken(&id, &ruler, &fault);
                self.quarantine.note(&ruler, &fault).await;
                self.fail(draft, id, code).await
            }
            Stop::Failed(code) => self.fail(draft, id, code).await,
        }
    }

    pub(crate) async fn invalid<T>(
        &self,
        draft: Draft,
        id: String,
        problems: Vec<Problem>,
    ) -> Result<T, NoAnswer> {
        let codes = problems.iter().map(|problem| problem.code.to_owned()).collect();
        self.write(draft.end(Outcome::Invalid, codes), &id).await?;
        Err(NoAnswer::Invalid { id, problems })
    }

    pub(super) async fn refuse<T>(
        &self,
        draft: Draft,
        id: String,
        active: &Active,
        reasons: BTreeSet<Reason>,
    ) -> Result<T, NoAnswer> {
        let codes: BTreeSet<String> = reasons.iter().map(|reason| reason.code.clone()).collect();
        self.write(draft.end(Outcome::Refused, codes.into_iter().collect()), &id).await?;
        Err(NoAnswer::Refused { id, generation: active.rulebook.generation, reasons })
    }

    async fn refuse_capped<T>(
        &self,
        draft: Draft,
        id: String,
        active: &Active,
        capped: Capped,
    ) -> Result<T, NoAnswer> {
        let codes = capped.reasons.iter().map(|reason| reason.code.clone()).collect();
        self.write(draft.end(Outcome::Refused, codes), &id).await?;
        Err(NoAnswer::Capped { id, generation: active.rulebook.generation, capped })
    }

    async fn fail<T>(&self, draft: Draft, id: String, code: &'static str) -> Result<T, NoAnswer> {
        self.write(draft.end(Outcome::Failed, vec![code.to_owned()]), &id).await?;
        let retry_after =
            matches!(code, "register_unavailable" | "store_unavailable").then_some(Duration::from_secs(5));
        Err(NoAnswer::Failed { id, code, retry_after })
    }

    /// Makes a record durable. When that fails, nothing else may be answered.
    pub(super) async fn write(&self, record: AuditRecord, id: &str) -> Result<(), NoAnswer> {
        let unavailable = || {
            let retry_after = Some(Duration::from_secs(1));
            NoAnswer::Failed { id: id.to_owned(), code: "record_unavailable", retry_after }
        };
        if !self.health.has_room() {
            return Err(unavailable());
        }
        self.ledger.record(record, || ()).await.map_err(|error| {
            tracing::error!(id, error = &error as &dyn std::error::Error, "a record could not be written");
            unavailable()
        })
    }
}
