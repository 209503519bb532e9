// SPDX-License-Identifier: Apache-2.0
//! Backups: a copy of a store that hosts may be at work on.

use std::{io, path::Path};

use sqlx::{Connection as _, SqliteConnection};

use super::{audit_log, blocking, failure::failure, file};
use crate::{error::StoreError, log::Log};

/// Copies a store into new files: first the database, what is in its write-ahead log included, as it is at one moment, and
/// then the records. So the records are as new as the database, or newer, and what it does not know of yet it finds. The
/// store itself is left as it is, older versions too.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such database, [`StoreError::Foreign`] when it is that of something else,
/// [`StoreError::Unavailable`] when it cannot be read, or the copy not be written or is there already.
pub async fn copy(database: &Path, to_database: &Path, to_records: &Path) -> Result<(), StoreError> {
    if !database.is_file() {
        return Err(StoreError::NotFound { what: "database", key: database.display().to_string() });
    }
    file::refuse_foreign(database).await?;
    let target = to_database.to_path_buf();
    blocking(move || {
        // Readable by its owner only; SQLite takes an empty file for none.
        std::os::unix::fs::OpenOptionsExt::mode(
            std::fs::OpenOptions::new().write(true).create_new(true),
            0o600,
        )
        .open(target)
        .map(drop)
    })
    .await?;
    let mut connection = SqliteConnection::connect_with(&file::options(database)).await.map_err(failure)?;
    let copied = sqlx::query("VACUUM INTO $1")
        .bind(to_database.display().to_string())
        .execute(&mut connection)
        .await
        .map_err(failure);
    connection.close().await.map_err(failure)?;
    copied?;
    let (target, from, into) =
        (to_database.to_path_buf(), audit_log::folder(database), to_records.to_path_buf());
    blocking(move || {
        std::fs::File::open(target)?.sync_all()?;
        match Log::copy(from, &into) {
            // Nothing was ever recorded, or `check_records` of the copy reports it.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !into.exists() => Ok(()),
            copied => copied,
        }
    })
    .await
}
