// SPDX-License-Identifier: Apache-2.0
//! The work: from what a door understood to an answer and a record.
//!
//! [`App`] is wiring: [`Queries`](query::Queries) decides and answers, [`Governance`](governance::Governance) changes what
//! it decides by, [`Shadow`](shadow::Shadow) compares afterwards, [`Health`](health::Health) says whether a query would be
//! answered.

pub mod active;
mod blocking;
pub mod clock;
pub mod governance;
pub mod health;
mod lost_lines;
pub mod nearest;
pub mod problem;
pub mod quarantine;
pub mod query;
pub mod shadow;

use std::sync::Arc;

use arc_swap::ArcSwap;
use paasla_core::{Entry, Rulebook};
use paasla_engine::Engine;
use paasla_ledger::{Journal, JournalError, Ledger, LedgerConfig, LedgerError};
use paasla_register::{Description, Masker, Source};
use paasla_store::{Store, StoreError};

use active::Active;
use governance::{Governance, GovernanceSettings};
use health::Health;
use quarantine::Quarantine;
use query::{
    Queries,
    strangers::Strangers,
    subjects::{self, SubjectKey},
};
use shadow::{Shadow, ShadowQueue};

pub use active::{BuildError, Pool, build, unknown_client, unmet};
pub use lost_lines::LostLines;
pub use quarantine::{QuarantineFallback, QuarantineSettings};
pub use query::{
    answer, ask, catalogue::CatalogueEntry, gate::Gatehouse, rights, subjects::secret_check, who,
};

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

/// The host at work: its parts, wired together.
pub struct App {
    /// Decides and answers queries.
    pub queries: Arc<Queries>,
    /// Changes governance.
    pub governance: Arc<Governance>,
    /// Compares queries with policies in shadow.
    pub shadow: Arc<Shadow>,
    /// Says whether a query would be answered.
    pub health: Arc<Health>,
}

/// Why an app cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rulebook cannot be put to work.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no thread that writes records.
    #[error("no thread could be started that writes records")]
    Ledger(#[source] std::io::Error),
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
        let Parts { description, source, store, ledger, quarantine, engine, governance, secret, lost_lines } =
            parts;
        let active = Arc::new(ArcSwap::from_pointee(Active::empty()));
        let then = quarantine.then;
        let quarantine = Arc::new(Quarantine::new(quarantine, Arc::clone(&store)));
        let health =
            Arc::new(Health::new(Arc::clone(&active), Arc::clone(&source), Arc::clone(&store), lost_lines));
        let waiting = Arc::new(ShadowQueue::new(governance.shadow_queue));
        let journal = Arc::new(StoreJournal(Arc::clone(&store)));
        let queries = Arc::new(Queries {
            active: Arc::clone(&active),
            description: Arc::clone(&description),
            source,
            store: Arc::clone(&store),
            ledger: Ledger::start(journal, ledger).map_err(StartError::Ledger)?,
            masker: Masker::new(&subjects::derive(&secret, "pseudonym")),
            subjects: SubjectKey::new(&subjects::derive(&secret, "subject")),
            quarantine: Arc::clone(&quarantine),
            shadow: Arc::clone(&waiting),
            health: Arc::clone(&health),
            strangers: Strangers::default(),
        });
        let governance = Arc::new(Governance {
            pool: Arc::new(Pool::new(governance.kept)),
            settings: governance,
            engine,
            then,
            store: Arc::clone(&store),
            description,
            active: Arc::clone(&active),
            quarantine,
            change_lock: tokio::sync::Mutex::default(),
            limits: governance::ActLimits::default(),
            refusals: governance::Refusals::default(),
        });
        // What is out of service is marked before any query is decided.
        active.store(Arc::new(governance.ready(rulebook).await?));
        // The parts are checked before the first answer.
        health.look().await;
        let shadow = Arc::new(Shadow::new(waiting, Arc::clone(&queries), store));
        Ok(Self { queries, governance, shadow, health })
    }

    /// Writes what is queued, and closes the store. For the end of a shutdown, when no query is under way.
    ///
    /// # Errors
    /// When records could not be written in time.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.queries.record_counted_refusals(true).await;
        let written = self.queries.ledger.close().await;
        self.governance.note_all_passed_over().await;
        if let Err(error) = self.queries.store.close().await {
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn why_it_does_not_start_is_said_once() {
        let store = StoreError::Corrupt { what: "database", key: "main".into() };
        let said = store.to_string();
        let error = StartError::from(store);
        assert_eq!(error.to_string(), said);
        assert!(error.source().is_none(), "a cause would be told behind it");
    }
}
