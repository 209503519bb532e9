// SPDX-License-Identifier: Apache-2.0
//! What finds records in the log. For segments that will not grow any more there are indexes, files beside them that are
//! written once; the rest is in memory. All of it follows from the log: whatever is lost is made again, and whoever makes
//! it, it is the same.
//!
//! One index is of one segment, or of 16 or 256 that follow each other, and stands in the place of those that it was
//! merged from. So a search of years asks some hundreds of files, and each is asked in a few steps.

mod build;
mod hit;
mod index;
mod known;
mod newest;
mod page;
mod pieces;
mod row;
mod tail;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cap_std::fs::Dir;
use paasla_core::Entry;

pub(crate) use self::{
    hit::{Hit, Wanted},
    row::key,
};
use self::{
    index::Index,
    known::{Known, drop_damaged, is_gone, read_on},
    newest::newest,
    row::Key,
    tail::Tail,
};
use crate::{
    fault::LogFault,
    log::{self, Log, Place, Written},
};

/// How often a search begins anew because somebody else has merged what it was about to ask.
const ATTEMPTS: usize = 5;

/// Finds records.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    known: Mutex<Known>,
    /// What this program writes itself. Whoever has `known` may wait for this, not the other way round.
    own: Mutex<Own>,
}

/// The segments of this program's own, with all that is in them.
#[derive(Debug, Default)]
struct Own {
    /// Those without an index.
    tails: BTreeMap<u32, Tail>,
    /// The one that is written to.
    current: Option<u32>,
    /// Up to where the others are written, as long as anybody may ask.
    ended: BTreeMap<u32, u64>,
}

impl Finder {
    /// Of a log that had segments up to this number, whatever is there now.
    pub(crate) fn new(above: u32) -> Self {
        let known = Known { next: above.saturating_add(1), ..Known::default() };
        Self { known: Mutex::new(known), own: Mutex::default() }
    }

    /// Learns of records that this program has written to a segment of its own, which now ends at `written`.
    pub(crate) fn add(&self, written: Written, entries: &[Entry], places: &[Place]) {
        let mut own = self.own();
        if own.current != Some(written.segment) {
            own.end();
            own.current = Some(written.segment);
        }
        let tail = own.tails.entry(written.segment).or_insert_with(|| Tail::new(written.segment));
        for (place, entry) in places.iter().zip(entries) {
            tail.add(*place, entry.finds());
        }
        tail.to = written.to;
    }

    /// Learns that nobody knows what is at the end of the segment that was written to: it is read like others'.
    pub(crate) fn give_up(&self) {
        let mut own = self.own();
        if let Some(segment) = own.current.take() {
            own.tails.remove(&segment);
        }
    }

    /// Learns that this program writes no more.
    pub(crate) fn end(&self) {
        self.own().end();
    }

    /// Up to where a segment of this program's own is written, and whether it has ended. None for another.
    pub(crate) fn own_segment(&self, segment: u32) -> Option<(u64, bool)> {
        let own = self.own();
        let ended = own.ended.get(&segment).map(|to| (*to, true));
        ended.or_else(|| {
            let tail = own.tails.get(&segment).filter(|_| own.current == Some(segment));
            tail.map(|tail| (tail.to, false))
        })
    }

    /// Nobody will ask again up to where a segment was written.
    pub(crate) fn forget_end(&self, segment: u32) {
        self.own().ended.remove(&segment);
    }

    /// Looks at what is new in the log, and writes indexes of what has ended.
    ///
    /// # Errors
    /// When the log cannot be read. An index that cannot be written is none: it is made at another time.
    pub(crate) fn refresh(&self, log: &Log) -> io::Result<()> {
        let folder = log.folder()?;
        let mut known = self.known();
        self.bring_up_to_date(&mut known, &folder)
    }

    /// The records that are wanted, newest first, and no more than so many.
    pub(crate) fn find(&self, log: &Log, wanted: &Wanted, limit: usize) -> io::Result<Vec<Hit>> {
        self.search(
            log,
            |tail| tail.hits(wanted),
            |folder, indexes, tails| newest(folder, indexes, tails, wanted, limit),
        )
    }

    /// How many records are wanted.
    pub(crate) fn count(&self, log: &Log, wanted: &Wanted) -> io::Result<u64> {
        self.search(
            log,
            |tail| tail.hits(wanted),
            |folder, indexes, tails| {
                let mut count: u64 = tails.iter().map(|hits| hits.len() as u64).sum();
                for index in indexes.iter().filter(|index| index.may_hold(wanted)) {
                    if let Some(hits) = index.hits(&index.file(folder)?, wanted)? {
                        count += hits.count()?;
                    }
                }
                Ok(count)
            },
        )
    }

    /// The record with this id that was written first.
    pub(crate) fn by_id(&self, log: &Log, id: &Key) -> io::Result<Option<Hit>> {
        self.search(
            log,
            |tail| tail.by_id(id).collect(),
            |folder, indexes, tails| {
                let mut hits = tails.concat();
                for index in indexes {
                    hits.extend(index.by_id(folder, id)?);
                }
                Ok(hits.into_iter().min_by_key(|hit| hit.place))
            },
        )
    }

    /// Asks all that finds records, as it is at one moment: first what is in memory, where others wait for it, then the
    /// files. What turns out to be damaged is made again.
    fn search<T>(
        &self,
        log: &Log,
        of_tail: impl Fn(&Tail) -> Vec<Hit>,
        ask: impl Fn(&Dir, &[Arc<Index>], Vec<Vec<Hit>>) -> io::Result<T>,
    ) -> io::Result<T> {
        let folder = log.folder()?;
        let mut attempt = 1;
        loop {
            let (indexes, tails) = {
                let mut known = self.known();
                self.bring_up_to_date(&mut known, &folder)?;
                let own = self.own();
                // What was read of a segment before it was this program's own is in its own, too.
                let of_others = known.open.iter().filter(|(segment, _)| !own.tails.contains_key(segment));
                let of_others = of_others.map(|(_, tail)| tail);
                let tails = own.tails.values().chain(of_others).map(&of_tail).collect();
                (known.indexes.clone(), tails)
            };
            match ask(&folder, &indexes, tails) {
                Err(error) if attempt < ATTEMPTS && is_gone(&error) => {
                    attempt += 1;
                    let mut known = self.known();
                    known.is_listed = false;
                    if error.kind() != io::ErrorKind::NotFound {
                        drop_damaged(&folder, &indexes)?;
                    }
                }
                answer => return answer,
            }
        }
    }

    fn bring_up_to_date(&self, known: &mut Known, folder: &Dir) -> io::Result<()> {
        if !known.is_listed {
            known.list(folder)?;
        }
        while known.next < u32::MAX && folder.try_exists(log::name(known.next))? {
            known.open.entry(known.next).or_insert_with(|| Tail::new(known.next));
            known.next += 1;
        }
        let (own, ended) = {
            let mut own = self.own();
            let all: Vec<u32> = own.tails.keys().copied().collect();
            let ended = all.iter().filter(|segment| own.current != Some(**segment));
            let ended: Vec<u32> = ended.copied().collect();
            let ended: Vec<Tail> =
                ended.into_iter().filter_map(|segment| own.tails.remove(&segment)).collect();
            (all, ended)
        };
        for tail in ended {
            if let Err(tail) = known.put_index(folder, tail) {
                self.own().tails.insert(tail.segment, *tail);
            }
        }
        let open: Vec<u32> = known.open.keys().copied().filter(|segment| !own.contains(segment)).collect();
        for segment in open {
            let Some(mut tail) = known.open.remove(&segment) else { continue };
            let has_ended = read_on(folder, &mut tail);
            let kept = match has_ended {
                Ok(true) => known.put_index(folder, tail).err(),
                Ok(false) | Err(_) => Some(Box::new(tail)),
            };
            if let Some(tail) = kept {
                known.open.insert(segment, *tail);
            }
            has_ended?;
        }
        known.merge(folder);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the indexes of segments with which something is wrong: they are made again.
pub(crate) fn drop_indexes(folder: &Dir, faults: &[LogFault]) -> io::Result<()> {
    for entry in folder.entries()? {
        let name = entry?.file_name();
        let Some((name, of)) = name.to_str().and_then(|name| Some((name, index::segments_of(name)?))) else {
            continue;
        };
        let meets =
            |fault: &LogFault| fault.segments.start() <= of.end() && of.start() <= fault.segments.end();
        if faults.iter().any(meets) {
            folder.remove_file(name)?;
        }
    }
    Ok(())
}

impl Own {
    fn end(&mut self) {
        if let Some(segment) = self.current.take() {
            let to = self.tails.get(&segment).map_or(0, |tail| tail.to);
            self.ended.insert(segment, to);
        }
    }
}

#[cfg(test)]
mod tests;
