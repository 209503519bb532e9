// SPDX-License-Identifier: Apache-2.0
//! Problems of a request and the ends of a query without an answer. The one error type above the middle rooms.
//!
//! Nothing in here may hold personal data: no value that a caller sent, only names and places.

use std::{collections::BTreeSet, time::Duration};

use paasla_core::{Reason, Window};

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Stable code, e.g. `field_unknown`.
    pub code: &'static str,
    /// Where: a JSON pointer into the body, a header's name, or `url`.
    pub place: String,
    /// A sentence that says what is wrong and what to do. Never repeats what was sent.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(code: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, place: place.into(), message: message.into() }
    }
}

/// Why a query does not fit under a cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped {
    /// The reasons of every cap that is in the way.
    pub reasons: BTreeSet<Reason>,
    /// The window of the one that opens last.
    pub window: Window,
    /// How many persons would fit under it.
    pub left: u64,
    /// When the query would fit, if nobody asks meanwhile; none: it asks for more than is ever allowed.
    pub opens: Option<Opens>,
}

/// When a cap opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    /// The instant: milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// How long that is from now.
    pub after: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The request is wrong; every problem of it.
    Invalid {
        /// The audit record's id.
        id: String,
        /// Every problem, in the order of the request.
        problems: Vec<Problem>,
    },
    /// There is no such service, or no such version of it.
    NotFound {
        /// The audit record's id.
        id: String,
        /// What is not there.
        problem: Problem,
    },
    /// The grant or a rule refuses.
    Refused {
        /// The decision's id.
        id: String,
        /// The rulebook's generation.
        generation: u64,
        /// Every reason.
        reasons: BTreeSet<Reason>,
    },
    /// The query does not fit under a cap.
    Capped {
        /// The decision's id.
        id: String,
        /// The rulebook's generation.
        generation: u64,
        /// Which cap, why, and when it opens.
        capped: Capped,
    },
    /// Refused so often that it is counted, and not recorded by itself.
    TooOften {
        /// When the next refusal is recorded again.
        retry_after: Duration,
    },
    /// The host cannot answer now. What went wrong inside is in the log under the same id, never in the answer.
    Failed {
        /// The decision's id.
        id: String,
        /// Stable code, e.g. `rule_fault`, `register_unavailable`, `record_unavailable`, `overloaded`.
        code: &'static str,
        /// When to try again, if that can help.
        retry_after: Option<Duration>,
    },
}
