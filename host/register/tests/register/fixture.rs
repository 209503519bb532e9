// SPDX-License-Identifier: Apache-2.0
//! The example register in a temporary folder.

use std::{path::PathBuf, sync::LazyLock};

use paasla_core::{Condition, Date, Reason, Test, Value, Visibility};
use paasla_register::{Description, Dialect, Plan, Read, Rows, Source as _, SqliteConfig, SqliteRegister};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../../../../examples/population-register/src/schema.sql");
const INDEXES: &str = include_str!("../../../../examples/population-register/src/indexes.sql");
const PEOPLE: &str = include_str!("people.sql");
pub(crate) const EXAMPLE: &str = include_str!("../../../../examples/population-register/register.toml");

pub(crate) const MARI: &str = "49001010093";
pub(crate) const JAAN: &str = "36805280109";
pub(crate) const EVA: &str = "60001017869";
pub(crate) const ANTS: &str = "39901012239";
pub(crate) const KAI: &str = "49001010100";

/// The example's description, read once.
pub(crate) fn description() -> &'static Description {
    static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| Description::from_toml(EXAMPLE).unwrap());
    &DESCRIPTION
}

pub(crate) struct Fixture {
    folder: TempDir,
    pub(crate) description: &'static Description,
    pub(crate) register: SqliteRegister,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With more SQL after the people.
    pub(crate) async fn with(more: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("register.db");
        write(&path, &[SCHEMA, PEOPLE, INDEXES, more]).await;
        let description = description();
        let register = SqliteRegister::open(&SqliteConfig::new(path), description).await.unwrap();
        Self { folder, description, register }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("register.db")
    }

    pub(crate) fn plan(&self, read: &Read) -> Plan {
        Plan::new(self.description, Dialect::Sqlite, read).unwrap()
    }

    pub(crate) async fn read(&self, read: &Read) -> Rows {
        self.register.read(&self.plan(read)).await.unwrap()
    }
}

/// Writes a database that need not be sound: references are not checked.
pub(crate) async fn write(path: &std::path::Path, scripts: &[&str]) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(false);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for script in scripts {
        sqlx::raw_sql(sqlx::AssertSqlSafe((*script).to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Reads people by their codes.
pub(crate) fn by_codes(codes: &[&str], fields: &[(&str, Visibility)]) -> Read {
    let values = codes.iter().map(|code| Value::Text((*code).to_owned())).collect();
    Read {
        entity: "person".to_owned(),
        keys: vec![("personalCode".to_owned(), values)],
        fields: fields.iter().map(|(name, visibility)| ((*name).to_owned(), *visibility)).collect(),
        row_facts: Vec::new(),
        conditions: Vec::new(),
        date: "2026-11-22".parse::<Date>().unwrap(),
        limit: 100,
        review: false,
    }
}

pub(crate) fn condition(fact: &str, test: Test, value: Value) -> Condition {
    Condition { fact: fact.to_owned(), test, value, reason: Reason::new("test", "test", "Because.") }
}

/// The condition that names of restricted people are left out by.
pub(crate) fn unrestricted() -> Condition {
    condition("subject.access-restricted", Test::Equal, Value::Truth(false))
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
