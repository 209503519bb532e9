// SPDX-License-Identifier: Apache-2.0
//! A few connections to one SQLite file, each with a clock of its own.
//!
//! SQLite runs each connection in a thread, and whatever is asked of one is a trip there and back. sqlx's pool makes
//! three trips for one read: to look whether the connection lives before and after, and to set its clock. Here a read
//! is one trip: a clock is set once, when the connection is opened, and reads its deadline from what the reader holds;
//! and a connection is taken back only from a read that came to its end, so there is nothing to look for.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// After how many of SQLite's own instructions it looks at the clock.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// The connections.
pub(crate) struct Connections {
    options: SqliteConnectOptions,
    /// One for each connection that may be in use.
    places: Semaphore,
    idle: Mutex<Vec<Timed>>,
}

/// A connection and its clock.
struct Timed {
    connection: SqliteConnection,
    clock: Clock,
}

/// When SQLite has to stop. When it is dropped SQLite stops at once: nobody waits any more.
struct Clock(Arc<Deadline>);

struct Deadline {
    began: Instant,
    /// Microseconds since it began.
    at: AtomicU64,
}

/// A connection in use. Whoever comes to the end of what it began gives it back; otherwise it is closed.
pub(crate) struct Held<'c> {
    timed: Timed,
    from: &'c Connections,
    _place: SemaphorePermit<'c>,
}

impl Connections {
    /// Up to so many connections, opened when they are needed.
    pub(crate) fn new(options: SqliteConnectOptions, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { options, places: Semaphore::new(most), idle: Mutex::default() }
    }

    /// A connection that works until the deadline. Waits until one is free.
    pub(crate) async fn take(&self, deadline: Instant) -> Result<Held<'_>, sqlx::Error> {
        let place = self.places.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let timed = match idle {
            Some(timed) => timed,
            None => Timed::open(&self.options).await?,
        };
        timed.clock.set(deadline);
        Ok(Held { timed, from: self, _place: place })
    }

    /// Closes all connections; those in use when they are given back.
    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle());
        for Timed { connection, .. } in idle {
            // It only read: there is nothing to lose.
            let _ = connection.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Timed>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("idle", &self.idle().len()).finish_non_exhaustive()
    }
}

impl Held<'_> {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.timed.connection
    }

    /// For who came to the end of what it began.
    pub(crate) fn give_back(self) {
        let Self { timed, from, _place: place } = self;
        if !from.places.is_closed() {
            from.idle().push(timed);
        }
        // Only now: who waits for a place shall find the connection.
        drop(place);
    }
}

impl Timed {
    async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let clock = Clock(Arc::new(Deadline { began: Instant::now(), at: AtomicU64::new(u64::MAX) }));
        let deadline = Arc::clone(&clock.0);
        let mut handle = connection.lock_handle().await?;
        // Stops SQLite itself: giving up waiting would leave the statement running.
        handle.set_progress_handler(INSTRUCTIONS_PER_LOOK, move || {
            micros(deadline.began.elapsed()) < deadline.at.load(Ordering::Relaxed)
        });
        drop(handle);
        Ok(Self { connection, clock })
    }
}

impl Clock {
    fn set(&self, deadline: Instant) {
        let at = micros(deadline.saturating_duration_since(self.0.began));
        self.0.at.store(at, Ordering::Relaxed);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.at.store(0, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
