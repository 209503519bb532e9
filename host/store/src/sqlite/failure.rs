// SPDX-License-Identifier: Apache-2.0
//! Errors of the database, turned into the store's.

use sqlx::{Error, migrate::MigrateError};

use crate::error::StoreError;

/// What a failed statement means.
pub(super) fn failure(error: Error) -> StoreError {
    /// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    const BROKEN: [i32; 2] = [11, 26];
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    match error {
        Error::PoolClosed => StoreError::Closed,
        // The low byte is the primary code, the rest says more precisely what it was.
        _ if code.is_some_and(|code| BROKEN.contains(&(code & 0xFF))) => {
            StoreError::Corrupt { what: "database", key: "main".into() }
        }
        error => StoreError::Unavailable(Box::new(error)),
    }
}

/// What a failed migration means. `known` is the newest version that this program knows.
pub(super) fn migration_failure(error: MigrateError, known: i64) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) if found > known => StoreError::Newer { found, known },
        MigrateError::VersionMissing(version)
        | MigrateError::VersionMismatch(version)
        | MigrateError::Dirty(version) => {
            StoreError::Corrupt { what: "database version", key: version.to_string() }
        }
        MigrateError::Execute(error) => failure(error),
        error => StoreError::Unavailable(Box::new(error)),
    }
}
