// SPDX-License-Identifier: Apache-2.0
//! A disk that takes nothing leaves nothing behind, and is written to again when it does.
//!
//! The test starts itself again as a child under a limit on the length of files, which the system enforces as it does a full
//! disk: a file can be made, and nothing be written to it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use paasla_store::{RecordFilter, SqliteStore, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    sample::{append, record},
    sqlite::SqliteHome,
};

const PATH: &str = "PAASLA_TEST_FULL_PATH";

#[tokio::test]
async fn a_write_that_fails_leaves_no_file() {
    if let Ok(path) = std::env::var(PATH) {
        return fill(Path::new(&path)).await;
    }
    let home = SqliteHome::new();
    // Without the signal, a write beyond the limit is an error.
    let script = "trap '' XFSZ; exec \"$0\" --exact full::a_write_that_fails_leaves_no_file --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(PATH, home.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}\n{told}", String::from_utf8_lossy(&child.stdout));
    // What was refused is nowhere, whoever looks.
    let store = SqliteStore::open(home.path()).await.unwrap();
    assert_eq!(store.check_records().await.unwrap(), []);
    assert_eq!(store.count_records(&RecordFilter::default()).await.unwrap(), 3);
}

fn limit(bytes: Option<u64>) {
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes, ..limit }).unwrap();
}

fn files(path: &Path) -> BTreeSet<String> {
    let folder = format!("{}-records", path.display());
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Tries until it is written; a minute is more than enough.
fn write(store: &SqliteStore) {
    let began = Instant::now();
    while let Err(error) = append(store, &[record()]) {
        assert!(began.elapsed() < Duration::from_secs(60), "{error:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What the child does.
async fn fill(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    // Before there is any segment, with one at work, and with one that has ended.
    for round in 0..3 {
        let before = files(path);
        limit(Some(0));
        let began = Instant::now();
        // Long enough that it is tried again several times.
        while began.elapsed() < Duration::from_secs(3) {
            for _ in 0..100 {
                append(&store, &[record()]).unwrap_err();
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(files(path), before, "round {round}");
        limit(None);
        write(&store);
    }
    store.close().await.unwrap();
}
