// SPDX-License-Identifier: Apache-2.0
//! The one task that writes.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use paasla_core::Record;
use tokio::sync::{mpsc, oneshot, watch};

use crate::journal::{Journal, JournalError};

/// A record in the queue, and whom to tell.
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) answer: oneshot::Sender<Result<(), JournalError>>,
}

/// Writes until the ledger is closed or dropped and its queue is empty.
pub(crate) async fn run(
    journal: Arc<dyn Journal>,
    mut entries: mpsc::Receiver<Entry>,
    mut closed: watch::Receiver<bool>,
    progress: watch::Sender<u64>,
    max_batch: usize,
) {
    let mut batch = Vec::new();
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            () = told(&mut closed), if open => {
                open = false;
                entries.close();
            }
            taken = entries.recv_many(&mut batch, max_batch) => {
                if taken == 0 {
                    return;
                }
                write(journal.as_ref(), std::mem::take(&mut batch), &progress).await;
            }
        }
    }
}

/// Waits until the ledger is closed or dropped.
async fn told(closed: &mut watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Writes one batch and tells everyone. If the batch fails, each record is tried once more alone, so that one bad
/// record does not fail its neighbours. When one that is tried alone shows that the journal as a whole cannot
/// write, the rest are not tried.
async fn write(journal: &dyn Journal, batch: Vec<Entry>, progress: &watch::Sender<u64>) {
    let (records, answers): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|entry| (entry.record, entry.answer)).unzip();
    let outcome = append(journal, &records, progress).await;
    if let Err(error) = &outcome {
        tracing::error!(records = records.len(), error = error as &dyn std::error::Error, "append failed");
    }
    if outcome.is_ok() || records.len() == 1 {
        for answer in answers {
            tell(answer, outcome.clone());
        }
        return;
    }
    let mut down: Option<JournalError> = None;
    for (record, answer) in records.iter().zip(answers) {
        let outcome = match &down {
            Some(error) => Err(error.clone()),
            None => append(journal, std::slice::from_ref(record), progress).await,
        };
        if let Err(error @ JournalError::Unavailable(_)) = &outcome {
            down = Some(error.clone());
        }
        tell(answer, outcome);
    }
}

async fn append(
    journal: &dyn Journal,
    records: &[Record],
    progress: &watch::Sender<u64>,
) -> Result<(), JournalError> {
    let outcome = AssertUnwindSafe(journal.append(records)).catch_unwind().await;
    let outcome = outcome.unwrap_or(Err(JournalError::Panicked));
    progress.send_modify(|tried| *tried = tried.wrapping_add(1));
    outcome
}

fn tell(answer: oneshot::Sender<Result<(), JournalError>>, outcome: Result<(), JournalError>) {
    // Nobody listens when the caller has given up; the record stands all the same.
    let _ = answer.send(outcome);
}
