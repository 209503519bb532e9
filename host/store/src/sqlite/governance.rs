// SPDX-License-Identifier: Apache-2.0
//! Governance in the control database.

mod commit;
mod proposal;
mod shadow;

use std::collections::BTreeSet;

use async_trait::async_trait;
use paasla_core::ObjectId;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqlitePool;

use super::{SqliteStore, failure::failure};
use crate::{
    error::StoreError,
    governance::{
        Governance,
        act::{Act, Admission, Committed, Signature},
        change::{Change, NewChange},
        key::TrustKey,
        object::ObjectVersion,
        proposal::Proposal,
        shadow::{ShadowChange, ShadowCount, ShadowMissed, ShadowSeen, ShadowTally},
        token::Token,
        version::PolicyVersion,
    },
};

#[async_trait]
impl Governance for SqliteStore {
    async fn commit(&self, acts: &[Act], change: &NewChange) -> Result<Committed, StoreError> {
        commit::commit(&self.database, acts, change).await
    }

    async fn newest(&self) -> Result<u64, StoreError> {
        super::rulebook::newest(self.database.readers()?).await
    }

    async fn changes(
        &self,
        target: Option<&str>,
        institution: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Change>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT id, content FROM change WHERE ($1 IS NULL OR target = $1) \
             AND ($2 IS NULL OR content ->> '$.institution' = $2) AND id < $3 ORDER BY id DESC LIMIT $4",
        )
        .bind(target)
        .bind(institution)
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(self.database.readers()?)
        .await
        .map_err(failure)?;
        let read = |(id, content): (i64, String)| {
            let change: Change = read("change", &id.to_string(), &content)?;
            Ok(Change { id, ..change })
        };
        rows.into_iter().map(read).collect()
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let mut tokens: Vec<Token> =
            all(self.database.readers()?, "token", "SELECT id, content FROM token").await?;
        tokens.sort_by(|one, other| (&one.holder, one.created_at).cmp(&(&other.holder, other.created_at)));
        Ok(tokens)
    }

    async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        one(self.database.readers()?, "token", "SELECT id, content FROM token WHERE hash = $1", hash).await
    }

    async fn keys(&self) -> Result<Vec<TrustKey>, StoreError> {
        all(self.database.readers()?, "key", "SELECT id, content FROM trust_key ORDER BY id").await
    }

    async fn admission(&self, rule: &str) -> Result<Option<Admission>, StoreError> {
        one(
            self.database.readers()?,
            "admission",
            "SELECT rule, content FROM admission WHERE rule = $1",
            rule,
        )
        .await
    }

    async fn signatures(&self, rule: &str) -> Result<Vec<Signature>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT key, content FROM signature WHERE rule = $1 ORDER BY key")
                .bind(rule)
                .fetch_all(self.database.readers()?)
                .await
                .map_err(failure)?;
        rows.into_iter().map(|(key, content)| read("signature", &key, &content)).collect()
    }

    async fn versions(&self, name: Option<&str>) -> Result<Vec<PolicyVersion>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT name, content FROM policy_version WHERE $1 IS NULL OR name = $1 ORDER BY name, version",
        )
        .bind(name)
        .fetch_all(self.database.readers()?)
        .await
        .map_err(failure)?;
        rows.into_iter().map(|(name, content)| read("policy version", &name, &content)).collect()
    }

    async fn planned(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT name, content FROM policy_version INDEXED BY policy_version_planned \
             WHERE content ->> '$.activateAt' IS NOT NULL OR content ->> '$.expiresAt' IS NOT NULL \
             ORDER BY name, version",
        )
        .fetch_all(self.database.readers()?)
        .await
        .map_err(failure)?;
        rows.into_iter().map(|(name, content)| read("policy version", &name, &content)).collect()
    }

    async fn held_before(&self) -> Result<BTreeSet<ObjectId>, StoreError> {
        super::rulebook::held_before(self.database.readers()?).await
    }

    async fn object_history(&self, id: &ObjectId) -> Result<Vec<ObjectVersion>, StoreError> {
        super::rulebook::history(self.database.readers()?, id).await
    }

    async fn proposals(&self, waiting: bool) -> Result<Vec<Proposal>, StoreError> {
        proposal::all(self.database.readers()?, waiting).await
    }

    async fn proposal(&self, id: i64) -> Result<Option<Proposal>, StoreError> {
        proposal::one(self.database.readers()?, id).await
    }

    async fn add_shadow(&self, seen: &[ShadowSeen], missed: &[ShadowMissed]) -> Result<(), StoreError> {
        let changes = shadow::add(&self.database, seen, missed).await?;
        shadow::sweep_now_and_then(&self.database, &self.unswept, changes).await;
        Ok(())
    }

    async fn shadow_counts(&self, version: &str) -> Result<Vec<ShadowCount>, StoreError> {
        shadow::counts(self.database.readers()?, version).await
    }

    async fn shadow_tallies(&self, version: &str) -> Result<Vec<ShadowTally>, StoreError> {
        shadow::tallies(self.database.readers()?, version).await
    }

    async fn shadow_changes(
        &self,
        version: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ShadowChange>, StoreError> {
        shadow::changes(self.database.readers()?, version, before, limit).await
    }
}

/// Things of which each row holds a name and the content.
async fn all<T: DeserializeOwned>(
    readers: &SqlitePool,
    what: &'static str,
    statement: &'static str,
) -> Result<Vec<T>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(statement).fetch_all(readers).await.map_err(failure)?;
    rows.into_iter().map(|(key, content)| read(what, &key, &content)).collect()
}

async fn one<T: DeserializeOwned>(
    readers: &SqlitePool,
    what: &'static str,
    statement: &'static str,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let row: Option<(String, String)> =
        sqlx::query_as(statement).bind(key).fetch_optional(readers).await.map_err(failure)?;
    row.map(|(key, content)| read(what, &key, &content)).transpose()
}

/// Reads what is stored. The reader's own error is dropped: it may quote what it could not read.
fn read<T: DeserializeOwned>(what: &'static str, key: &str, content: &str) -> Result<T, StoreError> {
    serde_json::from_str(content).map_err(|_| StoreError::Corrupt { what, key: key.to_owned() })
}

fn written(what: &'static str, key: &str, content: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(content).map_err(|_| StoreError::Invalid { what, key: key.to_owned() })
}
