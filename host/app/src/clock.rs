// SPDX-License-Identifier: Apache-2.0
//! The time of day, which no jump of the system's clock moves.
//!
//! Caps count within windows of time and policies come into force at a time, so whoever moves the clock could open the one
//! and end the other. The host takes the time from the system when it starts, follows it as it is corrected, and goes on
//! by the clock that only ever runs forward when the system's jumps.

use std::sync::{
    LazyLock, Mutex,
    atomic::{AtomicI64, Ordering},
};

use rustix::time::{ClockId, clock_gettime};
use uuid::{ContextV7, Timestamp, Uuid};

/// What is more is no correction.
const MAX_STEP_MILLIS: i64 = 60_000;

static CLOCK: LazyLock<Clock> = LazyLock::new(|| Clock::new(system(), running()));

/// Ids made in one millisecond keep their order.
static SEQUENCE: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// Milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn now() -> i64 {
    CLOCK.now(system(), running())
}

/// A new id, which begins with the time: UUID version 7. These know no time before 1970.
#[must_use]
pub fn id() -> Uuid {
    let millis = u64::try_from(now()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(&SEQUENCE, millis / 1_000, nanos))
}

/// By how many milliseconds the system's clock is ahead of this one, or behind it if that is below 0. Nothing but 0 and
/// what is more than a correction is given.
#[must_use]
pub fn jumped_by() -> i64 {
    CLOCK.jumped_by(system(), running())
}

fn system() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Milliseconds that the machine has run, sleep included.
fn running() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

/// What has to be added to the milliseconds that the machine has run.
struct Clock(AtomicI64);

impl Clock {
    fn new(system: i64, running: i64) -> Self {
        Self(AtomicI64::new(system.saturating_sub(running)))
    }

    fn now(&self, system: i64, running: i64) -> i64 {
        let own = running.saturating_add(self.0.load(Ordering::Relaxed));
        if system.saturating_sub(own).saturating_abs() > MAX_STEP_MILLIS {
            return own;
        }
        self.0.store(system.saturating_sub(running), Ordering::Relaxed);
        system
    }

    fn jumped_by(&self, system: i64, running: i64) -> i64 {
        system.saturating_sub(self.now(system, running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_790_000_000_000;
    const DAY: i64 = 86_400_000;

    #[test]
    fn corrections_are_followed_and_jumps_are_not() {
        let clock = Clock::new(START, 500);
        assert_eq!(clock.now(START + 10, 510), START + 10);
        assert_eq!(clock.now(START + 30_020, 520), START + 30_020);
        assert_eq!((clock.now(START + 20, 520), clock.jumped_by(START + 20, 520)), (START + 20, 0));
        for jump in [400 * DAY, -DAY, -START - DAY, 61_000] {
            assert_eq!(clock.now(START + 1_000 + jump, 1_500), START + 1_000, "{jump}");
            assert_eq!(clock.jumped_by(START + 1_000 + jump, 1_500), jump);
        }
        // Right again.
        assert_eq!(
            (clock.now(START + 3_000, 3_500), clock.jumped_by(START + 3_000, 3_500)),
            (START + 3_000, 0)
        );
    }

    #[test]
    fn ids_keep_their_order_and_know_no_time_before_1970() {
        let ids: Vec<Uuid> = (0..1_000).map(|_| id()).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(Clock::new(-DAY, 0).now(-DAY + 5, 5), -DAY + 5);
    }
}
