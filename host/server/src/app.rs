// SPDX-License-Identifier: Apache-2.0
//! The work: from what a door understood to an answer and a record.
//!
//! One query, files in order: `resolve` (whom, what, why, on which access right) -> `query` (every step, in order)
//! -> `active` (the rulebook it is decided by; `quarantine` says which of its policies are out of service) -> `rows` (what was read, reviewed and masked) -> `records` (the audit
//! entry, durable before the answer leaves).

pub mod active;
pub mod answer;
mod aside;
pub mod ask;
pub(crate) mod clock;
mod crowd;
mod gate;
pub mod governance;
pub mod health;
mod lost_lines;
pub(crate) mod nearest;
pub mod openapi;
pub mod problem;
pub mod quarantine;
mod query;
mod records;
mod resolve;
mod review;
mod rows;
mod rulings;
pub mod shadow;
mod strangers;
mod subjects;
mod usage;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use paasla_core::{Entry, Rulebook};
use paasla_engine::{Engine, Wipers};
use paasla_ledger::{Journal, JournalError, Ledger, LedgerConfig, LedgerError};
use paasla_register::{Description, Dialect, Masker, Plans, Source};
use paasla_store::{Store, StoreError};

use active::Active;
use crowd::Crowd;
use governance::{GovernanceSettings, Governor};
use health::Health;
use quarantine::Quarantine;
use shadow::ShadowQueue;
use strangers::Strangers;
use subjects::SubjectKey;

pub use active::{BuildError, Pool, build, digest as rulebook_digest, unknown_client, unmet};
pub use lost_lines::LostLines;
pub use quarantine::{QuarantineSettings, Then};
pub use subjects::secret_check;

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
    /// What loads and compiles rules.
    pub engine: Engine,
    /// How governance is done.
    pub governance: GovernanceSettings,
    /// The secret behind pseudonyms and subject hashes: at least 32 random bytes.
    pub secret: Vec<u8>,
    /// How many lines the log has lost.
    pub lost_lines: LostLines,
}

/// The host at work.
pub struct App {
    active: ArcSwap<Active>,
    description: Arc<Description>,
    plans: Plans,
    source: Arc<dyn Source>,
    store: Arc<dyn Store>,
    ledger: Ledger,
    masker: Masker,
    subjects: SubjectKey,
    crowd: Crowd,
    wipers: Wipers,
    quarantine: Quarantine,
    governor: Governor,
    shadow: ShadowQueue,
    health: Health,
    strangers: Strangers,
    stopping: AtomicBool,
}

/// Why an app cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rulebook cannot be put to work.
    #[error("{0}")]
    Build(#[from] BuildError),
    /// The store cannot be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// There is no thread that writes records.
    #[error("no thread could be started that writes records")]
    Ledger(#[source] std::io::Error),
    /// There are no threads that wipe sandboxes.
    #[error("no threads could be started that wipe sandboxes")]
    Wipers(#[source] std::io::Error),
    /// Making the rulebook ready ended before its end.
    #[error("activation ended before its end")]
    Broken,
}

impl App {
    /// Puts an app together that decides by this rulebook. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// With everything that is wrong with the rulebook, or when the store cannot be read.
    pub async fn start(parts: Parts, rulebook: Rulebook) -> Result<Self, StartError> {
        let journal = Arc::new(StoreJournal(Arc::clone(&parts.store)));
        let shadow = ShadowQueue::new(parts.governance.shadow_queue);
        let governor = Governor {
            pool: Arc::new(Pool::new(parts.governance.kept)),
            settings: parts.governance,
            engine: parts.engine,
            then: parts.quarantine.then,
            store: Arc::clone(&parts.store),
            turn: tokio::sync::Mutex::default(),
            places: governance::Places::default(),
            refusals: governance::Refusals::default(),
        };
        let app = Self {
            active: ArcSwap::from_pointee(Active::empty()),
            plans: Plans::new(Arc::clone(&parts.description), Dialect::Sqlite),
            description: parts.description,
            source: parts.source,
            quarantine: Quarantine::new(parts.quarantine, Arc::clone(&parts.store)),
            store: parts.store,
            ledger: Ledger::start(journal, parts.ledger).map_err(StartError::Ledger)?,
            masker: Masker::new(&subjects::derive(&parts.secret, "pseudonym")),
            subjects: SubjectKey::new(&subjects::derive(&parts.secret, "subject")),
            crowd: Crowd::new(tokio::runtime::Handle::current().metrics().num_workers()),
            wipers: Wipers::start().map_err(StartError::Wipers)?,
            governor,
            shadow,
            health: Health::new(parts.lost_lines),
            strangers: Strangers::default(),
            stopping: AtomicBool::new(false),
        };
        // What is out of service is marked before any query is decided.
        let active = app.governor.ready(&app, rulebook).await?;
        app.active.store(Arc::new(active));
        Ok(app)
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
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Writes what is queued, and closes the store. For the end of a shutdown, when no query is under way.
    ///
    /// # Errors
    /// When records could not be written in time.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.record_counted_refusals(true).await;
        let written = self.ledger.close().await;
        self.note_all_passed_over().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store did not close tidily");
        }
        written
    }
}

/// The store as the ledger's journal.
struct StoreJournal(Arc<dyn Store>);

impl Journal for StoreJournal {
    fn append(&self, entries: &[Entry]) -> Result<(), JournalError> {
        self.0.append(entries).map_err(|error| match error {
            StoreError::Invalid { .. } => JournalError::refused(error),
            other => JournalError::unavailable(other),
        })
    }
}
