// SPDX-License-Identifier: Apache-2.0
//! A few connections to one SQLite file, each with a clock of its own.
//!
//! All of them have the same file open, whatever its path leads to by now: answers never come from two files at a time.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use paasla_core::text;
use rusqlite::{Connection, OpenFlags, ffi, functions::FunctionFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sql::FOLD_NAME;

/// After how many of SQLite's own instructions it looks at the clock.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// Prepared statements that are kept by each connection.
const CACHED_STATEMENTS: usize = 256;

/// What each connection keeps in memory of the database: the negative number is KiB.
const CACHE_SIZE_PRAGMA: i32 = -8192;

/// Device and inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// Of the file that a path leads to, symbolic links followed.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|file| Self(file.dev(), file.ino()))
    }
}

/// The connections.
pub(crate) struct Connections {
    path: PathBuf,
    /// What they have open; none where there was nothing to open.
    file: Option<FileId>,
    /// One for each connection that may be in use.
    places: Arc<Semaphore>,
    /// Those that nobody uses.
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
    /// Microseconds since it began; the greatest number while nothing is read, where nothing may be stopped.
    at: AtomicU64,
}

/// A connection in use. It is given back when its read came to an end; otherwise it is closed.
pub(crate) struct Held {
    timed: Timed,
    from: Arc<Connections>,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// Up to so many connections to the file that the path leads to now, opened when they are needed.
    pub(crate) fn new(path: PathBuf, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let file = FileId::at(&path).ok();
        Self { path, file, places: Arc::new(Semaphore::new(most)), idle: Mutex::default() }
    }

    /// Whether the path still leads to the file that they have open.
    pub(crate) fn are_current(&self) -> bool {
        self.file.is_some() && FileId::at(&self.path).ok() == self.file
    }

    /// Whether they were closed for good.
    pub(crate) fn are_closed(&self) -> bool {
        self.places.is_closed()
    }

    /// A place for a connection; waits until one is free. None when all are closed.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// A connection for a place.
    pub(crate) fn take(self: &Arc<Self>, place: OwnedSemaphorePermit) -> rusqlite::Result<Held> {
        let idle = self.lock().pop();
        let timed = match idle {
            Some(timed) => timed,
            None => self.open()?,
        };
        Ok(Held { timed, from: Arc::clone(self), _place: place })
    }

    fn open(&self) -> rusqlite::Result<Timed> {
        let timed = Timed::open(&self.path)?;
        if self.are_current() {
            return Ok(timed);
        }
        let other = "the path leads to another file than the one that is open".to_owned();
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(other)))
    }

    /// Closes all connections; those in use when they are given back.
    pub(crate) fn close(&self) {
        self.places.close();
        // They only read: there is nothing to lose.
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Timed>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("idle", &self.lock().len()).finish_non_exhaustive()
    }
}

impl Held {
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
        timed.clock.at.store(u64::MAX, Ordering::Relaxed);
        if !from.places.is_closed() {
            from.lock().push(timed);
        }
        // Only now: who waits for a place shall find the connection.
        drop(place);
    }
}

impl Timed {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.pragma_update(None, "cache_size", CACHE_SIZE_PRAGMA)?;
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
        Ok(Self { connection, clock })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is stopped by the clock of a read that is over.
    #[tokio::test]
    async fn the_clock_of_a_read_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        drop(Connection::open(&path).unwrap());
        let connections = Arc::new(Connections::new(path, 1));
        for _ in 0..3 {
            let mut held = connections.take(connections.place().await.unwrap()).unwrap();
            held.until(Instant::now(), Duration::ZERO).unwrap();
            held.give_back();
            let idle = connections.lock();
            assert!(idle.iter().all(|timed| timed.clock.at.load(Ordering::Relaxed) == u64::MAX));
            assert_eq!(idle.len(), 1);
        }
    }
}
