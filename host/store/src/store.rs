// SPDX-License-Identifier: Apache-2.0
//! The trait of a store: what the host asks of its database.

use async_trait::async_trait;
use paasla_core::{AuditRecord, ClientId, Entry, Policy, Rulebook};

use crate::{
    error::StoreError,
    filter::RecordFilter,
    generation::GenerationInfo,
    governance::Governance,
    health::StoreHealth,
    quarantine::{NewQuarantine, Quarantine},
    rule::{RuleInfo, StoredRule},
    usage::{Claim, Reserved, Usage},
};

/// Keeps control data and records. Every write is durable when it returns `Ok` and leaves no trace when it does
/// not: it outlives a crash of the program and a loss of power.
///
/// Any verb can fail with [`StoreError::Unavailable`], or with [`StoreError::Closed`] after [`Store::close`].
/// Further errors are named at each verb.
#[async_trait]
pub trait Store: Governance + Send + Sync {
    /// The active rulebook: the newest generation. None before the first is installed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it was changed behind the program's back.
    async fn rulebook(&self) -> Result<Option<Rulebook>, StoreError>;

    /// A rulebook of the past, or the active one. None if there is no such generation.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it was changed behind the program's back.
    async fn rulebook_at(&self, generation: u64) -> Result<Option<Rulebook>, StoreError>;

    /// The policies of a rulebook of the past, or of the active one, without the rest of it. None if there is no such
    /// generation.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they were changed behind the program's back.
    async fn policies_at(&self, generation: u64) -> Result<Option<Vec<Policy>>, StoreError>;

    /// Every generation, newest first.
    ///
    /// # Errors
    /// None of its own.
    async fn generations(&self) -> Result<Vec<GenerationInfo>, StoreError>;

    /// Stores a rulebook as the next generation, which makes it the active one, and returns its number. When the
    /// content equals that of the active generation nothing is written and the active number is returned.
    /// `rulebook.generation` is not looked at. To go back to an older generation, install its content again.
    ///
    /// # Errors
    /// [`StoreError::UnknownRule`] when a policy names a rule that is not stored, [`StoreError::Corrupt`] when the
    /// active generation cannot be read.
    async fn install(&self, rulebook: &Rulebook, by: &str, reason: &str) -> Result<u64, StoreError>;

    /// Stores a rule and returns whether it is new. A rule that is already there stays as it is, its name, version
    /// and summary too.
    ///
    /// # Errors
    /// [`StoreError::WrongDigest`] when the digest is not that of the bytes.
    async fn put_rule(&self, rule: &StoredRule) -> Result<bool, StoreError>;

    /// A rule with its bytes. None if it is not stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when its bytes no longer have its digest.
    async fn rule(&self, digest: &str) -> Result<Option<StoredRule>, StoreError>;

    /// Every rule without its bytes, by name, and by when it was stored.
    ///
    /// # Errors
    /// None of its own.
    async fn rules(&self) -> Result<Vec<RuleInfo>, StoreError>;

    /// Writes records, all or none, and counts them towards usage. Keeps the calling thread until they are on the disk.
    /// Ids are taken as they are: of two records with one id both are kept, and the earlier one is found by it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when a record, or all of them together, are too long: at most 16 MiB, and 1 GiB.
    fn append(&self, entries: &[Entry]) -> Result<(), StoreError>;

    /// One record. None if there is no such id.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it cannot be read.
    async fn record(&self, id: &str) -> Result<Option<AuditRecord>, StoreError>;

    /// Records that fit the filter, newest first: by instant, then by when they were written. Each condition leads to
    /// the records that it holds of, so a page costs about the same at any size of the store, as long as the most
    /// selective one is `client`, `service`, `outcome`, `subject_hash` or the time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no record with the id `before_id`, [`StoreError::Corrupt`] when one
    /// cannot be read.
    async fn records(&self, filter: &RecordFilter) -> Result<Vec<AuditRecord>, StoreError>;

    /// How many records fit the filter, `before_id` and `limit` left aside. It walks over all that fit: bound it
    /// by time where there are many.
    ///
    /// # Errors
    /// None of its own.
    async fn count_records(&self, filter: &RecordFilter) -> Result<u64, StoreError>;

    /// Sets persons aside for a query before it reads anything, so that whoever asks at the same time, on whatever host of
    /// this store, cannot exceed a cap together with it: as many as it may disclose, or as are left, and none unless its
    /// least fits. They count until the query's record is counted in their place.
    ///
    /// Who gets some must not let data leave later than [`LEASE`](crate::usage::LEASE) after the call began. Those for which
    /// there is no record then are given back, at the latest in as long again.
    ///
    /// # Errors
    /// None of its own.
    async fn reserve(&self, claim: &Claim<'_>) -> Result<Reserved, StoreError>;

    /// Says how many persons a query that has reserved some discloses; 0 gives all of them back. To be called before its
    /// record is written, or when there will be none that counts.
    ///
    /// # Errors
    /// None of its own. What was reserved stays, then, until the record is counted, or the lease is over.
    async fn settle(&self, id: &str, persons: u64) -> Result<(), StoreError>;

    /// How many persons were asked about on this basis for the account of this client (exactly this one: a record's
    /// `usage_holder`, or else its client), in the windows that belong to
    /// `now_ms` (milliseconds since 1970-01-01T00:00:00Z): those of answered queries whose `usage_basis` is
    /// `basis`; per query the persons named, or those returned if they are more, and at least one; and those reserved for
    /// queries that are not counted yet. See [`crate::usage`] for how exact it is.
    ///
    /// # Errors
    /// None of its own.
    async fn usage(&self, client: &ClientId, basis: &str, now_ms: i64) -> Result<Usage, StoreError>;

    /// Notes that one version of a policy is out of service, and returns the entry's number. While the same version
    /// (policy, rule and settings) is out of service already, that entry's number is returned, and of it nothing is
    /// written but that it refuses, if the new one does.
    ///
    /// # Errors
    /// None of its own.
    async fn put_quarantine(&self, entry: &NewQuarantine) -> Result<i64, StoreError>;

    /// What is out of service now, in the order it was noted.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an entry cannot be read.
    async fn quarantined(&self) -> Result<Vec<Quarantine>, StoreError>;

    /// What is or ever was out of service, in the order it was noted.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an entry cannot be read.
    async fn quarantine_history(&self) -> Result<Vec<Quarantine>, StoreError>;

    /// Ends the quarantine of every version of a policy, and returns what was ended. The entries stay, signed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when no version of it is out of service, [`StoreError::Corrupt`] when an entry cannot
    /// be read; nothing is ended then.
    async fn lift_quarantine(
        &self,
        policy: &str,
        by: &str,
        reason: &str,
    ) -> Result<Vec<Quarantine>, StoreError>;

    /// By what the host's secret is known again. None before the first was put in.
    ///
    /// # Errors
    /// None of its own.
    async fn secret_check(&self) -> Result<Option<String>, StoreError>;

    /// Stores by what the host's secret is known again, once and for all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another one is stored.
    async fn put_secret_check(&self, check: &str) -> Result<(), StoreError>;

    /// Looks whether control data can be read and records be written, by what is there now and not by what is
    /// remembered. For every moment: it costs little.
    async fn health(&self) -> StoreHealth;

    /// Finishes what is under way, and leaves the database in a tidy state. Closing twice does no harm.
    ///
    /// # Errors
    /// None of its own.
    async fn close(&self) -> Result<(), StoreError>;
}
