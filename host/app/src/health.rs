// SPDX-License-Identifier: Apache-2.0
//! The health of the host: whether a query would be answered now, part by part.
//!
//! The parts are checked twice a second, and the last result is answered: a request costs nothing. What a query would
//! not notice by itself refuses it by the same check, so that the health door and the queries agree.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use paasla_register::{ReadError, Source};
use paasla_store::{Store, StoreError};
use serde::Serialize;

use super::{LostLines, active::Active, clock};

/// How often the parts are to be looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What takes longer is not well.
const MAX_LOOK: Duration = Duration::from_secs(2);

/// With fewer bytes free no query is answered, so that governance still has room to act.
const MIN_FREE_BYTES: u64 = 4 << 20;

/// Whether the host is ready: what `/health/ready` says. The register, the control database, the records and the disk
/// decide; the rest is information.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether a query would be answered.
    #[serde(skip)]
    pub is_ready: bool,
    /// Whether the host is about to stop.
    pub stopping: bool,
    /// How many policies are out of service because their rules broke too often.
    pub quarantined: usize,
    /// The register can be read, and has all that its description names.
    pub register: Part,
    /// The control database can be read, and is the one that was opened.
    pub control: Part,
    /// Records can be written.
    pub records: Part,
    /// There is room for records.
    pub disk: Disk,
    /// The rulebook at work is the newest one.
    pub rulebook: RulebookPart,
    /// All lines could be logged, or the log says how many could not.
    pub log: Log,
    /// The system's clock has not jumped.
    pub clock: Clock,
}

/// One part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Whether it does its work.
    pub ok: bool,
    /// What is wrong: `replaced`, `unfit`, `slow` or `unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
}

/// The disk that records are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Whether there is room for more.
    pub ok: bool,
    /// How many bytes are free, where the system knows.
    pub free_bytes: Option<u64>,
}

/// Which rulebook queries are decided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulebookPart {
    /// Whether it is the newest.
    pub ok: bool,
    /// Its generation.
    pub generation: u64,
}

/// The log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// Whether the log has reported all lines that were lost.
    pub ok: bool,
    /// How many lines were lost since the start.
    pub lost_lines: u64,
}

/// The system's clock beside the host's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// Whether the host goes by the system's clock.
    pub ok: bool,
    /// How many seconds the system's clock is ahead of the time that the host goes by.
    pub jumped_seconds: i64,
}

impl Part {
    const WELL: Self = Self { ok: true, problem: None };

    fn of<E>(result: &Result<(), E>, problem: impl FnOnce(&E) -> &'static str) -> Self {
        match result {
            Ok(()) => Self::WELL,
            Err(error) => Self { ok: false, problem: Some(problem(error)) },
        }
    }
}

/// Checks the parts, and answers with the last result.
pub struct Health {
    /// The rulebook at work.
    active: Arc<ArcSwap<Active>>,
    source: Arc<dyn Source>,
    store: Arc<dyn Store>,
    stopping: AtomicBool,
    seen: ArcSwap<Readiness>,
    lost_lines: LostLines,
    /// Whether the system's clock had jumped when it was last looked at.
    has_jumped: AtomicBool,
}

impl Health {
    /// Before the first look everything is taken to be as the start found it.
    pub(super) fn new(
        active: Arc<ArcSwap<Active>>,
        source: Arc<dyn Source>,
        store: Arc<dyn Store>,
        lost_lines: LostLines,
    ) -> Self {
        let seen = Readiness {
            is_ready: true,
            register: Part::WELL,
            control: Part::WELL,
            records: Part::WELL,
            disk: Disk { ok: true, free_bytes: None },
            ..Readiness::default()
        };
        Self {
            active,
            source,
            store,
            stopping: AtomicBool::new(false),
            seen: ArcSwap::from_pointee(seen),
            lost_lines,
            has_jumped: AtomicBool::new(false),
        }
    }

    /// Whether control data are there that a query can be decided by.
    pub(super) fn has_control(&self) -> bool {
        self.seen.load().control.ok
    }

    /// Whether there is room for records.
    pub(super) fn has_room(&self) -> bool {
        self.seen.load().disk.ok
    }

    /// Tells everybody who asks that the host is not ready any more: it is about to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Looks at all parts, and remembers what it sees. For every [`LOOK_EVERY`].
    pub async fn look(&self) {
        let register = tokio::time::timeout(MAX_LOOK, self.source.ready());
        let store = tokio::time::timeout(MAX_LOOK, self.store.health());
        let newest = tokio::time::timeout(MAX_LOOK, self.store.newest());
        let (register, store, newest) = tokio::join!(register, store, newest);
        let before = self.seen.load_full();
        let generation = self.active.load().rulebook.generation;
        let (control, records, free_bytes) = match store {
            Ok(health) => (Some(health.control), Some(health.records), health.free_bytes),
            Err(_) => (None, None, before.disk.free_bytes),
        };
        let mut seen = Readiness {
            is_ready: false,
            stopping: false,
            quarantined: 0,
            register: looked_at("register", before.register, register.ok(), register_problem),
            control: looked_at("control database", before.control, control, store_problem),
            records: looked_at("folder of records", before.records, records, store_problem),
            disk: Disk { ok: free_bytes.is_none_or(|free| free >= MIN_FREE_BYTES), free_bytes },
            rulebook: RulebookPart {
                ok: newest.is_ok_and(|newest| newest.is_ok_and(|newest| newest == generation)),
                generation,
            },
            log: Log::default(),
            clock: Clock::default(),
        };
        seen.is_ready = seen.register.ok && seen.control.ok && seen.records.ok && seen.disk.ok;
        match (before.disk.ok, seen.disk.ok) {
            (true, false) => {
                tracing::error!(free_bytes, "the disk is full: no query is answered until it has room")
            }
            (false, true) => tracing::info!(free_bytes, "the disk has room again"),
            _ => {}
        }
        self.seen.store(Arc::new(seen));
        self.look_at_clock();
    }

    fn look_at_clock(&self) {
        let jumped_by = clock::jumped_by();
        if self.has_jumped.swap(jumped_by != 0, Ordering::Relaxed) == (jumped_by != 0) {
            return;
        }
        if jumped_by == 0 {
            tracing::info!("the system's clock is as the host's again");
        } else {
            tracing::error!(
                seconds = jumped_by / 1_000,
                "the system's clock has jumped, and the host does not follow it: caps and times would be wrong. If it \
                 is right now, restart the host"
            );
        }
    }

    /// Whether a query would be answered now.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut seen = Readiness::clone(&self.seen.load());
        seen.stopping = self.stopping.load(Ordering::Relaxed);
        seen.is_ready &= !seen.stopping;
        seen.quarantined = self.active.load().quarantined();
        let lost = &self.lost_lines;
        seen.log = Log { ok: lost.unreported() == 0, lost_lines: lost.count() };
        let jumped_by = clock::jumped_by();
        seen.clock = Clock { ok: jumped_by == 0, jumped_seconds: jumped_by / 1_000 };
        seen
    }
}

/// A part as it was seen; none when the look took too long. The log has a line for each change.
fn looked_at<E: Error + 'static>(
    part: &'static str,
    before: Part,
    seen: Option<Result<(), E>>,
    problem: impl FnOnce(&E) -> &'static str,
) -> Part {
    let now = seen.as_ref().map_or(Part { ok: false, problem: Some("slow") }, |seen| Part::of(seen, problem));
    if now != before {
        match seen {
            Some(Ok(())) => tracing::info!(part, "well again"),
            Some(Err(error)) => {
                let error: &dyn Error = &error;
                tracing::error!(part, error, "it does not do its work: no query is answered");
            }
            None => tracing::error!(part, "it does not do its work in time: no query is answered"),
        }
    }
    now
}

fn register_problem(error: &ReadError) -> &'static str {
    match error {
        ReadError::Missing(_) => "unfit",
        ReadError::Timeout => "slow",
        _ => "unavailable",
    }
}

fn store_problem(error: &StoreError) -> &'static str {
    match error {
        StoreError::Replaced { .. } => "replaced",
        _ => "unavailable",
    }
}
