// SPDX-License-Identifier: Apache-2.0
//! Whatever becomes of the files of the log while nobody has them open: it is named by whoever opens the store, or nothing
//! of it is lost.

use std::{collections::BTreeSet, fs, ops::Range, path::PathBuf};

use paasla_core::AuditRecord;
use paasla_store::{
    FaultKind, LogFault, RecordFilter, SqliteStore, Store, StoreError,
    governance::{
        Governance as _,
        change::{ChangeOutcome, NewChange},
    },
};

use crate::{
    sample::{NOW, PUBLIC_TASK, append, client, record},
    sqlite::SqliteHome,
};

const SEGMENTS: u32 = 4;
const BATCHES: usize = 3;
/// Records of a batch, each about two persons.
const RECORDS: usize = 2;
/// Bytes before the first batch, and before a batch's entries.
const HEAD: usize = 64;
const BATCH_HEAD: usize = 40;

/// A folder as it was when its last writer closed it.
struct Closed {
    database: Vec<u8>,
    /// The segments, in order.
    segments: Vec<Vec<u8>>,
    /// The ids of each batch of each segment.
    ids: Vec<Vec<Vec<String>>>,
    is_old: bool,
}

/// A copy of it.
struct Copy(SqliteHome);

type Meddle = Box<dyn Fn(&Copy, &Closed)>;

/// Something that is done to the files, and what is lost by it: segments, and the batches of one. None: nothing.
struct Case {
    name: String,
    meddle: Meddle,
    /// What each fault says that has to be told; none has to be where nothing can be lost.
    told: Vec<String>,
    /// Batches that are not there any more: segment and number, from 0.
    lost: BTreeSet<(usize, usize)>,
}

impl Closed {
    async fn make(is_old: bool) -> Self {
        let home = SqliteHome::new();
        let mut ids = Vec::new();
        for segment in 0..SEGMENTS {
            let store = SqliteStore::open(home.path()).await.unwrap();
            let mut of_segment = Vec::new();
            for _ in 0..BATCHES {
                let batch: Vec<AuditRecord> = (0..RECORDS)
                    .map(|_| AuditRecord { instant: NOW + i64::from(segment), ..record() })
                    .collect();
                append(&store, &batch).unwrap();
                of_segment.push(batch.into_iter().map(|record| record.id).collect());
            }
            ids.push(of_segment);
            store.close().await.unwrap();
        }
        let paths: Vec<PathBuf> = (1..=SEGMENTS).map(|number| path(&home, number)).collect();
        if is_old {
            // As the first version wrote them: noted without what tells them apart.
            for path in &paths {
                let bytes = fs::read(path).unwrap();
                fs::write(path, [b"paasla records 1", &bytes[HEAD..]].concat()).unwrap();
            }
            home.tamper(&format!("UPDATE segment SET noted = noted - {}, id = NULL", HEAD - 16)).await;
            for file in fs::read_dir(home.records()).unwrap().map(|file| file.unwrap().path()) {
                if file.extension().is_some_and(|extension| extension == "idx") {
                    fs::remove_file(file).unwrap();
                }
            }
            SqliteStore::open(home.path()).await.unwrap().close().await.unwrap();
        }
        let segments = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        Self { database: fs::read(home.path()).unwrap(), segments, ids, is_old }
    }

    fn head(&self) -> usize {
        if self.is_old { 16 } else { HEAD }
    }

    /// Where a batch is in its segment.
    fn batch(&self, segment: usize, batch: usize) -> Range<usize> {
        let bytes = &self.segments[segment];
        let mut at = self.head();
        for _ in 0..batch {
            at = end(bytes, at);
        }
        at..end(bytes, at)
    }

    async fn copy(&self, is_noted: bool) -> Copy {
        let home = SqliteHome::new();
        fs::write(home.path(), &self.database).unwrap();
        fs::create_dir(home.records()).unwrap();
        for (number, bytes) in (1..).zip(&self.segments) {
            fs::write(path(&home, number), bytes).unwrap();
        }
        if !is_noted {
            home.tamper("DELETE FROM segment; DELETE FROM usage_bucket").await;
        }
        Copy(home)
    }

    fn records(&self) -> usize {
        self.segments.len() * BATCHES * RECORDS
    }
}

/// Where the batch ends that begins at `at`.
fn end(bytes: &[u8], at: usize) -> usize {
    let length: [u8; 4] = bytes[at + 4..at + 8].try_into().unwrap();
    at + BATCH_HEAD + u32::from_be_bytes(length) as usize
}

fn path(home: &SqliteHome, number: u32) -> PathBuf {
    home.records().join(format!("{number:010}.log"))
}

impl Copy {
    /// The file of a segment; `segment` is from 0.
    fn file(&self, segment: usize) -> PathBuf {
        path(&self.0, u32::try_from(segment).unwrap() + 1)
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.0.path()).await.unwrap()
    }
}

fn name(segment: usize) -> String {
    format!("{:010}.log", segment + 1)
}

fn case(
    name: String,
    told: &[String],
    lost: impl IntoIterator<Item = (usize, usize)>,
    meddle: Meddle,
) -> Case {
    Case { name, meddle, told: told.to_vec(), lost: lost.into_iter().collect() }
}

/// Everything that is done to a folder. `is_noted`: the database knows how far the log was written.
fn cases(closed: &Closed, is_noted: bool) -> Vec<Case> {
    let all = 0..closed.segments.len();
    let batches = |segment: usize| (0..BATCHES).map(move |batch| (segment, batch));
    let last = closed.segments.len() - 1;
    let mut cases = Vec::new();
    for segment in all.clone() {
        let of = name(segment);
        // Of the last one nobody else knows what it held.
        if is_noted || segment < last {
            let missing = [format!("{of} is missing")];
            let remove: Meddle = Box::new(move |copy, _| fs::remove_file(copy.file(segment)).unwrap());
            cases.push(case(format!("{of} removed"), &missing, batches(segment), remove));
            if is_noted || !closed.is_old {
                let emptied: Meddle = Box::new(move |copy, _| fs::write(copy.file(segment), "").unwrap());
                cases.push(case(
                    format!("{of} emptied"),
                    &[format!("{of} has 0 bytes")],
                    batches(segment),
                    emptied,
                ));
            }
        }
        if is_noted {
            for batch in 0..BATCHES {
                let lost = (batch..BATCHES).map(move |batch| (segment, batch));
                for more in [0, BATCH_HEAD + 50] {
                    let cut: Meddle = Box::new(move |copy, closed| {
                        let to = closed.batch(segment, batch).start + more;
                        fs::write(copy.file(segment), &closed.segments[segment][..to]).unwrap();
                    });
                    let name = format!("{of} shortened to batch {batch} and {more} bytes");
                    cases.push(case(name, &[format!("{of} has ")], lost.clone(), cut));
                }
            }
            let replace: Meddle = Box::new(move |copy, closed| {
                let mut bytes = closed.segments[segment].clone();
                bytes.drain(closed.batch(segment, 1));
                fs::write(copy.file(segment), bytes).unwrap();
            });
            cases.push(case(
                format!("{of} without a batch"),
                &[format!("{of} has ")],
                [(segment, 1)],
                replace,
            ));
        }
        for batch in 0..BATCHES {
            // The last batch of a segment that nobody has noted may as well never have been written to the end.
            if !is_noted && batch == BATCHES - 1 {
                continue;
            }
            let range = closed.batch(segment, batch);
            let (begin, length) = (range.start, range.len());
            for place in [3, 8, BATCH_HEAD + 4, length / 2, length - 1] {
                let flip: Meddle = Box::new(move |copy, closed| {
                    let mut bytes = closed.segments[segment].clone();
                    bytes[begin + place] ^= 1;
                    fs::write(copy.file(segment), bytes).unwrap();
                });
                let name = format!("{of}, a bit of batch {batch} flipped in byte {place}");
                cases.push(case(name, &[format!("{of} was changed")], [(segment, batch)], flip));
            }
            let zeros: Meddle = Box::new(move |copy, closed| {
                let mut bytes = closed.segments[segment].clone();
                bytes[begin..begin + length].fill(0);
                fs::write(copy.file(segment), bytes).unwrap();
            });
            let name = format!("{of}, batch {batch} zeroed");
            // Zeros at the end are cut off before the rest is looked at.
            cases.push(case(name, &[format!("{of} ")], [(segment, batch)], zeros));
        }
        for place in (0..closed.head()).step_by(13) {
            let flip: Meddle = Box::new(move |copy, closed| {
                let mut bytes = closed.segments[segment].clone();
                bytes[place] ^= 1;
                fs::write(copy.file(segment), bytes).unwrap();
            });
            let name = format!("{of}, a bit of the head flipped in byte {place}");
            cases.push(case(name, &[format!("{of} was changed")], [], flip));
        }
        let copied: Meddle = Box::new(move |copy, _| {
            fs::copy(copy.file(segment), copy.file(last + 1)).unwrap();
        });
        let told = [format!("{} is a copy of {of}", name(last + 1))];
        cases.push(case(format!("{of} twice"), &told, [], copied));
        let other = (segment + 1) % closed.segments.len();
        let swap: Meddle = Box::new(move |copy, closed| {
            fs::write(copy.file(segment), &closed.segments[other]).unwrap();
            fs::write(copy.file(other), &closed.segments[segment]).unwrap();
        });
        // What is noted nowhere tells segments of the first version apart by their names only: nothing is lost then.
        let told = [
            format!("{of} is segment {} under another name", other + 1),
            format!("{} is segment {} under another name", name(other), segment + 1),
        ];
        let told = if closed.is_old && !is_noted { &[] } else { &told[..] };
        cases.push(case(format!("{of} and {} swapped", name(other)), told, [], swap));
        let over: Meddle = Box::new(move |copy, closed| {
            fs::write(copy.file(other), &closed.segments[segment]).unwrap();
        });
        let told = if closed.is_old && !is_noted && segment > other {
            format!("{of} is a copy of {}", name(other))
        } else {
            format!("{} is a copy of {of}", name(other))
        };
        cases.push(case(format!("{of} over {}", name(other)), &[told], [], over));
    }
    let gone = || all.clone().flat_map(batches);
    if is_noted {
        let told = [format!("{} to {} are missing", name(0), name(last))];
        cases.push(case(
            "the folder emptied".to_owned(),
            &told,
            gone(),
            Box::new(|copy, _| {
                fs::remove_dir_all(copy.0.records()).unwrap();
                fs::create_dir(copy.0.records()).unwrap();
            }),
        ));
        cases.push(case(
            "the folder removed".to_owned(),
            &told,
            gone(),
            Box::new(|copy, _| fs::remove_dir_all(copy.0.records()).unwrap()),
        ));
    }
    for far in [3_000_000, u32::MAX] {
        let told = [format!("{} to {:010}.log are missing", name(last + 1), far - 1)];
        cases.push(case(
            format!("a segment {far}"),
            &told,
            [],
            Box::new(move |copy, _| fs::write(path(&copy.0, far), "paasla records 1").unwrap()),
        ));
    }
    cases
}

fn change() -> NewChange {
    NewChange {
        instant: NOW,
        who: "kalle".into(),
        token: None,
        institution: None,
        action: "records.accept-loss".into(),
        target: "records".into(),
        version: None,
        reason: "the disk broke".into(),
        outcome: ChangeOutcome::Done,
        before: None,
        after: None,
        problems: Vec::new(),
        cancelled: Vec::new(),
    }
}

async fn persons(store: &SqliteStore) -> u64 {
    store.usage(&client("rr"), PUBLIC_TASK, NOW).await.unwrap().year
}

async fn count(store: &SqliteStore) -> usize {
    usize::try_from(store.count_records(&RecordFilter::default()).await.unwrap()).unwrap()
}

async fn try_all(is_old: bool, is_noted: bool) {
    let closed = Closed::make(is_old).await;
    let all = closed.records();
    let whole = closed.copy(is_noted).await;
    let store = whole.open().await;
    assert_eq!(store.check_records().await.unwrap(), []);
    assert_eq!((count(&store).await, persons(&store).await), (all, 2 * all as u64));
    for case in cases(&closed, is_noted) {
        let copy = closed.copy(is_noted).await;
        (case.meddle)(&copy, &closed);
        let store = copy.open().await;
        let faults = store.check_records().await.unwrap();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        for fault in &case.told {
            assert!(
                told.iter().any(|told| told.starts_with(fault)),
                "{}: {fault} is not in {told:#?}",
                case.name
            );
        }
        let most = 2 * all as u64;
        assert!(persons(&store).await <= most, "{}: something counts twice", case.name);
        if case.told.is_empty() {
            assert_eq!((count(&store).await, persons(&store).await), (all, most), "{}", case.name);
        }
        if is_noted {
            assert_eq!(persons(&store).await, most, "{}: what was counted stays", case.name);
        }
        if faults.iter().all(LogFault::is_loss) && !faults.is_empty() {
            give_up(&copy, store, &closed, &case, &faults, is_noted).await;
        } else {
            store.close().await.unwrap();
        }
    }
}

/// Goes on without what is lost, and looks for all that is not.
async fn give_up(
    copy: &Copy,
    store: SqliteStore,
    closed: &Closed,
    case: &Case,
    faults: &[LogFault],
    is_noted: bool,
) {
    let name = &case.name;
    if !store.check_records().await.unwrap().is_empty() {
        store.accept_loss(faults, &change()).await.unwrap();
        store.close().await.unwrap();
    }
    let all = closed.records() as u64;
    let left = all - (case.lost.len() * RECORDS) as u64;
    for _ in 0..2 {
        let store = copy.open().await;
        assert_eq!(store.check_records().await.unwrap(), [], "{name}");
        for (segment, batches) in closed.ids.iter().enumerate() {
            for (batch, ids) in batches.iter().enumerate() {
                for id in ids {
                    let found = store.record(id).await.unwrap().is_some();
                    assert_eq!(found, !case.lost.contains(&(segment, batch)), "{name}: {segment}, {batch}");
                }
            }
        }
        let counted = if is_noted { all } else { left };
        assert_eq!(persons(&store).await, 2 * counted, "{name}: all that can be read counts once");
        assert_eq!(count(&store).await as u64, left, "{name}");
        store.close().await.unwrap();
    }
    let store = copy.open().await;
    let next = record();
    append(&store, std::slice::from_ref(&next)).unwrap();
    store.close().await.unwrap();
    let store = copy.open().await;
    assert_eq!(store.check_records().await.unwrap(), [], "{name}");
    assert_eq!(store.record(&next.id).await.unwrap(), Some(next), "{name}: what is written then is found");
    let counted = if is_noted { all } else { left };
    assert_eq!(persons(&store).await, 2 * counted + 2, "{name}: and counted");
    let changes = store.changes(Some("records"), None, None, 10).await.unwrap();
    assert_eq!(changes[0].what.reason, "the disk broke");
}

#[tokio::test]
async fn what_is_noted_is_missed() {
    try_all(false, true).await;
}

#[tokio::test]
async fn what_is_noted_nowhere_is_missed_where_segments_tell_of_each_other() {
    try_all(false, false).await;
}

#[tokio::test]
async fn segments_of_the_first_version_are_read_and_missed() {
    try_all(true, true).await;
}

#[tokio::test]
async fn segments_of_the_first_version_that_are_noted_nowhere_are_read() {
    try_all(true, false).await;
}

/// A store on a folder that is not as it was writes nothing to it.
#[tokio::test]
async fn nothing_is_written_where_something_is_wrong() {
    let closed = Closed::make(false).await;
    let copy = closed.copy(true).await;
    fs::remove_file(copy.file(1)).unwrap();
    let store = copy.open().await;
    let refused = append(&store, &[record()]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    store.close().await.unwrap();
    assert!(!copy.file(SEGMENTS as usize).exists());
}

/// A number that is far ahead takes no memory, and nothing can be accepted that would leave no number.
#[tokio::test]
async fn the_last_number_is_no_segment() {
    let closed = Closed::make(false).await;
    let copy = closed.copy(true).await;
    fs::write(path(&copy.0, u32::MAX), "paasla records 1").unwrap();
    let faults = copy.open().await.check_records().await.unwrap();
    assert_eq!(faults.last().unwrap().kind, FaultKind::Last);
    assert!(!faults.last().unwrap().is_loss());
}

/// Names that only look like those of segments are nobody's.
#[tokio::test]
async fn other_files_are_left_alone() {
    let closed = Closed::make(false).await;
    let copy = closed.copy(true).await;
    for name in
        ["5.log", "+000000006.log", "00000000007.log", "0000000000.log", "note.txt", "0000000008.log.gz"]
    {
        fs::copy(copy.file(0), copy.0.records().join(name)).unwrap();
    }
    let store = copy.open().await;
    assert_eq!(store.check_records().await.unwrap(), []);
    assert_eq!(count(&store).await, closed.records());
}
