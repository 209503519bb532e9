// SPDX-License-Identifier: Apache-2.0
//! The draft of a query's audit record, as it grows from step to step.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use paasla_core::{
    AuditRecord, Call, Calls, ClientId, Decision, Outcome, Query, RowCount, Rulebook, RulingSummary,
};

use super::ask::Caller;

/// What is known of a query so far. Whatever happens, one record comes of it.
#[derive(Debug)]
pub(crate) struct Draft {
    record: AuditRecord,
    arrived: std::time::Instant,
}

impl Draft {
    /// What every request has.
    pub(crate) fn new(id: &str, generation: u64, caller: &Caller) -> Self {
        let record = AuditRecord {
            id: id.to_owned(),
            instant: caller.instant,
            outcome: Outcome::Failed,
            codes: Vec::new(),
            generation,
            channel: caller.channel.to_owned(),
            client: caller.client.clone(),
            service: None,
            version: None,
            message_id: caller.message_id.clone(),
            request_id: caller.request_id.clone(),
            official: caller.official.clone(),
            case: caller.case.clone(),
            statements: caller.statements.clone(),
            query: None,
            decision: None,
            rulings: Vec::new(),
            row_decisions: Vec::new(),
            register: None,
            subjects: Vec::new(),
            usage_basis: None,
            usage_holder: None,
            stands_for: None,
            returned: 0,
            cost: 0,
            duration_us: 0,
        };
        Self { record, arrived: caller.arrived }
    }

    /// Notes the service, only if there is such a service: a name from a URL may be anything.
    pub(crate) fn service_if_known(&mut self, rulebook: &Rulebook, name: &str, version: Option<u32>) {
        if let Some(service) = rulebook.latest(name) {
            self.service(&service.name, version.unwrap_or(service.version));
        }
    }

    /// Notes the service, once it is known to exist.
    pub(crate) fn service(&mut self, name: &str, version: u32) {
        self.record.service = Some(name.to_owned());
        self.record.version = Some(version);
    }

    /// Notes whom the query names, as keyed hashes.
    pub(crate) fn subjects(&mut self, hashes: Vec<String>) {
        self.record.subjects = hashes;
    }

    /// Notes what the rules were given: the query, and the digest of the register.
    pub(crate) fn query(&mut self, query: &Arc<Query>, register: &str) {
        self.record.query = Some(Arc::clone(query));
        self.record.register = Some(register.to_owned());
    }

    /// Notes what one policy is given of rows, by name.
    pub(crate) fn row_inputs(&mut self, policy: &str, names: BTreeSet<String>) {
        let earlier = self.record.rulings.iter_mut().find(|summary| summary.policy == policy);
        if let Some(summary) = earlier {
            summary.row_inputs = names.into_iter().collect();
        }
    }

    /// Notes what was decided of rows.
    pub(crate) fn row_decisions(&mut self, counts: Vec<RowCount>) {
        self.record.row_decisions = counts;
    }

    /// Notes what one policy did. A policy that speaks twice (decide, review) has one entry.
    pub(crate) fn ruling(&mut self, policy: &str, rule: &str, call: Call, fuel: u64) {
        self.record.cost = self.record.cost.saturating_add(fuel);
        let earlier = self.record.rulings.iter_mut().find(|summary| summary.policy == policy);
        match earlier {
            Some(summary) => {
                summary.fuel = summary.fuel.saturating_add(fuel);
                summary.calls.0.push(call);
            }
            None => self.record.rulings.push(RulingSummary {
                policy: policy.to_owned(),
                rule: rule.to_owned(),
                calls: Calls(vec![call]),
                fuel,
                row_inputs: Vec::new(),
            }),
        }
    }

    /// Notes what was decided.
    pub(crate) fn decision(&mut self, decision: &Arc<Decision>) {
        self.record.decision = Some(Arc::clone(decision));
    }

    /// An answer: it counts towards the usage of the access right's holder under `basis`.
    pub(crate) fn answered(mut self, holder: &ClientId, basis: &str, returned: usize) -> AuditRecord {
        self.record.usage_basis = Some(basis.to_owned());
        self.record.usage_holder = (*holder != self.record.client).then(|| holder.clone());
        self.record.returned = u32::try_from(returned).unwrap_or(u32::MAX);
        self.end(Outcome::Answered, vec!["ok".to_owned()])
    }

    /// Notes that it stands for so many refusals.
    pub(crate) fn stands_for(&mut self, refusals: u64) {
        self.record.stands_for = Some(refusals);
    }

    /// Any other end.
    pub(crate) fn end(mut self, outcome: Outcome, mut codes: Vec<String>) -> AuditRecord {
        codes.dedup();
        self.record.outcome = outcome;
        self.record.codes = codes;
        self.record.duration_us = micros(self.arrived.elapsed());
        self.record
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
