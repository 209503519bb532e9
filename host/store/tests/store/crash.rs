// SPDX-License-Identifier: Apache-2.0
//! A killed program loses nothing that it had acknowledged, and leaves nothing half-written.
//!
//! The test starts itself again as a child that writes and tells what was acknowledged, and kills it with SIGKILL
//! at no particular moment. That shows what a crash of the program does; a loss of power is the promise of SQLite
//! (`synchronous=FULL`), and of `fdatasync`.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use paasla_core::{AuditRecord, Rulebook};
use paasla_store::{RecordFilter, SqliteStore, Store};
use uuid::Uuid;

use crate::{
    sample::{NOW, PUBLIC_TASK, append, client, grant, record, rulebook},
    sqlite::SqliteHome,
};

const PATH: &str = "PAASLA_TEST_CRASH_PATH";
const BATCH: usize = 3;

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill() {
    if let Ok(path) = std::env::var(PATH) {
        return write_until_killed(&path).await;
    }
    let home = SqliteHome::new();
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        acknowledged.extend(write_and_be_killed(&home.path(), Duration::from_micros(round * 1_700)));
        check(&home.path(), &acknowledged).await;
    }
    assert!(acknowledged.len() >= 60, "too little was written to tell anything");
}

/// Runs the child until it has written a while, kills it, and returns what it acknowledged.
fn write_and_be_killed(path: &Path, longer: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::what_was_acknowledged_outlives_a_kill", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("ack ")?.to_owned()));
    let mut acknowledged: Vec<String> = told.by_ref().take(10).collect();
    thread::sleep(longer);
    child.kill().unwrap();
    acknowledged.extend(told);
    child.wait().unwrap();
    acknowledged
}

/// Every acknowledged batch and generation is there, every batch is whole, and usage agrees with the records.
async fn check(path: &Path, acknowledged: &[String]) {
    let store = SqliteStore::open(path).await.unwrap();
    let mut batches: BTreeMap<String, usize> = BTreeMap::new();
    let mut filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let count = store.count_records(&filter).await.unwrap();
    for _ in 0..=count / u64::from(RecordFilter::MAX_LIMIT) {
        let page = store.records(&filter).await.unwrap();
        filter.before_id = page.last().map(|last| last.id.clone());
        for record in page {
            *batches.entry(record.message_id.unwrap()).or_default() += 1;
        }
    }
    assert!(batches.values().all(|&records| records == BATCH), "{batches:?}");
    let usage = store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap();
    assert_eq!(usage.year, 2 * (BATCH * batches.len()) as u64);

    let generations: Vec<u64> = store.generations().await.unwrap().iter().map(|g| g.generation).collect();
    let newest = generations.len() as u64;
    assert_eq!(generations, (1..=newest).rev().collect::<Vec<_>>());
    assert_eq!(store.rulebook().await.unwrap().map_or(0, |rulebook| rulebook.generation), newest);
    for ack in acknowledged {
        match ack.parse::<u64>() {
            Ok(generation) => assert!(generation <= newest, "generation {generation} is lost"),
            Err(_) => assert!(batches.contains_key(ack), "batch {ack} is lost"),
        }
    }
}

/// What the child does.
async fn write_until_killed(path: &str) {
    let store = SqliteStore::open(path).await.unwrap();
    let acknowledge = |what: String| {
        let mut out = std::io::stdout().lock();
        // The test runner may have left a line open.
        writeln!(out, "\nack {what}").and_then(|()| out.flush()).unwrap();
    };
    loop {
        let batch = Uuid::now_v7().to_string();
        let records: Vec<AuditRecord> =
            (0..BATCH).map(|_| AuditRecord { message_id: Some(batch.clone()), ..record() }).collect();
        append(&store, &records).unwrap();
        acknowledge(batch);
        let changed = Rulebook { grants: vec![grant(&Uuid::now_v7().to_string())], ..rulebook() };
        acknowledge(store.install(&changed, "child", "again").await.unwrap().to_string());
    }
}
