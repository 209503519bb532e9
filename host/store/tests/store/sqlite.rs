// SPDX-License-Identifier: Apache-2.0
//! What is particular to SQLite: the file.

use std::{error::Error, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use async_trait::async_trait;
use paasla_store::{SqliteStore, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    Home,
    sample::{append, record, rule, rulebook},
};

pub(crate) struct SqliteHome(TempDir);

impl SqliteHome {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// Where the records are.
    pub(crate) fn records(&self) -> PathBuf {
        self.0.path().join("store.db-records")
    }

    /// Changes the file behind the store's back.
    pub(crate) async fn tamper(&self, sql: &str) {
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
    append(&*store, &[record()]).unwrap();
    let mut modes = home.modes();
    modes.sort();
    assert_eq!(modes, [0o600, 0o600, 0o600, 0o700], "the database, its log, its shared memory; the records");
    for segment in fs::read_dir(home.records()).unwrap() {
        assert_eq!(segment.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn after_closing_the_file_and_the_records_are_the_whole_store() {
    let home = SqliteHome::new();
    let (store, record) = (home.open().await, record());
    append(&*store, std::slice::from_ref(&record)).unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(home.modes().len(), 2);
    for failed in [append(&*store, &[self::record()]), store.rulebook().await.map(drop)] {
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
    let StoreError::Newer { found: 9999, known } = refused else { panic!("{refused:?}") };
    assert_eq!(
        refused.to_string(),
        format!("the database is at version 9999, but this program knows versions up to {known} only")
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
    append(&*store, std::slice::from_ref(&record)).unwrap();
    home.tamper("UPDATE rule SET bytes = x'00'").await;
    home.tamper("UPDATE object SET content = replace(content, 'person', 'people')").await;
    assert!(store.record(&record.id).await.unwrap().is_some());
    let segment = home.records().join("0000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let outcome = b"\"outcome\":\"answered\"";
    let place = bytes.windows(outcome.len()).position(|part| part == outcome).unwrap();
    bytes[place + outcome.len() - 2] = b'D';
    fs::write(&segment, bytes).unwrap();

    let failures = [
        store.rule(&rule.digest).await.map(drop).unwrap_err(),
        store.rulebook().await.map(drop).unwrap_err(),
        store.record(&record.id).await.map(drop).unwrap_err(),
        store.records(&Default::default()).await.map(drop).unwrap_err(),
    ];
    for failure in failures {
        assert!(matches!(failure, StoreError::Corrupt { .. }), "{failure:?}");
        let told = format!("{failure} {failure:?}");
        assert!(failure.source().is_none() && !told.contains("EE60001019906"), "{told}");
    }
}

/// What is written to a file that nobody finds any more is lost: nothing is, until it is back.
#[tokio::test]
async fn a_database_that_was_replaced_takes_nothing() {
    let home = SqliteHome::new();
    let store = home.open().await;
    store.put_rule(&rule(b"first")).await.unwrap();
    let (path, away) = (home.path(), home.path().with_extension("away"));
    fs::rename(&path, &away).unwrap();
    let is_replaced = |error: &StoreError| matches!(error, StoreError::Replaced { what: "control database" });
    for other in [None, Some(&away)] {
        if let Some(other) = other {
            fs::copy(other, &path).unwrap();
        }
        let failed = store.put_rule(&rule(b"second")).await.unwrap_err();
        assert!(is_replaced(&failed), "{failed:?}");
        assert!(is_replaced(&store.rules().await.unwrap_err()));
        assert!(is_replaced(&store.health().await.control.unwrap_err()));
    }
    fs::rename(&away, &path).unwrap();
    store.health().await.control.unwrap();
    store.put_rule(&rule(b"second")).await.unwrap();
    assert_eq!(store.rules().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_not_well() {
    let home = SqliteHome::new();
    // So that all is in the file, and not in the log beside it.
    home.open().await.close().await.unwrap();
    let store = home.open().await;
    store.health().await.control.unwrap();
    let whole = fs::read(home.path()).unwrap();
    for wrong in [Vec::new(), vec![b'x'; whole.len()]] {
        // In the same file.
        fs::write(home.path(), wrong).unwrap();
        let wrong = store.health().await.control.unwrap_err();
        assert!(matches!(wrong, StoreError::Corrupt { .. }), "{wrong:?}");
    }
}

/// The folder is another one, or gone: no record is written beside those that are there, until it is back.
#[tokio::test]
async fn a_folder_of_records_that_was_replaced_takes_nothing() {
    let home = SqliteHome::new();
    let store = home.open().await;
    append(&*store, &[record()]).unwrap();
    let (path, away) = (home.records(), home.records().with_extension("away"));
    fs::rename(&path, &away).unwrap();
    for is_made_again in [false, true] {
        if is_made_again {
            fs::create_dir(&path).unwrap();
        }
        let failed = append(&*store, &[record()]).unwrap_err();
        assert!(matches!(failed, StoreError::Replaced { what: "folder of records" }), "{failed:?}");
        store.health().await.records.unwrap_err();
    }
    fs::remove_dir(&path).unwrap();
    fs::rename(&away, &path).unwrap();
    store.health().await.records.unwrap();
    append(&*store, &[record()]).unwrap();
}

#[tokio::test]
async fn a_secret_is_known_again() {
    let home = SqliteHome::new();
    let store = home.open().await;
    assert_eq!(store.secret_check().await.unwrap(), None);
    for _ in 0..2 {
        store.put_secret_check("one").await.unwrap();
        assert_eq!(store.secret_check().await.unwrap().as_deref(), Some("one"));
    }
    let other = store.put_secret_check("other").await.unwrap_err();
    assert!(matches!(other, StoreError::Conflict { .. }), "{other:?}");
    assert_eq!(store.secret_check().await.unwrap().as_deref(), Some("one"));
}
