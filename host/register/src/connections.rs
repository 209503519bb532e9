// SPDX-License-Identifier: Apache-2.0
//! A few connections to one SQLite file, each with a clock of its own.
//!
//! To lock the file for a read and let it go again, and to look whether somebody has written meanwhile, takes the system
//! half as long as the read. Where many reads follow one another, a connection keeps its lock for some of them
//! ([`Keeping`]). While it has it nobody can write, so what is read is what is there.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use paasla_core::text;
use rusqlite::{Connection, OpenFlags, functions::FunctionFlags};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
};

use crate::{
    keeping::{Counted, Keeping},
    sql::FOLD_NAME,
};

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
    idle: Arc<Mutex<Idle>>,
}

/// The connections that nobody uses, and how all keep locks.
#[derive(Default)]
struct Idle {
    timed: Vec<Timed>,
    keeping: Keeping,
    /// Whether somebody looks after the locks that idle connections keep.
    is_watched: bool,
}

/// A connection and its clock.
struct Timed {
    connection: Connection,
    clock: Arc<Deadline>,
    /// Whether it may keep a lock.
    may_keep: bool,
    /// There while a transaction keeps its lock. Behind the connection, which is closed first.
    kept: Option<Counted>,
}

/// When SQLite has to stop.
struct Deadline {
    began: Instant,
    /// Microseconds since it began; the greatest number while nothing is read, where nothing may be stopped.
    at: AtomicU64,
}

/// A connection in use. Whoever comes to the end of what it began gives it back; otherwise it is closed.
pub(crate) struct Held<'c> {
    timed: Timed,
    /// Behind the connection.
    _used: Counted,
    from: &'c Connections,
    _place: SemaphorePermit<'c>,
}

impl Connections {
    /// Up to so many connections, opened when they are needed.
    pub(crate) fn new(path: PathBuf, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { path, places: Semaphore::new(most), idle: Arc::default() }
    }

    /// A place for a connection; waits until one is free. None when all are closed.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// A connection for a place. What is read in it is in one transaction where it keeps its lock.
    pub(crate) fn take<'c>(&'c self, place: SemaphorePermit<'c>) -> rusqlite::Result<Held<'c>> {
        let (timed, used, keeps) = {
            let mut idle = lock(&self.idle);
            let now = Instant::now();
            idle.end_kept(now);
            let keeps = idle.keeping.may_keep(now).then(|| idle.keeping.counted());
            (idle.timed.pop(), idle.keeping.counted(), keeps)
        };
        let mut timed = timed.map_or_else(|| Timed::open(&self.path), Ok)?;
        if timed.may_keep && timed.kept.is_none() && keeps.is_some() {
            // The lock is taken by the first read, so that there is nothing to wait for here.
            timed.connection.prepare_cached("BEGIN")?.execute([])?;
            timed.kept = keeps;
        }
        Ok(Held { timed, _used: used, from: self, _place: place })
    }

    /// Closes all connections; those in use when they are given back.
    pub(crate) fn close(&self) {
        self.places.close();
        // They only read: there is nothing to lose.
        lock(&self.idle).timed.clear();
    }
}

impl Idle {
    /// Ends what idle connections keep, if it is time. One that cannot is closed.
    fn end_kept(&mut self, now: Instant) {
        if self.keeping.is_over(now) {
            self.timed.retain_mut(|timed| timed.kept.is_none() || timed.let_go().is_ok());
        }
    }
}

/// Ends what idle connections keep, until none does.
async fn watch(idle: Arc<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(Keeping::LONGEST).await;
        let mut idle = lock(&idle);
        idle.end_kept(Instant::now());
        if idle.timed.iter().all(|timed| timed.kept.is_none()) {
            idle.is_watched = false;
            return;
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("idle", &lock(&self.idle).timed.len()).finish_non_exhaustive()
    }
}

impl Held<'_> {
    /// The connection, which works until the deadline, and waits so long for a writer of another program.
    pub(crate) fn until(&mut self, deadline: Instant, busy: Duration) -> rusqlite::Result<&mut Connection> {
        let Timed { connection, clock, .. } = &mut self.timed;
        let at = micros(deadline.saturating_duration_since(clock.began));
        clock.at.store(at, Ordering::Relaxed);
        connection.busy_timeout(busy)?;
        Ok(connection)
    }

    /// Whether what is read is in a transaction.
    pub(crate) fn keeps(&self) -> bool {
        self.timed.kept.is_some()
    }

    /// For who came to the end of what it began.
    pub(crate) fn give_back(self) {
        let Self { mut timed, _used: used, from, _place: place } = self;
        timed.clock.at.store(u64::MAX, Ordering::Relaxed);
        let runtime = Handle::try_current();
        if !from.places.is_closed() {
            let mut idle = lock(&from.idle);
            let now = Instant::now();
            let is_over = idle.keeping.is_over(now) || runtime.is_err();
            if timed.kept.is_none() || !is_over || timed.let_go().is_ok() {
                let is_kept = timed.kept.is_some();
                idle.timed.push(timed);
                idle.keeping.ended(now);
                if is_kept
                    && !std::mem::replace(&mut idle.is_watched, true)
                    && let Ok(runtime) = runtime
                {
                    runtime.spawn(watch(Arc::clone(&from.idle)));
                }
            }
        }
        drop(used);
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
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function(FOLD_NAME, 1, flags, |call| {
            // What is no text is no name.
            Ok(call.get_raw(0).as_str().ok().map(text::fold_name))
        })?;
        let clock = Arc::new(Deadline { began: Instant::now(), at: AtomicU64::new(u64::MAX) });
        let deadline = Arc::clone(&clock);
        connection.progress_handler(
            INSTRUCTIONS_PER_LOOK,
            Some(move || micros(deadline.began.elapsed()) >= deadline.at.load(Ordering::Relaxed)),
        )?;
        // In a write-ahead log a lock keeps nobody from writing, and what is read while it is kept would be of the past.
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        let may_keep = ["delete", "truncate", "persist"].contains(&mode.as_str());
        Ok(Self { connection, clock, may_keep, kept: None })
    }

    /// Ends the transaction that keeps the lock.
    fn let_go(&mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("ROLLBACK")?.execute([])?;
        self.kept = None;
        Ok(())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends a transaction may not be stopped by the clock of the read that was in it.
    #[tokio::test]
    async fn the_clock_of_a_read_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        drop(Connection::open(&path).unwrap());
        let connections = Connections::new(path, 1);
        for _ in 0..3 {
            let mut held = connections.take(connections.place().await.unwrap()).unwrap();
            held.until(Instant::now(), Duration::ZERO).unwrap();
            held.give_back();
            let idle = lock(&connections.idle);
            assert!(idle.timed.iter().all(|timed| timed.clock.at.load(Ordering::Relaxed) == u64::MAX));
            assert_eq!(idle.timed.len(), 1);
        }
    }
}
