// SPDX-License-Identifier: Apache-2.0
//! A register in a folder of its own, and ways to read it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use population_register::{Plan, build};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Row, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tempfile::TempDir;

/// A register that is gone when this is dropped.
pub(crate) struct Made {
    pub(crate) folder: TempDir,
    pub(crate) file: PathBuf,
}

impl Made {
    /// The list of the cast.
    pub(crate) fn list(&self) -> serde_json::Value {
        let text = std::fs::read(self.folder.path().join("persons.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

pub(crate) fn plan(people: u32, seed: u64) -> Plan {
    Plan { people, seed, as_of: jiff::civil::date(2026, 1, 1) }
}

pub(crate) async fn made(plan: &Plan) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("register.sqlite");
    build(plan, &file, false, |_| ()).await.unwrap();
    Made { folder, file }
}

/// Opens the register as its readers do.
pub(crate) async fn read(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).read_only(true).connect().await.unwrap()
}

/// Counts the rows of `FROM {what}`.
pub(crate) async fn count(register: &mut SqliteConnection, what: &str) -> i64 {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(query).fetch_one(register).await.unwrap()
}

/// The first column of a query.
pub(crate) async fn texts(register: &mut SqliteConnection, query: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(register).await.unwrap()
}

/// A hash over every value of every table, in order.
pub(crate) async fn dump(file: &Path) -> u64 {
    let mut register = read(file).await;
    let tables = texts(
        &mut register,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .await;
    assert_eq!(tables.len(), 13);
    let mut hasher = DefaultHasher::new();
    for table in tables {
        table.hash(&mut hasher);
        let query = AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1"));
        for row in sqlx::query(query).fetch_all(&mut register).await.unwrap() {
            for column in 0..row.len() {
                let value = row.try_get_raw(column).unwrap();
                (!value.is_null()).then(|| row.get_unchecked::<String, _>(column)).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}
