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
    frame::{BATCH_HEAD, BatchHead, ENTRY_HEAD, EntryHead, MAGIC},
    segment::{FIRST, name},
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
/// were read, and says where the next look begins. None when there is no such segment.
pub(crate) fn scan(
    folder: &Dir,
    segment: u32,
    from: u64,
    most: u64,
    mut each: impl FnMut(Place, &[u8]),
) -> io::Result<Option<(u64, Rest)>> {
    let file = match folder.open_with(name(segment), OpenOptions::new().read(true).write(true)) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let ended = is_left(&file)?;
    if !ended {
        // Somebody writes: what can be read may not be on the disk yet.
        file.sync_data()?;
    }
    let metadata = file.metadata()?;
    let length = metadata.len();
    let mut magic = [0; MAGIC.len()];
    if from == 0 && (length < FIRST || file.read_exact_at(&mut magic, 0).is_err() || magic != MAGIC) {
        // Whoever makes a segment locks it before it has any byte, but not before it is there.
        let is_old =
            || metadata.modified().is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MADE_WITHIN));
        if magic.iter().any(|byte| *byte != 0) {
            tracing::error!(segment, "a segment of the log does not begin as one; nothing of it is read");
        }
        let rest = if ended && (length > 0 || is_old()) { Rest::Ended } else { Rest::Open };
        return Ok(Some((0, rest)));
    }
    let mut at = from.max(FIRST);
    let began = at;
    loop {
        if at - began >= most {
            return Ok(Some((at, Rest::More)));
        }
        let Some(next) = batch(&file, segment, at, length, &mut each)? else { break };
        at = next;
    }
    if ended {
        trim(&file, segment, at, length)?;
    }
    Ok(Some((at, if ended { Rest::Ended } else { Rest::Open })))
}

/// One record; none unless it is as it was written.
pub(crate) fn at(folder: &Dir, place: Place) -> io::Result<Option<Vec<u8>>> {
    let file = folder.open(name(place.segment))?.into_std();
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

/// Reads the entries of the batch that begins at `at`, and says where it ends. None when there is none, or not all of it.
fn batch(
    file: &File,
    segment: u32,
    at: u64,
    end: u64,
    each: &mut impl FnMut(Place, &[u8]),
) -> io::Result<Option<u64>> {
    let mut head = [0; BATCH_HEAD];
    let begins = at + BATCH_HEAD as u64;
    if begins > end {
        return Ok(None);
    }
    file.read_exact_at(&mut head, at)?;
    let Some(head) = BatchHead::read(&head) else { return Ok(None) };
    if u64::from(head.bytes) > end - begins {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(head.bytes).unwrap_or(0)];
    file.read_exact_at(&mut bytes, begins)?;
    let Some(found) = head.entries(&bytes) else { return Ok(None) };
    for (offset, entry) in found {
        let Ok(offset) = u32::try_from(begins + offset as u64) else { return Ok(None) };
        each(Place { segment, offset }, entry);
    }
    Ok(Some(begins + u64::from(head.bytes)))
}

/// Whether nobody writes to a segment any more. If so its lock is ours as long as the file is open.
fn is_left(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Cuts zeros off the end of a segment that nobody writes to any more. Anything else stays: it is what was left of a
/// batch when its writer was killed, and nobody was told that it is there.
fn trim(file: &File, segment: u32, at: u64, length: u64) -> io::Result<()> {
    const PART: usize = 1 << 20;
    let mut part = vec![0; PART];
    let mut from = at;
    while from < length {
        let most = usize::try_from(length - from).unwrap_or(PART).min(PART);
        let Some(part) = part.get_mut(..most) else { break };
        file.read_exact_at(part, from)?;
        if part.iter().any(|byte| *byte != 0) {
            tracing::error!(
                segment,
                at,
                "a segment of the log ends with a batch that is not whole; it is left"
            );
            return Ok(());
        }
        from += most as u64;
    }
    file.set_len(at)
}
