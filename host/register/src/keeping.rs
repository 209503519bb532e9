// SPDX-License-Identifier: Apache-2.0
//! When connections keep the locks of their reads for the next ones.
//!
//! A writer of another program gets its turn when no connection of this one holds a lock, so all let go at one time, and
//! none keeps another before there was a moment in which nobody read. From that moment on SQLite gives no new lock to who
//! reads while a writer waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How reads of one file keep their locks.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Until when locks are kept.
    until: Option<Instant>,
    /// When the last read ended.
    last: Option<Instant>,
    /// Connections that keep a lock, or are in use.
    locked: Arc<AtomicUsize>,
}

/// One that is counted while it is there.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Keeping {
    /// How long locks are kept. A writer waits some milliseconds anyhow before it looks again.
    pub(crate) const LONGEST: Duration = Duration::from_millis(1);

    /// A read that begins sooner after the last one ended shall find its lock kept the next time.
    const SOON: Duration = Duration::from_micros(250);

    /// Whether a read that begins now keeps its lock.
    pub(crate) fn may_keep(&mut self, now: Instant) -> bool {
        if !self.is_over(now) {
            return true;
        }
        let is_soon = self.last.is_some_and(|last| now.saturating_duration_since(last) < Self::SOON);
        let begins = is_soon && self.locked.load(Ordering::Acquire) == 0;
        self.until = begins.then(|| now + Self::LONGEST);
        begins
    }

    /// Whether what is kept has to be let go.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// A read has ended.
    pub(crate) fn ended(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// Counts a connection as one that may have a lock.
    pub(crate) fn counted(&self) -> Counted {
        self.locked.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(&self.locked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn after(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn locks_are_kept_where_reads_follow_one_another_and_only_for_a_while() {
        let (mut keeping, start) = (Keeping::default(), Instant::now());
        assert!(!keeping.may_keep(start) && keeping.is_over(start), "the first read follows none");
        keeping.ended(start);
        assert!(!keeping.may_keep(start + after(300)), "this one does not follow soon");
        keeping.ended(start + after(310));
        let begun = start + after(400);
        assert!(keeping.may_keep(begun) && !keeping.is_over(begun));
        assert!(keeping.may_keep(begun + after(999)), "others join");
        assert!(keeping.is_over(begun + Keeping::LONGEST));
    }

    #[test]
    fn none_is_kept_anew_before_all_were_let_go() {
        let (mut keeping, start) = (Keeping::default(), Instant::now());
        keeping.ended(start);
        let reads = keeping.counted();
        assert!(!keeping.may_keep(start + after(1)), "another one reads, and may have a lock");
        drop(reads);
        assert!(keeping.may_keep(start + after(1)));
        let (kept, reads) = (keeping.counted(), keeping.counted());
        let over = start + after(1) + Keeping::LONGEST;
        keeping.ended(over);
        assert!(!keeping.may_keep(over));
        drop(kept);
        assert!(!keeping.may_keep(over));
        drop(reads);
        assert!(keeping.may_keep(over));
    }
}
