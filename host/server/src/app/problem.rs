// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a request, or why it is refused. The one error type above the middle rooms.
//!
//! Nothing in here may hold personal data: no value that a caller sent, only names and places.

use std::{collections::BTreeSet, time::Duration};

use paasla_core::Reason;

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

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The request is wrong; every problem of it.
    Invalid {
        /// The record's id, when one was written.
        id: Option<String>,
        /// The HTTP status that fits best, e.g. 400, 404, 413, 415, 422.
        status: u16,
        /// Every problem, in the order of the request.
        problems: Vec<Problem>,
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
