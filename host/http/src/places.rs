// SPDX-License-Identifier: Apache-2.0
//! The places for connections. When there is none for a new one, the connection that has kept its place without a request
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

use super::{pulse::Pulse, serve::Settings};

/// How often it is looked whether there is somebody who can give a place up.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The places of one listener, and who has them.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Pulse>>,
    next: AtomicU64,
}

impl Places {
    pub(super) fn new(connections: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { free, taken: Mutex::default(), next: AtomicU64::default() })
    }

    /// A place; waits for one, and has others give theirs up.
    pub(super) async fn take(self: &Arc<Self>, settings: &Settings) -> io::Result<Place> {
        let permit = self.permit(settings).await?;
        let (number, pulse) = (self.next.fetch_add(1, Ordering::Relaxed), Pulse::new());
        self.lock().insert(number, pulse.clone());
        Ok(Place { places: Arc::clone(self), number, pulse, _permit: permit })
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

    /// Whether one more connection would find a place.
    pub(super) fn is_any_free(&self) -> bool {
        self.free.available_permits() > 0
    }

    /// Asks for the place of the connection that is overdue for the longest.
    fn want_longest(&self, settings: &Settings) {
        let taken = self.lock();
        let overdue = taken.values().filter_map(|pulse| Some((pulse.overrun(settings)?, pulse)));
        if let Some((_, pulse)) = overdue.max_by_key(|(overrun, _)| *overrun) {
            pulse.want();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pulse>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) places: Arc<Places>,
    pub(super) pulse: Pulse,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(&self.number);
    }
}
