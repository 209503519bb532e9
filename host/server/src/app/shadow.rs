// SPDX-License-Identifier: Apache-2.0
//! Policies in shadow: after the answer, what would have been decided with them in force is compared with what was. They
//! change nothing, and no query waits for them.
//!
//! The queue is bounded. A query that finds no place is counted as missed, so that a summary always says of how many
//! queries it speaks.

mod compare;
pub mod summary;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use paasla_core::Query;
use paasla_store::governance::{
    shadow::{ShadowOutcome, ShadowSeen},
    version::digest_of,
};
use tokio::sync::mpsc;

use super::{
    App,
    active::{Active, Shadow},
    ask::Ask,
};

/// How many queries are compared before what was seen is written.
const BATCH: usize = 256;

/// How long what was seen waits at most before it is written.
const PAUSE: Duration = Duration::from_millis(200);

/// Queries that wait to be compared.
pub(crate) struct ShadowQueue {
    jobs: mpsc::Sender<Job>,
    waiting: Mutex<Option<mpsc::Receiver<Job>>>,
    missed: Mutex<Vec<ShadowSeen>>,
}

/// One query to be compared. Holds what was asked, key values too: it is never written anywhere.
struct Job {
    active: Arc<Active>,
    query: Query,
    ask: Ask,
}

impl ShadowQueue {
    pub(crate) fn new(places: usize) -> Self {
        let (jobs, waiting) = mpsc::channel(places.max(1));
        Self { jobs, waiting: Mutex::new(Some(waiting)), missed: Mutex::default() }
    }

    /// Takes a query that was decided, if a policy in shadow is concerned. Returns at once.
    pub(crate) fn offer(&self, active: &Arc<Active>, query: &Query, ask: Ask) {
        if !active.shadows().iter().any(|shadow| shadow.concerns(query)) {
            return;
        }
        let job = Job { active: Arc::clone(active), query: query.clone(), ask };
        if let Err(error) = self.jobs.try_send(job) {
            let job = error.into_inner();
            let concerned = job.active.shadows().iter().filter(|shadow| shadow.concerns(&job.query));
            let missed = concerned.map(|shadow| seen(shadow, &job.query, ShadowOutcome::Missed));
            self.missed.lock().unwrap_or_else(PoisonError::into_inner).extend(missed);
        }
    }

    fn take_missed(&self) -> Vec<ShadowSeen> {
        std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl App {
    /// Compares queries with policies in shadow, as long as it runs. The first caller does so; for any other it ends at
    /// once.
    pub async fn run_shadow(&self) {
        let waiting = self.shadow.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let mut jobs = Vec::new();
        loop {
            // Nothing waits: what was missed is written all the same.
            let _ = tokio::time::timeout(PAUSE, waiting.recv_many(&mut jobs, BATCH)).await;
            let mut all = self.shadow.take_missed();
            for job in jobs.drain(..) {
                all.extend(self.compare(job).await);
                // Queries come first.
                tokio::task::yield_now().await;
            }
            if let Err(error) = self.store.add_shadow(&all).await {
                tracing::error!(queries = all.len(), %error, "what was seen in shadow could not be written: it is lost");
            }
        }
    }

    /// Waits until what was queued before has been compared and written, but not for longer than this. For the end.
    pub async fn finish_shadow(&self, longest: Duration) {
        let jobs = &self.shadow.jobs;
        let empty = async {
            while jobs.capacity() < jobs.max_capacity() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // The last batch was taken out of the queue, and may not be written yet.
            tokio::time::sleep(2 * PAUSE).await;
        };
        if self.active.load().shadows().is_empty() {
            return;
        }
        if tokio::time::timeout(longest, empty).await.is_err() {
            tracing::warn!("queries that waited to be compared with policies in shadow were dropped");
        }
    }
}

fn seen(shadow: &Shadow, query: &Query, what: ShadowOutcome) -> ShadowSeen {
    ShadowSeen {
        version: digest_of(&shadow.version.activated.policy),
        record: query.id.clone(),
        instant: query.instant,
        client: query.client.clone(),
        service: query.service.clone(),
        what,
    }
}
