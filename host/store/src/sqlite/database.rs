// SPDX-License-Identifier: Apache-2.0
//! The connections to the database: one that writes, a few that read. None is used once another file is in its place, and
//! none writes again after a write that failed.

use std::ops::{Deref, DerefMut};

use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::{failure::failure, file, opened::Opened};
use crate::error::StoreError;

/// The connections, and the file that they have open.
#[derive(Debug, Clone)]
pub(super) struct Database {
    file: Opened,
    /// Holds one connection, so writers wait for each other here and not inside SQLite.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    pub(super) fn new(file: Opened, writer: SqlitePool, readers: SqlitePool) -> Self {
        Self { file, writer, readers }
    }

    /// The same file and the same connections that read, with another one that writes.
    pub(super) fn with_writer(&self, writer: SqlitePool) -> Self {
        Self { writer, ..self.clone() }
    }

    /// What reads.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.file.check()?;
        Ok(&self.readers)
    }

    /// Begins to write. Takes the lock at once: a transaction that reads first and then wants to write could find
    /// that another program wrote in between.
    pub(super) async fn begin(&self) -> Result<Write, StoreError> {
        self.file.check()?;
        let connection = self.writer.acquire().await.map_err(failure)?;
        let mut write = Write { connection, is_committed: false };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *write).await.map_err(failure)?;
        Ok(write)
    }

    /// Whether the file can be opened and read now, by a connection of its own: what those that are open remember says
    /// nothing of it.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        self.file.check()?;
        let mut connection = file::look_at(self.file.path()).await?;
        let read = sqlx::query("SELECT count(*) FROM generation").fetch_one(&mut connection).await;
        connection.close().await.map_err(failure)?;
        read.map(drop).map_err(failure)
    }

    /// Closes what writes, and leaves the rest to others.
    pub(super) async fn close_writer(&self) {
        self.writer.close().await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.writer.is_closed()
    }

    /// Closes all connections, and moves the write-ahead log into the database file.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        if self.writer.is_closed() {
            return Ok(());
        }
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await;
        self.writer.close().await;
        checkpoint.map(drop).map_err(failure)
    }
}

/// A transaction that writes. If it is not committed, whatever is in the way, its connection is closed: that ends it in
/// any case, where a roll-back could fail and leave a connection that nobody can begin anything on.
#[derive(Debug)]
pub(super) struct Write {
    connection: PoolConnection<Sqlite>,
    is_committed: bool,
}

impl Write {
    /// What was written is on the disk when this returns.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(&mut *self).await.map_err(failure)?;
        self.is_committed = true;
        Ok(())
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if !self.is_committed {
            self.connection.close_on_drop();
        }
    }
}
