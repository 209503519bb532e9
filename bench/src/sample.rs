// SPDX-License-Identifier: Apache-2.0
//! Times of single calls, and the figures made of them.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The variable that names the file to which lines are appended; standard output without it.
pub const FILE: &str = "PAASLA_BENCH_JSON";

/// The times of single calls, all of them kept: percentiles are exact.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<u64>);

/// What is told of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Half of the calls took at most this long, in nanoseconds.
    pub median_ns: u64,
    /// 99 of 100 calls took at most this long, in nanoseconds.
    pub p99_ns: u64,
    /// How many calls were measured.
    pub n: usize,
}

/// One line of the results: one system in one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What was done, e.g. `decide/20-fields`.
    pub scenario: String,
    /// Who did it, e.g. `paasla-fresh`.
    pub system: String,
    /// See [`Summary`].
    pub median_ns: u64,
    /// See [`Summary`].
    pub p99_ns: u64,
    /// See [`Summary`].
    pub n: usize,
    /// How many were done a second, by everybody who worked at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Memory of one policy at work that is in RAM; what several have in common counts once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_policy: Option<u64>,
}

impl Samples {
    /// Keeps one time.
    pub fn record(&mut self, took: Duration) {
        self.0.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Keeps the time that a call takes.
    pub fn time<R>(&mut self, call: impl FnOnce() -> R) -> (R, Duration) {
        let began = Instant::now();
        let made = call();
        let took = began.elapsed();
        self.record(took);
        (made, took)
    }

    /// Takes over the times of another thread or round.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The figures; none when nothing was measured.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        // The nearest rank: the least time that so many hundredths of all do not exceed.
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Summary { median_ns: at(50)?, p99_ns: at(99)?, n: sorted.len() })
    }
}

impl Line {
    /// A line with the figures of these times.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(scenario: &str, system: &str, samples: &Samples) -> Result<Self> {
        let Summary { median_ns, p99_ns, n } =
            samples.summary().with_context(|| format!("{scenario} of {system} was not measured"))?;
        let (scenario, system) = (scenario.to_owned(), system.to_owned());
        Ok(Self { scenario, system, median_ns, p99_ns, n, per_second: None, bytes_per_policy: None })
    }

    /// Appends it to the file of results.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<()> {
        let mut text = serde_json::to_string(self)?;
        text.push('\n');
        match env::var_os(FILE) {
            Some(file) => {
                let opened = OpenOptions::new().create(true).append(true).open(&file);
                let mut opened = opened.with_context(|| format!("{} cannot be opened", file.display()))?;
                opened.write_all(text.as_bytes())?;
            }
            None => io::stdout().lock().write_all(text.as_bytes())?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn samples(times: &[u64]) -> Samples {
        Samples(times.to_vec())
    }

    #[test]
    fn of_a_hundred_times_the_fiftieth_and_the_ninety_ninth() {
        let times: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(samples(&times).summary(), Some(Summary { median_ns: 50, p99_ns: 99, n: 100 }));
    }

    #[test]
    fn of_nothing_nothing() {
        assert_eq!(Samples::default().summary(), None);
        assert!(Line::new("decide", "nobody", &Samples::default()).is_err());
    }

    #[test]
    fn a_line_tells_only_what_was_measured() {
        let line = Line::new("decide/1-field", "paasla-fresh", &samples(&[3, 1, 2])).unwrap();
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"scenario":"decide/1-field","system":"paasla-fresh","median_ns":2,"p99_ns":3,"n":3}"#
        );
    }

    proptest! {
        /// Enough times are at most the percentile, and fewer are below it: it is a time that was measured.
        #[test]
        fn percentiles_are_what_they_say(times in vec(any::<u64>(), 1..500)) {
            let summary = samples(&times).summary().unwrap();
            for (percent, value) in [(50, summary.median_ns), (99, summary.p99_ns)] {
                let enough = times.len() * percent;
                prop_assert!(times.contains(&value));
                prop_assert!(times.iter().filter(|time| **time <= value).count() * 100 >= enough);
                prop_assert!(times.iter().filter(|time| **time < value).count() * 100 < enough);
            }
            prop_assert_eq!(summary.n, times.len());
        }
    }
}
