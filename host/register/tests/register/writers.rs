// SPDX-License-Identifier: Apache-2.0
//! Many read while somebody else writes: who writes gets a turn, and what was written is what is read.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
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
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};

use crate::fixture::{by_codes, text, write};

const READERS: usize = 6;
const COMMITS: u64 = 60;
/// Where the other program finds the database.
const PATH: &str = "PAASLA_TEST_WRITERS_PATH";

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

async fn writer(path: &Path, wait: Duration) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(wait);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Some who read without a pause, and see to it that nothing is read that was written over.
struct Readers {
    _folder: TempDir,
    path: PathBuf,
    register: Arc<SqliteRegister>,
    written: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Readers {
    /// Of a new database in this mode.
    async fn start(mode: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("counted.db");
        write(&path, &[mode, COUNTED]).await;
        let register = SqliteRegister::open(&SqliteConfig::new(&path), &counted()).await.unwrap();
        let register = Arc::new(register);
        let (written, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let read_on = |_| {
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
        };
        let tasks = (0..READERS).map(read_on).collect();
        Self { _folder: folder, path, register, written, ended, tasks }
    }

    /// Sees to it that whatever is told to be written is read from then on. Gives back how much was.
    async fn all_written(&self, mut told: UnboundedReceiver<u64>) -> u64 {
        let mut written = 0;
        while let Some(commit) = told.recv().await {
            written = commit;
            self.written.store(written, Ordering::Release);
            assert!(number(&self.register, &plan()).await >= written);
        }
        written
    }

    /// Stops them, and gives back how many reads there were.
    async fn end(self) -> u64 {
        self.ended.store(true, Ordering::Release);
        let mut reads = 0;
        for task in self.tasks {
            reads += task.await.unwrap();
        }
        reads
    }
}

/// Adds one, again and again, and tells so each time.
async fn add(path: &Path, wait: Duration, tell: impl Fn(u64)) {
    let mut writer = writer(path, wait).await;
    for commit in 1..=COMMITS {
        let update = sqlx::query("UPDATE counted SET number = number + 1").execute(&mut writer).await;
        update.expect("whoever writes gets a turn");
        tell(commit);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// SQLite itself sees to it that one program's own connections take turns; here another program writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn another_program_that_writes_beside_many_readers_gets_a_turn() {
    if let Ok(path) = std::env::var(PATH) {
        let tell = |commit| {
            println!("commit {commit}");
            std::io::stdout().flush().unwrap();
        };
        return add(Path::new(&path), Duration::from_secs(60), tell).await;
    }
    let readers = Readers::start("PRAGMA journal_mode = delete").await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writers::another_program_that_writes_beside_many_readers_gets_a_turn",
            "--nocapture",
        ])
        .env(PATH, &readers.path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, told) = unbounded_channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listener = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let commit = line.strip_prefix("commit ").and_then(|commit| commit.parse().ok());
            if let Some(commit) = commit {
                tell.send(commit).unwrap();
            }
        }
    });
    let commits = readers.all_written(told).await;
    listener.join().unwrap();
    assert!(child.wait().unwrap().success(), "after {commits} commits whoever writes got no turn");
    assert_eq!(commits, COMMITS);
    let reads = readers.end().await;
    assert!(reads > COMMITS, "{reads} reads are no crowd");
}
