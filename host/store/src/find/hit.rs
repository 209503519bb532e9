// SPDX-License-Identifier: Apache-2.0
//! What is looked for, and what is found.

use super::row::{Key, Row, key, outcome_number};
use crate::{filter::RecordFilter, log::Place};

/// A record that was found. In the order of hits, the newest is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) instant: i64,
    pub(crate) place: Place,
}

impl Hit {
    pub(crate) fn of(row: &Row) -> Self {
        Self { instant: row.instant, place: row.place }
    }
}

/// What is looked for. Every condition that is set must hold.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) client: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) outcome: Option<u8>,
    pub(crate) subject: Option<Key>,
    /// The first instant.
    pub(crate) since: Option<i64>,
    /// The first instant that is too late.
    pub(crate) until: Option<i64>,
    /// What must be newer.
    pub(crate) before: Option<Hit>,
}

impl Wanted {
    /// What a filter asks for, its page left aside.
    pub(crate) fn of(filter: &RecordFilter) -> Self {
        Self {
            client: filter.client.as_ref().map(ToString::to_string),
            service: filter.service.clone(),
            outcome: filter.outcome.map(outcome_number),
            subject: filter.subject_hash.as_deref().map(key),
            since: filter.since,
            until: filter.until,
            before: None,
        }
    }

    /// Whether it is not too early.
    pub(crate) fn is_not_before(&self, instant: i64) -> bool {
        self.since.is_none_or(|since| since <= instant)
    }

    /// Whether it is not too late, or on an earlier page.
    pub(crate) fn is_not_after(&self, hit: Hit) -> bool {
        self.until.is_none_or(|until| hit.instant < until) && self.before.is_none_or(|before| hit < before)
    }

    pub(crate) fn is_in_time(&self, row: &Row) -> bool {
        self.is_not_before(row.instant) && self.is_not_after(Hit::of(row))
    }

    /// What client, service and outcome are where texts have these numbers. None where nothing has that text.
    pub(crate) fn local(
        &self,
        client: impl Fn(&str) -> Option<u32>,
        service: impl Fn(&str) -> Option<u32>,
    ) -> Option<Local> {
        let number = |text: &Option<String>, number: &dyn Fn(&str) -> Option<u32>| match text {
            Some(text) => number(text).map(Some),
            None => Some(None),
        };
        Some(Local {
            client: number(&self.client, &client)?,
            service: number(&self.service, &|text| service(text).map(|number| number + 1))?,
            outcome: self.outcome,
        })
    }
}

/// What a row must have, in the numbers of its index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    pub(crate) client: Option<u32>,
    pub(crate) service: Option<u32>,
    pub(crate) outcome: Option<u8>,
}

impl Local {
    pub(crate) fn fits(&self, row: &Row) -> bool {
        self.client.is_none_or(|client| client == row.client)
            && self.service.is_none_or(|service| service == row.service)
            && self.outcome.is_none_or(|outcome| outcome == row.outcome)
    }

    /// How many of the three are asked for.
    pub(crate) fn conditions(&self) -> usize {
        [self.client.is_some(), self.service.is_some(), self.outcome.is_some()]
            .into_iter()
            .filter(|is_set| *is_set)
            .count()
    }
}
