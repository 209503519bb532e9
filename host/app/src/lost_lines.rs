// SPDX-License-Identifier: Apache-2.0
//! A count of log lines that were lost: the log's writer counts them, and the health check reads the count.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Lines that could not be written to the log.
#[derive(Debug, Clone, Default)]
pub struct LostLines(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: AtomicU64,
    reported: AtomicU64,
}

impl LostLines {
    /// Counts one more.
    pub fn add(&self) {
        self.0.all.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts lines whose loss the log has reported.
    pub fn report(&self, lines: u64) {
        self.0.reported.fetch_add(lines, Ordering::Relaxed);
    }

    /// How many there are since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.all.load(Ordering::Relaxed)
    }

    /// How many of them the log has not reported yet.
    #[must_use]
    pub fn unreported(&self) -> u64 {
        self.count().saturating_sub(self.0.reported.load(Ordering::Relaxed))
    }
}
