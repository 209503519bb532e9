// SPDX-License-Identifier: Apache-2.0
//! The front of the ledger: takes a record, and answers when it is durable.

use std::{fmt, sync::Arc, time::Duration};

use paasla_core::Record;
use tokio::{
    sync::{
        Mutex,
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    journal::{Journal, JournalError},
    writer::{self, Entry},
};

/// How a ledger queues and waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerConfig {
    /// How many records may wait to be written; one more is refused at once. At least 1.
    pub queue: usize,
    /// How many records go into one commit at most. At least 1.
    pub max_batch: usize,
    /// The longest that a caller waits for its record to become durable.
    pub wait: Duration,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { queue: 4096, max_batch: 512, wait: Duration::from_secs(5) }
    }
}

/// Why a record is not known to be durable. Whoever gets one must not let data leave.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The queue is full. The record was not taken.
    #[error("the ledger's queue is full")]
    Full,
    /// The ledger was closed. The record was not taken.
    #[error("the ledger is closed")]
    Closed,
    /// The writer is gone, though nobody closed the ledger.
    #[error("the ledger's writer has stopped")]
    Stopped,
    /// The record did not become durable in time. It may still do so later.
    #[error("the ledger did not write in time")]
    TimedOut,
    /// The journal did not write the record.
    #[error("the ledger could not write")]
    Journal(#[from] JournalError),
}

/// Writes records by group commit: while one commit is under way, further records queue, and the next commit
/// takes them all. So a lone record waits for nobody, and a crowd shares the cost of one flush.
pub struct Ledger {
    queue: mpsc::Sender<Entry>,
    wait: Duration,
    /// Told `true` once, when the ledger is to close.
    closing: watch::Sender<bool>,
    /// Rises with every commit that was tried, so that closing can tell slow from stuck.
    tried: watch::Receiver<u64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Starts the one task that writes to `journal`. Must be called inside a Tokio runtime.
    ///
    /// A ledger that is dropped without [`Ledger::close`] still writes what is queued, as long as the runtime
    /// lives.
    pub fn start(journal: Arc<dyn Journal>, config: LedgerConfig) -> Self {
        let (queue, entries) = mpsc::channel(config.queue.max(1));
        let (closing, closed) = watch::channel(false);
        let (progress, tried) = watch::channel(0);
        let writer = tokio::spawn(writer::run(journal, entries, closed, progress, config.max_batch.max(1)));
        Self { queue, wait: config.wait, closing, tried, writer: Mutex::new(Some(writer)) }
    }

    /// Writes one record, and returns when it is durable. Once it is queued it is written even if this future is
    /// dropped; it is queued when the future is first polled. Records become durable in the order of queueing.
    ///
    /// # Errors
    /// Whenever it is not certain that the record is durable. `Full` and `Closed` come at once, everything else
    /// after [`LedgerConfig::wait`] at the latest.
    pub async fn record(&self, record: Record) -> Result<(), LedgerError> {
        if *self.closing.borrow() {
            return Err(LedgerError::Closed);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Entry { record, answer }).map_err(|error| match error {
            TrySendError::Full(_) => LedgerError::Full,
            TrySendError::Closed(_) => self.gone(),
        })?;
        match timeout(self.wait, answered).await {
            Ok(Ok(result)) => result.map_err(LedgerError::from),
            Ok(Err(_)) => Err(self.gone()),
            Err(_) => Err(LedgerError::TimedOut),
        }
    }

    /// How many records wait to be written, those in the commit under way not counted.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.max_capacity().saturating_sub(self.queue.capacity())
    }

    /// Takes no more records, writes those that are queued, and returns when the writer has ended. Closing twice
    /// does no harm.
    ///
    /// # Errors
    /// `TimedOut` when the journal finishes no commit for as long as [`LedgerConfig::wait`]: queued records may
    /// then be lost (no data has left for them). `Stopped` when the writer had died.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.closing.send_replace(true);
        let mut tried = self.tried.clone();
        let mut writer = self.writer.lock().await;
        let Some(task) = writer.as_mut() else { return Ok(()) };
        let ended = loop {
            tried.mark_unchanged();
            match timeout(self.wait, &mut *task).await {
                Ok(ended) => break ended,
                Err(_) if tried.has_changed().unwrap_or(false) => {}
                Err(_) => return Err(LedgerError::TimedOut),
            }
        };
        *writer = None;
        ended.map_err(|_| LedgerError::Stopped)
    }

    fn gone(&self) -> LedgerError {
        if *self.closing.borrow() { LedgerError::Closed } else { LedgerError::Stopped }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("queued", &self.queued())
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
