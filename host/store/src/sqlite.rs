// SPDX-License-Identifier: Apache-2.0
//! A store in one SQLite file, and a log of records with what finds them in a folder beside it.
//! Write-ahead log with `synchronous=FULL`: a commit is on disk when it returns.

mod audit_log;
pub mod backup;
mod database;
mod failure;
mod file;
mod governance;
mod migrations;
mod opened;
mod projection;
mod quarantine;
mod reservation;
mod row;
mod rule;
mod rulebook;
mod secret;
mod usage;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, atomic::AtomicU32},
};

use async_trait::async_trait;
use paasla_core::{AuditRecord, ClientId, Entry, Policy, Rulebook};
use tokio::task::JoinHandle;

use self::{audit_log::AuditLog, database::Database, opened::Opened, reservation::Reservations};
use crate::{
    error::StoreError,
    fault::LogFault,
    filter::RecordFilter,
    generation::GenerationInfo,
    governance::{Governance as _, act::Act, change::NewChange},
    health::StoreHealth,
    quarantine::{NewQuarantine, Quarantine},
    rule::{RuleInfo, StoredRule},
    store::Store,
    usage::{Claim, Reserved, Usage},
};

/// A store in one SQLite file, and a folder beside it whose name is that of the file with `-records` behind it.
pub struct SqliteStore {
    database: Database,
    records: Arc<AuditLog>,
    reservations: Arc<Reservations>,
    /// Notes what records count.
    projecting: JoinHandle<()>,
    /// Gives back persons that were reserved and not disclosed.
    sweeping: JoinHandle<()>,
    /// How many changes seen in shadow were written since old ones were last deleted.
    unswept: AtomicU32,
}

impl SqliteStore {
    /// Opens the database in this file and brings it up to date. If there is no file it is made, readable by
    /// its owner only. More than one program may have it open.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer program made the database, [`StoreError::Foreign`] when the file holds
    /// the database of something else, [`StoreError::Corrupt`] when its migrations are not those of this
    /// program or it is no database, [`StoreError::Unavailable`] otherwise.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        file::create(path).await?;
        let file =
            Opened::at("control database", path).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        file::refuse_foreign(path).await?;
        let writer = file::writer(&file).await?;
        file::migrate(&writer).await?;
        let readers = file::readers(&file).await?;
        // Nobody knows what earlier programs left: the first that is written sweeps.
        let unswept = AtomicU32::new(u32::MAX);
        let database = Database::new(file.clone(), writer, readers);
        rulebook::bring_over(&database).await?;
        let records = AuditLog::open(path, database.clone()).await?;
        let projecting = tokio::spawn(AuditLog::project_always(Arc::clone(&records)));
        let reserving = database.with_writer(file::reserver(&file).await?);
        let reservations = Arc::new(Reservations::new(reserving, Arc::clone(&records)));
        let sweeping = tokio::spawn(Reservations::sweep_always(Arc::clone(&reservations)));
        Ok(Self { database, records, reservations, projecting, sweeping, unswept })
    }
}

impl SqliteStore {
    /// What is wrong with the folder of records and was not accepted: files that are missing, twice, changed or not what
    /// they are called. Every record is read for that. As long as there is something, records are neither written nor
    /// counted by a store that was opened on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when database or folder cannot be read.
    pub async fn check_records(&self) -> Result<Vec<LogFault>, StoreError> {
        AuditLog::check(&self.records).await
    }

    /// Accepts that records are lost: the faults are no longer reported, and whoever opens the store from now on goes on
    /// without what is lost. What of the segments can be read is found and counted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when database or folder cannot be written.
    pub async fn accept_loss(&self, faults: &[LogFault], change: &NewChange) -> Result<(), StoreError> {
        AuditLog::drop_indexes(&self.records, faults).await?;
        let acts: Vec<Act> = faults.iter().cloned().map(Act::AcceptLoss).collect();
        self.commit(&acts, change).await.map(drop)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn rulebook(&self) -> Result<Option<Rulebook>, StoreError> {
        rulebook::active(self.database.readers()?).await
    }

    async fn rulebook_at(&self, generation: u64) -> Result<Option<Rulebook>, StoreError> {
        rulebook::at(self.database.readers()?, generation).await
    }

    async fn policies_at(&self, generation: u64) -> Result<Option<Vec<Policy>>, StoreError> {
        rulebook::policies_at(self.database.readers()?, generation).await
    }

    async fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError> {
        rulebook::generations(self.database.readers()?).await
    }

    async fn install(&self, rulebook: &Rulebook, by: &str, reason: &str) -> Result<u64, StoreError> {
        rulebook::install(&self.database, rulebook, by, reason).await
    }

    async fn put_rule(&self, rule: &StoredRule) -> Result<bool, StoreError> {
        let mut write = self.database.begin().await?;
        let is_new = rule::put(&mut *write, rule).await?;
        write.commit().await?;
        Ok(is_new)
    }

    async fn rule(&self, digest: &str) -> Result<Option<StoredRule>, StoreError> {
        rule::get(self.database.readers()?, digest).await
    }

    async fn rules(&self) -> Result<Vec<RuleInfo>, StoreError> {
        rule::list(self.database.readers()?).await
    }

    fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.records.append(entries)
    }

    async fn record(&self, id: &str) -> Result<Option<AuditRecord>, StoreError> {
        AuditLog::get(&self.records, id).await
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<AuditRecord>, StoreError> {
        AuditLog::find(&self.records, filter).await
    }

    async fn count_records(&self, filter: &RecordFilter) -> Result<u64, StoreError> {
        AuditLog::count(&self.records, filter).await
    }

    async fn reserve(&self, claim: &Claim<'_>) -> Result<Reserved, StoreError> {
        self.reservations.reserve(claim).await
    }

    async fn settle(&self, id: &str, persons: u64) -> Result<(), StoreError> {
        self.reservations.settle(id, persons).await
    }

    async fn usage(&self, client: &ClientId, basis: &str, now_ms: i64) -> Result<Usage, StoreError> {
        self.reservations.usage(client, basis, now_ms).await
    }

    async fn put_quarantine(&self, entry: &NewQuarantine) -> Result<i64, StoreError> {
        quarantine::put(&self.database, entry).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, StoreError> {
        quarantine::in_force(self.database.readers()?).await
    }

    async fn quarantine_history(&self) -> Result<Vec<Quarantine>, StoreError> {
        quarantine::all(self.database.readers()?).await
    }

    async fn lift_quarantine(
        &self,
        policy: &str,
        by: &str,
        reason: &str,
    ) -> Result<Vec<Quarantine>, StoreError> {
        quarantine::lift(&self.database, policy, by, reason).await
    }

    async fn secret_check(&self) -> Result<Option<String>, StoreError> {
        secret::get(self.database.readers()?).await
    }

    async fn put_secret_check(&self, check: &str) -> Result<(), StoreError> {
        secret::put(&self.database, check).await
    }

    async fn health(&self) -> StoreHealth {
        StoreHealth {
            control: self.database.look().await,
            records: AuditLog::look(&self.records).await,
            free_bytes: self.records.free_bytes(),
        }
    }

    /// Moves the write-ahead log into the database file, so that the file and the folder of records are the whole store.
    async fn close(&self) -> Result<(), StoreError> {
        self.projecting.abort();
        self.sweeping.abort();
        let projected = AuditLog::close(&self.records).await;
        self.reservations.close().await;
        self.database.close().await?;
        projected
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.projecting.abort();
        self.sweeping.abort();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Runs work that waits for files on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(Box::new(error)))?.map_err(unavailable)
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
