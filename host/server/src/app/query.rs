// SPDX-License-Identifier: Apache-2.0
//! One query, from ask to answer: every step, in order. Whatever goes wrong on the way, a record is durable before
//! anything leaves, and nothing leaves that was not decided.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use paasla_core::{Condition, Decision, FieldDecision, Outcome, Reason, Record, Visibility};
use paasla_engine::{RuleFault, Spent};
use paasla_register::{Read, RecordId, Rows};

use super::{
    App,
    active::{Active, Ruler},
    answer::{Answer, AnswerField},
    ask::Ask,
    clock,
    crowd::renew_later,
    problem::{Capped, NoAnswer, Problem},
    records::Draft,
    resolve::{Resolved, Unresolved, resolve},
    review::{self, Reviewed, Reviewers},
    rows::{self, Shaper},
    rulings::{decide, reviewers},
    usage::{self, Reservation},
};
use crate::http::Sent;

/// How many records a search may look at to find those that may be seen.
const CANDIDATES_MAX: u32 = 10_000;

/// Why a query that can be decided has no answer.
pub(super) enum Stop<'a> {
    Refused(Arc<Decision>, BTreeSet<Reason>),
    /// It does not fit under a cap.
    Capped(Arc<Decision>, Capped),
    /// A rule broke.
    Faulted(Ruler<'a>, RuleFault),
    Failed(&'static str),
}

/// By whom a query is decided and read.
pub(super) enum By<'s> {
    /// A thread that somebody waits for. What the rulings leave goes where it says, and so does what caps set aside.
    Itself(Option<&'s mut Spent>, &'s mut Reservation),
    /// A thread that others do not wait for: then one that they do wait for reads the register.
    Apart,
}

impl App {
    /// Decides and answers one query.
    pub(crate) async fn query(
        &self,
        ask: Ask,
        put: impl FnOnce(&Answer<'_>) -> serde_json::Result<Vec<u8>> + Send,
    ) -> Result<Sent, NoAnswer> {
        let active = self.active.load_full();
        let id = clock::id().to_string();
        let mut draft = Draft::new(&id, active.rulebook.generation, &ask.caller);
        if !self.health.has_control() {
            return self.fail(draft, id, "control_unavailable").await;
        }
        let Some(date) = self.description.date_at(ask.caller.instant) else {
            tracing::error!(id, "the clock is out of range");
            return self.fail(draft, id, "internal").await;
        };
        let mut resolved = match resolve(&active, &self.description, &ask, &id, date) {
            Ok(resolved) => resolved,
            Err(Unresolved::Invalid(status, problems)) => {
                self.note_service(&active, &ask, &mut draft);
                return self.invalid(draft, id, status, problems).await;
            }
            Err(Unresolved::Refused(reason)) => {
                self.note_service(&active, &ask, &mut draft);
                return self.refuse(draft, id, &active, BTreeSet::from([reason])).await;
            }
        };
        draft.service(&resolved.service.name, resolved.service.version);
        draft.subjects(self.subject_hashes(&resolved));

        let rulers = active.rulers(&resolved.query);
        let shadows = active.shadows().iter().flat_map(|shadow| shadow.rulers(&resolved.query));
        if wants_usage(rulers.iter().copied().chain(shadows)) {
            match usage::facts(&*self.store, &resolved).await {
                Ok(facts) => Arc::make_mut(&mut resolved.query).facts = facts,
                // Rules that need the facts find them absent, and refuse.
                Err(error) => tracing::warn!(id, %error, "usage could not be read"),
            }
        }
        draft.query(&resolved.query, self.description.told().digest());
        let member = self.crowd.join();
        let mut spent = member.spent();
        let mut reservation = Reservation::default();
        let by = By::Itself(spent.as_mut(), &mut reservation);
        let done = self.decide_and_read(&rulers, &resolved, &mut draft, by).await;
        if done.is_err() {
            reservation.settle(&*self.store, &id, 0).await;
        }
        // In a crowd no processor has time to spare: what waits for some would only be kept from others.
        let spent = spent
            .and_then(|spent| if self.ledger.is_crowded() { Some(spent) } else { self.wipers.take(spent) });
        // Policies in shadow are asked after the answer; without them nothing of the query is kept for them.
        let offered = (!active.shadows().is_empty()).then(|| (Arc::clone(&resolved.query), ask));
        let mut told = 0;
        let ended = match done {
            Ok((decision, rows)) => {
                let decision = Arc::new(decision);
                draft.decision(&decision);
                let answer = self.shape(&resolved, &active, &decision, &rows).0;
                let record = draft.answered(resolved.holder, &resolved.usage_basis, answer.records.len());
                told = record.persons();
                reservation.settle(&*self.store, &id, told).await;
                let finish = move || {
                    let body = put(&answer);
                    // While it is at hand: what waits for the disk is kept small.
                    drop((answer, rows, decision, resolved));
                    body
                };
                match self.write(record, &id, finish).await {
                    Ok(body) if reservation.holds() => Ok(Sent { id, body }),
                    Ok(_) => {
                        tracing::error!(id, "an answer took longer than its reservation holds");
                        Err(NoAnswer::Failed { id, code: "overloaded", retry_after: None })
                    }
                    Err(none) => Err(none),
                }
            }
            Err(Stop::Refused(decision, reasons)) => {
                draft.decision(&decision);
                self.refuse(draft, id, &active, reasons).await
            }
            Err(Stop::Capped(decision, capped)) => {
                draft.decision(&decision);
                self.refuse_capped(draft, id, &active, capped).await
            }
            Err(Stop::Faulted(ruler, fault)) => {
                let (policy, kind) = (&ruler.at_work.policy().name, fault.kind());
                tracing::error!(id, policy, kind, "a rule broke");
                self.quarantine.note(&ruler, &fault).await;
                let code = if fault.is_the_rules() { "rule_fault" } else { "overloaded" };
                self.fail(draft, id, code).await
            }
            Err(Stop::Failed(code)) => self.fail(draft, id, code).await,
        };
        // After the record, so that no query waits for it.
        if let Some((query, ask)) = offered {
            self.shadow.offer(&active, &query, ask, told);
        }
        renew_later(spent);
        ended
    }

    /// What is wrong with an ask, without deciding it.
    pub(crate) fn problems(&self, ask: &Ask) -> Vec<Problem> {
        let active = self.active.load();
        let Some(date) = self.description.date_at(ask.caller.instant) else { return Vec::new() };
        match resolve(&active, &self.description, ask, "", date) {
            Err(Unresolved::Invalid(_, problems)) => problems,
            Ok(_) | Err(Unresolved::Refused(_)) => Vec::new(),
        }
    }

    /// The decision, and the rows with each row's own decision.
    pub(super) async fn decide_and_read<'a>(
        &self,
        rulers: &[Ruler<'a>],
        resolved: &Resolved<'_>,
        draft: &mut Draft,
        by: By<'_>,
    ) -> Result<(Decision, Reviewed), Stop<'a>> {
        let query = &resolved.query;
        let (apart, spent, reservation) = match by {
            By::Itself(spent, reservation) => (false, spent, Some(reservation)),
            By::Apart => (true, None, None),
        };
        let decision = decide(rulers, query, draft, spent)?;
        if !decision.is_allowed() {
            let reasons = decision.refusals.clone();
            return Err(Stop::Refused(Arc::new(decision), reasons));
        }
        if let Some(reasons) = self.nothing_to_show(resolved, &decision) {
            return Err(Stop::Refused(Arc::new(decision), reasons));
        }
        // What institutions' policies ask of rows is looked at once the ministry's have reviewed them.
        let is_the_ministrys = |condition: &&Condition| {
            let by = |ruler: &&Ruler<'_>| ruler.at_work.policy().name == *condition.reason.by;
            rulers.iter().find(by).is_some_and(|ruler| ruler.at_work.policy().is_the_ministrys())
        };
        let (conditions, others): (Vec<_>, Vec<_>) = decision.conditions.iter().partition(is_the_ministrys);
        let reviewers = Reviewers::of(reviewers(rulers, &decision), others.into_iter().cloned().collect());
        let entity = self.description.entity(&resolved.service.entity);
        let known = |fact: &String| entity.is_some_and(|entity| entity.fact(fact).is_some());
        let facts: Vec<String> = reviewers.facts().into_iter().filter(known).collect();
        let limit = decision.record_limit().and_then(|limit| u32::try_from(limit).ok());
        let mut limit = resolved.limit.min(limit.unwrap_or(u32::MAX));
        if let Some(reservation) = reservation {
            limit = match reservation.make(&*self.store, resolved, &decision, limit).await {
                Ok(Ok(limit)) => limit,
                Ok(Err(capped)) => return Err(Stop::Capped(Arc::new(decision), capped)),
                Err(error) => {
                    tracing::error!(id = query.id, %error, "persons could not be counted");
                    return Err(Stop::Failed("store_unavailable"));
                }
            };
        }
        let read = Read {
            entity: resolved.service.entity.as_str(),
            keys: resolved.keys.iter().map(|(name, values)| (name.as_str(), values.clone())).collect(),
            fields: query
                .fields
                .iter()
                .zip(&decision.fields)
                .enumerate()
                .map(|(place, (field, decision))| {
                    // What is only looked up by is not read.
                    let visibility =
                        if resolved.is_asked(place) { decision.visibility } else { Visibility::Hide };
                    (field.name.as_str(), visibility)
                })
                .collect(),
            row_facts: facts.iter().map(String::as_str).collect(),
            conditions: conditions.into_iter().cloned().collect(),
            date: query.date,
            limit,
            review: !reviewers.is_empty(),
        };
        let reviewed =
            self.read_and_review(read, &reviewers, resolved, &decision, &facts, draft, apart).await?;
        draft.row_decisions(review::row_counts(resolved, &decision, &reviewed.settled));
        Ok((decision, reviewed))
    }

    /// Reads as many rows as it takes to find `read.limit` records that may be seen, and to know whether there are more: what
    /// a review leaves out takes nobody's place, and counts for nothing.
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one query")]
    async fn read_and_review<'a>(
        &self,
        mut read: Read<&str>,
        reviewers: &Reviewers<'_, 'a>,
        resolved: &Resolved<'_>,
        decision: &Decision,
        facts: &[String],
        draft: &mut Draft,
        apart: bool,
    ) -> Result<Reviewed, Stop<'a>> {
        let limit = usize::try_from(read.limit).unwrap_or(usize::MAX);
        loop {
            let rows = self.read_rows(&read, &resolved.query.id, apart).await?;
            let settled = self.review(reviewers, resolved, decision, &rows, facts, draft)?;
            let records =
                rows.rows.iter().zip(&settled).enumerate().filter(|(_, (row, _))| row.group.is_none());
            let count = records.clone().count();
            let seen: Vec<usize> = records
                .filter(|(_, (_, own))| own.drops.is_empty() && self.may_be_found(resolved, own))
                .map(|(place, _)| place)
                .collect();
            let beyond = seen.get(limit).copied();
            if beyond.is_some() || !rows.more || (seen.len() == count && count == limit) {
                let more = beyond.is_some() || rows.more;
                return Ok(Reviewed { rows, settled, more, end: beyond.unwrap_or(usize::MAX) });
            }
            if read.limit >= CANDIDATES_MAX {
                let message = "More persons match than can be looked at: narrow the search.";
                let reason = Reason::new("host", "host.search-too-broad", message);
                return Err(Stop::Refused(Arc::new(decision.clone()), BTreeSet::from([reason])));
            }
            read.limit = read.limit.saturating_mul(4).saturating_add(1).min(CANDIDATES_MAX);
        }
    }

    async fn read_rows<'a>(&self, read: &Read<&str>, id: &str, apart: bool) -> Result<Rows, Stop<'a>> {
        let plan = self.plans.plan(read).map_err(|error| {
            tracing::error!(id, %error, "a decided query could not be planned");
            Stop::Failed("internal")
        })?;
        let rows = if apart {
            let source = Arc::clone(&self.source);
            tokio::spawn(async move { source.read(&plan).await })
                .await
                .map_err(|_| Stop::Failed("internal"))?
        } else {
            self.source.read(&plan).await
        };
        rows.map_err(|error| {
            tracing::error!(id, %error, "the register could not be read");
            Stop::Failed("register_unavailable")
        })
    }

    /// Why a decision that refuses nothing shows nothing all the same: every field asked for is hidden, or the query
    /// looks up by a field that is not seen in full, so that its answer would tell it.
    pub(super) fn nothing_to_show(
        &self,
        resolved: &Resolved<'_>,
        decision: &Decision,
    ) -> Option<BTreeSet<Reason>> {
        let of = |place: usize| decision.fields.get(place);
        let asked = || resolved.asked.iter().flatten().filter_map(|&place| of(place));
        if !asked().any(|field| field.visibility != Visibility::Hide) {
            return Some(asked().flat_map(|field| field.reasons.iter().cloned()).collect());
        }
        let (entity, query) = (&resolved.service.entity, &resolved.query);
        let hidden = |&&place: &&usize| !rows::shows_all(&self.description, entity, query, place, of(place));
        let mut hidden = resolved.search.iter().filter(hidden).peekable();
        hidden.peek()?;
        let message = "The query looks up by a field that may not be seen in full.";
        let own = Reason::new("host", "host.key-not-visible", message);
        let given = hidden.filter_map(|&place| of(place)).flat_map(|field| field.reasons.iter().cloned());
        Some(given.chain([own]).collect())
    }

    /// The answer, and which records are in it.
    pub(super) fn shape<'a>(
        &self,
        resolved: &Resolved<'a>,
        active: &Active,
        decision: &Decision,
        reviewed: &Reviewed,
    ) -> (Answer<'a>, Vec<RecordId>) {
        let entity = &resolved.service.entity;
        let mut places = vec![None; resolved.query.fields.len()];
        let mut groups: Vec<&'a str> = Vec::new();
        let mut fields = Vec::with_capacity(resolved.asked.len());
        for (place, asked) in resolved.asked.iter().enumerate() {
            let name = resolved.names.get(place).copied().unwrap_or_default();
            let decision = match asked {
                Err(closed) => closed.clone(),
                Ok(index) => {
                    if let Some(slot) = places.get_mut(*index) {
                        *slot = Some(place);
                    }
                    let mut own = decision.fields.get(*index).cloned().unwrap_or_else(FieldDecision::shown);
                    if let Some(effective) = self.description.effective(entity, name, own.visibility) {
                        own.visibility = effective;
                    }
                    own
                }
            };
            let group = name.split_once('.').map(|(group, _)| group);
            if let Some(group) = group
                && decision.visibility != Visibility::Hide
                && !groups.contains(&group)
            {
                groups.push(group);
            }
            fields.push(AnswerField { name, group, decision });
        }
        let shaper = Shaper {
            description: &self.description,
            entity,
            query: &resolved.query,
            masker: &self.masker,
            places: &places,
            groups: &groups,
            decision,
            may_be_found: &|row| self.may_be_found(resolved, row),
            end: reviewed.end,
        };
        let (mut ids, mut records) = (Vec::new(), Vec::new());
        for (place, record) in shaper.records(&reviewed.rows, &reviewed.settled) {
            ids.extend(reviewed.rows.rows.get(place).map(|row| row.record.clone()));
            records.push(record);
        }
        let answer = Answer {
            id: resolved.query.id.clone(),
            generation: active.rulebook.generation,
            purpose: resolved.query.purpose.iri.clone(),
            legal_basis: resolved.query.legal_basis.iri.clone(),
            fields,
            obligations: decision.obligations.iter().filter(|o| o.code == "inform-client").cloned().collect(),
            records,
            more: reviewed.more || !reviewed.rows.cut.is_empty(),
        };
        (answer, ids)
    }

    /// Hashes of the personal codes that a query names.
    fn subject_hashes(&self, resolved: &Resolved<'_>) -> Vec<String> {
        let of_person = |name: &str| {
            let field = self.description.field(&resolved.service.entity, name);
            field.is_some_and(|field| *field.field_type() == paasla_register::FieldType::PersonalCode)
        };
        let keys = resolved.keys.iter().filter(|(name, _)| of_person(name));
        keys.flat_map(|(_, values)| values)
            .filter_map(|value| Some(self.subjects.hash(value.as_text()?)))
            .collect()
    }

    /// The service's name goes into the record only if there is such a service: a name from a URL may be anything.
    fn note_service(&self, active: &Active, ask: &Ask, draft: &mut Draft) {
        let known = active.rulebook.latest(&ask.service);
        if let Some(service) = known {
            draft.service(&service.name, ask.version.unwrap_or(service.version));
        }
    }

    pub(crate) async fn invalid<T>(
        &self,
        draft: Draft,
        id: String,
        status: u16,
        problems: Vec<Problem>,
    ) -> Result<T, NoAnswer> {
        let codes = problems.iter().map(|problem| problem.code.to_owned()).collect();
        self.write(draft.end(Outcome::Invalid, status, codes), &id, || ()).await?;
        Err(NoAnswer::Invalid { id: Some(id), status, problems })
    }

    pub(super) async fn refuse<T>(
        &self,
        draft: Draft,
        id: String,
        active: &Active,
        reasons: BTreeSet<Reason>,
    ) -> Result<T, NoAnswer> {
        let codes: BTreeSet<String> = reasons.iter().map(|reason| reason.code.clone()).collect();
        self.write(draft.end(Outcome::Refused, 403, codes.into_iter().collect()), &id, || ()).await?;
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
        self.write(draft.end(Outcome::Refused, 403, codes), &id, || ()).await?;
        Err(NoAnswer::Capped { id, generation: active.rulebook.generation, capped })
    }

    async fn fail<T>(&self, draft: Draft, id: String, code: &'static str) -> Result<T, NoAnswer> {
        let status = if code == "internal" { 500 } else { 503 };
        self.write(draft.end(Outcome::Failed, status, vec![code.to_owned()]), &id, || ()).await?;
        let retry_after =
            matches!(code, "register_unavailable" | "store_unavailable").then_some(Duration::from_secs(5));
        Err(NoAnswer::Failed { id, code, retry_after })
    }

    /// Makes a record durable. When that fails, nothing else may be told, and what was done meanwhile is thrown away.
    pub(super) async fn write<T: Send>(
        &self,
        record: Record,
        id: &str,
        meanwhile: impl FnOnce() -> T + Send,
    ) -> Result<T, NoAnswer> {
        let unavailable = || {
            let retry_after = Some(Duration::from_secs(1));
            NoAnswer::Failed { id: id.to_owned(), code: "record_unavailable", retry_after }
        };
        if !self.health.has_room() {
            return Err(unavailable());
        }
        self.ledger.record(record, meanwhile).await.map_err(|error| {
            tracing::error!(id, error = &error as &dyn std::error::Error, "a record could not be written");
            unavailable()
        })
    }
}

fn wants_usage<'a>(rulers: impl Iterator<Item = Ruler<'a>>) -> bool {
    let mut facts = rulers.filter_map(|ruler| ruler.version).flat_map(|v| &v.activated.about.facts);
    facts.any(|need| usage::supplies(&need.name))
}
