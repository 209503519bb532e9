// SPDX-License-Identifier: Apache-2.0
//! Another file in the register's place: it is read from then on, or nothing is.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

use paasla_core::{Value, Visibility};
use paasla_register::{Description, Dialect, Plan, ReadError, Source as _, SqliteConfig, SqliteRegister};
use tempfile::TempDir;

use crate::fixture::{by_codes, text, write};

fn named() -> Description {
    let toml = r#"
name = "named"
title = "Named"
iri = "urn:named"
time-zone = "UTC"
[[entities]]
name = "named"
table = "named"
key = "id"
fields = [
    { name = "code", column = "code", type = "text", key = true, iri = "urn:c", category = "urn:c" },
    { name = "name", column = "name", type = "text", iri = "urn:n", category = "urn:d" },
]
"#;
    Description::from_toml(toml).unwrap()
}

/// A database in which the one person has this name.
async fn database(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.db"));
    let table = "CREATE TABLE named (id INTEGER PRIMARY KEY, code TEXT NOT NULL, name TEXT NOT NULL);";
    write(&path, &[table, &format!("INSERT INTO named VALUES (1, 'c', '{name}');")]).await;
    path
}

async fn name(register: &SqliteRegister) -> Result<String, ReadError> {
    let mut read = by_codes(&[], &[("name", Visibility::Show)]);
    read.entity = "named".to_owned();
    read.keys = vec![("code".to_owned(), vec![text("c")])];
    let plan = Plan::new(&named(), Dialect::Sqlite, &read).unwrap();
    let rows = register.read(&plan).await?.rows;
    match rows.first().and_then(|row| row.cells.first()).and_then(|(_, cell)| cell.shown()) {
        Some(Value::Text(name)) => Ok(name.clone()),
        other => panic!("{other:?} is no name"),
    }
}

async fn open(path: &Path) -> SqliteRegister {
    SqliteRegister::open(&SqliteConfig::new(path), &named()).await.unwrap()
}

#[tokio::test]
async fn another_file_is_read_once_it_was_looked_at() {
    let folder = TempDir::new().unwrap();
    let path = database(folder.path(), "first").await;
    let register = open(&path).await;
    assert_eq!(name(&register).await.unwrap(), "first");
    fs::rename(database(folder.path(), "second").await, &path).unwrap();
    register.ready().await.unwrap();
    assert_eq!(name(&register).await.unwrap(), "second");
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_another_file() {
    let folder = TempDir::new().unwrap();
    let (link, next) = (folder.path().join("link.db"), folder.path().join("next.db"));
    symlink(database(folder.path(), "first").await, &link).unwrap();
    let register = open(&link).await;
    assert_eq!(name(&register).await.unwrap(), "first");
    symlink(database(folder.path(), "second").await, &next).unwrap();
    fs::rename(&next, &link).unwrap();
    register.ready().await.unwrap();
    assert_eq!(name(&register).await.unwrap(), "second");
}

#[tokio::test]
async fn nothing_is_read_while_there_is_no_register_that_fits() {
    let folder = TempDir::new().unwrap();
    let path = database(folder.path(), "first").await;
    let (away, unfit) = (folder.path().join("away"), folder.path().join("unfit.db"));
    write(&unfit, &["CREATE TABLE named (id INTEGER PRIMARY KEY, code TEXT NOT NULL);"]).await;
    let register = open(&path).await;

    fs::rename(&path, &away).unwrap();
    register.ready().await.unwrap_err();
    name(&register).await.unwrap_err();

    fs::rename(&unfit, &path).unwrap();
    let lacks = ReadError::Missing("column named.name".to_owned());
    assert_eq!(register.ready().await, Err(lacks.clone()));
    assert_eq!(name(&register).await, Err(lacks));

    fs::write(&path, "no database, but as long as the head of one is ".repeat(20)).unwrap();
    register.ready().await.unwrap_err();
    name(&register).await.unwrap_err();

    // Nobody has to look again for it to be read.
    fs::rename(&away, &path).unwrap();
    assert_eq!(name(&register).await.unwrap(), "first");
    register.ready().await.unwrap();
}

/// Nobody is told what is in the old file once somebody was told what is in the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_crowd_does_not_read_two_files_at_a_time() {
    let folder = TempDir::new().unwrap();
    let path = database(folder.path(), "first").await;
    let register = Arc::new(open(&path).await);
    assert_eq!(name(&register).await.unwrap(), "first");
    fs::rename(database(folder.path(), "second").await, &path).unwrap();
    // More of them than there are connections, so that some are opened only now.
    let crowd: Vec<_> = (0..12)
        .map(|_| {
            let register = Arc::clone(&register);
            tokio::spawn(async move {
                let mut names = Vec::new();
                for _ in 0..50 {
                    names.push(name(&register).await.unwrap());
                    tokio::task::yield_now().await;
                }
                names
            })
        })
        .collect();
    register.ready().await.unwrap();
    assert_eq!(name(&register).await.unwrap(), "second");
    for one in crowd {
        let names = one.await.unwrap();
        assert!(names.is_sorted(), "{names:?}");
    }
    assert_eq!(name(&register).await.unwrap(), "second");
}
