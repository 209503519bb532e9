// SPDX-License-Identifier: Apache-2.0
//! The front of the ledger: takes one record and returns when it is durable.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use paasla_core::{AuditRecord, Entry};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{oneshot, watch},
    time::timeout,
};

use crate::{
    journal::{Journal, JournalError},
    writer::{Shared, Waiting},
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
    /// How long the next commit is put off at most, once four records met in one: where there is a crowd, more come
    /// meanwhile and share its cost. It is put off no longer than until as many have come as were in the last one or came
    /// while that was written.
    pub gather: Duration,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self { queue: 4096, max_batch: 512, wait: Duration::from_secs(5), gather: Duration::from_millis(2) }
    }
}

/// Why a record is not known to be durable. On such an error no data may leave.
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

/// Writes records by group commit: while one commit is under way, further records queue, and the next commit takes them
/// all. So a lone record waits for nobody, and a crowd shares the cost of one flush.
///
/// A thread of the ledger's own writes what is queued. A record that meets nobody is written by its caller's thread when
/// the disk is quick: to wake another thread and be woken by it takes as long as such a disk.
pub struct Ledger {
    shared: Arc<Shared>,
    wait: Duration,
    ended: watch::Receiver<bool>,
}

impl Ledger {
    /// Starts the one thread that writes to `journal`.
    ///
    /// A ledger that is dropped without [`Ledger::close`] still writes what is queued, as long as the program lives.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(journal: Arc<dyn Journal>, config: LedgerConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(journal, config));
        let (end, ended) = watch::channel(false);
        let writer = Arc::clone(&shared);
        thread::Builder::new().name("paasla-ledger".to_owned()).spawn(move || {
            writer.run();
            end.send_replace(true);
        })?;
        Ok(Self { shared, wait: config.wait, ended })
    }

    /// Writes one record, and returns when it is durable. Once this future was polled the record is written even if the
    /// future is dropped. Records become durable in the order in which they came.
    ///
    /// `meanwhile` is done on this thread while another one writes, or after the record where none does. What it gives back
    /// nobody has before the record is durable. It is not done when the record is not taken.
    ///
    /// # Errors
    /// Whenever it is not certain that the record is durable. `Full` and `Closed` come at once, everything else
    /// after [`LedgerConfig::wait`], unless a disk that has been quick keeps the thread for longer.
    pub async fn record<T>(
        &self,
        record: AuditRecord,
        meanwhile: impl FnOnce() -> T + Send,
    ) -> Result<T, LedgerError> {
        let entry = Entry::of(&record).map_err(JournalError::refused)?;
        drop(record);
        let (answered, is_awaited) = {
            let mut state = self.shared.state();
            if state.closing {
                return Err(LedgerError::Closed);
            }
            if state.dead {
                return Err(LedgerError::Stopped);
            }
            if state.queue.is_empty() && !state.writing && self.shared.is_quick() && others_go_on() {
                state.writing = true;
                drop(state);
                self.shared.alone(entry)?;
                return Ok(meanwhile());
            }
            if state.queue.len() >= self.shared.config.queue.max(1) {
                return Err(LedgerError::Full);
            }
            let (answer, answered) = oneshot::channel();
            state.queue.push_back(Waiting { entry, answer });
            (answered, state.is_awaited())
        };
        if is_awaited {
            self.shared.work.notify_one();
        }
        let done = meanwhile();
        match timeout(self.wait, answered).await {
            Ok(Ok(result)) => Ok(result.map(|()| done)?),
            Ok(Err(_)) => Err(LedgerError::Stopped),
            Err(_) => Err(LedgerError::TimedOut),
        }
    }

    /// How many records wait to be written, those in the commit under way not counted.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.state().queue.len()
    }

    /// Takes no more records, writes those that are queued, and returns when the writer has ended. Closing twice
    /// does no harm.
    ///
    /// # Errors
    /// `TimedOut` when the journal finishes no commit for as long as [`LedgerConfig::wait`]: queued records may
    /// then be lost (no data has left for them). `Stopped` when the writer had died.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.shared.close();
        let mut ended = self.ended.clone();
        loop {
            let tried = self.shared.tried.load(Ordering::Acquire);
            match timeout(self.wait, ended.wait_for(|ended| *ended)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(_)) => return Err(LedgerError::Stopped),
                Err(_) if self.shared.tried.load(Ordering::Acquire) != tried => {}
                Err(_) => return Err(LedgerError::TimedOut),
            }
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.shared.close();
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

/// Whether other tasks go on while this thread waits for a disk.
fn others_go_on() -> bool {
    Handle::try_current().is_ok_and(|own| {
        own.runtime_flavor() == RuntimeFlavor::MultiThread && own.metrics().num_workers() > 1
    })
}
