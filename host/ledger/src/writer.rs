// SPDX-License-Identifier: Apache-2.0
//! The ledger's writer: group commit by a thread of its own, or a single record by its caller's thread.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use paasla_core::Entry;
use tokio::sync::oneshot;

use crate::{
    journal::{Journal, JournalError},
    ledger::LedgerConfig,
};

/// If a commit takes no longer than this on average, a lone record is written by its caller's thread.
const QUICK_COMMIT_TIME: Duration = Duration::from_micros(700);

/// So many records in one commit are no chance: more come.
const CROWDED_BATCH_RECORDS: usize = 4;

/// A record in the queue, and the channel on which its caller waits.
pub(crate) struct Waiting {
    pub(crate) entry: Entry,
    pub(crate) answer: oneshot::Sender<Result<(), JournalError>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) queue: VecDeque<Waiting>,
    /// How many records in the queue the ledger's thread waits for; none while it does not wait.
    awaited: Option<usize>,
    /// Whether somebody writes: nobody else may meanwhile.
    pub(crate) writing: bool,
    pub(crate) closing: bool,
    /// Whether the writer died without having been stopped.
    pub(crate) dead: bool,
}

impl State {
    /// Whether the ledger's thread waits for no more than what is queued.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.is_some_and(|awaited| self.queue.len() >= awaited)
    }
}

/// What the ledger's thread has just written.
#[derive(Clone, Copy)]
struct Last {
    records: usize,
    /// How many came while it was written.
    came: usize,
    /// Whether the state still says so of it that somebody writes.
    holds: bool,
}

/// What the ledger and its thread share.
pub(crate) struct Shared {
    journal: Arc<dyn Journal>,
    pub(crate) config: LedgerConfig,
    state: Mutex<State>,
    /// Told of everything that the thread may have to do.
    pub(crate) work: Condvar,
    /// Rises with every commit that was tried, so that closing can distinguish slow from stuck.
    pub(crate) tried: AtomicU64,
    /// Of commits lately, in nanoseconds; 0 before the first.
    average: AtomicU64,
}

impl Shared {
    pub(crate) fn new(journal: Arc<dyn Journal>, config: LedgerConfig) -> Self {
        let (state, work) = (Mutex::default(), Condvar::new());
        let (tried, average) = Default::default();
        Self { journal, config, state, work, tried, average }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.work.notify_one();
    }

    pub(crate) fn is_quick(&self) -> bool {
        (1..=nanos(QUICK_COMMIT_TIME)).contains(&self.average.load(Ordering::Relaxed))
    }

    /// Writes a record for the caller, who has said in the state that somebody writes.
    pub(crate) fn alone(&self, entry: Entry) -> Result<(), JournalError> {
        let outcome = self.append(&[entry]);
        let mut state = self.state();
        state.writing = false;
        if !state.queue.is_empty() || state.closing {
            self.work.notify_one();
        }
        drop(state);
        outcome.inspect_err(|error| failed(1, error))
    }

    /// Writes what is queued until the ledger is closed or dropped and the queue is empty.
    pub(crate) fn run(&self) {
        // Whatever ends this thread, nobody waits for it any more.
        let _end = End(self);
        let mut last = Last { records: 0, came: 0, holds: false };
        while let Some(batch) = self.next(last) {
            last = self.write(batch);
        }
    }

    /// Waits for the next batch, and says that somebody writes. None at the end.
    fn next(&self, last: Last) -> Option<Vec<Waiting>> {
        let most = self.config.max_batch.max(1);
        let mut state = self.state();
        if last.holds && last.records >= CROWDED_BATCH_RECORDS && state.queue.len() < most && !state.closing {
            // Still `writing`: whoever comes joins the queue. Those who were told will come back, and when they and those
            // who came meanwhile are here, nobody is left to wait for.
            state.awaited = Some(last.records.saturating_add(last.came).min(most));
            let is_early = |state: &mut State| !state.is_awaited() && !state.closing;
            let gathered = self.work.wait_timeout_while(state, self.config.gather, is_early);
            (state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            state.awaited = None;
        }
        if last.holds {
            state.writing = false;
        }
        while state.writing || state.queue.is_empty() {
            if state.closing && !state.writing {
                return None;
            }
            state.awaited = Some(1);
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.awaited = None;
        }
        state.writing = true;
        let most = state.queue.len().min(most);
        Some(state.queue.drain(..most).collect())
    }

    /// Writes one batch and notifies every caller. If the batch fails, each record is tried once more alone, so that one bad
    /// record does not fail its neighbours. When one that is tried alone shows that the journal as a whole cannot
    /// write, the rest are not tried.
    fn write(&self, batch: Vec<Waiting>) -> Last {
        let records = batch.len();
        let (entries, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.entry, waiting.answer)).unzip();
        let outcome = self.append(&entries);
        if let Err(error) = &outcome {
            failed(entries.len(), error);
        }
        if outcome.is_ok() || records == 1 {
            // The writing ends before any caller is notified: who comes back at once with the next record meets nobody.
            let holds = records >= CROWDED_BATCH_RECORDS;
            let mut state = self.state();
            state.writing = holds;
            let came = state.queue.len();
            drop(state);
            for answer in answers {
                tell(answer, outcome.clone());
            }
            return Last { records, came, holds };
        }
        let mut down: Option<JournalError> = None;
        for (entry, answer) in entries.iter().zip(answers) {
            let outcome = match &down {
                Some(error) => Err(error.clone()),
                None => self.append(std::slice::from_ref(entry)),
            };
            if let Err(error @ JournalError::Unavailable(_)) = &outcome {
                down = Some(error.clone());
            }
            tell(answer, outcome);
        }
        Last { records, came: 0, holds: true }
    }

    fn append(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.journal.append(entries)));
        let took = nanos(began.elapsed()).max(1);
        self.tried.fetch_add(1, Ordering::AcqRel);
        // One writer at a time: nothing is lost between these two.
        let average = match self.average.load(Ordering::Relaxed) {
            0 => took,
            before => before - before / 8 + took / 8,
        };
        self.average.store(average, Ordering::Relaxed);
        outcome.unwrap_or(Err(JournalError::Panicked))
    }
}

/// The end of the thread.
struct End<'s>(&'s Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.dead = !state.closing;
        // Their callers learn it from the answer that will not come.
        state.queue.clear();
    }
}

fn failed(records: usize, error: &JournalError) {
    tracing::error!(records, error = error as &dyn std::error::Error, "append failed");
}

fn tell(answer: oneshot::Sender<Result<(), JournalError>>, outcome: Result<(), JournalError>) {
    // Nobody listens when the caller has given up; the record stands all the same.
    let _ = answer.send(outcome);
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
