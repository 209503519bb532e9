// SPDX-License-Identifier: Apache-2.0
//! Reading: the register is read until enough rows that may be seen are found.

use std::{collections::BTreeSet, sync::Arc};

use paasla_core::{Condition, Decision, Reason, Visibility};
use paasla_register::{Dialect, Plan, Read, Rows, Source, plan::LIMIT_MAX};

use super::{
    Queries, Stop,
    access::Resolved,
    draft::Draft,
    evaluate::{decide, reviewers},
    review::{self, Reviewed, Reviewers},
    rows,
    usage::Reservation,
};
use crate::active::Ruler;

/// How many rows a search may look at to find those that may be seen.
const CANDIDATES_MAX: u32 = 10_000;

impl Queries {
    /// The decision before anything is read, if it shows something.
    pub(super) fn decided<'a>(
        &self,
        rulers: &[Ruler<'a>],
        resolved: &Resolved<'_>,
        draft: &mut Draft,
    ) -> Result<Decision, Stop<'a>> {
        let decision = decide(rulers, &resolved.query, draft)?;
        let refusals = match decision.is_allowed() {
            true => self.nothing_to_show(resolved, &decision),
            false => Some(decision.refusals.clone()),
        };
        match refusals {
            Some(reasons) => Err(Stop::Refused(Some(Arc::new(decision)), reasons)),
            None => Ok(decision),
        }
    }

    /// The decision, and the rows with each row's own decision. What caps set aside goes into `reservation`; without one
    /// nothing is set aside.
    pub(crate) async fn decide_and_read<'a>(
        &self,
        rulers: &[Ruler<'a>],
        resolved: &Resolved<'_>,
        draft: &mut Draft,
        source: &dyn Source,
        reservation: Option<&mut Reservation>,
    ) -> Result<(Decision, Reviewed), Stop<'a>> {
        let query = &resolved.query;
        let decision = self.decided(rulers, resolved, draft)?;
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
        let limit = decision.row_limit().and_then(|limit| u32::try_from(limit).ok());
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
            self.read_and_review(read, &reviewers, resolved, &decision, &facts, draft, source).await?;
        if resolved.refuses_more && reviewed.more {
            let message = format!(
                "More than {limit} records match. By these keys a query is answered in full or not at all: narrow the \
                 search."
            );
            let reason = Reason::new("host", "host.too-many-records", message);
            return Err(Stop::Refused(Some(Arc::new(decision)), BTreeSet::from([reason])));
        }
        draft.row_decisions(review::row_counts(resolved, &decision, &reviewed));
        Ok((decision, reviewed))
    }

    /// Reads as many rows as it takes to find `read.limit` of them that may be seen, and to know whether there is one more
    /// that may be: what a review leaves out takes nobody's place, and counts for nothing.
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one query")]
    async fn read_and_review<'a>(
        &self,
        mut read: Read<&str>,
        reviewers: &Reviewers<'_, 'a>,
        resolved: &Resolved<'_>,
        decision: &Decision,
        facts: &[String],
        draft: &mut Draft,
        source: &dyn Source,
    ) -> Result<Reviewed, Stop<'a>> {
        let limit = usize::try_from(read.limit).unwrap_or(usize::MAX);
        let is_reviewed = read.review;
        if is_reviewed {
            // Whether there are more must not hang on a row that nobody has reviewed: it may be one to be left out.
            read.limit = read.limit.saturating_add(1).min(LIMIT_MAX);
        }
        loop {
            let rows = self.read_rows(source, &read, &resolved.query.id).await?;
            let settled = self.review(reviewers, resolved, decision, &rows, facts, draft)?;
            let mut seen = rows
                .rows
                .iter()
                .zip(&settled)
                .enumerate()
                .filter(|(_, (row, own))| {
                    row.group.is_none() && own.drops.is_empty() && self.may_be_found(resolved, own)
                })
                .map(|(place, _)| place);
            let beyond = seen.nth(limit);
            // What nobody reviews is seen, all of it.
            if beyond.is_some() || !rows.more || !is_reviewed {
                let more = beyond.is_some() || rows.more;
                return Ok(Reviewed { rows, settled, more, end: beyond.unwrap_or(usize::MAX) });
            }
            if read.limit >= CANDIDATES_MAX {
                let message = "More persons match than can be looked at: narrow the search.";
                let reason = Reason::new("host", "host.search-too-broad", message);
                return Err(Stop::Refused(Some(Arc::new(decision.clone())), BTreeSet::from([reason])));
            }
            read.limit = read.limit.saturating_mul(4).saturating_add(1).min(CANDIDATES_MAX);
        }
    }

    async fn read_rows<'a>(
        &self,
        source: &dyn Source,
        read: &Read<&str>,
        id: &str,
    ) -> Result<Rows, Stop<'a>> {
        let plan = Plan::new(&self.description, Dialect::Sqlite, read).map_err(|error| {
            tracing::error!(id, %error, "a decided query could not be planned");
            Stop::Failed("internal")
        })?;
        source.read(&plan).await.map_err(|error| {
            tracing::error!(id, %error, "the register could not be read");
            Stop::Failed("register_unavailable")
        })
    }

    /// Why a decision that refuses nothing shows nothing all the same: every field asked for is hidden, or the query
    /// looks up by a field that is not seen in full, so that its answer would disclose it.
    pub(crate) fn nothing_to_show(
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
}
