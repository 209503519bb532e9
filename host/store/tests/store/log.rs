// SPDX-License-Identifier: Apache-2.0
//! The log of records: what becomes of its files when somebody is killed, and when somebody meddles.

use std::{fs, path::PathBuf, sync::Barrier, thread};

use paasla_core::{Entry, Record};
use paasla_store::{RecordFilter, SqliteStore, Store, StoreError};

use crate::{
    Home as _,
    sample::{NOW, PUBLIC_TASK, append, client, record},
    sqlite::SqliteHome,
};

fn segments(home: &SqliteHome) -> Vec<PathBuf> {
    let files = fs::read_dir(home.records()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn lengths(home: &SqliteHome) -> Vec<u64> {
    segments(home).iter().map(|file| fs::metadata(file).unwrap().len()).collect()
}

async fn count(store: &dyn Store) -> u64 {
    store.count_records(&RecordFilter::default()).await.unwrap()
}

/// What a store that was killed leaves: the file is as it was written, and nobody holds its lock.
async fn left(home: &SqliteHome, batches: &[Vec<Record>]) -> Vec<u8> {
    let store = SqliteStore::open(home.path()).await.unwrap();
    for batch in batches {
        append(&store, batch).unwrap();
    }
    drop(store);
    fs::read(&segments(home)[0]).unwrap()
}

#[tokio::test]
async fn nothing_is_made_before_the_first_record_and_nothing_is_left_of_what_was_not_used() {
    let home = SqliteHome::new();
    let store = home.open().await;
    assert!(segments(&home).is_empty());
    append(&*store, &[record()]).unwrap();
    assert!(lengths(&home)[0] >= 1 << 20, "it is made ahead");
    store.close().await.unwrap();
    assert!(lengths(&home)[0] < 8 << 10, "{:?}", lengths(&home));
}

/// Many segments, each full of records of different lengths: all are found, and all count once.
#[tokio::test]
async fn records_go_on_in_the_next_segment() {
    let home = SqliteHome::new();
    let store = home.open().await;
    let mut all = Vec::new();
    for n in 0..60_usize {
        let batch: Vec<Record> = (0..n % 7)
            .map(|m| Record {
                official: Some("x".repeat(n * 1_000 + m)),
                instant: NOW + n as i64,
                ..record()
            })
            .collect();
        append(&*store, &batch).unwrap();
        all.extend(batch);
    }
    // Longer than any segment there is by then.
    let long: Vec<Record> =
        (0..6).map(|_| Record { official: Some("x".repeat(15 << 20)), ..record() }).collect();
    append(&*store, &long).unwrap();
    all.extend(long);
    append(&*store, &[]).unwrap();
    assert!(segments(&home).len() >= 4, "{:?}", lengths(&home));
    for again in [false, true] {
        let reopened = if again { Some(home.open().await) } else { None };
        let store = reopened.as_ref().unwrap_or(&store);
        assert_eq!(count(&**store).await, all.len() as u64);
        for record in all.iter().step_by(17) {
            assert_eq!(store.record(&record.id).await.unwrap().as_ref(), Some(record));
        }
        let usage = store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap();
        assert_eq!(usage.year, 2 * all.len() as u64);
    }
}

/// Wherever a batch was cut short, those before it are there, it is not, and what comes after is.
#[tokio::test]
async fn a_batch_that_is_not_whole_is_none() {
    let home = SqliteHome::new();
    let batches: Vec<Vec<Record>> = (0..3).map(|_| vec![record(), record()]).collect();
    let bytes = left(&home, &batches).await;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let begins = end - (end - 16) / 3;
    for cut in (begins + 1..end).step_by(241).chain([begins + 1, begins + 4, begins + 39, end - 1]) {
        // Both as if the rest had never reached the disk, and as if the file had ended there.
        for zeros in [true, false] {
            let other = SqliteHome::new();
            fs::create_dir(other.records()).unwrap();
            let mut torn = bytes[..cut].to_vec();
            if zeros {
                torn.resize(bytes.len(), 0);
            }
            fs::write(other.records().join("0000000001.log"), torn).unwrap();
            let store = other.open().await;
            assert_eq!(count(&*store).await, 4, "cut at {cut}");
            let next = record();
            append(&*store, std::slice::from_ref(&next)).unwrap();
            assert_eq!(count(&*store).await, 5);
            for (batch, there) in [(&batches[1], true), (&batches[2], false)] {
                assert_eq!(store.record(&batch[0].id).await.unwrap().is_some(), there, "cut at {cut}");
            }
            assert_eq!(store.record(&next.id).await.unwrap(), Some(next));
        }
    }
}

/// A byte that was changed shows, in whatever place.
#[tokio::test]
async fn what_was_changed_is_not_read() {
    let home = SqliteHome::new();
    let one = record();
    let bytes = left(&home, &[vec![one.clone()]]).await;
    let store = home.open().await;
    assert_eq!(store.record(&one.id).await.unwrap().as_ref(), Some(&one));
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // After the head of the segment and the batch: the record's own.
    for place in (16 + 40..=end).step_by(97) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&segments(&home)[0], changed).unwrap();
        let read = store.record(&one.id).await;
        assert!(matches!(read, Err(StoreError::Corrupt { what: "record", .. })), "byte {place}: {read:?}");
    }
}

/// What was changed before anything of it was noted is no silence either.
#[tokio::test]
async fn what_was_changed_at_once_is_told() {
    let home = SqliteHome::new();
    let (store, one) = (home.open().await, record());
    append(&*store, std::slice::from_ref(&one)).unwrap();
    let good = fs::read(&segments(&home)[0]).unwrap();
    for place in [17, 21, 57] {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        fs::write(&segments(&home)[0], bytes).unwrap();
        let counted = store.count_records(&RecordFilter::default()).await;
        assert!(matches!(counted, Err(StoreError::Unavailable(_))), "byte {place}: {counted:?}");
    }
    let mut bytes = good;
    bytes[600] ^= 1;
    fs::write(&segments(&home)[0], bytes).unwrap();
    let read = store.record(&one.id).await;
    assert!(matches!(read, Err(StoreError::Corrupt { what: "record", .. })), "{read:?}");
}

/// What finds records is made again from the log, and counts what it counted.
#[tokio::test]
async fn a_lost_index_is_made_again() {
    let home = SqliteHome::new();
    let store = home.open().await;
    let all: Vec<Record> = (0..40).map(|n| Record { instant: NOW + n, ..record() }).collect();
    for batch in all.chunks(7) {
        append(&*store, batch).unwrap();
    }
    let filter = RecordFilter { subject_hash: Some("aa".into()), ..RecordFilter::default() };
    let found = store.records(&filter).await.unwrap();
    let usage = store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap();
    store.close().await.unwrap();
    home.tamper(
        "DELETE FROM record; DELETE FROM record_subject; DELETE FROM segment; DELETE FROM usage_bucket",
    )
    .await;
    let store = home.open().await;
    assert_eq!(store.records(&filter).await.unwrap(), found);
    assert_eq!(found.len(), 40);
    assert_eq!(store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap(), usage);
}

/// Several stores write to one folder at a time: nothing is lost, nothing counts twice, and each sees all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_at_a_time_write_side_by_side() {
    const EACH: usize = 50;
    let home = SqliteHome::new();
    let stores: Vec<SqliteStore> =
        vec![SqliteStore::open(home.path()).await.unwrap(), SqliteStore::open(home.path()).await.unwrap()];
    let begin = Barrier::new(stores.len());
    thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..EACH {
                    store.append(&[Entry::of(&record()).unwrap()]).unwrap();
                }
            });
        }
    });
    for store in &stores {
        assert_eq!(count(store).await, 2 * EACH as u64);
        let usage = store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap();
        assert_eq!(usage.hour, 4 * EACH as u64);
    }
}

/// Records do not go where nobody would find them; and when the folder is there again, nothing else is needed.
#[tokio::test]
async fn without_its_folder_nothing_is_written() {
    let home = SqliteHome::new();
    let store = home.open().await;
    append(&*store, &[record()]).unwrap();
    let elsewhere = home.path().with_extension("elsewhere");
    fs::rename(home.records(), &elsewhere).unwrap();
    for _ in 0..2 {
        let refused = append(&*store, &[record()]);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    fs::rename(&elsewhere, home.records()).unwrap();
    append(&*store, &[record()]).unwrap();
    // The one that was refused after it was written may be there; it is no more than that one.
    assert!((2..=3).contains(&count(&*store).await));

    fs::remove_file(&segments(&home)[1]).unwrap();
    let refused = append(&*store, &[record()]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    append(&*store, &[record()]).unwrap();
}
