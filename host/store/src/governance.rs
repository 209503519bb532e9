// SPDX-License-Identifier: Apache-2.0
//! Changes of control data: acts, each with a record of who did it and why, written together or not at all.

pub mod act;
pub mod change;
pub mod key;
pub mod object;
pub mod proposal;
pub mod shadow;
pub mod token;
pub mod version;

use std::collections::BTreeSet;

use async_trait::async_trait;
use paasla_core::ObjectId;

use self::{
    act::{Act, Admission, Committed, Signature},
    change::{Change, NewChange},
    key::TrustKey,
    object::ObjectVersion,
    proposal::Proposal,
    shadow::{ShadowChange, ShadowCount, ShadowMissed, ShadowSeen, ShadowTally},
    token::Token,
    version::PolicyVersion,
};
use crate::error::StoreError;

/// The part of a store that knows how control data changes. Every verb fails with `Unavailable` or `Closed` when the
/// database does, and with [`StoreError::Corrupt`] when something stored cannot be read.
#[async_trait]
pub trait Governance: Send + Sync {
    /// Does all acts and notes the change, or does nothing. What is written is durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the active generation is not the one expected, or when a version of a policy is
    /// there already, or when a proposal is decided already; [`StoreError::NotFound`] when one to be changed is not; [`StoreError::UnknownRule`] and
    /// [`StoreError::WrongDigest`] as for the single verbs.
    async fn commit(&self, acts: &[Act], change: &NewChange) -> Result<Committed, StoreError>;

    /// The number of the active generation; 0 before the first. Cheap, for those who ask every second.
    async fn newest(&self) -> Result<u64, StoreError>;

    /// Changes, newest first: those before the id `before`, of this target and by this institution's people if these are
    /// given; `limit` at most.
    async fn changes(
        &self,
        target: Option<&str>,
        institution: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Change>, StoreError>;

    /// Every token, by who holds it.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// The token with this hash (SHA-256 of its text, lower-case hex).
    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError>;

    /// Every key of the trust list, revoked ones too.
    async fn keys(&self) -> Result<Vec<TrustKey>, StoreError>;

    /// How a rule came in; none when it was put in with a rulebook (`paasla seed`).
    async fn admission(&self, rule: &str) -> Result<Option<Admission>, StoreError>;

    /// The signatures on a rule.
    async fn signatures(&self, rule: &str) -> Result<Vec<Signature>, StoreError>;

    /// Versions of policies, by name and number; of one name if it is given.
    async fn versions(&self, name: Option<&str>) -> Result<Vec<PolicyVersion>, StoreError>;

    /// The versions of policies for which a time is set, to come into force or to go out of it, by name and number. Costs
    /// no more the more there are without one.
    async fn planned(&self) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Everything that a rulebook ever held, policies in shadow left aside.
    async fn held_before(&self) -> Result<BTreeSet<ObjectId>, StoreError>;

    /// What stood under a name, newest first: what it was, and when it was taken out.
    async fn object_history(&self, id: &ObjectId) -> Result<Vec<ObjectVersion>, StoreError>;

    /// Proposals, newest first; only those of which something is still to come, if that is wanted.
    async fn proposals(&self, waiting: bool) -> Result<Vec<Proposal>, StoreError>;

    /// The proposal of this number.
    async fn proposal(&self, id: i64) -> Result<Option<Proposal>, StoreError>;

    /// Adds what was seen in shadow, all or nothing. A changed query that is already there for the same version is not
    /// counted again. Give little at a time: records wait meanwhile. Of the queries that would have been decided
    /// otherwise about the newest [`SHADOW_CHANGES_KEPT`](shadow::SHADOW_CHANGES_KEPT) are kept for each version; they
    /// stay in the sums.
    async fn add_shadow(&self, seen: &[ShadowSeen], missed: &[ShadowMissed]) -> Result<(), StoreError>;

    /// Queries seen in shadow for a version (digest of a policy), by client.
    async fn shadow_counts(&self, version: &str) -> Result<Vec<ShadowCount>, StoreError>;

    /// Differences seen for a version, most frequent first.
    async fn shadow_tallies(&self, version: &str) -> Result<Vec<ShadowTally>, StoreError>;

    /// Queries that would have been decided otherwise, newest first, `limit` at most; before the record `before`.
    async fn shadow_changes(
        &self,
        version: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ShadowChange>, StoreError>;
}
