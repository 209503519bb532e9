// SPDX-License-Identifier: Apache-2.0
//! Rows that were read, reviewed: first by the ministry's policies, then by those that only an institution vouches for.
//! The latter are given no more of a row than their client is shown of it by the grant and the ministry's policies, so
//! nothing that is hidden can reach the client through what they say.

use std::collections::{BTreeMap, BTreeSet};

use paasla_core::{
    Call, CallOutcome, Condition, Decision, Policy, Reason, RowCount, RowDecision, Value, Visibility,
};
use paasla_engine::{Activated, RowInput, RuleFault};
use paasla_register::{Entity, Row, Rows};

use super::{Queries, Stop, access::Resolved, draft::Draft, evaluate::run_ruling, rows::shows_all};
use crate::active::{Ruler, Version};

/// What was read, and what may be seen of each row.
pub(crate) struct Reviewed {
    pub(super) rows: Rows,
    pub(super) settled: Vec<RowDecision>,
    /// Whether there are more rows that may be seen than the limit let through.
    pub(super) more: bool,
    /// The place from which on rows are beyond the limit.
    pub(super) end: usize,
}

/// A policy that wants to see the rows, and who rules for it.
#[derive(Clone, Copy)]
pub(super) struct Reviewer<'r, 'a> {
    pub(super) ruler: &'r Ruler<'a>,
    pub(super) version: &'a Version,
}

/// Everything that looks at the rows of one query.
pub(super) struct Reviewers<'r, 'a> {
    ministry: Vec<Reviewer<'r, 'a>>,
    institution: Vec<Reviewer<'r, 'a>>,
    /// What policies of institutions ask of rows: looked at here, and not in SQL.
    conditions: Vec<Condition>,
}

impl<'r, 'a> Reviewers<'r, 'a> {
    pub(super) fn of(reviewers: impl Iterator<Item = Reviewer<'r, 'a>>, conditions: Vec<Condition>) -> Self {
        let (ministry, institution) =
            reviewers.partition(|reviewer| reviewer.version.activated.policy.is_the_ministrys());
        Self { ministry, institution, conditions }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ministry.is_empty() && self.institution.is_empty() && self.conditions.is_empty()
    }

    /// The facts of rows that they need.
    pub(super) fn facts(&self) -> BTreeSet<String> {
        let all = self.ministry.iter().chain(&self.institution);
        let needs = all.flat_map(|reviewer| &reviewer.version.activated.about.row_facts);
        needs.map(|need| &need.name).chain(self.conditions.iter().map(|c| &c.fact)).cloned().collect()
    }
}

/// What the rows of one review are made of.
struct ReviewInput<'t> {
    entity: &'t Entity,
    resolved: &'t Resolved<'t>,
    rows: &'t Rows,
    /// The names of the facts that were read, in their order.
    facts: &'t [String],
}

impl Queries {
    /// What may be seen of each row once every policy that wants to has looked at it.
    pub(super) fn review<'a>(
        &self,
        reviewers: &Reviewers<'_, 'a>,
        resolved: &Resolved<'_>,
        decision: &Decision,
        rows: &Rows,
        facts: &[String],
        draft: &mut Draft,
    ) -> Result<Vec<RowDecision>, Stop<'a>> {
        let query = &resolved.query;
        let mut settled: Vec<RowDecision> = rows.rows.iter().map(|_| RowDecision::new(decision)).collect();
        let close =
            |settled: &mut Vec<RowDecision>| settled.iter_mut().for_each(|row| row.close(&query.fields));
        let Some(entity) = self.description.entity(&resolved.service.entity) else {
            return Err(Stop::Failed("internal"));
        };
        let review = ReviewInput { entity, resolved, rows, facts };
        let all: Vec<usize> = (0..rows.rows.len()).collect();
        let inputs = review.inputs(&all, |_, _| true, |_, _| true);
        for reviewer in &reviewers.ministry {
            ask(*reviewer, resolved, &inputs, &all, &mut settled, draft)?;
        }
        close(&mut settled);
        if reviewers.institution.is_empty() && reviewers.conditions.is_empty() {
            return Ok(settled);
        }
        // From here on all reviewers are given the same: what the ministry's policies leave.
        let left = self.left(&review, &settled);
        let before = settled.clone();
        let is_shown = |place: usize, field: usize| {
            let own = before.get(place).and_then(|row| row.fields.get(field));
            own.is_some_and(|own| own.visibility == Visibility::Show)
        };
        let may_tell = |place: usize, fact: &str| self.shows_fact(&review, place, fact, &is_shown);
        let inputs = review.inputs(&left, may_tell, is_shown);
        for condition in &reviewers.conditions {
            for (place, input) in left.iter().zip(&inputs) {
                let value = input.facts.iter().find(|(name, _)| *name == condition.fact);
                let value = value.map_or(&Value::Absent, |(_, value)| value);
                if review.is_about_a_person(*place)
                    && !condition.holds(value)
                    && let Some(row) = settled.get_mut(*place)
                {
                    row.drops.insert(condition.reason.clone());
                }
            }
        }
        for reviewer in &reviewers.institution {
            ask(*reviewer, resolved, &inputs, &left, &mut settled, draft)?;
        }
        close(&mut settled);
        Ok(settled)
    }

    /// The rows that are not left out, and do not stand under one that is.
    fn left(&self, review: &ReviewInput<'_>, settled: &[RowDecision]) -> Vec<usize> {
        let mut left = BTreeSet::new();
        for (place, (row, own)) in review.rows.rows.iter().zip(settled).enumerate() {
            let stands = match row.parent {
                Some(parent) => left.contains(&parent),
                None => self.may_be_found(review.resolved, own),
            };
            if stands && own.drops.is_empty() {
                left.insert(place);
            }
        }
        left.into_iter().collect()
    }

    /// Whether everything that the row was found by is seen in full in it: that it was found would disclose the rest.
    pub(super) fn may_be_found(&self, resolved: &Resolved<'_>, row: &RowDecision) -> bool {
        let (entity, query) = (&resolved.service.entity, &resolved.query);
        let is_seen =
            |&place: &usize| shows_all(&self.description, entity, query, place, row.fields.get(place));
        resolved.search.iter().all(is_seen)
    }

    /// Whether the client is shown in this row everything of the category that a fact discloses: every field of it that the
    /// register has there is asked for, and shown in full. Derived fields are not looked at: an answer does not stand for what
    /// it is computed from, and whoever is shown that needs no answer.
    fn shows_fact(
        &self,
        review: &ReviewInput<'_>,
        place: usize,
        fact: &str,
        is_shown: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let category = review.entity.fact(fact).and_then(|fact| fact.category.as_ref());
        let (Some(category), Some(row)) = (category, review.rows.rows.get(place)) else { return false };
        let fields = review.entity.fields();
        let mut fields = fields
            .filter(|field| field.group() == row.group.as_deref() && field.category() == category)
            .filter(|field| field.derivation().is_none())
            .peekable();
        let query = &review.resolved.query;
        let shown = |name: &str| {
            let own = query.fields.iter().position(|field| field.name == name);
            own.is_some_and(|own| review.resolved.is_asked(own) && is_shown(place, own))
        };
        fields.peek().is_some() && fields.all(|field| shown(field.name()))
    }
}

impl ReviewInput<'_> {
    /// Rows as a rule is given them: those at `places`, with the facts and fields that it may see there.
    fn inputs(
        &self,
        places: &[usize],
        may_tell: impl Fn(usize, &str) -> bool,
        may_show: impl Fn(usize, usize) -> bool,
    ) -> Vec<RowInput> {
        let place_of: BTreeMap<usize, usize> =
            places.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let input = |(place, row): (usize, &Row)| RowInput {
            group: row.group.clone(),
            parent: row.parent.and_then(|parent| u32::try_from(*place_of.get(&parent)?).ok()),
            facts: self
                .facts
                .iter()
                .zip(&row.facts)
                .filter(|(name, _)| may_tell(place, name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            cells: row
                .cells
                .iter()
                .filter(|(field, _)| may_show(place, *field))
                .filter_map(|(field, cell)| Some((*field, cell.shown()?.clone())))
                .collect(),
        };
        places.iter().filter_map(|place| Some((*place, self.rows.rows.get(*place)?))).map(input).collect()
    }

    /// Whether conditions apply to a row: a row of a group that is about nobody else stands and falls with the row it belongs to.
    fn is_about_a_person(&self, place: usize) -> bool {
        let group = self.rows.rows.get(place).and_then(|row| row.group.as_deref());
        group.is_none_or(|group| {
            self.entity.groups().iter().any(|own| own.name() == group && own.about().is_some())
        })
    }
}

/// Has one policy review rows, and adds what it says to them. `places` are where the rows stand among all.
fn ask<'a>(
    Reviewer { ruler, version }: Reviewer<'_, 'a>,
    resolved: &Resolved<'_>,
    inputs: &[RowInput],
    places: &[usize],
    settled: &mut [RowDecision],
    draft: &mut Draft,
) -> Result<(), Stop<'a>> {
    let query = &resolved.query;
    let activated = &version.activated;
    let (reviewed, fuel) =
        run_ruling(activated.review_fuel(inputs.len()), || activated.review(query, inputs));
    let Policy { name, rule, .. } = &*activated.policy;
    draft.row_inputs(name, input_names(activated, resolved, inputs));
    let fault: RuleFault = match reviewed {
        Ok(rulings) => {
            let outcome = if rulings.is_empty() { CallOutcome::Abstained } else { CallOutcome::Narrowed };
            draft.ruling(name, rule, Call::Review(outcome), fuel);
            for ruling in &rulings {
                let place = places.get(ruling.row).copied().unwrap_or(usize::MAX);
                if let Some(row) = settled.get_mut(place) {
                    row.add(ruling);
                }
            }
            return Ok(());
        }
        Err(fault) => fault,
    };
    draft.ruling(name, rule, Call::Review(CallOutcome::Faulted(fault.kind().to_owned())), fuel);
    Err(Stop::Faulted(*ruler, fault))
}

/// The names of the facts and fields that a policy was given in at least one row.
fn input_names(activated: &Activated, resolved: &Resolved<'_>, inputs: &[RowInput]) -> BTreeSet<String> {
    let query = &resolved.query;
    let needs = |name: &String| activated.about.row_facts.iter().any(|need| need.name == *name);
    let facts = inputs.iter().flat_map(|row| &row.facts);
    let facts = facts.filter(|(name, value)| needs(name) && !value.is_absent()).map(|(name, _)| name.clone());
    let cells = inputs.iter().flat_map(|row| &row.cells).map(|(field, _)| *field);
    let read: BTreeSet<usize> = cells.filter(|field| activated.reads(query, *field)).collect();
    let fields = read.into_iter().filter_map(|field| Some(query.fields.get(field)?.name.clone()));
    facts.chain(fields).collect()
}

/// In how many rows something was decided besides what holds for all of them, and why. Rows beyond the limit do not count.
pub(super) fn row_counts(resolved: &Resolved<'_>, decision: &Decision, reviewed: &Reviewed) -> Vec<RowCount> {
    let mut counts: BTreeMap<(&Reason, Option<usize>, String), u32> = BTreeMap::new();
    for (place, (read, row)) in reviewed.rows.rows.iter().zip(&reviewed.settled).enumerate() {
        if read.parent.unwrap_or(place) >= reviewed.end {
            continue;
        }
        for reason in &row.drops {
            *counts.entry((reason, None, "out".to_owned())).or_default() += 1;
        }
        for (place, (own, usual)) in row.fields.iter().zip(&decision.fields).enumerate() {
            for reason in own.reasons.difference(&usual.reasons) {
                *counts.entry((reason, Some(place), own.visibility.to_string())).or_default() += 1;
            }
        }
    }
    let name = |place: usize| resolved.query.fields.get(place).map(|field| field.name.clone());
    let count = |((reason, field, to), rows): ((&Reason, Option<usize>, String), u32)| RowCount {
        by: reason.by.clone(),
        code: reason.code.clone(),
        field: field.and_then(name),
        to,
        rows,
    };
    counts.into_iter().map(count).collect()
}
