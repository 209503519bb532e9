// SPDX-License-Identifier: Apache-2.0
//! The log of records: what becomes of its files when somebody is killed, and when somebody meddles.

use std::{fs, path::PathBuf, sync::Barrier, thread};

use paasla_core::{AuditRecord, Entry, Outcome};
use paasla_store::{RecordFilter, SqliteStore, Store, StoreError};

use crate::{
    Home as _,
    sample::{NOW, PUBLIC_TASK, append, client, record},
    sqlite::SqliteHome,
};

fn files(home: &SqliteHome, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(home.records()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|of_file| of_file == extension));
    files.sort();
    files
}

fn segments(home: &SqliteHome) -> Vec<PathBuf> {
    files(home, "log")
}

fn lengths(home: &SqliteHome) -> Vec<u64> {
    segments(home).iter().map(|file| fs::metadata(file).unwrap().len()).collect()
}

async fn count(store: &dyn Store) -> u64 {
    store.count_records(&RecordFilter::default()).await.unwrap()
}

/// What a store that was killed leaves: the file is as it was written, and nobody holds its lock.
async fn left(home: &SqliteHome, batches: &[Vec<AuditRecord>]) -> Vec<u8> {
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
        let batch: Vec<AuditRecord> = (0..n % 7)
            .map(|m| AuditRecord {
                official: Some("x".repeat(n * 1_000 + m)),
                instant: NOW + n as i64,
                ..record()
            })
            .collect();
        append(&*store, &batch).unwrap();
        all.extend(batch);
    }
    // Longer than any segment there is by then.
    let long: Vec<AuditRecord> =
        (0..6).map(|_| AuditRecord { official: Some("x".repeat(15 << 20)), ..record() }).collect();
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
    let batches: Vec<Vec<AuditRecord>> = (0..3).map(|_| vec![record(), record()]).collect();
    let bytes = left(&home, &batches).await;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let begins = end - (end - 64) / 3;
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
    for place in (64 + 40..=end).step_by(97) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&segments(&home)[0], changed).unwrap();
        let read = store.record(&one.id).await;
        assert!(matches!(read, Err(StoreError::Corrupt { what: "record", .. })), "byte {place}: {read:?}");
    }
}

/// What was changed before there is an index of it is found all the same, and told by whoever reads it.
#[tokio::test]
async fn what_was_changed_at_once_is_told() {
    let home = SqliteHome::new();
    let (store, one) = (home.open().await, record());
    append(&*store, std::slice::from_ref(&one)).unwrap();
    let good = fs::read(&segments(&home)[0]).unwrap();
    for place in [105, 600] {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        fs::write(&segments(&home)[0], bytes).unwrap();
        assert_eq!(count(&*store).await, 1);
        let read = store.record(&one.id).await;
        assert!(matches!(read, Err(StoreError::Corrupt { what: "record", .. })), "byte {place}: {read:?}");
        let read = store.records(&RecordFilter::default()).await;
        assert!(matches!(read, Err(StoreError::Corrupt { what: "record", .. })), "byte {place}: {read:?}");
    }
}

/// What finds records, and what they count, is made again from the log, whatever of it is lost or damaged.
#[tokio::test]
async fn what_follows_from_the_log_is_made_again() {
    let home = SqliteHome::new();
    let mut all = Vec::new();
    for part in 0..3 {
        let store = home.open().await;
        let records: Vec<AuditRecord> =
            (0..40).map(|n| AuditRecord { instant: NOW + 40 * part + n, ..record() }).collect();
        for batch in records.chunks(7) {
            append(&*store, batch).unwrap();
        }
        all.extend(records);
        store.close().await.unwrap();
    }
    all.reverse();
    let filter = RecordFilter { subject_hash: Some("aa".into()), limit: 1_000, ..RecordFilter::default() };
    assert_eq!(files(&home, "idx").len(), 3);
    let whole = fs::read(&files(&home, "idx")[1]).unwrap();

    let removed = |home: &SqliteHome| fs::remove_file(&files(home, "idx")[1]).unwrap();
    let cut = |home: &SqliteHome| fs::write(&files(home, "idx")[0], &whole[..whole.len() - 4096]).unwrap();
    let emptied = |home: &SqliteHome| fs::write(&files(home, "idx")[2], "").unwrap();
    let another = |home: &SqliteHome| fs::write(&files(home, "idx")[0], &whole).unwrap();
    for meddle in [&removed as &dyn Fn(&SqliteHome), &cut, &emptied, &another] {
        meddle(&home);
        home.tamper("DELETE FROM segment; DELETE FROM usage_bucket").await;
        let store = home.open().await;
        assert_eq!(store.records(&filter).await.unwrap(), all);
        assert_eq!(store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap().year, 2 * 120);
        store.close().await.unwrap();
        assert_eq!(fs::read(&files(&home, "idx")[1]).unwrap(), whole, "it follows from the log alone");
    }
    // Under a store that has looked at them already, byte by byte.
    let store = home.open().await;
    for place in (0..whole.len()).step_by(1 << 10) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&files(&home, "idx")[1], bytes).unwrap();
        assert_eq!(store.records(&filter).await.unwrap(), all, "byte {place}");
        assert_eq!(store.record(&all[60].id).await.unwrap().as_ref(), Some(&all[60]));
    }
}

/// What was never finished is nobody's, and is not taken for anything.
#[tokio::test]
async fn an_index_that_was_not_finished_is_none() {
    let home = SqliteHome::new();
    let store = home.open().await;
    append(&*store, &[record()]).unwrap();
    store.close().await.unwrap();
    let unfinished = home.records().join("0000000001-0000000001.idx.1-1.tmp");
    fs::write(&unfinished, "half").unwrap();
    assert_eq!(count(&*home.open().await).await, 1);
    assert!(unfinished.exists(), "somebody may be at it");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    fs::File::options().write(true).open(&unfinished).unwrap().set_modified(old).unwrap();
    assert_eq!(count(&*home.open().await).await, 1);
    assert!(!unfinished.exists());
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
    }
    // Whoever opens it notes what all count; the others learn of it then.
    let third = SqliteStore::open(home.path()).await.unwrap();
    for store in stores.iter().chain([&third]) {
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
    assert_eq!(count(&*store).await, 1);
    let elsewhere = home.path().with_extension("elsewhere");
    fs::rename(home.records(), &elsewhere).unwrap();
    for _ in 0..2 {
        let refused = append(&*store, &[record()]);
        assert!(matches!(refused, Err(StoreError::Replaced { .. })), "{refused:?}");
    }
    fs::rename(&elsewhere, home.records()).unwrap();
    append(&*store, &[record()]).unwrap();
    for other in [false, true] {
        let reopened = if other { Some(home.open().await) } else { None };
        assert_eq!(count(&**reopened.as_ref().unwrap_or(&store)).await, 2);
    }

    fs::remove_file(segments(&home).last().unwrap()).unwrap();
    let refused = append(&*store, &[record()]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    append(&*store, &[record()]).unwrap();
}

/// An empty folder in the place of the one with the records is not taken for it, by whoever has that open.
#[tokio::test]
async fn another_folder_is_none_of_its_own() {
    let home = SqliteHome::new();
    let store = home.open().await;
    append(&*store, &[record()]).unwrap();
    let elsewhere = home.path().with_extension("elsewhere");
    fs::rename(home.records(), &elsewhere).unwrap();
    fs::create_dir(home.records()).unwrap();
    for _ in 0..3 {
        let refused = append(&*store, &[record()]);
        assert!(matches!(refused, Err(StoreError::Replaced { .. })), "{refused:?}");
    }
    // Fails when there is something in it.
    fs::remove_dir(home.records()).unwrap();
    fs::rename(&elsewhere, home.records()).unwrap();
    append(&*store, &[record()]).unwrap();
    assert_eq!(count(&*store).await, 2, "what was refused is nowhere");
    assert_eq!(count(&*home.open().await).await, 2);
}

/// What is read of a record's bytes is what was known when they were written.
#[test]
fn a_record_that_is_skimmed_is_found_and_counted_alike() {
    let outcomes = [Outcome::Answered, Outcome::Refused, Outcome::Invalid, Outcome::Failed];
    let holders = [None, Some("EE/GOV/70008440".parse().unwrap())];
    for (n, outcome) in outcomes.into_iter().cycle().take(16).enumerate() {
        let entry = Entry::of(&AuditRecord {
            outcome,
            service: (n % 3 > 0).then(|| "person".into()),
            subjects: (0..n % 5).map(|subject| subject.to_string()).collect(),
            usage_basis: (n % 7 > 0).then(|| PUBLIC_TASK.into()),
            usage_holder: holders[n % 2].clone(),
            returned: u32::from(n > 7),
            ..record()
        })
        .unwrap();
        let skimmed = Entry::skim(entry.bytes()).unwrap();
        assert_eq!(skimmed, (entry.finds().clone(), entry.usage().cloned()));
    }
}
