// SPDX-License-Identifier: Apache-2.0
//! What is measured, and how.

use std::{
    env,
    fmt::Display,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use criterion::{Criterion, SamplingMode};
use paasla_bench::sample::{Line, Samples};

/// Makes fewer measurements, for a first look.
pub(crate) const QUICK: &str = "PAASLA_BENCH_QUICK";

/// One run of the bench.
pub(crate) struct Run {
    criterion: Criterion,
    only: Option<String>,
    quick: bool,
}

impl Run {
    pub(crate) fn from_arguments() -> Self {
        let quick = env::var_os(QUICK).is_some();
        let (warm_up, measure) = if quick { (50, 300) } else { (300, 1_500) };
        let criterion = Criterion::default()
            .without_plots()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(warm_up))
            .measurement_time(Duration::from_millis(measure));
        let only = env::args().skip(1).find(|argument| !argument.starts_with('-'));
        Self { criterion, only, quick }
    }

    /// Whether something of this name is wanted.
    pub(crate) fn wants(&self, scenario: &str, system: &str) -> bool {
        self.only.as_ref().is_none_or(|only| format!("{scenario}/{system}").contains(only))
    }

    /// Whether a first look is enough.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Times single calls. Criterion says how many; a call's time holds what it takes to drop its result. A call that
    /// fails may well be a fast one: one such call, and the run fails.
    pub(crate) fn measure<R, E: Display>(
        &mut self,
        scenario: &str,
        system: &str,
        mut call: impl FnMut() -> Result<R, E>,
    ) -> Result<()> {
        if !self.wants(scenario, system) {
            return Ok(());
        }
        // Criterion's own warm-up goes through the same function, so its calls count too: these come before.
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(100) {
            drop(black_box(call()).map_err(|error| anyhow!("{scenario} of {system} fails: {error}"))?);
        }
        let (mut samples, mut failed) = (Samples::default(), None);
        let mut group = self.criterion.benchmark_group(scenario);
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(system, |bencher| {
            bencher.iter_custom(|calls| {
                let mut timed = || samples.time(|| black_box(call()).map(drop));
                let times = (0..calls).map(|_| {
                    let (made, took) = timed();
                    failed = made.err().or(failed.take());
                    took
                });
                times.sum()
            });
        });
        group.finish();
        if let Some(error) = failed {
            bail!("{scenario} of {system} fails: {error}");
        }
        Line::new(scenario, system, &samples)?.write()
    }
}
