// SPDX-License-Identifier: Apache-2.0
//! How many queries are decided and answered at one time, and so whether the host has time to spare.
//!
//! A host that has decides in sandboxes that were made ready, and wipes what was used in a processor's spare time (see the
//! engine's `wipers.rs`), or after the answer: the client waits for neither. A busy one does both at once, as part of the
//! query: somebody waits for that time in any case, the processor's caches hold what was just used, and no sandbox is kept
//! longer than its ruling takes.

use std::sync::atomic::{AtomicUsize, Ordering};

use paasla_engine::Spent;

/// The queries between their first ruling and their answer.
#[derive(Debug)]
pub(super) struct Crowd {
    queries: AtomicUsize,
    /// How many are few. As long as each has a thread of its own, the work of one keeps no other waiting.
    few: usize,
}

/// A query's own place in the crowd; leaves it when dropped.
#[derive(Debug)]
pub(super) struct Member<'c> {
    crowd: &'c Crowd,
    is_one_of_few: bool,
}

impl Crowd {
    /// An empty one, on a host whose queries have so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { queries: AtomicUsize::default(), few: threads }
    }

    pub(super) fn join(&self) -> Member<'_> {
        let before = self.queries.fetch_add(1, Ordering::Relaxed);
        Member { crowd: self, is_one_of_few: before < self.few }
    }
}

impl Member<'_> {
    /// Where the rulings of the query leave their sandboxes; none where they are wiped at once.
    pub(super) fn spent(&self) -> Option<Spent> {
        self.is_one_of_few.then(Spent::default)
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.crowd.queries.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wipes what rulings left and nobody took, and makes sandboxes ready for the next query, in a task that this thread comes
/// to when the one that answers has written its answer and waits. Call it last.
pub(super) fn renew_later(spent: Option<Spent>) {
    if let Some(spent) = spent.filter(|spent| !spent.is_empty()) {
        tokio::spawn(async move { spent.renew() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_while_few_are_there_is_one_of_few() {
        let crowd = Crowd::new(2);
        let (one, other) = (crowd.join(), crowd.join());
        assert!(one.spent().is_some() && other.spent().is_some());
        let third = crowd.join();
        assert!(third.spent().is_none());
        drop(one);
        assert!(crowd.join().spent().is_none(), "two are left");
        drop(third);
        assert!(crowd.join().spent().is_some());
        assert!(other.spent().is_some());
    }
}
