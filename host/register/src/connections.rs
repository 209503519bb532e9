// SPDX-License-Identifier: Apache-2.0
//! A few connections to one SQLite file, each with a clock of its own.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, SemaphorePermit};

/// After how many of SQLite's own instructions it looks at the clock.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// Prepared statements kept by each connection.
const STATEMENTS_KEPT: usize = 256;

/// What each connection keeps in memory of the database: the negative number is KiB.
const CACHE: i32 = -8192;

/// The connections.
pub(crate) struct Connections {
    path: PathBuf,
    /// One for each connection that may be in use.
    places: Semaphore,
    idle: Mutex<Vec<Timed>>,
}

/// A connection and its clock.
struct Timed {
    connection: Connection,
    clock: Arc<Deadline>,
}

/// When SQLite has to stop.
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
    pub(crate) fn new(path: PathBuf, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { path, places: Semaphore::new(most), idle: Mutex::default() }
    }

    /// A place for a connection; waits until one is free. None when all are closed.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// A connection for a place.
    pub(crate) fn take<'c>(&'c self, place: SemaphorePermit<'c>) -> rusqlite::Result<Held<'c>> {
        let idle = self.idle().pop();
        let timed = idle.map_or_else(|| Timed::open(&self.path), Ok)?;
        Ok(Held { timed, from: self, _place: place })
    }

    /// Closes all connections; those in use when they are given back.
    pub(crate) fn close(&self) {
        self.places.close();
        // They only read: there is nothing to lose.
        self.idle().clear();
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
    /// The connection, which works until the deadline, and waits so long for a writer of another program.
    pub(crate) fn until(&mut self, deadline: Instant, busy: Duration) -> rusqlite::Result<&mut Connection> {
        let Timed { connection, clock } = &mut self.timed;
        let at = micros(deadline.saturating_duration_since(clock.began));
        clock.at.store(at, Ordering::Relaxed);
        connection.busy_timeout(busy)?;
        Ok(connection)
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
    fn open(path: &PathBuf) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "cache_size", CACHE)?;
        let clock = Arc::new(Deadline { began: Instant::now(), at: AtomicU64::new(u64::MAX) });
        let deadline = Arc::clone(&clock);
        connection.progress_handler(
            INSTRUCTIONS_PER_LOOK,
            Some(move || micros(deadline.began.elapsed()) >= deadline.at.load(Ordering::Relaxed)),
        )?;
        Ok(Self { connection, clock })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
