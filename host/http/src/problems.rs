// SPDX-License-Identifier: Apache-2.0
//! The problems of one request, gathered before it is answered.

use axum::http::StatusCode;
use paasla_app::problem::Problem;

/// Whether a place is another one or in it.
fn is_within(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How many problems one answer lists.
const MAX_PROBLEMS: usize = 100;

/// Every problem found so far, and the status that says best what is wrong.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    unlisted: usize,
    status: Option<StatusCode>,
}

impl Problems {
    /// Adds a problem.
    pub(super) fn add(&mut self, code: &'static str, place: impl Into<String>, message: impl Into<String>) {
        self.push(Problem::new(code, place, message));
    }

    /// Adds a problem that has been put together elsewhere.
    pub(super) fn push(&mut self, problem: Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Adds what somebody else found who looked at the same request, except where a problem is known already: what
    /// was left out for being wrong must not be reported as missing.
    pub(super) fn extend(&mut self, found: Vec<Problem>) {
        for problem in found {
            let is_cause = |known: &Problem| is_within(&known.place, &problem.place);
            if !self.list.iter().any(is_cause) {
                self.push(problem);
            }
        }
    }

    /// Adds a problem that decides the status of the answer. The first one does.
    pub(super) fn decisive(&mut self, status: StatusCode, problem: Problem) {
        self.status.get_or_insert(status);
        self.push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something is so wrong that the body need not be read.
    pub(super) fn is_decided(&self) -> bool {
        self.status.is_some()
    }

    /// The status and the list.
    pub(super) fn finish(mut self) -> (StatusCode, Vec<Problem>) {
        if self.unlisted > 0 {
            let message = format!("{} more problems are not listed; mend these first", self.unlisted);
            self.list.push(Problem::new("problems_cut", "", message));
        }
        (self.status.unwrap_or(StatusCode::BAD_REQUEST), self.list)
    }
}
