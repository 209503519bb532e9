// SPDX-License-Identifier: Apache-2.0
//! The limit on open connections. When a new one finds no slot, the connection that has kept its slot without a request
//! for the longest gives it up: otherwise whoever opens enough of them and sends nothing shuts everybody else out.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{phase::PhaseTracker, serve::Settings};

/// How often it is looked whether there is somebody who can give a slot up.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The slots of one listener, and which connections have them.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, PhaseTracker>>,
    next: AtomicU64,
}

impl ConnectionLimit {
    pub(super) fn new(connections: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { free, taken: Mutex::default(), next: AtomicU64::default() })
    }

    /// A slot; waits for one, and has others give theirs up.
    pub(super) async fn take(self: &Arc<Self>, settings: &Settings) -> io::Result<ConnectionSlot> {
        let permit = self.permit(settings).await?;
        let (number, phase) = (self.next.fetch_add(1, Ordering::Relaxed), PhaseTracker::new());
        self.lock().insert(number, phase.clone());
        Ok(ConnectionSlot { limit: Arc::clone(self), number, phase, _permit: permit })
    }

    async fn permit(&self, settings: &Settings) -> io::Result<OwnedSemaphorePermit> {
        let mut free = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        loop {
            tokio::select! {
                biased;
                permit = free.as_mut() => return permit.map_err(io::Error::other),
                () = async {
                    self.want_longest(settings);
                    sleep(LOOK_EVERY).await;
                } => {}
            }
        }
    }

    /// Whether one more connection would find a slot.
    pub(super) fn is_any_free(&self) -> bool {
        self.free.available_permits() > 0
    }

    /// Asks for the slot of the connection that is overdue for the longest.
    fn want_longest(&self, settings: &Settings) {
        let taken = self.lock();
        let overdue = taken.values().filter_map(|phase| Some((phase.overrun(settings)?, phase)));
        if let Some((_, phase)) = overdue.max_by_key(|(overrun, _)| *overrun) {
            phase.want();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, PhaseTracker>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) limit: Arc<ConnectionLimit>,
    pub(super) phase: PhaseTracker,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.limit.lock().remove(&self.number);
    }
}
