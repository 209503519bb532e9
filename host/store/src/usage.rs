// SPDX-License-Identifier: Apache-2.0
//! Usage: how many persons a client asked about.
//!
//! Usage is kept in buckets, so that it costs the same whether a year holds ten queries or 200 million: the
//! hour is summed from minutes, the day from hours, the month and the year from days. The oldest bucket is
//! counted whole. So a count never misses a person asked about inside the window, and may count persons asked
//! about up to one bucket before it: an hour is 60 to 61 minutes, a day 24 to 25 hours, a month 30 to 31 days, a
//! year 365 to 366 days. What is counted later than now, under a clock that was ahead, counts in every window. A quota
//! thus errs on the strict side.

use std::{collections::BTreeMap, time::Duration};

use paasla_core::{ClientId, UsageDelta, Window};

/// How long after [`Store::reserve`](crate::Store::reserve) was called a query may still be answered. What is reserved for
/// longer and has no record is free again: nothing was disclosed.
pub const LEASE: Duration = Duration::from_secs(60);

/// Persons a client asked about on one legal basis, in spans of time that end now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// In the last 60 minutes.
    pub hour: u64,
    /// In the last 24 hours.
    pub day: u64,
    /// In the last 30 days.
    pub month: u64,
    /// In the last 365 days.
    pub year: u64,
}

impl Usage {
    /// Adds the persons of a record that is not counted in the buckets yet, to every window beginning before `now` that
    /// a bucket with it would count towards.
    pub(crate) fn add(&mut self, persons: u64, instant: i64, now: i64) {
        for window in Window::ALL {
            let start = Grain::of(window).start(instant);
            if since(window, now) <= start {
                let sum = match window {
                    Window::Hour => &mut self.hour,
                    Window::Day => &mut self.day,
                    Window::Month => &mut self.month,
                    Window::Year => &mut self.year,
                };
                *sum = sum.saturating_add(persons);
            }
        }
    }

    /// The count for one window.
    #[must_use]
    pub fn within(&self, window: Window) -> u64 {
        match window {
            Window::Hour => self.hour,
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Year => self.year,
        }
    }
}

/// What a query wants to reserve before it reads.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The query's id, and so its record's.
    pub id: &'a str,
    /// Whose usage it counts towards.
    pub holder: &'a ClientId,
    /// The legal basis that it counts under.
    pub basis: &'a str,
    /// When the query arrived, where the windows end: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// The fewest persons that it makes sense for: those it names, or 1.
    pub least: u64,
    /// The most persons that it may disclose.
    pub most: u64,
    /// What must not be exceeded, by window.
    pub caps: &'a [(Window, u64)],
}

/// What came of a [`Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The query may disclose so many persons.
    Granted(u64),
    /// The least does not fit. Every cap that is in the way, in the order of the claim.
    Full(Vec<Full>),
}

/// A cap that a query does not fit under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Its window.
    pub window: Window,
    /// How many persons would fit.
    pub left: u64,
    /// From when on the query would fit, if nobody asks meanwhile: milliseconds since 1970-01-01T00:00:00Z. None: it asks
    /// for more than the cap ever allows.
    pub opens: Option<i64>,
}

/// From when on no more than `most` persons are counted of those in these buckets (their first milliseconds, in order) of
/// a window. None counted any more is at the end of the last one.
pub(crate) fn opens(window: Window, buckets: &BTreeMap<i64, u64>, most: u64) -> Option<i64> {
    let mut left: u64 = buckets.values().copied().fold(0, u64::saturating_add);
    let length = window.seconds().saturating_mul(1_000).saturating_add(Grain::of(window).millis());
    buckets.iter().find_map(|(start, persons)| {
        left = left.saturating_sub(*persons);
        (left <= most).then(|| start.saturating_add(length))
    })
}

/// How long a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grain {
    Minute,
    Hour,
    Day,
}

impl Grain {
    pub(crate) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The grain that a window is summed from.
    pub(crate) fn of(window: Window) -> Self {
        match window {
            Window::Hour => Self::Minute,
            Window::Day => Self::Hour,
            Window::Month | Window::Year => Self::Day,
        }
    }

    /// Its length in milliseconds.
    pub(crate) fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The first millisecond of the bucket that an instant falls in.
    pub(crate) fn start(self, instant: i64) -> i64 {
        instant.saturating_sub(instant.rem_euclid(self.millis()))
    }

    /// How many buckets of each count are kept: more than any window that is summed from them has, so that those of a
    /// clock that was ahead for a while take no needed one's place.
    pub(crate) fn buckets_kept(self) -> i64 {
        match self {
            Self::Minute => 180,
            Self::Hour => 72,
            Self::Day => 400,
        }
    }
}

/// The first millisecond of the oldest bucket that counts towards a window ending at `now`.
pub(crate) fn since(window: Window, now: i64) -> i64 {
    Grain::of(window).start(now.saturating_sub(window.seconds().saturating_mul(1_000)))
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    pub(crate) client: String,
    pub(crate) basis: String,
    pub(crate) grain: Grain,
    pub(crate) start: i64,
}

/// What records add to each bucket.
pub(crate) fn additions(counted: &[UsageDelta]) -> BTreeMap<Bucket, i64> {
    let mut buckets = BTreeMap::new();
    for UsageDelta { holder, basis, instant, persons, .. } in counted {
        let persons = i64::try_from(*persons).unwrap_or(i64::MAX);
        for grain in Grain::ALL {
            let start = grain.start(*instant);
            let bucket = Bucket { client: holder.clone(), basis: basis.clone(), grain, start };
            let sum: &mut i64 = buckets.entry(bucket).or_default();
            *sum = sum.saturating_add(persons);
        }
    }
    buckets
}
