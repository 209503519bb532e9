// SPDX-License-Identifier: Apache-2.0
//! The audit log: appending records, finding and reading them, and projecting into the database what they count.
//!
//! Writing waits for the log alone. What finds a record is in memory at once, and in an index when its segment has ended.
//! What it counts is projected a moment later, for many records at a time, in one transaction with how far the log was looked
//! at: nothing counts twice or not at all, whoever is killed when, and however many programs do it. Who asks about usage
//! gets what is not projected yet as well.

use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use cap_std::fs::Dir;
use paasla_core::{AuditRecord, ClientId, Entry, UsageDelta};
use rustix::fs::{StatVfsMountFlags, statvfs};
use sqlx::SqlitePool;
use tokio::sync::{Mutex, Notify};

use super::{
    blocking,
    database::Database,
    failure::failure,
    opened::Opened,
    projection::{self, HighWaterMark},
    reservation, unavailable, usage,
};
use crate::{
    error::StoreError,
    fault::LogFault,
    filter::RecordFilter,
    find::{self, Finder, Hit, Wanted, key},
    log::{self, Depth, Id, Log, LogError, Rest, Written},
};

const WHAT: &str = "record";

/// How long records gather before what they count is projected.
const PROJECT_EVERY: Duration = Duration::from_secs(2);

/// About how many bytes of the log are projected in one transaction.
const PROJECTION_STEP_BYTES: u64 = 4 << 20;

/// How many persons one record counts for, and up to where its batch is.
#[derive(Debug, Clone)]
pub(super) struct UnprojectedUsage {
    pub(super) id: String,
    pub(super) written: Written,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(super) instant: i64,
    pub(super) persons: u64,
}

/// The log, and what finds records in it.
#[derive(Debug)]
pub(super) struct AuditLog {
    log: Log,
    /// Its folder. None while something is wrong with the log that nobody has accepted.
    folder: Option<Opened>,
    /// Whether the last records could not be written.
    is_failing: AtomicBool,
    finder: Finder,
    database: Database,
    /// When old usage was last dropped: milliseconds since 1970-01-01T00:00:00Z.
    pruned_at: AtomicI64,
    /// What this program has written and counted, and that may not be projected yet: by holder and basis.
    recent: std::sync::Mutex<HashMap<(String, String), Vec<UnprojectedUsage>>>,
    /// Held by whoever projects, one at a time.
    projecting: Mutex<()>,
    /// Notified of every batch that was appended.
    appended: Notify,
    /// Whether segments may be missing.
    has_gaps: bool,
}

impl AuditLog {
    /// The records beside this database. Whatever is in the log is projected, if the database lets it, unless something is
    /// wrong with the log: then nothing is written to it, and nothing projected. A folder is made if there never was one.
    pub(super) async fn open(beside: &Path, database: Database) -> Result<Arc<Self>, StoreError> {
        let readers = database.readers()?;
        let (segments, accepted) =
            (projection::segments(readers).await?, projection::accepted(readers).await?);
        let above = segments.last_key_value().map_or(0, |(number, _)| *number);
        let has_gaps = !accepted.is_empty();
        let without_id: Vec<u32> =
            segments.iter().filter(|(_, segment)| segment.id.is_none()).map(|(number, _)| *number).collect();
        let path = folder(beside);
        let (log, faults, folder, ids) = blocking(move || {
            let log = Log::open(path.clone(), false, above)?;
            let faults = log.check(&segments, &accepted, Depth::New)?;
            if !faults.is_empty() {
                return Ok((log, faults, None, Vec::new()));
            }
            let log = Log::open(path.clone(), true, above)?;
            let opened = Opened::at("folder of records", &path)?;
            let folder = log.folder()?;
            let id = |number| Ok(log::id(&folder, number)?.map(|id| (number, id)));
            let ids = without_id.into_iter().filter_map(|number| id(number).transpose());
            let ids = ids.collect::<io::Result<Vec<_>>>()?;
            Ok((log, faults, Some(opened), ids))
        })
        .await?;
        let records = Arc::new(Self {
            log,
            folder,
            is_failing: AtomicBool::new(false),
            finder: Finder::new(above),
            database,
            pruned_at: AtomicI64::new(i64::MIN),
            recent: std::sync::Mutex::default(),
            projecting: Mutex::default(),
            appended: Notify::new(),
            has_gaps,
        });
        if records.folder.is_none() {
            tracing::error!(
                faults = faults.len(),
                "the folder of records is not as it was written: `paasla serve` says what is wrong; records are neither \
                 written nor counted"
            );
        }
        Self::project_if_possible(&records).await?;
        if !ids.is_empty()
            && let Err(error) = projection::put_ids(&records.database, &ids).await
        {
            tracing::warn!(%error, "what tells segments of the log apart could not be noted; it is tried at the next start");
        }
        Ok(records)
    }

    /// What is wrong with the log and was not accepted, every byte of it read.
    pub(super) async fn check(records: &Arc<Self>) -> Result<Vec<LogFault>, StoreError> {
        let readers = records.database.readers()?;
        let (segments, accepted) =
            (projection::segments(readers).await?, projection::accepted(readers).await?);
        let of = Arc::clone(records);
        blocking(move || of.log.check(&segments, &accepted, Depth::Whole)).await
    }

    /// Has the indexes made anew of segments with which something is wrong.
    pub(super) async fn drop_indexes(records: &Arc<Self>, faults: &[LogFault]) -> Result<(), StoreError> {
        let (of, faults) = (Arc::clone(records), faults.to_vec());
        blocking(move || match of.log.folder() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            folder => find::drop_indexes(&folder?, &faults),
        })
        .await
    }

    /// Notes what is written, until the task is aborted.
    pub(super) async fn project_always(records: Arc<Self>) {
        loop {
            records.appended.notified().await;
            tokio::time::sleep(PROJECT_EVERY).await;
            if let Err(error) = Self::project_all(&records).await {
                tracing::warn!(%error, "what records count could not be projected; it is tried again");
                records.appended.notify_one();
            }
        }
    }

    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let written = self.folder().and_then(Opened::check).and_then(|()| self.append_all(entries));
        let is_failing = matches!(written, Err(StoreError::Unavailable(_) | StoreError::Replaced { .. }));
        self.is_failing.store(is_failing, Ordering::Relaxed);
        written
    }

    /// Whether records can be written, as far as can be seen without writing any. After they could not, it is tried.
    pub(super) async fn look(records: &Arc<Self>) -> Result<(), StoreError> {
        let folder = records.folder()?.clone();
        folder.check()?;
        let of = Arc::clone(records);
        blocking(move || {
            let folder = folder.path();
            if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
                return Err(io::ErrorKind::ReadOnlyFilesystem.into());
            }
            if of.is_failing.load(Ordering::Relaxed) {
                try_to_write(folder)?;
                of.is_failing.store(false, Ordering::Relaxed);
            }
            Ok(())
        })
        .await
    }

    /// How many bytes are free where the records are.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let disk = statvfs(self.folder.as_ref()?.path()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The folder to write to.
    fn folder(&self) -> Result<&Opened, StoreError> {
        let faulty = || unavailable(io::Error::other("the folder of records is not as it was written"));
        self.folder.as_ref().ok_or_else(faulty)
    }

    fn append_all(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let learn = |written: Result<(Written, &[_]), ()>| {
            let Ok((written, places)) = written else { return self.finder.give_up() };
            // Before the finder says that it is written so far: then all that it counts is here.
            let mut recent = self.recent();
            for UsageDelta { id, holder, basis, instant, persons } in entries.iter().filter_map(Entry::usage)
            {
                let of = recent.entry((holder.clone(), basis.clone())).or_default();
                of.push(UnprojectedUsage { id: id.clone(), written, instant: *instant, persons: *persons });
            }
            drop(recent);
            self.finder.add(written, entries, places);
            self.appended.notify_one();
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

    /// What this program has written and counted, and that may not be projected yet. To be called before the database is
    /// asked: what is projected meanwhile is found there, and recognised by the high-water mark.
    pub(super) fn recent_of(&self, client: &ClientId, basis: &str) -> Vec<UnprojectedUsage> {
        self.recent().get(&(client.to_string(), basis.to_owned())).cloned().unwrap_or_default()
    }

    /// The connections that read.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.database.readers()
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<UnprojectedUsage>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record with this id that was written first.
    pub(super) async fn get(records: &Arc<Self>, id: &str) -> Result<Option<AuditRecord>, StoreError> {
        let (of, id) = (Arc::clone(records), id.to_owned());
        let corrupt = StoreError::Corrupt { what: WHAT, key: id.clone() };
        let found = blocking(move || {
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
    pub(super) async fn find(
        records: &Arc<Self>,
        filter: &RecordFilter,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (of, mut wanted) = (Arc::clone(records), Wanted::of(filter));
        let limit = usize::try_from(filter.limit.min(RecordFilter::MAX_LIMIT)).unwrap_or(0);
        let before = filter.before_id.clone();
        let found = blocking(move || {
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
        let whole = |(hit, record): (Hit, Option<AuditRecord>)| {
            record.ok_or_else(|| StoreError::Corrupt { what: WHAT, key: hit.place.to_string() })
        };
        found.into_iter().map(whole).collect()
    }

    /// How many records fit.
    pub(super) async fn count(records: &Arc<Self>, filter: &RecordFilter) -> Result<u64, StoreError> {
        let (of, wanted) = (Arc::clone(records), Wanted::of(filter));
        blocking(move || of.finder.count(&of.log, &wanted)).await
    }

    /// Projects what all that is in the log counts, whoever wrote it, and has indexes written of what has ended.
    pub(super) async fn project_all(records: &Arc<Self>) -> Result<(), StoreError> {
        let _lock = records.projecting.lock().await;
        let mark = HighWaterMark::read(records.database.readers()?).await?;
        records.recent().retain(|_, of| {
            of.retain(|recent| !mark.covers(recent.written));
            !of.is_empty()
        });
        for (number, indexed) in mark.open {
            Self::project_segment(records, number, Some(indexed)).await?;
        }
        let mut next = mark.last + 1;
        if records.has_gaps {
            let of = Arc::clone(records);
            for number in blocking(move || log::numbers(&of.log.folder()?)).await? {
                if i64::from(number) >= next && Self::project_segment(records, number.into(), None).await? {
                    next = i64::from(number) + 1;
                }
            }
        }
        while Self::project_segment(records, next, None).await? {
            next += 1;
        }
        let of = Arc::clone(records);
        blocking(move || of.finder.refresh(&of.log)).await
    }

    /// Projects what is in one segment from a byte on; none: from the first, if there is such a segment.
    async fn project_segment(
        records: &Arc<Self>,
        number: i64,
        mut projected: Option<i64>,
    ) -> Result<bool, StoreError> {
        let Ok(segment) = u32::try_from(number) else { return Ok(false) };
        loop {
            let from = u64::try_from(projected.unwrap_or(0)).unwrap_or(0);
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
            if projected != Some(to) || ended {
                let of = Arc::clone(records);
                let id = blocking(move || log::id(&of.log.folder()?, segment)).await?;
                if !Self::record_projection(records, number, projected, to, ended, id, &counted).await? {
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
            projected = Some(to);
        }
    }

    /// What this program's own records count that are in a part of a segment.
    fn counted(&self, segment: u32, from: u64, to: u64) -> Vec<UsageDelta> {
        let within = |written: Written| written.segment == segment && from < written.to && written.to <= to;
        let mut counted = Vec::new();
        for ((holder, basis), of) in &*self.recent() {
            for UnprojectedUsage { id, instant, persons, .. } in
                of.iter().filter(|recent| within(recent.written))
            {
                let (id, holder, basis) = (id.clone(), holder.clone(), basis.clone());
                counted.push(UsageDelta { id, holder, basis, instant: *instant, persons: *persons });
            }
        }
        counted
    }

    /// What others' records count, from a byte on, up to where, and what is behind. None when there is no such segment.
    async fn scan(
        records: &Arc<Self>,
        segment: u32,
        from: u64,
    ) -> Result<Option<(u64, Rest, Vec<UsageDelta>)>, StoreError> {
        let of = Arc::clone(records);
        blocking(move || {
            let mut counted = Vec::new();
            // Who makes an index of it tells of what cannot be read.
            let count =
                |_, bytes: &[u8]| counted.extend(Entry::skim(bytes).ok().and_then(|(_, usage)| usage));
            let found = log::scan(&of.log.folder()?, segment, from, PROJECTION_STEP_BYTES, count)?;
            Ok(found.map(|(to, rest)| (to, rest, counted)))
        })
        .await
    }

    /// Projects what records count, unless another program was quicker.
    async fn record_projection(
        records: &Self,
        number: i64,
        from: Option<i64>,
        to: i64,
        ended: bool,
        id: Option<Id>,
        counted: &[UsageDelta],
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
        reservation::end(&mut transaction, counted).await?;
        let upsert = "INSERT INTO segment (number, noted, ended, id) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (number) DO UPDATE SET noted = excluded.noted, ended = excluded.ended, \
                       id = coalesce(excluded.id, id)";
        sqlx::query(upsert)
            .bind(number)
            .bind(to)
            .bind(ended)
            .bind(id.map(Vec::from))
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes no more records, and projects what is written.
    pub(super) async fn close(records: &Arc<Self>) -> Result<(), StoreError> {
        let of = Arc::clone(records);
        blocking(move || {
            of.log.close();
            of.finder.end();
            Ok(())
        })
        .await?;
        if records.database.is_closed() {
            return Ok(());
        }
        Self::project_if_possible(records).await
    }

    /// Projects all that is in the log. That somebody else holds the database is no error: it can be done at any time.
    async fn project_if_possible(records: &Arc<Self>) -> Result<(), StoreError> {
        if records.folder.is_none() {
            return Ok(());
        }
        match Self::project_all(records).await {
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(%error, "what records count could not be projected; it is done when the database lets it");
                records.appended.notify_one();
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

/// The folder beside this database.
pub(super) fn folder(database: &Path) -> PathBuf {
    let mut folder = database.as_os_str().to_owned();
    folder.push("-records");
    folder.into()
}

/// A record that was found; none unless it is as it was written.
fn read(folder: &Dir, hit: Hit) -> io::Result<Option<AuditRecord>> {
    let bytes = match log::at(folder, hit.place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        bytes => bytes?,
    };
    // The reader's own error is dropped: it may quote what it could not read.
    let record = bytes.and_then(|bytes| serde_json::from_slice::<AuditRecord>(&bytes).ok());
    Ok(record.filter(|record| record.instant == hit.instant))
}
