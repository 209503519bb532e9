// SPDX-License-Identifier: Apache-2.0
//! One query, decided by the rulebook and by the rulebook with a policy in shadow in force.
//!
//! Both are run on the same input, after the answer. A query counts as changed when the client would have been answered
//! something else about the data: refused instead of allowed or the other way round, more or less of a field, other
//! rows. Only other reasons for the same are no change. Where rows matter (conditions, reviews) the
//! register is read for both.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use paasla_core::{Decision, Field, FieldDecision, Reason, Visibility};
use paasla_engine::RuleFault;
use paasla_register::{Plan, ReadError, RowId, Rows, Source};
use paasla_store::governance::shadow::{Difference, ShadowOutcome, ShadowSeen};

use super::{Job, Shadow, seen, version};
use crate::query::access::{Resolved, resolve};
use crate::query::answer::{Answer, GroupRow};
use crate::query::ask::Ask;
use crate::query::draft::Draft;
use crate::query::evaluate::decide;
use crate::query::usage;
use crate::{
    active::{Active, Ruler, ShadowPolicy},
    query::Stop,
};

/// How a query ends: what is disclosed of the data to its client.
enum End {
    /// It is answered.
    Answered(Box<AnsweredQuery>),
    /// It is refused; the codes of the reasons.
    Refused(Vec<String>),
    /// A rule breaks; the kind of the fault, and whether it is the rule in shadow.
    Broken(String, bool),
    /// The register cannot be read: nobody knows.
    Unknown,
}

/// An answer, and how it came about.
struct AnsweredQuery {
    decision: Decision,
    /// The answer and which rows are in it; none where the decision says all.
    answer: Option<(Answer, Vec<RowId>)>,
}

/// The register, read by a thread of the runtime: a thread of low priority must not keep a connection from queries.
struct Elsewhere(Arc<dyn Source>);

#[async_trait]
impl Source for Elsewhere {
    async fn read(&self, plan: &Plan) -> Result<Rows, ReadError> {
        let (source, plan) = (Arc::clone(&self.0), plan.clone());
        tokio::spawn(async move { source.read(&plan).await }).await.unwrap_or(Err(ReadError::Timeout))
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.0.ready().await
    }
}

impl Shadow {
    /// What every policy in shadow that is concerned would have done with a query. Where nothing can be said, the query
    /// is counted as missed.
    pub(super) async fn compare(&self, job: Job) -> Vec<ShadowSeen> {
        let Job { active, query, ask, disclosed } = job;
        let date = self.queries.description.date_at(ask.caller.instant);
        let resolved =
            date.and_then(|date| resolve(&active, &self.queries.description, &ask, &query.id, date).ok());
        let Some(mut resolved) = resolved else {
            self.queue.miss_all(&active, &query);
            return Vec::new();
        };
        // As the rules were given it then: usage has moved on.
        resolved.query = query;
        let rulers = active.rulers(&resolved.query);
        let was = self.decided(&rulers, None, &resolved, &active, &ask);
        let was = self.capped(was, &resolved, disclosed).await;
        let mut was_in_rows = None;
        let mut all = Vec::new();
        for shadow in active.shadows().iter().filter(|shadow| shadow.concerns(&resolved.query)) {
            let candidates = shadow.rulers(&resolved.query);
            let would_be = self.decided(&candidates, Some(shadow), &resolved, &active, &ask);
            let mut would_be = self.capped(would_be, &resolved, disclosed).await;
            let mut was = &was;
            if in_rows(was, &would_be, resolved.refuses_more) {
                if matches!(was, End::Answered(_)) {
                    if was_in_rows.is_none() {
                        was_in_rows = Some(self.read(&rulers, None, &resolved, &active, &ask).await);
                    }
                    was = was_in_rows.as_ref().unwrap_or(was);
                }
                if matches!(would_be, End::Answered(_)) {
                    would_be = self.read(&candidates, Some(shadow), &resolved, &active, &ask).await;
                }
            }
            match self.difference(&resolved, was, &would_be) {
                Some(what) => all.push(seen(shadow, &resolved.query, what)),
                None => self.queue.miss(version(shadow), resolved.query.client.clone(), 1),
            }
        }
        all
    }

    /// What is different for the client; none where nobody knows. Who is refused and who gets no answer because a rule
    /// breaks learn the same of the data: nothing.
    fn difference(&self, resolved: &Resolved<'_>, was: &End, would_be: &End) -> Option<ShadowOutcome> {
        let refused =
            |codes: &[String]| outcome(vec![whole("refused", "allowed", "refused", codes.to_vec())]);
        let allowed = |was, codes: &[String]| outcome(vec![whole("allowed", was, "allowed", codes.to_vec())]);
        Some(match (was, would_be) {
            (End::Unknown, _) | (_, End::Unknown) => return None,
            (was, End::Broken(kind, true)) => {
                ShadowOutcome::Fault { kind: kind.clone(), changed: matches!(was, End::Answered(_)) }
            }
            (End::Answered(was), End::Answered(would_be)) => {
                outcome(self.differences(resolved, was, would_be))
            }
            (End::Answered(_), End::Refused(codes)) => refused(codes),
            (End::Answered(_), End::Broken(..)) => refused(&[]),
            (End::Refused(codes), End::Answered(_)) => allowed("refused", codes),
            (End::Broken(..), End::Answered(_)) => allowed("failed", &[]),
            (End::Refused(_) | End::Broken(..), End::Refused(_) | End::Broken(..)) => ShadowOutcome::Same,
        })
    }

    /// How it ends as far as is known before the register is read.
    fn decided(
        &self,
        rulers: &[Ruler<'_>],
        shadow: Option<&ShadowPolicy>,
        resolved: &Resolved<'_>,
        active: &Active,
        ask: &Ask,
    ) -> End {
        let mut draft = Draft::new(&resolved.query.id, active.rulebook.generation, &ask.caller);
        match decide(rulers, &resolved.query, &mut draft) {
            Ok(decision) if !decision.is_allowed() => End::Refused(codes(&decision.refusals)),
            Ok(decision) => match self.queries.nothing_to_show(resolved, &decision) {
                Some(reasons) => End::Refused(codes(&reasons)),
                None => End::Answered(Box::new(AnsweredQuery { decision, answer: None })),
            },
            Err(stop) => stopped(stop, shadow),
        }
    }

    /// How it ends under the caps that hold then: by what is counted now, without what this query's answer disclosed.
    async fn capped(&self, end: End, resolved: &Resolved<'_>, disclosed: u64) -> End {
        let End::Answered(answered) = &end else { return end };
        match usage::refusals(&*self.store, resolved, &answered.decision, disclosed).await {
            Ok(reasons) if reasons.is_empty() => end,
            Ok(reasons) => End::Refused(codes(&reasons)),
            Err(_) => End::Unknown,
        }
    }

    /// How it ends, rows and all.
    async fn read(
        &self,
        rulers: &[Ruler<'_>],
        shadow: Option<&ShadowPolicy>,
        resolved: &Resolved<'_>,
        active: &Active,
        ask: &Ask,
    ) -> End {
        let mut draft = Draft::new(&resolved.query.id, active.rulebook.generation, &ask.caller);
        let source = Elsewhere(Arc::clone(&self.queries.source));
        match self.queries.decide_and_read(rulers, resolved, &mut draft, &source, None).await {
            Ok((decision, reviewed)) => {
                let answer = Some(self.queries.disclose(resolved, active, &decision, &reviewed));
                End::Answered(Box::new(AnsweredQuery { decision, answer }))
            }
            Err(stop) => stopped(stop, shadow),
        }
    }

    fn differences(
        &self,
        resolved: &Resolved<'_>,
        was: &AnsweredQuery,
        would_be: &AnsweredQuery,
    ) -> Vec<Difference> {
        let mut found = self.fields(resolved, &was.decision, &would_be.decision);
        found.extend(obligations(&was.decision, &would_be.decision));
        if let (Some(was), Some(would_be)) = (&was.answer, &would_be.answer) {
            let mut in_rows = rows(was, would_be);
            // What differs in every row is reported already.
            in_rows.retain(|one| !found.iter().any(|all| (&all.kind, &all.field) == (&one.kind, &one.field)));
            found.extend(in_rows);
        }
        found
    }

    /// Fields of which more or less would be seen in every row. What is only looked up by is in no row.
    fn fields(&self, resolved: &Resolved<'_>, was: &Decision, would_be: &Decision) -> Vec<Difference> {
        let entity = &resolved.service.entity;
        let both = resolved.query.fields.iter().zip(was.fields.iter().zip(&would_be.fields)).enumerate();
        let asked = both.filter(|(place, _)| resolved.is_asked(*place));
        let one =
            |(_, (field, (was, would_be))): (usize, (&Arc<Field>, (&FieldDecision, &FieldDecision)))| {
                let seen = |own: Visibility| {
                    self.queries.description.effective(entity, &field.name, own).unwrap_or(own)
                };
                let difference = seen_of(&field.name, seen(was.visibility), seen(would_be.visibility))?;
                Some(with_reasons(difference, &codes(&was.reasons), &codes(&would_be.reasons)))
            };
        asked.filter_map(one).collect()
    }
}

fn stopped(stop: Stop<'_>, shadow: Option<&ShadowPolicy>) -> End {
    match stop {
        // This thread gives way to others: that a ruling took long says nothing of how long it takes.
        Stop::Faulted(_, RuleFault::Deadline { .. }) => End::Unknown,
        Stop::Faulted(ruler, fault) if fault.is_the_rules() => {
            End::Broken(fault.kind().to_owned(), shadow.is_some_and(|shadow| shadow.is(&ruler)))
        }
        Stop::Refused(_, reasons) => End::Refused(codes(&reasons)),
        Stop::Capped(_, capped) => End::Refused(codes(&capped.reasons)),
        // The host had no sandbox, or no register: that says nothing of the rules.
        Stop::Faulted(..) | Stop::Failed(_) | Stop::Invalid(_) | Stop::NotFound(_) => End::Unknown,
    }
}

fn codes(reasons: &BTreeSet<Reason>) -> Vec<String> {
    let codes: BTreeSet<&String> = reasons.iter().map(|reason| &reason.code).collect();
    codes.into_iter().cloned().collect()
}

/// Whether rows must be read to know what would be disclosed. A review may break, so that nothing is disclosed at all; so may
/// it be where more rows match than may.
fn in_rows(was: &End, would_be: &End, refuses_more: bool) -> bool {
    let reviewed = |one: &AnsweredQuery| !one.decision.reviewers.is_empty();
    match (was, would_be) {
        (End::Answered(was), End::Answered(would_be)) => {
            let matters = |one: &AnsweredQuery| !one.decision.conditions.is_empty() || reviewed(one);
            matters(was) || matters(would_be) || was.decision.row_limit() != would_be.decision.row_limit()
        }
        (End::Answered(one), _) | (_, End::Answered(one)) => refuses_more || reviewed(one),
        _ => false,
    }
}

fn outcome(mut differences: Vec<Difference>) -> ShadowOutcome {
    differences.sort();
    differences.dedup();
    if differences.is_empty() { ShadowOutcome::Same } else { ShadowOutcome::Changed(differences) }
}

fn whole(kind: &str, was: &str, would_be: &str, reasons: Vec<String>) -> Difference {
    let text = |text: &str| Some(text.to_owned());
    Difference { kind: kind.to_owned(), field: None, was: text(was), would_be: text(would_be), reasons }
}

/// Puts in the codes that make the difference: the reasons of the one who shows less, without those of the other.
fn with_reasons(mut difference: Difference, was: &[String], would_be: &[String]) -> Difference {
    let only = |own: &[String], other: &[String]| -> Vec<String> {
        own.iter().filter(|code| !other.contains(code)).cloned().collect()
    };
    difference.reasons = match difference.kind.as_str() {
        "widened" => only(was, would_be),
        _ => only(would_be, was),
    };
    difference
}

/// The difference between two visibilities of a field; none when they are the same.
fn seen_of(name: &str, was: Visibility, would_be: Visibility) -> Option<Difference> {
    let kind = match was.meet(would_be) {
        _ if was == would_be => return None,
        Visibility::Hide if would_be == Visibility::Hide => "hidden",
        met if met == would_be => "narrowed",
        met if met == was => "widened",
        _ => "masked-otherwise",
    };
    let difference = whole(kind, &was.to_string(), &would_be.to_string(), Vec::new());
    Some(Difference { field: Some(name.to_owned()), ..difference })
}

fn obligations(was: &Decision, would_be: &Decision) -> Vec<Difference> {
    let changed = was.obligations != would_be.obligations;
    let count = |decision: &Decision| decision.obligations.len().to_string();
    changed.then(|| whole("obligations", &count(was), &count(would_be), Vec::new())).into_iter().collect()
}

/// Rows that would be there or not, and fields of which something else would be seen in some of them.
fn rows((was, were_ids): &(Answer, Vec<RowId>), (would_be, ids): &(Answer, Vec<RowId>)) -> Vec<Difference> {
    let before: HashMap<_, _> = were_ids.iter().zip(&was.rows).collect();
    let after: HashMap<_, _> = ids.iter().zip(&would_be.rows).collect();
    let mut other = was.more != would_be.more || after.keys().any(|id| !before.contains_key(id));
    let mut found: BTreeMap<(usize, String), Difference> = BTreeMap::new();
    let mut note = |was_row: &GroupRow, row: &GroupRow| {
        for (place, difference) in cells((was, was_row), (would_be, row)) {
            found.entry((place, difference.kind.clone())).or_insert(difference);
        }
    };
    for (id, before_row) in &before {
        let Some(after_row) = after.get(id) else {
            other = true;
            continue;
        };
        note(&before_row.cells, &after_row.cells);
        for (group, were) in &before_row.groups {
            // A group of which nothing may be seen is compared by its fields.
            let Some((_, are)) = after_row.groups.iter().find(|(name, _)| name == group) else { continue };
            other |= were.len() != are.len();
            if were.len() == are.len() {
                were.iter().zip(are).for_each(|(was_row, row)| note(was_row, row));
            }
        }
    }
    let summary = |answer: &Answer| {
        let groups = answer.rows.iter().flat_map(|row| &row.groups).map(|(_, rows)| rows.len());
        let more = if answer.more { " and more" } else { "" };
        format!("{} records, {} rows of groups{more}", answer.rows.len(), groups.sum::<usize>())
    };
    let other = other.then(|| whole("rows", &summary(was), &summary(would_be), Vec::new()));
    found.into_values().chain(other).collect()
}

fn cells(
    (was, was_row): (&Answer, &GroupRow),
    (would_be, row): (&Answer, &GroupRow),
) -> Vec<(usize, Difference)> {
    let places: BTreeSet<usize> = was_row.iter().chain(row).map(|(place, _)| *place).collect();
    let one = |place: usize| {
        let name = &was.fields.get(place)?.name;
        let (before, after) = (seen_in(was, was_row, place), seen_in(would_be, row, place));
        let difference = seen_of(name, before.visibility, after.visibility)?;
        Some((place, with_reasons(difference, &before.codes, &after.codes)))
    };
    places.into_iter().filter_map(one).collect()
}

/// What is seen of one field in one row, and why not more.
struct Seen {
    visibility: Visibility,
    codes: Vec<String>,
}

fn seen_in(answer: &Answer, row: &GroupRow, place: usize) -> Seen {
    let cell = row.iter().find(|(own, _)| *own == place).map(|(_, cell)| cell);
    let narrowed = cell.and_then(|cell| cell.narrowed.as_ref());
    let decision = narrowed.or_else(|| answer.fields.get(place).map(|field| &field.decision));
    Seen {
        visibility: cell.map_or(Visibility::Hide, |cell| cell.visibility),
        codes: decision.map(|own| codes(&own.reasons)).unwrap_or_default(),
    }
}
