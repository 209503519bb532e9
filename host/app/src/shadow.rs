// SPDX-License-Identifier: Apache-2.0
//! Policies in shadow: after the answer, what would have been decided with them in force is compared with what was. They
//! change nothing, and no query waits for them.
//!
//! The queue is bounded. A query that finds no place is counted as missed, and so is one of which nothing could be said or
//! written, so that a summary always says of how many queries it speaks. The rules run on a thread of their own that
//! gives way to the others. The register and the store are used by the others' threads all the same: whoever holds a
//! connection must not be one that is kept from working.

mod compare;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use paasla_core::{ClientId, Query};
use paasla_store::{
    Store,
    governance::{
        shadow::{ShadowMissed, ShadowOutcome, ShadowSeen},
        version::digest_of,
    },
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    active::{Active, ShadowPolicy},
    query::Queries,
};
use crate::query::ask::Ask;

/// How many queries are taken out of the queue at one time.
const BATCH_QUERIES: usize = 32;

/// How many queries are written in one transaction: whoever else writes waits for it.
const TRANSACTION_QUERIES: usize = 64;

/// How long what was seen waits at most before it is written.
const WRITE_EVERY: Duration = Duration::from_millis(200);

/// Queries that wait to be compared.
pub(crate) struct ShadowQueue {
    jobs: mpsc::Sender<Job>,
    waiting: Mutex<Option<mpsc::Receiver<Job>>>,
    /// Queries not compared, by version and client.
    missed: Mutex<BTreeMap<(String, ClientId), u64>>,
    /// Until when what waits is compared, once the host stops.
    until: watch::Sender<Option<Instant>>,
    ended: watch::Sender<bool>,
}

/// One query to be compared. Holds what was asked, key values too: it is never written anywhere.
struct Job {
    active: Arc<Active>,
    query: Arc<Query>,
    ask: Ask,
    /// How many persons its answer disclosed, by its audit record.
    disclosed: u64,
}

impl ShadowQueue {
    pub(crate) fn new(places: usize) -> Self {
        let (jobs, waiting) = mpsc::channel(places.max(1));
        Self {
            jobs,
            waiting: Mutex::new(Some(waiting)),
            missed: Mutex::default(),
            until: watch::Sender::new(None),
            ended: watch::Sender::new(false),
        }
    }

    /// Takes a query that was decided, if a policy in shadow is concerned. Returns at once.
    pub(crate) fn offer(&self, active: &Arc<Active>, query: &Arc<Query>, ask: Ask, disclosed: u64) {
        if !active.shadows().iter().any(|shadow| shadow.concerns(query)) {
            return;
        }
        let job = Job { active: Arc::clone(active), query: Arc::clone(query), ask, disclosed };
        if let Err(error) = self.jobs.try_send(job) {
            let Job { active, query, .. } = error.into_inner();
            self.miss_all(&active, &query);
        }
    }

    /// Counts a query that is not compared.
    fn miss_all(&self, active: &Active, query: &Query) {
        let concerned = active.shadows().iter().filter(|shadow| shadow.concerns(query));
        concerned.for_each(|shadow| self.miss(version(shadow), query.client.clone(), 1));
    }

    fn miss(&self, version: String, client: ClientId, queries: u64) {
        let mut missed = self.missed();
        let sum = missed.entry((version, client)).or_default();
        *sum = sum.saturating_add(queries);
    }

    fn take_missed(&self) -> Vec<ShadowMissed> {
        let missed = std::mem::take(&mut *self.missed());
        let one = |((version, client), queries)| ShadowMissed { version, client, queries };
        missed.into_iter().map(one).collect()
    }

    fn missed(&self) -> MutexGuard<'_, BTreeMap<(String, ClientId), u64>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is too late to compare anything.
    fn is_late(&self) -> bool {
        self.until.borrow().is_some_and(|until| until <= Instant::now())
    }
}

/// Compares queries with policies in shadow.
pub struct Shadow {
    queue: Arc<ShadowQueue>,
    queries: Arc<Queries>,
    store: Arc<dyn Store>,
}

impl Shadow {
    pub(crate) fn new(queue: Arc<ShadowQueue>, queries: Arc<Queries>, store: Arc<dyn Store>) -> Self {
        Self { queue, queries, store }
    }

    /// Begins to compare, on a thread of its own, until [`Shadow::finish`]. Must be called inside a Tokio runtime. Only the
    /// first call begins anything.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(waiting) = waiting else { return Ok(()) };
        let (shadow, runtime) = (Arc::clone(self), Handle::current());
        let work = move || {
            if let Err(error) = paasla_engine::lower_priority() {
                tracing::debug!(%error, "the thread that compares policies in shadow has the priority of others");
            }
            runtime.block_on(shadow.run(waiting));
            shadow.queue.ended.send_replace(true);
        };
        std::thread::Builder::new().name("paasla-shadow".to_owned()).spawn(work).map(drop)
    }

    async fn run(&self, mut waiting: mpsc::Receiver<Job>) {
        let mut until = self.queue.until.subscribe();
        let (mut jobs, mut seen, mut written) = (Vec::new(), Vec::new(), Instant::now());
        loop {
            let came = tokio::select! {
                // Nothing waits: what was missed is written all the same.
                came = timeout(WRITE_EVERY, waiting.recv_many(&mut jobs, BATCH_QUERIES)) => came.unwrap_or(1),
                Ok(()) = until.changed() => {
                    waiting.close();
                    continue;
                }
            };
            for job in jobs.drain(..) {
                if self.queue.is_late() {
                    self.queue.miss_all(&job.active, &job.query);
                } else {
                    seen.extend(self.compare(job).await);
                }
                if seen.len() >= TRANSACTION_QUERIES || written.elapsed() >= WRITE_EVERY {
                    self.write_seen(&mut seen).await;
                    written = Instant::now();
                }
            }
            if came == 0 || written.elapsed() >= WRITE_EVERY {
                self.write_seen(&mut seen).await;
                written = Instant::now();
            }
            if came == 0 {
                return;
            }
        }
    }

    /// Writes what was seen, little at a time. What cannot be written counts as missed.
    async fn write_seen(&self, seen: &mut Vec<ShadowSeen>) {
        while !seen.is_empty() || !self.queue.missed().is_empty() {
            let some: Vec<ShadowSeen> = seen.drain(..seen.len().min(TRANSACTION_QUERIES)).collect();
            let missed = self.queue.take_missed();
            let store = Arc::clone(&self.store);
            let write = async move {
                let written = store.add_shadow(&some, &missed).await;
                (written, some, missed)
            };
            // By a thread that does not give way: whoever else writes waits for the connection.
            let Ok((written, some, missed)) = tokio::spawn(write).await else { return };
            if let Err(error) = written {
                tracing::error!(queries = some.len(), %error, "what was seen in shadow could not be written: it counts as missed");
                for ShadowMissed { version, client, queries } in missed {
                    self.queue.miss(version, client, queries);
                }
                for ShadowSeen { version, client, .. } in some.into_iter().chain(seen.drain(..)) {
                    self.queue.miss(version, client, 1);
                }
                return;
            }
        }
    }

    /// Compares what was queued before, but for so long at most; the rest is counted as missed. For the end.
    pub async fn finish(&self, longest: Duration) {
        if self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        let mut ended = self.queue.ended.subscribe();
        self.queue.until.send_replace(Some(Instant::now() + longest));
        // One comparison may be under way when time is up, and what was seen is written then.
        let ended = timeout(longest.saturating_mul(2), ended.wait_for(|ended| *ended)).await;
        if ended.is_err() {
            tracing::warn!("queries that waited to be compared with policies in shadow were dropped");
        }
    }
}

/// The version, as the store names it.
fn version(shadow: &ShadowPolicy) -> String {
    digest_of(&shadow.version.activated.policy)
}

fn seen(shadow: &ShadowPolicy, query: &Query, what: ShadowOutcome) -> ShadowSeen {
    ShadowSeen {
        version: version(shadow),
        record: query.id.clone(),
        instant: query.instant,
        client: query.client.clone(),
        service: query.service.clone(),
        what,
    }
}
