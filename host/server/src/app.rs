// SPDX-License-Identifier: Apache-2.0
//! The work: from what a door understood to an answer and a record.
//!
//! One query, files in order: `resolve` (whom, what, why, on which access right) -> `query` (every step, in order)
//! -> `active` (the rulebook it is decided by; `quarantine` says which of its policies are out of service) -> `rows` (what was read, reviewed and masked) -> `records` (the audit
//! entry, durable before the answer leaves).

pub mod active;
pub mod answer;
pub mod ask;
mod gate;
mod openapi;
pub mod problem;
pub mod quarantine;
mod query;
mod records;
mod resolve;
mod rows;
mod subjects;
mod usage;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use paasla_core::Record;
use paasla_ledger::{Journal, JournalError, Ledger, LedgerConfig, LedgerError};
use paasla_register::{Description, Masker, Source};
use paasla_store::{Store, StoreError};

use active::Active;
use quarantine::Quarantine;
use subjects::SubjectKey;
use usage::UnderWay;

pub use active::{BuildError, build};
pub use quarantine::{QuarantineSettings, Then};

/// What an app is made of.
pub struct Parts {
    /// The register, described.
    pub description: Arc<Description>,
    /// The register's database.
    pub source: Arc<dyn Source>,
    /// Control data and records.
    pub store: Arc<dyn Store>,
    /// How records are queued.
    pub ledger: LedgerConfig,
    /// When a policy whose rule breaks is taken out of service, and what is done then.
    pub quarantine: QuarantineSettings,
    /// The secret behind pseudonyms and subject hashes: at least 32 random bytes.
    pub secret: Vec<u8>,
}

/// The host at work.
pub struct App {
    active: ArcSwap<Active>,
    description: Arc<Description>,
    source: Arc<dyn Source>,
    store: Arc<dyn Store>,
    ledger: Ledger,
    masker: Masker,
    subjects: SubjectKey,
    under_way: UnderWay,
    quarantine: Quarantine,
    ready: AtomicBool,
}

impl App {
    /// Puts an app together. Must be called inside a Tokio runtime.
    #[must_use]
    pub fn new(parts: Parts, active: Active) -> Self {
        let journal = Arc::new(StoreJournal(Arc::clone(&parts.store)));
        let quarantine = Quarantine::new(parts.quarantine, Arc::clone(&parts.store));
        Self {
            active: ArcSwap::from_pointee(active),
            description: parts.description,
            source: parts.source,
            store: parts.store,
            ledger: Ledger::start(journal, parts.ledger),
            masker: Masker::new(&subjects::derive(&parts.secret, "pseudonym")),
            subjects: SubjectKey::new(&subjects::derive(&parts.secret, "subject")),
            under_way: UnderWay::default(),
            quarantine,
            ready: AtomicBool::new(true),
        }
    }

    /// Looks whether the register can be read, and remembers it for whoever asks whether the host is ready.
    pub async fn look(&self) {
        let ready = match self.source.ready().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the register cannot be read");
                false
            }
        };
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Makes what is at work agree with the store's list of policies out of service. For the start, before any query
    /// is decided, and then every few seconds: what an operator lifts is in service again.
    ///
    /// # Errors
    /// When the list cannot be read. What is out of service stays so.
    pub async fn look_at_quarantine(&self) -> Result<(), StoreError> {
        self.quarantine.refresh(&self.active.load_full()).await
    }

    /// Tells everybody who asks that the host is not ready any more: it is about to stop.
    pub fn stopping(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Writes what is queued, and closes the store. For the end of a shutdown, when no query is under way.
    ///
    /// # Errors
    /// When records could not be written in time.
    pub async fn close(&self) -> Result<(), LedgerError> {
        let written = self.ledger.close().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store did not close tidily");
        }
        written
    }
}

/// The store as the ledger's journal.
struct StoreJournal(Arc<dyn Store>);

#[async_trait]
impl Journal for StoreJournal {
    async fn append(&self, records: &[Record]) -> Result<(), JournalError> {
        self.0.append(records).await.map_err(|error| match error {
            StoreError::Conflict { .. } | StoreError::Invalid { .. } => JournalError::refused(error),
            other => JournalError::unavailable(other),
        })
    }
}
