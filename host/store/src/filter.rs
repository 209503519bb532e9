// SPDX-License-Identifier: Apache-2.0
//! Filters of audit records.

use paasla_core::{ClientId, Outcome};

/// Which records to find. Every condition that is set must hold; none set finds all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFilter {
    /// Who asked: exactly this client. A member does not stand for its subsystems here.
    pub client: Option<ClientId>,
    /// The service asked for, any version.
    pub service: Option<String>,
    /// How the query ended.
    pub outcome: Option<Outcome>,
    /// Whom the query named: the keyed hash, as records hold it.
    pub subject_hash: Option<String>,
    /// The first instant (milliseconds since 1970-01-01T00:00:00Z).
    pub since: Option<i64>,
    /// The first instant that is too late.
    pub until: Option<i64>,
    /// Only records that come after this one in the answer: the id of the last record of the page before.
    pub before_id: Option<String>,
    /// How many to return at most; [`RecordFilter::MAX_LIMIT`] if it is more.
    pub limit: u32,
}

impl RecordFilter {
    /// The most records that one search returns.
    pub const MAX_LIMIT: u32 = 1_000;
}

impl Default for RecordFilter {
    /// All records, 100 at a time.
    fn default() -> Self {
        Self {
            client: None,
            service: None,
            outcome: None,
            subject_hash: None,
            since: None,
            until: None,
            before_id: None,
            limit: 100,
        }
    }
}
