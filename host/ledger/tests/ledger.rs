// SPDX-License-Identifier: Apache-2.0
//! Group commit: what a caller may rely on, whatever the journal does.
#![cfg(test)]
#![allow(missing_docs, reason = "a test has no public items")]

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use paasla_core::{AuditRecord, Entry, Outcome};
use paasla_ledger::{Journal, JournalError, Ledger, LedgerConfig, LedgerError};
use tokio::{task::JoinSet, time::timeout};

/// What the journal does with a record of this id.
const REFUSED: &str = "refused";
const PANIC: &str = "panic";
const DOWN: &str = "down";
const HANG: &str = "hang";
const SLOW: &str = "slow";

/// Remembers every append, and by which thread. Each one takes a permit first, so a test can hold the writer back.
#[derive(Default)]
struct Notebook {
    appends: Mutex<Vec<(Vec<String>, String)>>,
    permits: Mutex<usize>,
    more: Condvar,
}

impl Notebook {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self { permits: Mutex::new(permits), ..Self::default() })
    }

    fn free() -> Arc<Self> {
        Self::new(usize::MAX / 2)
    }

    fn add_permits(&self, permits: usize) {
        *self.permits.lock().expect("nobody panics with it") += permits;
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Vec<String>, String)>> {
        self.appends.lock().expect("no append panics while it holds the lock")
    }

    fn appends(&self) -> Vec<Vec<String>> {
        self.lock().iter().map(|(ids, _)| ids.clone()).collect()
    }

    fn threads(&self) -> Vec<String> {
        self.lock().iter().map(|(_, thread)| thread.clone()).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.appends().concat()
    }
}

impl Journal for Notebook {
    fn append(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut permits = self.permits.lock().expect("nobody panics with it");
        while *permits == 0 {
            permits = self.more.wait(permits).expect("nobody panics with it");
        }
        *permits -= 1;
        drop(permits);
        let ids: Vec<String> = entries.iter().map(|entry| entry.id().to_owned()).collect();
        let says = |word: &str| ids.iter().any(|id| id == word);
        if says(HANG) {
            loop {
                thread::park();
            }
        }
        assert!(!says(PANIC), "as asked");
        if says(DOWN) {
            return Err(JournalError::unavailable(std::io::Error::other("disk full")));
        }
        if says(REFUSED) {
            return Err(JournalError::refused(std::io::Error::other("too long")));
        }
        if says(SLOW) {
            thread::sleep(Duration::from_millis(50));
        }
        let thread = thread::current().name().unwrap_or_default().to_owned();
        self.lock().push((ids, thread));
        Ok(())
    }
}

fn record(id: impl Into<String>) -> AuditRecord {
    AuditRecord {
        id: id.into(),
        instant: 1_790_000_000_000,
        outcome: Outcome::Refused,
        codes: vec!["grant.none".into()],
        generation: 1,
        channel: "xroad".into(),
        client: "EE/GOV/70008440/rr".parse().expect("a client"),
        service: None,
        version: None,
        message_id: None,
        request_id: None,
        official: None,
        case: None,
        statements: Vec::new(),
        query: None,
        decision: None,
        rulings: Vec::new(),
        row_decisions: Vec::new(),
        register: None,
        subjects: Vec::new(),
        usage_basis: None,
        usage_holder: None,
        stands_for: None,
        returned: 0,
        cost: 0,
        duration_us: 10,
    }
}

fn config() -> LedgerConfig {
    LedgerConfig { queue: 1024, max_batch: 100, wait: Duration::from_secs(60), gather: Duration::ZERO }
}

fn start(journal: &Arc<Notebook>, config: LedgerConfig) -> Arc<Ledger> {
    Arc::new(Ledger::start(Arc::clone(journal) as Arc<dyn Journal>, config).unwrap())
}

/// Queues records one after another, each from its own task, without waiting for them to be written.
async fn queue(ledger: &Arc<Ledger>, ids: &[&str]) -> JoinSet<(String, Result<(), LedgerError>)> {
    let mut callers = JoinSet::new();
    for id in ids {
        let (ledger, id) = (Arc::clone(ledger), (*id).to_owned());
        callers.spawn(async move { (id.clone(), ledger.record(record(id), || ()).await) });
        tokio::task::yield_now().await;
    }
    callers
}

/// Waits until all that is queued was taken to be written.
async fn taken(ledger: &Ledger) {
    while ledger.queued() > 0 {
        tokio::task::yield_now().await;
    }
}

/// Every caller is told that its record is durable.
async fn all_written(callers: JoinSet<(String, Result<(), LedgerError>)>) {
    assert!(callers.join_all().await.into_iter().all(|(_, result)| result.is_ok()));
}

async fn outcome(callers: JoinSet<(String, Result<(), LedgerError>)>, id: &str) -> Result<(), LedgerError> {
    let all = callers.join_all().await;
    all.into_iter().find(|(of, _)| of == id).expect("every caller is answered").1
}

#[tokio::test]
async fn a_crowd_shares_commits_and_keeps_its_order() {
    let journal = Notebook::new(1);
    let ledger = start(&journal, config());
    let ids: Vec<String> = (0..250).map(|n| format!("{n:03}")).collect();
    let callers = queue(&ledger, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    journal.add_permits(1000);

    all_written(callers).await;
    assert_eq!(journal.ids(), ids);
    let sizes: Vec<usize> = journal.appends().iter().map(Vec::len).collect();
    assert!(sizes.len() <= 5, "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= 100), "{sizes:?}");
}

#[tokio::test]
async fn a_lone_record_does_not_wait_for_company() {
    let journal = Notebook::free();
    let ledger = start(&journal, config());
    ledger.record(record("a"), || ()).await.unwrap();
    ledger.record(record("b"), || ()).await.unwrap();
    assert_eq!(journal.appends(), [["a"], ["b"]]);
}

#[tokio::test]
async fn nobody_is_answered_before_the_append() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, config());
    let mut callers = queue(&ledger, &["a"]).await;
    assert!(timeout(Duration::from_millis(50), callers.join_next()).await.is_err());
    journal.add_permits(1);
    assert!(outcome(callers, "a").await.is_ok());
}

/// Three records in one batch behind a first one that holds the writer.
async fn batch_with(journal: &Arc<Notebook>, middle: &str) -> [Result<(), LedgerError>; 3] {
    let ledger = start(journal, config());
    let first = queue(&ledger, &["first"]).await;
    taken(&ledger).await;
    let callers = queue(&ledger, &["left", middle, "right"]).await;
    journal.add_permits(100);
    assert!(outcome(first, "first").await.is_ok());
    let mut all = callers.join_all().await;
    let mut take = |id: &str| {
        let index = all.iter().position(|(of, _)| of == id).expect("every caller is answered");
        all.swap_remove(index).1
    };
    [take("left"), take(middle), take("right")]
}

#[tokio::test]
async fn one_bad_record_does_not_fail_its_neighbours() {
    for bad in [REFUSED, PANIC] {
        let journal = Notebook::new(0);
        let [left, middle, right] = batch_with(&journal, bad).await;
        assert!(left.is_ok() && right.is_ok(), "{bad}: {left:?} {right:?}");
        assert!(matches!(middle, Err(LedgerError::Journal(_))), "{middle:?}");
        assert_eq!(journal.ids(), ["first", "left", "right"]);
    }
}

#[tokio::test]
async fn a_journal_that_is_down_fails_everyone_without_trying_each() {
    let journal = Notebook::new(0);
    let [left, middle, right] = batch_with(&journal, DOWN).await;
    assert!(left.is_ok(), "it was written when tried alone: {left:?}");
    for failed in [middle, right] {
        assert!(matches!(failed, Err(LedgerError::Journal(JournalError::Unavailable(_)))), "{failed:?}");
    }
    assert_eq!(journal.ids(), ["first", "left"]);
}

#[tokio::test]
async fn the_writer_goes_on_after_a_panic() {
    let journal = Notebook::free();
    let ledger = start(&journal, config());
    let failed = ledger.record(record(PANIC), || ()).await;
    assert!(matches!(failed, Err(LedgerError::Journal(JournalError::Panicked))), "{failed:?}");
    ledger.record(record("a"), || ()).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_hangs_does_not_hang_callers() {
    let wait = Duration::from_millis(100);
    let ledger = start(&Notebook::free(), LedgerConfig { wait, ..config() });
    let begun = Instant::now();
    let callers = queue(&ledger, &[HANG, "a", "b"]).await;
    for (id, result) in callers.join_all().await {
        assert!(matches!(result, Err(LedgerError::TimedOut)), "{id}: {result:?}");
    }
    assert!(matches!(ledger.close().await, Err(LedgerError::TimedOut)));
    assert!(matches!(ledger.record(record("c"), || ()).await, Err(LedgerError::Closed)));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, LedgerConfig { queue: 2, ..config() });
    let first = queue(&ledger, &["writing"]).await;
    taken(&ledger).await;
    let queued = queue(&ledger, &["a", "b"]).await;
    assert_eq!(ledger.queued(), 2);

    let refused = timeout(Duration::from_millis(50), ledger.record(record("c"), || ())).await.unwrap();
    assert!(matches!(refused, Err(LedgerError::Full)), "{refused:?}");

    journal.add_permits(10);
    for callers in [first, queued] {
        all_written(callers).await;
    }
    assert_eq!(journal.ids(), ["writing", "a", "b"]);
}

#[tokio::test]
async fn a_record_is_written_although_its_caller_is_gone() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, config());
    let mut callers = queue(&ledger, &["a", "b"]).await;
    callers.shutdown().await;
    journal.add_permits(10);
    ledger.close().await.unwrap();
    assert_eq!(journal.ids(), ["a", "b"]);
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_takes_no_more() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, LedgerConfig { max_batch: 2, ..config() });
    let callers = queue(&ledger, &["a", "b", "c", "d", "e"]).await;
    let closing = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.close().await }
    });
    tokio::task::yield_now().await;
    journal.add_permits(100);
    closing.await.unwrap().unwrap();

    all_written(callers).await;
    assert_eq!(journal.ids(), ["a", "b", "c", "d", "e"]);
    assert!(matches!(ledger.record(record("f"), || ()).await, Err(LedgerError::Closed)));
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_slow_journal_is_not_a_stuck_one() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, LedgerConfig { max_batch: 1, wait: Duration::from_secs(1), ..config() });
    let callers = queue(&ledger, &["a", "b", "c", "d", "e", "f"]).await;
    let slow = tokio::spawn({
        let journal = Arc::clone(&journal);
        async move {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(250)).await;
                journal.add_permits(1);
            }
        }
    });
    ledger.close().await.unwrap();
    slow.await.unwrap();
    drop(callers);
    assert_eq!(journal.ids(), ["a", "b", "c", "d", "e", "f"]);
}

/// A disk that is quick is waited for where the record comes from, a slow one is not; and the order stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_meets_nobody_writes_by_itself_when_the_disk_is_quick() {
    const LEDGER: &str = "paasla-ledger";
    let journal = Notebook::free();
    let ledger = start(&journal, config());
    // In a task: what blocks must be a worker, with another one beside it.
    let record_all = async |ids: Vec<String>| {
        let ledger = Arc::clone(&ledger);
        let all = async move {
            for id in ids {
                ledger.record(record(id), || ()).await.unwrap();
            }
        };
        tokio::spawn(all).await.unwrap();
    };
    let ids: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    record_all(ids.clone()).await;
    assert_eq!(journal.ids(), ids);
    let threads = journal.threads();
    assert_eq!(threads[0], LEDGER, "nobody knows yet how quick the disk is");
    assert!(threads[1..].iter().all(|thread| thread != LEDGER), "{threads:?}");

    record_all(vec![SLOW.to_owned(), SLOW.to_owned(), "after".to_owned()]).await;
    let threads = journal.threads();
    assert_eq!(threads[21..], [LEDGER, LEDGER], "{threads:?}");

    // A crowd, some by themselves and some not: nothing is lost, and nobody waits for ever.
    let mut callers = JoinSet::new();
    for n in 0..500 {
        let ledger = Arc::clone(&ledger);
        callers.spawn(async move { ledger.record(record(format!("c{n}")), || ()).await });
    }
    assert!(callers.join_all().await.into_iter().all(|result| result.is_ok()));
    assert_eq!(journal.ids().len(), 523);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn what_is_done_meanwhile_is_kept_until_the_record_is_durable() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, config());
    let done = Arc::new(Mutex::new(false));
    let mut callers = JoinSet::new();
    callers.spawn({
        let (ledger, done) = (Arc::clone(&ledger), Arc::clone(&done));
        async move { ledger.record(record("a"), || *done.lock().unwrap() = true).await }
    });
    assert!(timeout(Duration::from_millis(50), callers.join_next()).await.is_err());
    assert!(*done.lock().unwrap(), "it is done while the journal is at work");
    journal.add_permits(1);
    assert!(callers.join_next().await.unwrap().unwrap().is_ok());
}

/// The same where the caller's own thread writes: it is done for nothing when the journal fails, and the record is kept
/// when it panics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_meanwhile_comes_out_where_the_caller_writes() {
    let journal = Notebook::free();
    let ledger = start(&journal, config());
    let record_one = async |id: &'static str, meanwhile: fn() -> u8| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move { ledger.record(record(id), meanwhile).await }).await
    };
    for id in ["first", "alone"] {
        assert_eq!(record_one(id, || 7).await.unwrap().unwrap(), 7);
    }
    let failed = record_one(DOWN, || 7).await.unwrap();
    assert!(matches!(failed, Err(LedgerError::Journal(JournalError::Unavailable(_)))), "{failed:?}");
    assert!(record_one("a", || panic!("as asked")).await.unwrap_err().is_panic());
    assert_eq!(record_one("after", || 8).await.unwrap().unwrap(), 8);
    assert_eq!(journal.ids(), ["first", "alone", "a", "after"]);
    assert!(journal.threads()[1..].iter().all(|thread| thread != "paasla-ledger"));
}

/// Where several met, more come: they are waited for a moment, and share a commit.
#[tokio::test]
async fn a_crowd_is_waited_for() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, LedgerConfig { gather: Duration::from_secs(1), ..config() });
    let first = queue(&ledger, &["a"]).await;
    taken(&ledger).await;
    let crowd = queue(&ledger, &["b", "c", "d", "e"]).await;
    journal.add_permits(100);
    for callers in [first, crowd] {
        all_written(callers).await;
    }
    let later = queue(&ledger, &["f"]).await;
    let last = queue(&ledger, &["g"]).await;
    for callers in [later, last] {
        all_written(callers).await;
    }
    assert_eq!(journal.appends(), [vec!["a"], vec!["b", "c", "d", "e"], vec!["f", "g"]]);
}

/// Who waits for longer than a record may take is told so: a crowd that is back, and whoever joined it, is written at once.
#[tokio::test]
async fn a_crowd_that_is_there_is_not_waited_for() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, LedgerConfig { gather: Duration::from_secs(3_600), ..config() });
    let first = queue(&ledger, &["a"]).await;
    taken(&ledger).await;
    let crowd = queue(&ledger, &["b", "c", "d", "e"]).await;
    journal.add_permits(1);
    taken(&ledger).await;
    let joining = queue(&ledger, &["f"]).await;
    journal.add_permits(100);
    for callers in [first, crowd] {
        all_written(callers).await;
    }
    let back = queue(&ledger, &["g", "h", "i", "j"]).await;
    for callers in [joining, back] {
        all_written(callers).await;
    }
    assert_eq!(journal.appends(), [vec!["a"], vec!["b", "c", "d", "e"], vec!["f", "g", "h", "i", "j"]]);
}

/// Dropped without being closed, a ledger writes what is queued; and its thread does not outlive that.
#[tokio::test]
async fn a_ledger_that_is_dropped_writes_what_is_queued() {
    let journal = Notebook::new(0);
    let ledger = start(&journal, config());
    queue(&ledger, &["a", "b"]).await.shutdown().await;
    drop(ledger);
    journal.add_permits(10);
    let begun = Instant::now();
    while journal.ids().len() < 2 || Arc::strong_count(&journal) > 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", journal.ids());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
