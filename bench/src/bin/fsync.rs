// SPDX-License-Identifier: Apache-2.0
//! What the disk takes to make one record durable: the least that any record can cost in this folder.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Parser;
use paasla_bench::sample::{Line, Samples};
use sqlx::{
    Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// Measures writes that are on disk when they return, and SQLite's commits.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder; a file for each measurement is made in it, and removed.
    #[arg(long)]
    folder: PathBuf,
    /// How many of each.
    #[arg(long, default_value_t = 500)]
    count: usize,
}

/// About as many bytes as one record of the governed query has, with its frame.
const RECORD: [u8; 5_760] = [b'r'; 5_760];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { folder, count } = Arguments::parse();
    Line::new("fsync", "disk", &writes(&folder.join("fsync.bin"), count)?)?.write()?;
    Line::new("fsync", "sqlite-wal", &commits(&folder.join("fsync.sqlite"), count).await?)?.write()
}

/// As many bytes as SQLite's log grows to before it begins again from its start.
const LOG: usize = 4 << 20;

/// Commits before that: the log has then begun again, and its commits find their place on the disk.
const WARM_UP: usize = 1_200;

/// Writes over what is there already: a file that grows would have the file system write its size too, which a log that
/// has been full once does not.
fn writes(path: &Path, count: usize) -> Result<Samples> {
    let mut file = File::create(path)?;
    file.write_all(&vec![0; LOG])?;
    file.sync_all()?;
    file.rewind()?;
    let mut samples = Samples::default();
    for nth in 0..count + count / 10 {
        if nth % (LOG / RECORD.len()) == 0 {
            file.rewind()?;
        }
        let mut write = || file.write_all(&RECORD).and_then(|()| file.sync_data());
        if nth < count / 10 { write()? } else { samples.time(write).0? }
    }
    std::fs::remove_file(path)?;
    Ok(samples)
}

/// One record a transaction, in a write-ahead log, each commit on disk when it returns: as the store does it.
async fn commits(path: &Path, count: usize) -> Result<Samples> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
        .execute(&mut connection)
        .await?;
    let mut samples = Samples::default();
    for nth in 0..count + WARM_UP {
        let began = std::time::Instant::now();
        sqlx::query("INSERT INTO record (body) VALUES (?1)")
            .bind(&RECORD[..])
            .execute(&mut connection)
            .await?;
        if nth >= WARM_UP {
            samples.record(began.elapsed());
        }
    }
    connection.close().await?;
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    Ok(samples)
}
