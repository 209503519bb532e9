// SPDX-License-Identifier: Apache-2.0
//! Records: writing them to the log, finding and reading them, and noting in the database what they count.
//!
//! Writing waits for the log alone. What finds a record is in memory at once, and in an index when its segment has ended.
//! What it counts is noted a moment later, for many records at a time, in one transaction with how far the log was looked
//! at: nothing counts twice or not at all, whoever is killed when, and however many programs do it. Who asks about usage
//! gets what is not noted yet as well.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use cap_std::fs::Dir;
use paasla_core::{ClientId, Counted, Entry, Record};
use rustix::fs::{StatVfsMountFlags, statvfs};
use tokio::sync::{Mutex, Notify};

use super::{database::Database, failure::failure, noted::Noted, opened::Opened, usage};
use crate::{
    error::StoreError,
    filter::RecordFilter,
    find::{Finder, Hit, Wanted, key},
    log::{self, Log, LogError, Rest, Written},
    usage::Usage,
};

const WHAT: &str = "record";

/// How long records gather before what they count is noted.
const PAUSE: Duration = Duration::from_secs(2);

/// About how many bytes of the log are noted in one transaction.
const STEP: u64 = 4 << 20;

/// How many persons one record counts for, and up to where its batch is.
#[derive(Debug, Clone, Copy)]
struct Recent {
    written: Written,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    instant: i64,
    persons: u64,
}

/// The log, and what finds records in it.
#[derive(Debug)]
pub(super) struct Records {
    log: Log,
    folder: Opened,
    /// Whether the last records could not be written.
    is_failing: AtomicBool,
    finder: Finder,
    database: Database,
    /// When old usage was last dropped: milliseconds since 1970-01-01T00:00:00Z.
    pruned_at: AtomicI64,
    /// What this program has written and counted, and that may not be noted yet: by holder and basis.
    recent: std::sync::Mutex<HashMap<(String, String), Vec<Recent>>>,
    /// Who notes, one at a time.
    noting: Mutex<()>,
    /// Told of every batch.
    told: Notify,
}

impl Records {
    /// The records beside this database. Whatever is in the log is noted, if the database lets it.
    pub(super) async fn open(beside: &Path, database: Database) -> Result<Arc<Self>, StoreError> {
        let mut folder = beside.as_os_str().to_owned();
        folder.push("-records");
        let (log, folder) = aside(move || {
            let log = Log::open(folder.clone().into())?;
            Ok((log, Opened::at("folder of records", Path::new(&folder))?))
        })
        .await?;
        let records = Arc::new(Self {
            log,
            folder,
            is_failing: AtomicBool::new(false),
            finder: Finder::default(),
            database,
            pruned_at: AtomicI64::new(i64::MIN),
            recent: std::sync::Mutex::default(),
            noting: Mutex::default(),
            told: Notify::new(),
        });
        Self::note_if_possible(&records).await?;
        Ok(records)
    }

    /// Notes what is written, until the task is aborted.
    pub(super) async fn note_always(records: Arc<Self>) {
        loop {
            records.told.notified().await;
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = Self::note_all(&records).await {
                tracing::warn!(%error, "what records count could not be noted; it is tried again");
                records.told.notify_one();
            }
        }
    }

    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let written = self.folder.check().and_then(|()| self.append_all(entries));
        let is_failing = matches!(written, Err(StoreError::Unavailable(_) | StoreError::Replaced { .. }));
        self.is_failing.store(is_failing, Ordering::Relaxed);
        written
    }

    /// Whether records can be written, as far as can be seen without writing any. After they could not, it is tried.
    pub(super) async fn look(records: &Arc<Self>) -> Result<(), StoreError> {
        records.folder.check()?;
        let of = Arc::clone(records);
        aside(move || {
            let folder = of.folder.path();
            if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
                return Err(io::ErrorKind::ReadOnlyFilesystem.into());
            }
            if of.is_failing.load(Ordering::Relaxed) {
                try_to_write(folder)?;
            }
            Ok(())
        })
        .await
    }

    /// How many bytes are free where the records are.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let disk = statvfs(self.folder.path()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn append_all(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let learn = |written: Result<(Written, &[_]), ()>| {
            let Ok((written, places)) = written else { return self.finder.give_up() };
            // Before the finder says that it is written so far: then all that it counts is here.
            let mut recent = self.recent();
            for Counted { holder, basis, instant, persons } in entries.iter().filter_map(Entry::usage) {
                let of = recent.entry((holder.clone(), basis.clone())).or_default();
                of.push(Recent { written, instant: *instant, persons: *persons });
            }
            drop(recent);
            self.finder.add(written, entries, places);
            self.told.notify_one();
        };
        self.log.append(entries, learn).map_err(|error| match (error, entries) {
            (LogError::Closed, _) => StoreError::Closed,
            (LogError::TooLong, [one]) => StoreError::Invalid { what: WHAT, key: one.id().to_owned() },
            (LogError::TooLong, many) => {
                StoreError::Invalid { what: "batch of records", key: many.len().to_string() }
            }
            (LogError::Io(error), _) => unavailable(error),
        })
    }

    /// What is written and counted, noted or not. See [`usage::of`].
    pub(super) async fn usage(&self, client: &ClientId, basis: &str, now: i64) -> Result<Usage, StoreError> {
        let key = (client.to_string(), basis.to_owned());
        // Before the database is asked: what is noted meanwhile is found there, and told by how far it is noted.
        let recent = self.recent().get(&key).cloned().unwrap_or_default();
        let (mut usage, noted) = usage::of(self.database.readers()?, &key.0, basis, now).await?;
        for recent in recent.into_iter().filter(|recent| !noted.covers(recent.written)) {
            usage.add(recent.persons, recent.instant, now);
        }
        Ok(usage)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<Recent>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record with this id that was written first.
    pub(super) async fn get(records: &Arc<Self>, id: &str) -> Result<Option<Record>, StoreError> {
        let (of, id) = (Arc::clone(records), id.to_owned());
        let corrupt = StoreError::Corrupt { what: WHAT, key: id.clone() };
        let found = aside(move || {
            let Some(hit) = of.finder.by_id(&of.log, &key(&id))? else { return Ok(None) };
            Ok(Some(read(&of.log.folder()?, hit)?.filter(|record| record.id == id)))
        });
        match found.await? {
            Some(Some(record)) => Ok(Some(record)),
            Some(None) => Err(corrupt),
            None => Ok(None),
        }
    }

    /// One page of the records that fit, newest first.
    pub(super) async fn find(records: &Arc<Self>, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        let (of, mut wanted) = (Arc::clone(records), Wanted::of(filter));
        let limit = usize::try_from(filter.limit.min(RecordFilter::MAX_LIMIT)).unwrap_or(0);
        let before = filter.before_id.clone();
        let found = aside(move || {
            if let Some(id) = &before {
                wanted.before = of.finder.by_id(&of.log, &key(id))?;
                if wanted.before.is_none() {
                    return Ok(None);
                }
            }
            let hits = of.finder.find(&of.log, &wanted, limit)?;
            let folder = of.log.folder()?;
            hits.into_iter()
                .map(|hit| Ok((hit, read(&folder, hit)?)))
                .collect::<io::Result<Vec<_>>>()
                .map(Some)
        });
        let Some(found) = found.await? else {
            let key = filter.before_id.clone().unwrap_or_default();
            return Err(StoreError::NotFound { what: WHAT, key });
        };
        let whole = |(hit, record): (Hit, Option<Record>)| {
            record.ok_or_else(|| StoreError::Corrupt { what: WHAT, key: hit.place.to_string() })
        };
        found.into_iter().map(whole).collect()
    }

    /// How many records fit.
    pub(super) async fn count(records: &Arc<Self>, filter: &RecordFilter) -> Result<u64, StoreError> {
        let (of, wanted) = (Arc::clone(records), Wanted::of(filter));
        aside(move || of.finder.count(&of.log, &wanted)).await
    }

    /// Notes what all that is in the log counts, whoever wrote it, and has indexes written of what has ended.
    async fn note_all(records: &Arc<Self>) -> Result<(), StoreError> {
        let _noting = records.noting.lock().await;
        let noted = Noted::read(records.database.readers()?).await?;
        records.recent().retain(|_, of| {
            of.retain(|recent| !noted.covers(recent.written));
            !of.is_empty()
        });
        for (number, indexed) in noted.open {
            Self::note_segment(records, number, Some(indexed)).await?;
        }
        let mut next = noted.last + 1;
        while Self::note_segment(records, next, None).await? {
            next += 1;
        }
        let of = Arc::clone(records);
        aside(move || of.finder.refresh(&of.log)).await
    }

    /// Notes what is in one segment from a byte on; none: from the first, if there is such a segment.
    async fn note_segment(
        records: &Arc<Self>,
        number: i64,
        mut noted: Option<i64>,
    ) -> Result<bool, StoreError> {
        let Ok(segment) = u32::try_from(number) else { return Ok(false) };
        loop {
            let from = u64::try_from(noted.unwrap_or(0)).unwrap_or(0);
            let (to, rest, counted) = match records.finder.own_segment(segment) {
                Some((to, has_ended)) => {
                    let rest = if has_ended { Rest::Ended } else { Rest::Open };
                    (to, rest, records.counted(segment, from, to))
                }
                None => match Self::scan(records, segment, from).await? {
                    Some(scanned) => scanned,
                    None => return Ok(false),
                },
            };
            let to = i64::try_from(to).unwrap_or(i64::MAX);
            let ended = rest == Rest::Ended;
            if noted != Some(to) || ended {
                if !Self::note(records, number, noted, to, ended, &counted).await? {
                    // Another program did; it goes on from where it came to.
                    return Ok(true);
                }
                if ended {
                    records.finder.forget_end(segment);
                }
            }
            if rest != Rest::More {
                return Ok(true);
            }
            noted = Some(to);
        }
    }

    /// What this program's own records count that are in a part of a segment.
    fn counted(&self, segment: u32, from: u64, to: u64) -> Vec<Counted> {
        let within = |written: Written| written.segment == segment && from < written.to && written.to <= to;
        let mut counted = Vec::new();
        for ((holder, basis), of) in &*self.recent() {
            for Recent { instant, persons, .. } in of.iter().filter(|recent| within(recent.written)) {
                let (holder, basis) = (holder.clone(), basis.clone());
                counted.push(Counted { holder, basis, instant: *instant, persons: *persons });
            }
        }
        counted
    }

    /// What others' records count, from a byte on, up to where, and what is behind. None when there is no such segment.
    async fn scan(
        records: &Arc<Self>,
        segment: u32,
        from: u64,
    ) -> Result<Option<(u64, Rest, Vec<Counted>)>, StoreError> {
        let of = Arc::clone(records);
        aside(move || {
            let mut counted = Vec::new();
            // Who makes an index of it tells of what cannot be read.
            let count =
                |_, bytes: &[u8]| counted.extend(Entry::skim(bytes).ok().and_then(|(_, usage)| usage));
            let found = log::scan(&of.log.folder()?, segment, from, STEP, count)?;
            Ok(found.map(|(to, rest)| (to, rest, counted)))
        })
        .await
    }

    /// Notes what records count, unless somebody else was quicker.
    async fn note(
        records: &Self,
        number: i64,
        from: Option<i64>,
        to: i64,
        ended: bool,
        counted: &[Counted],
    ) -> Result<bool, StoreError> {
        let mut transaction = records.database.begin().await?;
        let known: Option<(i64, bool)> = sqlx::query_as("SELECT noted, ended FROM segment WHERE number = $1")
            .bind(number)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failure)?;
        if known != from.map(|from| (from, false)) {
            return Ok(false);
        }
        usage::add(&mut transaction, &records.pruned_at, counted).await?;
        let upsert = "INSERT INTO segment (number, noted, ended) VALUES ($1, $2, $3) \
                      ON CONFLICT (number) DO UPDATE SET noted = excluded.noted, ended = excluded.ended";
        sqlx::query(upsert)
            .bind(number)
            .bind(to)
            .bind(ended)
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes no more records, and notes what is written.
    pub(super) async fn close(records: &Arc<Self>) -> Result<(), StoreError> {
        let of = Arc::clone(records);
        aside(move || {
            of.log.close();
            of.finder.end();
            Ok(())
        })
        .await?;
        if records.database.is_closed() {
            return Ok(());
        }
        Self::note_if_possible(records).await
    }

    /// Notes all that is in the log. That somebody else holds the database is no error: it can be done at any time.
    async fn note_if_possible(records: &Arc<Self>) -> Result<(), StoreError> {
        match Self::note_all(records).await {
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(%error, "what records count could not be noted; it is done when the database lets it");
                records.told.notify_one();
                Ok(())
            }
            other => other,
        }
    }
}

/// Whether a file of the folder can be made and written to the disk.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join("written.tmp");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    let written =
        file.set_len(0).and_then(|()| file.write_all_at(&[0; 4096], 0)).and_then(|()| file.sync_all());
    fs::remove_file(&path)?;
    written
}

/// A record that was found; none unless it is as it was written.
fn read(folder: &Dir, hit: Hit) -> io::Result<Option<Record>> {
    let bytes = match log::at(folder, hit.place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        bytes => bytes?,
    };
    // The reader's own error is dropped: it may quote what it could not read.
    let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    Ok(record.filter(|record| record.instant == hit.instant))
}

/// Runs what waits for files on a thread that may wait.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(Box::new(error)))?.map_err(unavailable)
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
