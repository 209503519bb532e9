// SPDX-License-Identifier: Apache-2.0
//! A file that finds the records of some segments of the log, one after the other, which will not grow any more. It is
//! written once; all that is in it follows from the segments.
//!
//! Its first page says what follows: the names of clients and of services (JSON), rows, and lists of rows by id, by
//! person, by client, by service and by outcome, each in its order.

use std::{
    fs::File,
    io,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use cap_std::fs::Dir;

use super::{
    hit::{Hit, Local, Wanted},
    page::{Items, PAGE, Section, check, damaged},
    row::{Item, Key, Listed, Row},
};

/// What every index begins with; its version is the last byte.
const MAGIC: [u8; 16] = *b"paasla indexes 1";

/// What the first page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) rows: u32,
    pub(crate) subjects: u64,
    /// The instants of the oldest and of the newest row.
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    /// Bytes of the names.
    pub(crate) clients: u32,
    pub(crate) services: u32,
}

/// Where everything is.
#[derive(Debug, Clone, Copy)]
struct Sections {
    clients: Section<u8>,
    services: Section<u8>,
    rows: Section<Row>,
    ids: Section<Listed<Key>>,
    subjects: Section<Listed<Key>>,
    by_client: Section<Listed<u32>>,
    by_service: Section<Listed<u32>>,
    by_outcome: Section<Listed<u32>>,
    pages: u64,
}

impl Head {
    const BYTES: u64 = 16 + 4 * 5 + 8 * 3;

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.first, self.last, self.rows, self.clients, self.services] {
            number.put(&mut bytes);
        }
        self.subjects.put(&mut bytes);
        self.oldest.put(&mut bytes);
        self.newest.put(&mut bytes);
        bytes
    }

    fn read(file: &Arc<File>) -> io::Result<Self> {
        let bytes: Vec<u8> =
            Items::new(file, Section::at(&mut 0, Self::BYTES)).all().collect::<io::Result<_>>()?;
        let rest = bytes.strip_prefix(&MAGIC);
        let rest = rest.ok_or_else(|| damaged("it is no index, or one of another version"))?;
        let (numbers, long) = rest.split_at_checked(20).ok_or_else(|| damaged("it has no head"))?;
        let number = |nth: usize| numbers.get(4 * nth..).and_then(u32::get);
        let head = || {
            Some(Self {
                first: number(0)?,
                last: number(1)?,
                rows: number(2)?,
                clients: number(3)?,
                services: number(4)?,
                subjects: u64::get(long)?,
                oldest: i64::get(long.get(8..)?)?,
                newest: i64::get(long.get(16..)?)?,
            })
        };
        head().ok_or_else(|| damaged("it has no head"))
    }

    fn sections(&self) -> Sections {
        let rows = self.rows.into();
        let mut next = 1;
        Sections {
            clients: Section::at(&mut next, self.clients.into()),
            services: Section::at(&mut next, self.services.into()),
            rows: Section::at(&mut next, rows),
            ids: Section::at(&mut next, rows),
            subjects: Section::at(&mut next, self.subjects),
            by_client: Section::at(&mut next, rows),
            by_service: Section::at(&mut next, rows),
            by_outcome: Section::at(&mut next, rows),
            pages: next,
        }
    }
}

/// An index, whose file is opened when it is asked.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) head: Head,
    pub(crate) clients: Vec<String>,
    pub(crate) services: Vec<String>,
    sections: Sections,
}

/// The name of the index of these segments.
pub(crate) fn name(segments: &RangeInclusive<u32>) -> String {
    format!("{:010}-{:010}.idx", segments.start(), segments.end())
}

/// The segments of the index with this name.
pub(crate) fn segments_of(name: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = name.strip_suffix(".idx")?.split_once('-')?;
    Some(first.parse().ok()?..=last.parse().ok()?)
        .filter(|segments: &RangeInclusive<u32>| !segments.is_empty())
}

impl Index {
    /// Reads what the index of these segments says of itself.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none, [`io::ErrorKind::InvalidData`] when it is not as it was written.
    pub(crate) fn open(folder: &Dir, segments: &RangeInclusive<u32>) -> io::Result<Self> {
        let file = Arc::new(folder.open(name(segments))?.into_std());
        let length = file.metadata()?.len();
        if length < PAGE as u64 {
            return Err(damaged("it has no head"));
        }
        let head = Head::read(&file)?;
        let sections = head.sections();
        if (head.first..=head.last) != *segments || sections.pages.checked_mul(PAGE as u64) != Some(length) {
            return Err(damaged("it is not as long as it says, or of other segments"));
        }
        let names = |section| {
            let bytes: Vec<u8> = Items::new(&file, section).all().collect::<io::Result<_>>()?;
            serde_json::from_slice(&bytes).map_err(|_| damaged("its names cannot be read"))
        };
        let (clients, services) = (names(sections.clients)?, names(sections.services)?);
        Ok(Self { head, clients, services, sections })
    }

    pub(crate) fn segments(&self) -> RangeInclusive<u32> {
        self.head.first..=self.head.last
    }

    /// Its file, to be asked.
    pub(crate) fn file(&self, folder: &Dir) -> io::Result<Arc<File>> {
        Ok(Arc::new(folder.open(name(&self.segments()))?.into_std()))
    }

    pub(crate) fn rows(&self, file: &Arc<File>) -> Items<Row> {
        Items::new(file, self.sections.rows)
    }

    pub(crate) fn ids(&self, file: &Arc<File>) -> Items<Listed<Key>> {
        Items::new(file, self.sections.ids)
    }

    pub(crate) fn subjects(&self, file: &Arc<File>) -> Items<Listed<Key>> {
        Items::new(file, self.sections.subjects)
    }

    pub(crate) fn by_client(&self, file: &Arc<File>) -> Items<Listed<u32>> {
        Items::new(file, self.sections.by_client)
    }

    pub(crate) fn by_service(&self, file: &Arc<File>) -> Items<Listed<u32>> {
        Items::new(file, self.sections.by_service)
    }

    pub(crate) fn by_outcome(&self, file: &Arc<File>) -> Items<Listed<u32>> {
        Items::new(file, self.sections.by_outcome)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when a page is not as it was written.
    pub(crate) fn check(&self, file: &File) -> io::Result<()> {
        check(file, self.sections.pages)
    }

    /// Whether anything of it can be wanted, by its time alone.
    pub(crate) fn may_hold(&self, wanted: &Wanted) -> bool {
        let earliest = wanted.before.map_or(i64::MAX, |before| before.instant);
        self.head.rows > 0
            && wanted.is_not_before(self.head.newest)
            && wanted.until.is_none_or(|until| self.head.oldest < until)
            && self.head.oldest <= earliest
    }

    /// Where records with this id are.
    pub(crate) fn by_id(&self, folder: &Dir, id: &Key) -> io::Result<Vec<Hit>> {
        let file = self.file(folder)?;
        let mut ids = self.ids(&file);
        let range = listed(&mut ids, *id, &(0..self.head.rows.into()))?;
        let mut rows = self.rows(&file);
        range.map(|at| Ok(Hit::of(&rows.get(ids.get(at)?.row.into())?))).collect()
    }

    /// What is wanted of it, newest first; none when nothing is.
    pub(crate) fn hits(&self, file: &Arc<File>, wanted: &Wanted) -> io::Result<Option<Hits>> {
        let number = |names: &[String], text: &str| {
            names.binary_search_by(|name| name.as_str().cmp(text)).ok().and_then(|at| u32::try_from(at).ok())
        };
        let local = wanted.local(|text| number(&self.clients, text), |text| number(&self.services, text));
        let Some(local) = local else { return Ok(None) };
        let mut rows = self.rows(file);
        let all = rows.len();
        let from = rows.partition_point(0..all, |row| !wanted.is_not_before(row.instant))?;
        let to = rows.partition_point(from..all, |row| wanted.is_not_after(Hit::of(row)))?;
        let within = from..to;
        // The list to go along: of a person's, or else the shortest.
        let mut unasked = local.conditions();
        let mut source = Source::Rows(within.clone());
        if let Some(subject) = wanted.subject {
            let mut subjects = self.subjects(file);
            let range = listed(&mut subjects, subject, &within)?;
            source = Source::Keys(subjects, range);
        } else {
            let lists = [
                (local.client, self.by_client(file)),
                (local.service, self.by_service(file)),
                (local.outcome.map(u32::from), self.by_outcome(file)),
            ];
            for (what, mut list) in lists {
                let Some(what) = what else { continue };
                let range = listed(&mut list, what, &within)?;
                if matches!(source, Source::Rows(_)) || range.end - range.start < source.len() {
                    source = Source::Numbers(list, range);
                }
            }
            unasked = unasked.saturating_sub(1);
        }
        Ok(Some(Hits { local, source, rows, has_more_conditions: unasked > 0 }))
    }
}

/// Where in a list the rows are that have something, among those within a range of rows.
fn listed<K: Copy + Ord>(list: &mut Items<Listed<K>>, what: K, within: &Range<u64>) -> io::Result<Range<u64>>
where
    Listed<K>: Item,
{
    let all = list.len();
    let from =
        list.partition_point(0..all, |other| (other.what, u64::from(other.row)) < (what, within.start))?;
    let to =
        list.partition_point(from..all, |other| (other.what, u64::from(other.row)) < (what, within.end))?;
    Ok(from..to)
}

/// Which rows to look at.
enum Source {
    Rows(Range<u64>),
    Keys(Items<Listed<Key>>, Range<u64>),
    Numbers(Items<Listed<u32>>, Range<u64>),
}

impl Source {
    fn range(&mut self) -> &mut Range<u64> {
        match self {
            Self::Rows(range) | Self::Keys(_, range) | Self::Numbers(_, range) => range,
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Rows(range) | Self::Keys(_, range) | Self::Numbers(_, range) => range.end - range.start,
        }
    }

    /// The last row that was not looked at.
    fn next(&mut self) -> io::Result<Option<u64>> {
        let Some(at) = self.range().next_back() else { return Ok(None) };
        match self {
            Self::Rows(_) => Ok(Some(at)),
            Self::Keys(list, _) => Ok(Some(list.get(at)?.row.into())),
            Self::Numbers(list, _) => Ok(Some(list.get(at)?.row.into())),
        }
    }
}

/// What is wanted of one index, newest first.
pub(crate) struct Hits {
    local: Local,
    source: Source,
    rows: Items<Row>,
    /// Whether a row may be looked at that does not fit.
    has_more_conditions: bool,
}

impl Hits {
    pub(crate) fn next(&mut self) -> io::Result<Option<Hit>> {
        while let Some(number) = self.source.next()? {
            let row = self.rows.get(number)?;
            if self.local.fits(&row) {
                return Ok(Some(Hit::of(&row)));
            }
        }
        Ok(None)
    }

    pub(crate) fn count(mut self) -> io::Result<u64> {
        if !self.has_more_conditions {
            return Ok(self.source.len());
        }
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
