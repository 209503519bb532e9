// SPDX-License-Identifier: Apache-2.0
//! Many read while somebody else writes: who writes gets a turn, and what was written is what is read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use paasla_core::{Value, Visibility};
use paasla_register::{Description, Dialect, Plan, Source as _, SqliteConfig, SqliteRegister};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::fixture::{by_codes, text, write};

const READERS: usize = 6;
const COMMITS: u64 = 60;

const COUNTED: &str =
    "CREATE TABLE counted (id INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER NOT NULL);
    INSERT INTO counted VALUES (1, 'x', 0);";

fn counted() -> Description {
    let toml = r#"
name = "counted"
title = "Counted"
iri = "urn:counted"
time-zone = "UTC"
[[entities]]
name = "counted"
table = "counted"
key = "id"
fields = [
    { name = "name", column = "name", type = "text", key = true, iri = "urn:n", category = "urn:c" },
    { name = "number", column = "number", type = "integer", iri = "urn:m", category = "urn:d" },
]
"#;
    Description::from_toml(toml).unwrap()
}

fn plan() -> Plan {
    let mut read = by_codes(&[], &[("number", Visibility::Show)]);
    read.entity = "counted".to_owned();
    read.keys = vec![("name".to_owned(), vec![text("x")])];
    Plan::new(&counted(), Dialect::Sqlite, &read).unwrap()
}

async fn number(register: &SqliteRegister, plan: &Plan) -> u64 {
    let rows = register.read(plan).await.unwrap().rows;
    match rows.first().and_then(|row| row.cells.first()).and_then(|(_, cell)| cell.shown()) {
        Some(Value::Integer(number)) => u64::try_from(*number).unwrap(),
        _ => panic!("the number was not read"),
    }
}

async fn writer(path: &std::path::Path, wait: Duration) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(wait);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Readers without a pause, and a writer beside them. Gives back how many reads there were.
async fn read_and_write(mode: &'static str) -> u64 {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counted.db");
    write(&path, &[mode, COUNTED]).await;
    let register = Arc::new(SqliteRegister::open(&SqliteConfig::new(&path), &counted()).await.unwrap());
    let (written, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (register, written, ended) =
                (Arc::clone(&register), Arc::clone(&written), Arc::clone(&ended));
            tokio::spawn(async move {
                let (plan, mut reads) = (plan(), 0_u64);
                while !ended.load(Ordering::Acquire) {
                    let before = written.load(Ordering::Acquire);
                    let read = number(&register, &plan).await;
                    assert!(read >= before, "{read} was read when {before} had been written");
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    let mut writer = writer(&path, Duration::from_secs(20)).await;
    for commit in 1..=COMMITS {
        let update = sqlx::query("UPDATE counted SET number = number + 1").execute(&mut writer).await;
        update.expect("whoever writes gets a turn");
        written.store(commit, Ordering::Release);
        assert!(number(&register, &plan()).await >= commit, "{mode}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ended.store(true, Ordering::Release);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_beside_many_readers_gets_a_turn_and_is_read_at_once() {
    for mode in ["PRAGMA journal_mode = delete", "PRAGMA journal_mode = wal"] {
        let reads = tokio::spawn(read_and_write(mode)).await.unwrap();
        assert!(reads > COMMITS, "{mode}: {reads} reads are no crowd");
    }
}

/// Nobody has to read once more for a lock to be let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lock_is_kept_when_nobody_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("counted.db");
    write(&path, &[COUNTED]).await;
    let register = SqliteRegister::open(&SqliteConfig::new(&path), &counted()).await.unwrap();
    let reads = async move {
        let plan = plan();
        let mut writer = writer(&path, Duration::ZERO).await;
        for round in 1..=5 {
            for _ in 0..50 {
                assert_eq!(number(&register, &plan).await, round - 1);
            }
            let mut tries = 0;
            while let Err(error) =
                sqlx::query("UPDATE counted SET number = number + 1").execute(&mut writer).await
            {
                tries += 1;
                assert!(tries < 2_000, "a lock is kept although nobody reads: {error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::spawn(reads).await.unwrap();
}
