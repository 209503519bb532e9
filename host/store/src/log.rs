// SPDX-License-Identifier: Apache-2.0
//! Records, one after the other, in files that are only ever appended to. Where a record is says its [`Place`];
//! databases only hold what finds it.
//!
//! A file (a segment) has one writer, who made it and holds a lock on it (`flock`). So any number of programs may write
//! to one folder, each to segments of its own, and whoever finds a segment without a lock knows that it will not grow.
//! Segments are numbered from 1 without a gap, so that one that is missing shows (`log/check.rs`).
//!
//! A batch is one write and one `fdatasync`. The bytes that a short one goes over are zeros that are on the disk already: a
//! file that grows would have the file system write its size too, with every batch. So a short one can also take the short
//! way, past the system's memory of the file, where the file system has it: one call, and less to do for it.

mod check;
mod copy;
mod direct;
mod file_id;
mod folder;
mod frame;
mod head;
mod reader;
mod scan;
mod segment;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use cap_std::fs::Dir;
use paasla_core::Entry;

pub(crate) use self::{
    check::{Depth, NotedSegment, NotedSegments},
    file_id::FileId,
    folder::{name, number_of, numbers},
    frame::ENTRY_MAX,
    head::Id,
    scan::{Rest, at, id, scan},
};
use self::{
    folder::Folder,
    frame::{BATCH_HEAD, ENTRY_HEAD, batch},
    segment::Segment,
};
use crate::fault::LogFault;

/// The first segment of a writer; each that follows is twice as long, up to the last. What finds the records of a segment
/// is in memory until it is full, so a long one has the host grow and shrink by as much.
const SHORTEST: u64 = 1 << 20;
const LONGEST: u64 = 16 << 20;

/// The most that one batch may hold, so that its length is a number of 32 bits.
const BATCH_MAX: usize = 1 << 30;

/// How long nothing is tried after a write that failed: what makes it fail, a full disk above all, fails every one.
const PAUSE: Duration = Duration::from_secs(1);

/// A buffer that has grown longer for once is not kept.
const BUFFER_KEPT: usize = 4 << 20;

/// Where a record is: its segment, and the first of its bytes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, byte {}", self.segment, self.offset)
    }
}

/// Up to where a segment is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) segment: u32,
    pub(crate) to: u64,
}

/// Why a log did not write.
#[derive(Debug)]
pub(crate) enum LogError {
    Closed,
    /// The records do not fit into a batch, whatever the state of the log.
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A folder of segments. Nothing is written to it before the first record.
pub(crate) struct Log {
    folder: Arc<Folder>,
    state: Mutex<State>,
    /// The segment after this one, which a thread makes meanwhile.
    spare: Arc<Mutex<Option<Segment>>>,
}

struct State {
    own: Option<Segment>,
    /// How long the next segment will be.
    length: u64,
    /// Whether the segment after this one is being made.
    spare_asked: bool,
    /// When a write failed last, and why.
    failed: Option<(Instant, io::ErrorKind)>,
    closed: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// The log in this folder. If there is none it is made where that is wanted, readable by its owner only. No segment
    /// that is made later gets a number up to `above`.
    pub(crate) fn open(folder: PathBuf, make: bool, above: u32) -> io::Result<Self> {
        let folder = Arc::new(Folder::at(folder, make, above)?);
        let state = State {
            own: None,
            length: SHORTEST,
            spare_asked: false,
            failed: None,
            closed: false,
            buffer: Vec::new(),
        };
        Ok(Self { folder, state: Mutex::new(state), spare: Arc::default() })
    }

    /// Whether the folder holds what is noted, except for what is accepted. See [`check`].
    pub(crate) fn check(
        &self,
        noted: &NotedSegments,
        accepted: &[LogFault],
        depth: Depth,
    ) -> io::Result<Vec<LogFault>> {
        let folder = match self.folder.open() {
            Ok(folder) => Some(folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        check::check(folder.as_ref(), noted, accepted, depth)
    }

    /// Writes all or none. They are on the disk when `written` is told where they end and where each is, and before
    /// anybody else writes. When it is told of an error instead, nobody knows what of them is on the disk.
    pub(crate) fn append(
        &self,
        entries: &[Entry],
        written: impl FnOnce(Result<(Written, &[Place]), ()>),
    ) -> Result<(), LogError> {
        let mut state = self.state();
        if state.closed {
            return Err(LogError::Closed);
        }
        let lengths = entries.iter().map(|entry| entry.bytes().len());
        if lengths.clone().any(|length| length > ENTRY_MAX) || lengths.sum::<usize>() > BATCH_MAX {
            return Err(LogError::TooLong);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let State { own, length, buffer, spare_asked, failed, .. } = &mut *state;
        if let Some((at, kind)) = failed
            && at.elapsed() < PAUSE
        {
            return Err(io::Error::new(*kind, "a write failed a moment ago").into());
        }
        batch(entries, buffer);
        if !own.as_ref().is_some_and(|own| own.has_room(buffer.len())) {
            let next = self.next(length, buffer.len()).inspect_err(|error| *failed = pause(error))?;
            let full = own.replace(next);
            *spare_asked = false;
            // What it has too much is nobody's concern if it cannot be cut off: it is zeros.
            let _ = full.map(Segment::end);
        }
        let Some(segment) = own else { return Ok(()) };
        let places = places(segment.number(), segment.written(), entries)?;
        if let Err(error) = segment.write(buffer) {
            *failed = pause(&error);
            // Nothing more goes into this segment. Where not even that can be cut off which failed, it is read like others'.
            let _ = own.take().map(|own| own.give_up(&self.folder));
            written(Err(()));
            return Err(error.into());
        }
        *failed = None;
        written(Ok((Written { segment: segment.number(), to: segment.written() }, &places)));
        if segment.is_half_full() && !std::mem::replace(spare_asked, true) {
            self.make_spare(*length);
        }
        if buffer.capacity() > BUFFER_KEPT {
            *buffer = Vec::new();
        }
        Ok(())
    }

    /// Copies all that is written so far into a new folder.
    pub(crate) fn copy(folder: PathBuf, into: &Path) -> io::Result<()> {
        copy::copy(&Folder::at(folder, false, 0)?.open()?, into)
    }

    /// The folder, to read segments.
    pub(crate) fn folder(&self) -> io::Result<Dir> {
        self.folder.open()
    }

    /// Takes no more records, and cuts off what was not used. Closing twice does no harm.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let own = state.own.take();
        drop(state);
        let spare = self.lock_spare().take();
        // What they have too much is zeros.
        for segment in own.into_iter().chain(spare) {
            let _ = segment.end();
        }
    }

    /// The next segment: the spare one, or a new one that has room for so many bytes.
    fn next(&self, length: &mut u64, room: usize) -> io::Result<Segment> {
        let spare = self.lock_spare().take();
        let segment = match spare.filter(|spare| spare.has_room(room)) {
            Some(spare) => spare,
            None => Segment::make(&self.folder, (*length).max(segment::length_for(room)))?,
        };
        *length = (2 * *length).min(LONGEST);
        Ok(segment)
    }

    /// Has the next segment made, so that nobody waits for it. Who needs it and does not find it makes it, and learns
    /// what is in the way.
    fn make_spare(&self, length: u64) {
        let (spare, folder) = (Arc::clone(&self.spare), Arc::clone(&self.folder));
        let make = move || {
            let mut place = spare.lock().unwrap_or_else(PoisonError::into_inner);
            if place.is_none() {
                *place = Segment::make(&folder, length).ok();
            }
        };
        let _ = thread::Builder::new().name("paasla-segment".to_owned()).spawn(make);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_spare(&self) -> MutexGuard<'_, Option<Segment>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When nothing is tried for a while. What was moved away may be back at once, and to look for it costs nothing.
fn pause(error: &io::Error) -> Option<(Instant, io::ErrorKind)> {
    (error.kind() != io::ErrorKind::NotFound).then(|| (Instant::now(), error.kind()))
}

/// Where each of the entries is of a batch that begins at `at`.
fn places(segment: u32, at: u64, entries: &[Entry]) -> Result<Vec<Place>, LogError> {
    let mut at = usize::try_from(at).map_err(|_| LogError::TooLong)? + BATCH_HEAD;
    let place = |entry: &Entry| {
        let offset = u32::try_from(at).map_err(|_| LogError::TooLong)?;
        at += ENTRY_HEAD + entry.bytes().len();
        Ok(Place { segment, offset })
    };
    entries.iter().map(place).collect()
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("folder", &self.folder.path).finish_non_exhaustive()
    }
}
