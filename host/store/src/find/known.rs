// SPDX-License-Identifier: Apache-2.0
//! What is known of a folder's segments: those that have an index, and those that have none.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, iter,
    ops::{Range, RangeInclusive},
    sync::Arc,
    time::Duration,
};

use cap_std::fs::Dir;
use paasla_core::Entry;

use super::{
    build,
    index::{Index, name, segments_of},
    tail::Tail,
};
use crate::log::{self, Rest};

/// How many indexes are merged to one, and how often over.
const MERGED: u32 = 16;
const LEVELS: u32 = 2;

/// About how many bytes of the log are read at a time.
const STEP: u64 = 4 << 20;

/// From what age on a file that was never finished is nobody's.
const ABANDONED: Duration = Duration::from_hours(1);

/// See [`self`].
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether the folder was looked through.
    pub(super) is_listed: bool,
    /// In the order of their segments, none of which is in two.
    pub(super) indexes: Vec<Arc<Index>>,
    /// Segments without an index, by number; some may be this program's own, and are not read here.
    pub(super) open: BTreeMap<u32, Tail>,
    /// The first segment that is not known.
    pub(super) next: u32,
}

impl Known {
    /// Looks through the folder: which indexes there are, and of which segments there is none.
    pub(super) fn list(&mut self, folder: &Dir) -> io::Result<()> {
        let (mut indexes, mut segments) = (Vec::new(), BTreeSet::new());
        for entry in folder.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(segments) = segments_of(name) {
                indexes.push(segments);
            } else if let Some(number) = log::number_of(name) {
                segments.insert(number);
            } else if name.ends_with(build::UNFINISHED) {
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                let age = written.ok().and_then(|written| written.into_std().elapsed().ok());
                if age.is_some_and(|age| age > ABANDONED) {
                    let _ = folder.remove_file(name);
                }
            }
        }
        // Of those that begin with the same segment, the one that reaches farthest.
        indexes.sort_unstable_by_key(|segments| (*segments.start(), *segments.end()));
        let mut open = std::mem::take(&mut self.open);
        self.indexes.clear();
        let mut next = 1;
        let starts = indexes.iter().map(|segments| *segments.start()).chain(segments.iter().copied());
        for segment in starts.collect::<BTreeSet<u32>>() {
            if segment < next {
                continue;
            }
            let here = indexes.iter().rev().filter(|segments| *segments.start() == segment);
            let found = here.into_iter().find_map(|segments| open_index(folder, segments).transpose());
            match found.transpose()? {
                Some(index) => {
                    next = index.head.last.saturating_add(1);
                    self.indexes.push(Arc::new(index));
                }
                None if segments.contains(&segment) => {
                    let tail = open.remove(&segment).unwrap_or_else(|| Tail::new(segment));
                    self.open.insert(segment, tail);
                    next = segment.saturating_add(1);
                }
                // An index that cannot be used, of segments that are not there.
                None => {}
            }
        }
        self.next = self.next.max(next);
        self.is_listed = true;
        // What was merged and could not be removed then.
        for merged in indexes {
            let is_within = |whole: RangeInclusive<u32>| {
                whole != merged && whole.contains(merged.start()) && whole.contains(merged.end())
            };
            if self.indexes.iter().any(|index| is_within(index.segments())) {
                let _ = folder.remove_file(name(&merged));
            }
        }
        Ok(())
    }

    /// Writes the index of a segment that will not grow any more. Gives the segment back where that is not possible.
    pub(super) fn put_index(&mut self, folder: &Dir, tail: Tail) -> Result<(), Box<Tail>> {
        match build::of_tail(folder, &tail) {
            Ok(index) => {
                self.open.remove(&tail.segment);
                self.indexes.push(Arc::new(index));
                self.indexes.sort_unstable_by_key(|index| index.head.first);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(segment = tail.segment, %error, "an index of records cannot be written; it stays in memory");
                Err(Box::new(tail))
            }
        }
    }

    /// Merges indexes where there are enough of them.
    pub(super) fn merge(&mut self, folder: &Dir) {
        for length in (1..=LEVELS).map(|level| MERGED.pow(level)) {
            while let Some(group) = self.group(length) {
                let parts: Vec<&Index> =
                    group.clone().filter_map(|at| self.indexes.get(at)).map(Arc::as_ref).collect();
                let merged = match build::of_indexes(folder, &parts) {
                    Ok(merged) => merged,
                    Err(error) => {
                        tracing::warn!(%error, "indexes of records cannot be merged; they are used as they are");
                        return;
                    }
                };
                for part in self.indexes.splice(group, iter::once(Arc::new(merged))) {
                    // Somebody who is about to ask it looks through the folder again.
                    let _ = folder.remove_file(name(&part.segments()));
                }
            }
        }
    }

    /// The places of several indexes that together are of so many segments, the first of which is one after a multiple
    /// of that.
    fn group(&self, length: u32) -> Option<Range<usize>> {
        let mut begins = None;
        for (at, index) in self.indexes.iter().enumerate() {
            let follows = at
                .checked_sub(1)
                .and_then(|at| self.indexes.get(at))
                .is_some_and(|before| before.head.last + 1 == index.head.first);
            if (index.head.first - 1).is_multiple_of(length) {
                begins = Some(at);
            } else if !follows {
                begins = None;
            }
            let Some(begin) = begins.filter(|_| index.head.last.is_multiple_of(length)) else { continue };
            if begin < at {
                return Some(begin..at + 1);
            }
        }
        None
    }
}

/// Removes what is not as it was written.
pub(super) fn drop_damaged(folder: &Dir, indexes: &[Arc<Index>]) -> io::Result<()> {
    for index in indexes {
        match index.file(folder).and_then(|file| index.check(&file)) {
            Err(error) if is_gone(&error) && error.kind() != io::ErrorKind::NotFound => {
                let name = name(&index.segments());
                tracing::error!(name, %error, "an index of records is damaged; it is made again from the log");
                folder.remove_file(name)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Opens an index; none when it is gone or cannot be used.
fn open_index(folder: &Dir, segments: &RangeInclusive<u32>) -> io::Result<Option<Index>> {
    match Index::open(folder, segments) {
        Ok(index) => Ok(Some(index)),
        Err(error) if is_gone(&error) => {
            tracing::warn!(segments = ?segments, %error, "an index of records cannot be used; it is made again from the log");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether an index was merged away or damaged.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

/// Reads what is new in a segment, and says whether it has ended.
pub(super) fn read_on(folder: &Dir, tail: &mut Tail) -> io::Result<bool> {
    loop {
        let (segment, from) = (tail.segment, tail.to);
        let found = log::scan(folder, segment, from, STEP, |place, bytes| match Entry::skim(bytes) {
            Ok((finds, _)) => tail.add(place, &finds),
            // The reader's own error is dropped: it may quote what it could not read.
            Err(_) => tracing::error!(segment, offset = place.offset, "a record cannot be read"),
        })?;
        let Some((to, rest)) = found else { return Ok(false) };
        tail.to = to;
        if rest != Rest::More {
            return Ok(rest == Rest::Ended);
        }
    }
}
