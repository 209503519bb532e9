// SPDX-License-Identifier: Apache-2.0
//! Whether a folder holds all that was written to it, as it was written.
//!
//! What is known of its segments is noted in the database: up to where each was written, and its id. A segment's own head
//! says its number, and the id of the one before it.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io,
    ops::RangeInclusive,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use cap_std::fs::Dir;

use super::{
    folder::{Making, name, numbers, within},
    head::{FIRST, Id, Start},
    reader::Reader,
};
use crate::fault::{FaultKind, LogFault};

/// What is noted of a segment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NotedSegment {
    /// Up to where it was looked at.
    pub(crate) to: u64,
    pub(crate) id: Option<Id>,
}

/// What is noted of all segments, by number.
pub(crate) type NotedSegments = BTreeMap<u32, NotedSegment>;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// How each segment begins, how long it is, and all that is not noted yet.
    New,
    /// Every byte.
    Whole,
}

/// A file as it is found.
struct Seen {
    number: u32,
    length: u64,
    start: Start,
}

/// Looks through a folder; none where it is not there. `accepted` are faults that are known and need not be told.
pub(crate) fn check(
    folder: Option<&Dir>,
    noted: &NotedSegments,
    accepted: &[LogFault],
    depth: Depth,
) -> io::Result<Vec<LogFault>> {
    let numbers = match folder {
        // Without the lock a segment that is just being made could be listed and the one before it not.
        Some(folder) => Making::begin(folder).and_then(|_making| numbers(folder))?,
        None => Vec::new(),
    };
    let mut faults = missing(&numbers, noted, accepted);
    if numbers.last() == Some(&u32::MAX) {
        faults.push(LogFault { segments: u32::MAX..=u32::MAX, kind: FaultKind::Last });
    }
    if let Some(folder) = folder {
        let mut seen = Vec::with_capacity(numbers.len());
        for number in numbers {
            // Opened, a link could lead anywhere, and a pipe would not come back.
            if is_no_file(folder, number)? {
                faults.push(LogFault { segments: number..=number, kind: FaultKind::NoFile });
            } else {
                seen.extend(Seen::at(folder, number).map_err(within(number))?);
            }
        }
        faults.extend(strangers(&seen, noted));
        faults.extend(contents(folder, &seen, noted, depth)?);
    }
    faults.retain(|fault| !accepted.contains(fault));
    faults.sort_by_key(|fault| (*fault.segments.start(), *fault.segments.end()));
    Ok(faults)
}

/// The gaps between segments, and behind the last of them, except where nothing was.
fn missing(numbers: &[u32], noted: &NotedSegments, accepted: &[LogFault]) -> Vec<LogFault> {
    let end = noted.last_key_value().map_or(0, |(number, _)| *number);
    let empty = noted.iter().filter(|(_, noted)| noted.to <= FIRST).map(|(number, _)| *number..=*number);
    let accepted = accepted.iter().filter(|fault| fault.kind == FaultKind::Missing);
    let mut there: Vec<RangeInclusive<u32>> = numbers.iter().map(|number| *number..=*number).collect();
    there.extend(empty);
    there.extend(accepted.map(|fault| fault.segments.clone()));
    there.sort_unstable_by_key(|range| *range.start());
    let mut faults = Vec::new();
    let mut next = 1_u64;
    let mut gap = |next: u64, before: u64| {
        if let (Ok(first), Ok(last)) = (u32::try_from(next), u32::try_from(before.saturating_sub(1)))
            && first <= last
        {
            faults.push(LogFault { segments: first..=last, kind: FaultKind::Missing });
        }
    };
    for range in there {
        gap(next, u64::from(*range.start()));
        next = next.max(u64::from(*range.end()) + 1);
    }
    gap(next, u64::from(end) + 1);
    faults
}

/// Files that are not the segments whose names they have.
fn strangers(seen: &[Seen], noted: &NotedSegments) -> Vec<LogFault> {
    let noted_id = |number: u32| noted.get(&number).and_then(|noted| noted.id);
    let mut owners: HashMap<Id, u32> = HashMap::new();
    // Whose an id is: of the segment that it was noted of, or else of the first that has it.
    for (number, noted) in noted {
        noted.id.map(|id| owners.entry(id).or_insert(*number));
    }
    for seen in seen {
        match seen.start {
            Start::Head(head) => owners.insert(head.id, head.number),
            _ => seen.start.id().map(|id| *owners.entry(id).or_insert(seen.number)),
        };
    }
    let is_at_home = |number: u32, id: Id| {
        seen.binary_search_by_key(&number, |seen| seen.number)
            .is_ok_and(|at| seen.get(at).is_some_and(|seen| seen.start.id() == Some(id)))
    };
    let mut faults = Vec::new();
    for (at, of) in seen.iter().enumerate() {
        let Some(id) = of.start.id() else { continue };
        let owner = owners.get(&id).copied().unwrap_or(of.number);
        let next = seen.get(at + 1).filter(|next| {
            next.is_after(of.number) && noted_id(next.number).is_none_or(|id| next.start.id() == Some(id))
        });
        let was = next.and_then(Seen::before);
        let kind = if owner != of.number && is_at_home(owner, id) {
            FaultKind::Copy { of: owner }
        } else if owner != of.number {
            FaultKind::Misplaced { is: owner }
        } else if [noted_id(of.number), was].into_iter().flatten().any(|other| other != id) {
            FaultKind::Replaced
        } else {
            continue;
        };
        faults.push(LogFault { segments: of.number..=of.number, kind });
    }
    faults
}

/// Parts of segments that are not there or not as they were written.
fn contents(folder: &Dir, seen: &[Seen], noted: &NotedSegments, depth: Depth) -> io::Result<Vec<LogFault>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Ok(Vec::new()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(of) = seen.get(at) else { return };
            let was_there =
                seen.get(at + 1).is_some_and(|next| next.is_after(of.number) && next.before().is_some());
            let noted = noted.get(&of.number).map_or(0, |noted| noted.to);
            let faults = of
                .faults(folder, noted.max(if was_there { FIRST } else { 0 }), depth)
                .map_err(within(of.number));
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *found, faults) {
                (Ok(found), Ok(faults)) => found.extend(faults),
                (found @ Ok(_), Err(error)) => *found = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(seen.len());
        for _ in 1..threads {
            let _ = thread::Builder::new().name("paasla-check".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// None when it was taken away meanwhile, which is done to what holds nothing.
    fn at(folder: &Dir, number: u32) -> io::Result<Option<Self>> {
        let file = match open(folder, number) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        Ok(Some(Self { number, length, start: Start::read(&file, length)? }))
    }

    /// Whether its number is the one after that.
    fn is_after(&self, number: u32) -> bool {
        number.checked_add(1) == Some(self.number)
    }

    /// Which one it says was before it.
    fn before(&self) -> Option<Id> {
        match self.start {
            Start::Head(head) if head.number == self.number => head.before,
            _ => None,
        }
    }

    /// What is wrong with its content, which was noted up to `noted`.
    fn faults(&self, folder: &Dir, noted: u64, depth: Depth) -> io::Result<Vec<LogFault>> {
        let mut faults = Vec::new();
        let mut told = |kind| faults.push(LogFault { segments: self.number..=self.number, kind });
        if self.length < noted {
            told(FaultKind::Shortened { length: self.length, noted });
        }
        let first = self.start.first();
        let mut at = match (depth, self.start) {
            (_, Start::Empty) => return Ok(faults),
            (Depth::Whole, _) | (_, Start::Damaged) => first,
            (Depth::New, _) => noted.max(first),
        };
        let file = open(folder, self.number)?;
        // What is written behind is looked at another time.
        let reader = Reader { file: &file, length: self.length };
        while at < self.length {
            if let Some(end) = reader.batch(at, &mut |_, _| {})? {
                at = end;
                continue;
            }
            let Some(behind) = reader.behind(at)? else {
                // A batch that was not whole when its writer was killed is none, and zeros are room for more.
                if at < noted.min(self.length) {
                    told(FaultKind::Changed { from: at, to: noted.min(self.length) });
                }
                break;
            };
            // What was just being written may be whole by now.
            at = match reader.batch(at, &mut |_, _| {})? {
                Some(end) => end,
                None => {
                    told(FaultKind::Changed { from: at, to: behind });
                    behind
                }
            };
        }
        Ok(faults)
    }
}

/// Whether something has the name of this segment that is no file.
fn is_no_file(folder: &Dir, number: u32) -> io::Result<bool> {
    match folder.symlink_metadata(name(number)) {
        Ok(about) => Ok(!about.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(within(number)(error)),
    }
}

fn open(folder: &Dir, number: u32) -> io::Result<File> {
    folder.open(name(number)).map(cap_std::fs::File::into_std)
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn what_is_no_file_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = |number: u32| place.path().join(name(number));
        std::fs::write(place.path().join("elsewhere"), "").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", path(1)).unwrap();
        std::os::unix::fs::symlink(place.path().join("elsewhere"), path(2)).unwrap();
        std::fs::create_dir(path(3)).unwrap();
        let folder = Dir::open_ambient_dir(place.path(), ambient_authority()).unwrap();
        for depth in [Depth::New, Depth::Whole] {
            let faults = check(Some(&folder), &NotedSegments::new(), &[], depth).unwrap();
            let expected: Vec<LogFault> = (1..=3)
                .map(|number| LogFault { segments: number..=number, kind: FaultKind::NoFile })
                .collect();
            assert_eq!(faults, expected);
            assert!(faults.iter().all(|fault| !fault.is_loss()));
            let told = faults.first().unwrap().to_string();
            assert!(
                told.starts_with("0000000001.log is a link, a folder") && told.contains("put the file"),
                "{told}"
            );
        }
    }
}
