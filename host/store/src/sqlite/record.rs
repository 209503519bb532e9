// SPDX-License-Identifier: Apache-2.0
//! Records: writing them to the log, noting in the database what finds them, and reading one.
//!
//! Writing waits for the log alone. What finds a record is noted a moment later, for many at a time; whoever searches
//! has it done first, and usage counts what is not noted yet, so nobody sees the difference. It is noted in one
//! transaction with how far the log was looked at: nothing is noted twice or left out, whoever is killed when, and however
//! many programs do it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, PoisonError, atomic::AtomicI64},
    time::Duration,
};

use paasla_core::{ClientId, Counted, Entry, Record};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, Notify};

use super::{batch::Batch, begin, failure::failure, noted::Noted, usage};
use crate::{
    error::StoreError,
    log::{self, Log, LogError, Place, Rest, Written},
    usage::Usage,
};

const WHAT: &str = "record";

/// How long records gather before they are noted.
const PAUSE: Duration = Duration::from_secs(2);

/// What the connection keeps in memory while it notes, and else: SQLite's own default.
const CACHE: &str = "PRAGMA cache_size = -8192";
const CACHE_AT_REST: &str = "PRAGMA cache_size = -2000";

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
    writer: SqlitePool,
    readers: SqlitePool,
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
    pub(super) async fn open(
        database: &Path,
        writer: SqlitePool,
        readers: SqlitePool,
    ) -> Result<Arc<Self>, StoreError> {
        let mut folder = database.as_os_str().to_owned();
        folder.push("-records");
        let log = aside(move || Log::open(folder.into())).await?.map_err(unavailable)?;
        let records = Arc::new(Self {
            log,
            writer,
            readers,
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
                tracing::warn!(%error, "what finds records could not be noted; it is tried again");
                records.told.notify_one();
            }
        }
    }

    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let written = self.log.append(entries).map_err(|error| match (error, entries) {
            (LogError::Closed, _) => StoreError::Closed,
            (LogError::TooLong, [one]) => StoreError::Invalid { what: WHAT, key: one.id().to_owned() },
            (LogError::TooLong, many) => {
                StoreError::Invalid { what: "batch of records", key: many.len().to_string() }
            }
            (LogError::Io(error), _) => unavailable(error),
        })?;
        if let Some(written) = written {
            let mut recent = self.recent();
            for Counted { holder, basis, instant, persons } in entries.iter().filter_map(Entry::usage) {
                let of = recent.entry((holder.clone(), basis.clone())).or_default();
                of.push(Recent { written, instant: *instant, persons: *persons });
            }
            drop(recent);
            self.told.notify_one();
        }
        Ok(())
    }

    /// What is written and counted, noted or not. See [`usage::of`].
    pub(super) async fn usage(&self, client: &ClientId, basis: &str, now: i64) -> Result<Usage, StoreError> {
        let key = (client.to_string(), basis.to_owned());
        // Before the database is asked: what is noted meanwhile is found there, and told by how far it is noted.
        let recent = self.recent().get(&key).cloned().unwrap_or_default();
        let (mut usage, noted) = usage::of(&self.readers, &key.0, basis, now).await?;
        for recent in recent.into_iter().filter(|recent| !noted.covers(recent.written)) {
            usage.add(recent.persons, recent.instant, now);
        }
        Ok(usage)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Vec<Recent>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One record, when everything is noted.
    pub(super) async fn get(records: &Arc<Self>, id: &str) -> Result<Option<Record>, StoreError> {
        Self::note_all(records).await?;
        let place = sqlx::query_scalar("SELECT place FROM record WHERE id = $1 ORDER BY place LIMIT 1")
            .bind(id)
            .fetch_optional(&records.readers)
            .await
            .map_err(failure)?;
        let Some(place) = place else { return Ok(None) };
        let read = Self::read(records, vec![(id.to_owned(), place)]).await?;
        Ok(read.into_iter().next())
    }

    /// Records by id and place, out of the log.
    pub(super) async fn read(
        records: &Arc<Self>,
        places: Vec<(String, i64)>,
    ) -> Result<Vec<Record>, StoreError> {
        let records = Arc::clone(records);
        aside(move || {
            let folder = records.log.folder().map_err(unavailable)?;
            let read = |(id, place): (String, i64)| {
                let place = Place::of_number(place);
                let bytes = place.and_then(|place| log::at(&folder, place).ok().flatten());
                // The reader's own error is dropped: it may quote what it could not read.
                let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
                record.filter(|record| record.id == id).ok_or(StoreError::Corrupt { what: WHAT, key: id })
            };
            places.into_iter().map(read).collect()
        })
        .await?
    }

    /// Notes all that is in the log, whoever wrote it.
    pub(super) async fn note_all(records: &Arc<Self>) -> Result<(), StoreError> {
        let _noting = records.noting.lock().await;
        let noted = Noted::read(&records.readers).await?;
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
        Ok(())
    }

    /// Notes what is in one segment from a byte on; none: from the first, if there is such a segment.
    async fn note_segment(
        records: &Arc<Self>,
        number: i64,
        mut indexed: Option<i64>,
    ) -> Result<bool, StoreError> {
        let Ok(segment) = u32::try_from(number) else { return Ok(false) };
        loop {
            let from = u64::try_from(indexed.unwrap_or(0)).unwrap_or(0);
            let of = Arc::clone(records);
            let scanned = aside(move || {
                let folder = of.log.folder()?;
                let own = of.log.own().filter(|own| own.segment == segment);
                let mut batch = Batch::default();
                let add = |place, bytes: &[u8]| batch.add(place, bytes);
                let found = log::scan(&folder, segment, from, own.map(|own| own.to), STEP, add)?;
                Ok(found.map(|found| (found, batch)))
            });
            let Some(((to, rest), batch)) = scanned.await?.map_err(unavailable)? else { return Ok(false) };
            let to = i64::try_from(to).unwrap_or(i64::MAX);
            let ended = rest == Rest::Ended;
            if indexed != Some(to) || ended {
                let noted = Self::note(records, number, indexed, to, ended, batch).await?;
                if !noted {
                    // Another program did; it goes on from where it came to.
                    return Ok(true);
                }
            }
            if rest != Rest::More {
                return Ok(true);
            }
            indexed = Some(to);
        }
    }

    /// Notes a batch, unless somebody else was quicker.
    async fn note(
        records: &Self,
        number: i64,
        from: Option<i64>,
        to: i64,
        ended: bool,
        batch: Batch,
    ) -> Result<bool, StoreError> {
        let mut transaction = begin(&records.writer).await?;
        let known: Option<(i64, bool)> =
            sqlx::query_as("SELECT indexed, ended FROM segment WHERE number = $1")
                .bind(number)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(failure)?;
        if known != from.map(|from| (from, false)) {
            return Ok(false);
        }
        if let Some(newest) = batch.newest {
            usage::prune_now_and_then(&mut transaction, &records.pruned_at, newest).await?;
            // What is changed stays in memory until all is, and goes to the disk once.
            set_cache(&mut transaction, CACHE).await?;
            batch.write(&mut transaction).await.map_err(failure)?;
        }
        let upsert = "INSERT INTO segment (number, indexed, ended) VALUES ($1, $2, $3) \
                      ON CONFLICT (number) DO UPDATE SET indexed = excluded.indexed, ended = excluded.ended";
        sqlx::query(upsert)
            .bind(number)
            .bind(to)
            .bind(ended)
            .execute(&mut *transaction)
            .await
            .map_err(failure)?;
        transaction.commit().await.map_err(failure)?;
        // For the rest of the time it would only be kept.
        let mut connection = records.writer.acquire().await.map_err(failure)?;
        set_cache(&mut connection, CACHE_AT_REST).await?;
        sqlx::query("PRAGMA shrink_memory").execute(&mut *connection).await.map_err(failure)?;
        Ok(true)
    }

    /// Takes no more records, and notes what is written.
    pub(super) async fn close(records: &Arc<Self>) -> Result<(), StoreError> {
        let of = Arc::clone(records);
        aside(move || of.log.close()).await?;
        if records.writer.is_closed() {
            return Ok(());
        }
        Self::note_if_possible(records).await
    }

    /// Notes all that is in the log. That somebody else holds the database is no error: it can be done at any time.
    async fn note_if_possible(records: &Arc<Self>) -> Result<(), StoreError> {
        match Self::note_all(records).await {
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(%error, "what finds records could not be noted; it is done when the database lets it");
                records.told.notify_one();
                Ok(())
            }
            other => other,
        }
    }
}

/// Sets how much a connection keeps of the database in memory. The negative number is KiB.
async fn set_cache(connection: &mut SqliteConnection, size: &'static str) -> Result<(), StoreError> {
    sqlx::query(size).execute(connection).await.map(drop).map_err(failure)
}

/// Runs what waits for files on a thread that may wait.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(Box::new(error)))
}

fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
