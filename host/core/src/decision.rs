// SPDX-License-Identifier: Apache-2.0
//! All rulings and the grant as one decision. Decisions form a semilattice under [`Decision::meet`]: the order
//! and the number of rulings make no difference, and a further ruling can only narrow.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    query::Field,
    reason::Reason,
    ruling::{Cap, Condition, Exception, Obligation, RowRuling, Ruling},
    value::Value,
    visibility::{Mask, Visibility},
};

/// What may be seen of one field, and why not more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDecision {
    /// The most that may be seen.
    pub visibility: Visibility,
    /// Every reason that was given for narrowing it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<Reason>,
}

/// Allowed or refused, and for every field what may be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Why the query is refused; empty when it is allowed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refusals: BTreeSet<Reason>,
    /// One for every field of the query, in its order.
    pub fields: Vec<FieldDecision>,
    /// What every row must fulfil.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub conditions: BTreeSet<Condition>,
    /// What must be done besides.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<Obligation>,
    /// Caps on persons; all of them hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub caps: BTreeSet<Cap>,
    /// The policies that want to see the rows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reviewers: BTreeSet<String>,
}

impl FieldDecision {
    /// Shown in full.
    #[must_use]
    pub fn shown() -> Self {
        Self { visibility: Visibility::Show, reasons: BTreeSet::new() }
    }

    /// Narrows to at most `to`, noting why.
    pub fn narrow(&mut self, to: Visibility, reason: Reason) {
        if to != Visibility::Show {
            self.visibility = self.visibility.meet(to);
            self.reasons.insert(reason);
        }
    }

    /// The most that may be seen when both must hold.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            visibility: self.visibility.meet(other.visibility),
            reasons: self.reasons.union(&other.reasons).cloned().collect(),
        }
    }
}

impl Decision {
    /// The widest decision over `fields` fields: everything shown, nothing asked.
    #[must_use]
    pub fn widest(fields: usize) -> Self {
        Self {
            refusals: BTreeSet::new(),
            fields: vec![FieldDecision::shown(); fields],
            conditions: BTreeSet::new(),
            obligations: BTreeSet::new(),
            caps: BTreeSet::new(),
            reviewers: BTreeSet::new(),
        }
    }

    /// A refusal over `fields` fields.
    #[must_use]
    pub fn refused(fields: usize, reason: Reason) -> Self {
        let mut decision = Self::widest(fields);
        decision.refusals.insert(reason);
        decision
    }

    /// What one ruling of `policy` means on its own.
    #[must_use]
    pub fn of_ruling(policy: &str, fields: usize, ruling: &Ruling) -> Self {
        let mut decision = Self::widest(fields);
        decision.narrow(policy, ruling);
        decision
    }

    /// Becomes what [`meet`](Self::meet) with one ruling of `policy` gives, without a copy of what is there already.
    fn narrow(&mut self, policy: &str, ruling: &Ruling) {
        match ruling {
            Ruling::Abstain => {}
            Ruling::Refuse(reason) => {
                self.refusals.insert(reason.clone());
            }
            Ruling::Narrow(narrowing) => {
                narrow_fields(&mut self.fields, &narrowing.exceptions);
                self.conditions.extend(narrowing.conditions.iter().cloned());
                self.obligations.extend(narrowing.obligations.iter().cloned());
                self.caps.extend(narrowing.caps.iter().cloned());
                if narrowing.review {
                    self.reviewers.insert(policy.to_owned());
                }
            }
        }
    }

    /// The widest decision that both allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        debug_assert_eq!(self.fields.len(), other.fields.len(), "decisions over different queries");
        Self {
            refusals: self.refusals.union(&other.refusals).cloned().collect(),
            fields: self.fields.iter().zip(&other.fields).map(|(a, b)| a.meet(b)).collect(),
            conditions: self.conditions.union(&other.conditions).cloned().collect(),
            obligations: self.obligations.union(&other.obligations).cloned().collect(),
            caps: self.caps.union(&other.caps).cloned().collect(),
            reviewers: self.reviewers.union(&other.reviewers).cloned().collect(),
        }
    }

    /// Grant and all rulings together.
    #[must_use]
    pub fn combine<'a>(granted: &Self, rulings: impl IntoIterator<Item = (&'a str, &'a Ruling)>) -> Self {
        let mut decision = granted.clone();
        for (policy, ruling) in rulings {
            decision.narrow(policy, ruling);
        }
        decision
    }

    /// Whether the query may be answered at all.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Closes the decision under what values give away (see [`close`]).
    pub fn close(&mut self, fields: &[Arc<Field>]) {
        close(&mut self.fields, fields);
    }

    /// The limit on rows that obligations set, if any.
    #[must_use]
    pub fn row_limit(&self) -> Option<u64> {
        let limits = self.obligations.iter().filter(|obligation| obligation.code == "limit-records");
        let counts = limits.flat_map(|obligation| &obligation.attributes).filter(|a| a.name == "count");
        counts
            .filter_map(|a| if let Value::Integer(n) = a.value { u64::try_from(n).ok() } else { None })
            .min()
    }
}

fn narrow_fields(fields: &mut [FieldDecision], exceptions: &[Exception]) {
    for exception in exceptions {
        if let Some(field) = fields.get_mut(exception.field) {
            field.narrow(exception.to, exception.reason.clone());
        }
    }
}

/// Narrows every field whose value would give away what another field of the same group no longer shows: a
/// personal code tells birth date and sex, so it is redacted where either is narrowed. A pseudonym gives
/// nothing away and stays. That a field reveals its own category says nothing: its own mask is the answer to that.
///
/// Closing is monotone and idempotent, so it may follow `meet` at any time.
pub fn close(decisions: &mut [FieldDecision], fields: &[Arc<Field>]) {
    let narrowed: BTreeSet<(Option<&str>, &str)> = fields
        .iter()
        .zip(decisions.iter())
        .filter(|(_, decision)| decision.visibility != Visibility::Show)
        .map(|(field, _)| (field.group.as_deref(), field.category.as_str()))
        .collect();
    for (field, decision) in fields.iter().zip(decisions) {
        if decision.visibility.at_most(Visibility::Masked(Mask::Pseudonym)) {
            continue;
        }
        let given_away = field
            .reveals
            .iter()
            .filter(|&category| *category != field.category)
            .any(|category| narrowed.contains(&(field.group.as_deref(), category.as_str())));
        if given_away {
            let message = "Its value would give away another field that is not shown in full.";
            decision.narrow(
                Visibility::Masked(Mask::Redact),
                Reason::new("host", "host.reveals-narrowed-field", message),
            );
        }
    }
}

/// What all reviewers together say of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDecision {
    /// Why the row is left out; empty when it stays.
    pub drops: BTreeSet<Reason>,
    /// One for every field of the query; fields of other groups are as in the decision.
    pub fields: Vec<FieldDecision>,
}

impl RowDecision {
    /// Starts from the query's decision.
    #[must_use]
    pub fn new(decision: &Decision) -> Self {
        Self { drops: BTreeSet::new(), fields: decision.fields.clone() }
    }

    /// Adds one rule's word on this row.
    pub fn add(&mut self, ruling: &RowRuling) {
        self.drops.extend(ruling.drop.iter().cloned());
        narrow_fields(&mut self.fields, &ruling.exceptions);
    }

    /// Closes the row under what values give away (see [`close`]).
    pub fn close(&mut self, fields: &[Arc<Field>]) {
        close(&mut self.fields, fields);
    }
}
