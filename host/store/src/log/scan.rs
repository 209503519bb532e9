// SPDX-License-Identifier: Apache-2.0
//! Reading a log.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    time::Duration,
};

use cap_std::fs::{Dir, OpenOptions};

use super::{
    Place,
    file_id::FileId,
    folder::{name, within},
    frame::{BATCH_HEAD, ENTRY_HEAD, EntryHead},
    head::{Id, Start},
    reader::Reader,
};

/// What is behind the batches that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// More batches.
    More,
    /// Nothing yet: its writer may be at work.
    Open,
    /// Nothing, and nothing will come.
    Ended,
}

/// A segment is made in less than this.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// Reads the batches of a segment that are on the disk, from `from` on (0: from its beginning), until about `most` bytes
/// were read, and says where the next look begins. What is no whole batch is passed over, and told. None when there is no
/// such segment.
pub(crate) fn scan(
    folder: &Dir,
    segment: u32,
    from: u64,
    most: u64,
    mut each: impl FnMut(Place, &[u8]),
) -> io::Result<Option<(u64, Rest)>> {
    let name = name(segment);
    let file = match folder.open_with(&name, OpenOptions::new().read(true).write(true)) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(within(segment)(error)),
    };
    let ended = is_left(&file)?;
    if !ended {
        // Somebody writes: what can be read may not be on the disk yet.
        file.sync_data()?;
    } else if !FileId::within(folder, &name)
        .is_ok_and(|there| FileId::of(&file).is_ok_and(|own| own == there))
    {
        // Its writer took it away between the two.
        return Ok(None);
    }
    let metadata = file.metadata()?;
    let reader = Reader { file: &file, length: metadata.len() };
    let rest = if ended { Rest::Ended } else { Rest::Open };
    let mut at = from;
    if from == 0 {
        let start = Start::read(&file, reader.length)?;
        match start {
            Start::Empty => {
                // Whoever makes a segment locks it before it has any byte, but not before it is there.
                let is_old = || {
                    metadata.modified().is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MADE_WITHIN))
                };
                let rest = if ended && (reader.length > 0 || is_old()) { Rest::Ended } else { Rest::Open };
                return Ok(Some((0, rest)));
            }
            Start::Head(head) if head.number != segment => {
                tracing::error!(
                    segment,
                    is = head.number,
                    "a file of the log holds another segment; it is not read"
                );
                // The right one may be put back: nothing is written of it.
                return Ok(Some((0, Rest::Open)));
            }
            Start::Damaged => tracing::error!(segment, "a segment of the log does not begin as one"),
            Start::First(_) | Start::Head(_) => {}
        }
        at = start.first();
    }
    let began = at;
    let mut each = |offset, bytes: &[u8]| each(Place { segment, offset }, bytes);
    loop {
        if at - began >= most {
            return Ok(Some((at, Rest::More)));
        }
        if let Some(next) = reader.batch(at, &mut each)? {
            at = next;
            continue;
        }
        // Where somebody writes there is nothing yet, as a rule.
        let behind = if ended || !is_zero(&file, at, reader.length)? { reader.behind(at)? } else { None };
        let Some(behind) = behind else { break };
        // What was just being written may be whole by now.
        at = match reader.batch(at, &mut each)? {
            Some(next) => next,
            None => {
                tracing::error!(
                    segment,
                    at,
                    behind,
                    "a part of a segment of the log is not as it was written; what is behind it is read"
                );
                behind
            }
        };
    }
    if ended {
        trim(&reader, segment, at)?;
    }
    Ok(Some((at, rest)))
}

/// One record; none unless it is as it was written.
pub(crate) fn at(folder: &Dir, place: Place) -> io::Result<Option<Vec<u8>>> {
    let file = folder.open(name(place.segment)).map_err(within(place.segment))?.into_std();
    let length = file.metadata()?.len();
    let mut head = [0; ENTRY_HEAD];
    let begins = u64::from(place.offset) + ENTRY_HEAD as u64;
    if begins > length {
        return Ok(None);
    }
    file.read_exact_at(&mut head, u64::from(place.offset))?;
    let Some(head) = EntryHead::read(&head) else { return Ok(None) };
    if u64::from(head.bytes) > length - begins {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(head.bytes).unwrap_or(0)];
    file.read_exact_at(&mut bytes, begins)?;
    Ok(head.is_of(&bytes).then_some(bytes))
}

/// The id of a segment; none when there is no such segment, or nothing in it yet.
pub(crate) fn id(folder: &Dir, segment: u32) -> io::Result<Option<Id>> {
    let file = match folder.open(name(segment)) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Start::read(&file, file.metadata()?.len())?.id())
}

/// Whether nobody writes to a segment any more. If so its lock is ours as long as the file is open.
fn is_left(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a batch does not begin at `at`: there are zeros, or nothing.
fn is_zero(file: &File, at: u64, length: u64) -> io::Result<bool> {
    let mut head = [0; BATCH_HEAD];
    let most = usize::try_from(length.saturating_sub(at)).unwrap_or(BATCH_HEAD).min(BATCH_HEAD);
    let Some(head) = head.get_mut(..most) else { return Ok(true) };
    file.read_exact_at(head, at)?;
    Ok(head.iter().all(|byte| *byte == 0))
}

/// Cuts zeros off the end of a segment that nobody writes to any more. Anything else stays: it is what was left of a
/// batch when its writer was killed, and nobody was told that it is there.
fn trim(reader: &Reader<'_>, segment: u32, at: u64) -> io::Result<()> {
    if at >= reader.length {
        return Ok(());
    }
    if !reader.is_zeros(at)? {
        tracing::error!(segment, at, "a segment of the log ends with a batch that is not whole; it is left");
        return Ok(());
    }
    reader.file.set_len(at)
}
