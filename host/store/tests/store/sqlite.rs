// SPDX-License-Identifier: Apache-2.0
//! What is particular to SQLite: the file.

use std::{error::Error, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use async_trait::async_trait;
use paasla_store::{SqliteStore, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    Home,
    sample::{record, rule, rulebook},
};

pub(crate) struct SqliteHome(TempDir);

impl SqliteHome {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// Changes the file behind the store's back.
    async fn tamper(&self, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    fn modes(&self) -> Vec<u32> {
        let files = fs::read_dir(self.0.path()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().permissions().mode() & 0o777).collect()
    }
}

#[async_trait]
impl Home for SqliteHome {
    async fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.path()).await.unwrap())
    }
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let home = SqliteHome::new();
    let store = home.open().await;
    store.append(&[record()]).await.unwrap();
    assert_eq!(home.modes(), [0o600, 0o600, 0o600], "the database, its log, its shared memory");
}

#[tokio::test]
async fn after_closing_the_file_is_the_whole_store() {
    let home = SqliteHome::new();
    let (store, record) = (home.open().await, record());
    store.append(std::slice::from_ref(&record)).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(home.modes().len(), 1);
    assert!(matches!(store.append(&[]).await, Ok(())));
    for failed in [store.append(&[self::record()]).await, store.rulebook().await.map(drop)] {
        assert!(matches!(failed, Err(StoreError::Closed)), "{failed:?}");
    }
    assert_eq!(home.open().await.record(&record.id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let home = SqliteHome::new();
    home.open().await.close().await.unwrap();
    home.tamper(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .await;
    let refused = SqliteStore::open(home.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 9999, .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "the database is at version 9999, but this program knows versions up to 7 only"
    );
}

#[tokio::test]
async fn another_database_is_refused_and_left_as_it_is() {
    let home = SqliteHome::new();
    home.tamper("CREATE TABLE person (code TEXT)").await;
    let before = fs::read(home.path()).unwrap();
    let refused = SqliteStore::open(home.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Foreign), "{refused:?}");
    assert!(fs::read(home.path()).unwrap() == before, "the file was changed");

    fs::write(home.path(), "not a database, but long enough to be looked at as one ".repeat(50)).unwrap();
    let refused = SqliteStore::open(home.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_missing_folder_is_an_error() {
    let home = SqliteHome::new();
    let refused = SqliteStore::open(home.path().join("nowhere").join("store.db")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}

#[tokio::test]
async fn what_was_tampered_with_is_refused() {
    let home = SqliteHome::new();
    let (store, rule, record) = (home.open().await, rule(b"rule"), record());
    store.put_rule(&rule).await.unwrap();
    store.install(&rulebook(), "mari", "first").await.unwrap();
    store.append(std::slice::from_ref(&record)).await.unwrap();
    home.tamper("UPDATE rule SET bytes = x'00'").await;
    home.tamper("UPDATE rulebook_part SET content = replace(content, 'person', 'people')").await;
    home.tamper(
        "UPDATE record SET content = replace(content, '\"status\":200', '\"status\":\"38001085718\"')",
    )
    .await;

    let failures = [
        store.rule(&rule.digest).await.map(drop).unwrap_err(),
        store.rulebook().await.map(drop).unwrap_err(),
        store.record(&record.id).await.map(drop).unwrap_err(),
        store.records(&Default::default()).await.map(drop).unwrap_err(),
    ];
    for failure in failures {
        assert!(matches!(failure, StoreError::Corrupt { .. }), "{failure:?}");
        let told = format!("{failure} {failure:?}");
        assert!(failure.source().is_none() && !told.contains("38001085718"), "{told}");
    }
}

#[tokio::test]
async fn a_writer_that_gives_up_leaves_nothing() {
    let home = SqliteHome::new();
    let store = home.open().await;
    for polls in 1..12 {
        let batch: Vec<_> = (0..5).map(|_| record()).collect();
        let mut append = store.append(&batch);
        // Dropped after so many steps, or done.
        let mut done = false;
        for _ in 0..polls {
            done = tokio::time::timeout(std::time::Duration::from_micros(200), &mut append).await.is_ok();
            if done {
                break;
            }
        }
        drop(append);
        let next = record();
        store.append(std::slice::from_ref(&next)).await.unwrap();
        let mut stored = 0;
        for record in &batch {
            stored += usize::from(store.record(&record.id).await.unwrap().is_some());
        }
        assert!(stored == 5 || (stored == 0 && !done), "{stored} of 5 records are stored");
    }
}
