// SPDX-License-Identifier: Apache-2.0
//! The database file: making it, opening it, bringing it up to date.

use std::{io, path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::fs::{File, OpenOptions};

use super::{
    failure::{failure, migration_failure},
    migrations::MIGRATIONS,
    opened::Opened,
};
use crate::error::StoreError;

/// `PRAGMA application_id` of our databases, as in `0001_control.sql`.
const APPLICATION_ID: i32 = 1_347_636_289;

/// How long a statement waits for a lock that another program holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const MAX_READERS: u32 = 4;

/// How often a database is tried to be brought up to date, and how long it is waited in between.
const MIGRATION_TRIES: u32 = 3;
const MIGRATION_WAIT: Duration = Duration::from_millis(200);

/// What each of them keeps in memory of the database: the negative number is KiB. They read little again and again.
const READER_CACHE_SIZE_PRAGMA: &str = "-512";

/// After how many pages (4 KiB each) of the write-ahead log they are carried over into the database. That keeps the one
/// connection that writes, and what changes often, the newest usage, is carried over once for many commits.
const CHECKPOINT_PAGES: &str = "8000";

/// Makes the file if there is none, readable by its owner only. SQLite gives the files beside it the same mode.
pub(super) async fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path).await {
        Ok(file) => {
            file.sync_all().await.map_err(unavailable)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = File::open(folder.unwrap_or(Path::new("."))).await.map_err(unavailable)?;
            folder.sync_all().await.map_err(unavailable)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unavailable(error)),
    }
}

/// Refuses a file that holds something else, before anything in it is changed: a wrong path must not put our
/// tables into the register.
pub(super) async fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let mut connection = options(path).connect().await.map_err(failure)?;
    let found: (i32, i64) = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failure)?;
    connection.close().await.map_err(failure)?;
    match found {
        (APPLICATION_ID, _) | (_, 0) => Ok(()),
        _ => Err(StoreError::Foreign),
    }
}

/// Opens the one connection that writes.
pub(super) async fn writer(file: &Opened) -> Result<SqlitePool, StoreError> {
    let options = options(file.path())
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    pool(1, file).connect_with(options).await.map_err(failure)
}

/// Opens the one connection that reserves. What it writes outlives a crash of the program, and that is enough: a loss of
/// power ends every query, and what was told has a record.
pub(super) async fn reserver(file: &Opened) -> Result<SqlitePool, StoreError> {
    let options = options(file.path())
        .synchronous(SqliteSynchronous::Normal)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    pool(1, file).connect_with(options).await.map_err(failure)
}

/// Opens the connections that only read.
pub(super) async fn readers(file: &Opened) -> Result<SqlitePool, StoreError> {
    pool(MAX_READERS, file)
        .connect_with(options(file.path()).read_only(true).pragma("cache_size", READER_CACHE_SIZE_PRAGMA))
        .await
        .map_err(failure)
}

/// Brings the database up to date.
pub(super) async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let mut tries = 1;
    loop {
        match MIGRATIONS.run(writer).await {
            // Another program may be doing the same, and was first: then a second look finds it done.
            Err(MigrateError::ExecuteMigration(..) | MigrateError::Execute(_)) if tries < MIGRATION_TRIES => {
                tries += 1;
                tokio::time::sleep(MIGRATION_WAIT).await;
            }
            done => return done.map_err(|error| migration_failure(error, known)),
        }
    }
}

/// Opens one more connection that only reads. An empty file is not opened: SQLite would remove the log beside it.
pub(super) async fn look_at(path: &Path) -> Result<SqliteConnection, StoreError> {
    if tokio::fs::metadata(path).await.map_err(unavailable)?.len() == 0 {
        return Err(StoreError::Corrupt { what: "database", key: "main".into() });
    }
    options(path).read_only(true).connect().await.map_err(failure)
}

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

fn pool(connections: u32, file: &Opened) -> SqlitePoolOptions {
    let file = file.clone();
    SqlitePoolOptions::new()
        // Opened when it is needed, by its path: that may lead elsewhere by now.
        .after_connect(move |_, _| {
            let checked = file.check().map_err(|error| sqlx::Error::Io(io::Error::other(error)));
            Box::pin(async move { checked })
        })
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(2 * BUSY_TIMEOUT)
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit that returned is on disk (2 is `FULL`), and readers cannot write.
    #[tokio::test]
    async fn connections_are_set_up_as_promised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        create(&path).await.unwrap();
        let file = Opened::at("database", &path).unwrap();
        let writer = writer(&file).await.unwrap();
        migrate(&writer).await.unwrap();
        let modes: (String, i64, i64) =
            sqlx::query_as("SELECT * FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys")
                .fetch_one(&writer)
                .await
                .unwrap();
        assert_eq!(modes, ("wal".into(), 2, 1));
        let readers = readers(&file).await.unwrap();
        sqlx::query("DELETE FROM usage_bucket").execute(&readers).await.unwrap_err();
    }
}
