// SPDX-License-Identifier: Apache-2.0
//! What is measured, and how.

use std::{
    env,
    fmt::Display,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use criterion::{Criterion, SamplingMode};
use paasla_bench::sample::{Line, Samples};

/// Makes fewer measurements, for a first look.
pub(crate) const QUICK: &str = "PAASLA_BENCH_QUICK";

/// One run of the bench.
pub(crate) struct Run {
    criterion: Criterion,
    only: Option<String>,
    quick: bool,
    rounds: usize,
    warm_up: Duration,
}

impl Run {
    pub(crate) fn from_arguments() -> Self {
        let quick = env::var_os(QUICK).is_some();
        let (rounds, warm_up, measure) = if quick { (3, 20, 100) } else { (8, 30, 200) };
        let warm_up = Duration::from_millis(warm_up);
        let criterion = Criterion::default()
            .without_plots()
            .sample_size(20)
            .warm_up_time(warm_up)
            .measurement_time(Duration::from_millis(measure))
            // What it works out of them is not used.
            .nresamples(1_000);
        let only = env::args().skip(1).find(|argument| !argument.starts_with('-'));
        Self { criterion, only, quick, rounds, warm_up }
    }

    /// Whether something of this name is wanted.
    pub(crate) fn wants(&self, scenario: &str, system: &str) -> bool {
        self.only.as_ref().is_none_or(|only| format!("{scenario}/{system}").contains(only))
    }

    /// Whether a first look is enough.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Times single calls of one kind, as [`Run::in_turns`] does.
    pub(crate) fn measure<R, E: Display>(
        &mut self,
        scenario: &str,
        system: &str,
        call: impl FnMut() -> Result<R, E>,
    ) -> Result<()> {
        self.in_turns(vec![Turn::new(scenario, system, call)])
    }

    /// Times single calls of several kinds, a little of each in every round: a machine that becomes slower for some seconds
    /// does so for all of them. Criterion says how many; a call's time holds what it takes to drop its result. A call that
    /// fails may well be a fast one: one such call, and the run fails.
    pub(crate) fn in_turns(&mut self, turns: Vec<Turn<'_>>) -> Result<()> {
        let wanted = turns.into_iter().filter(|turn| self.wants(&turn.scenario, &turn.system));
        let mut turns: Vec<_> = wanted.map(|turn| (turn, Samples::default())).collect();
        for _ in 0..self.rounds {
            for (turn, samples) in &mut turns {
                self.turn(turn, samples)?;
            }
        }
        for (Turn { scenario, system, .. }, samples) in &turns {
            Line::new(scenario, system, samples)?.write()?;
        }
        Ok(())
    }

    fn turn(&mut self, turn: &mut Turn<'_>, samples: &mut Samples) -> Result<()> {
        let Turn { scenario, system, call } = turn;
        let told = |error: &String| anyhow!("{scenario} of {system} fails: {error}");
        // Criterion's own warm-up goes through the same function, so its calls count too: these come before.
        let began = Instant::now();
        while began.elapsed() < self.warm_up {
            call().map_err(|error| told(&error))?;
        }
        let mut failed = None;
        let mut group = self.criterion.benchmark_group(scenario.as_str());
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(system.as_str(), |bencher| {
            bencher.iter_custom(|calls| {
                let mut timed = || samples.time(&mut *call);
                let times = (0..calls).map(|_| {
                    let (made, took) = timed();
                    failed = made.err().or(failed.take());
                    took
                });
                times.sum()
            });
        });
        group.finish();
        failed.map_or(Ok(()), |error| Err(told(&error)))
    }
}

/// One system in one scenario.
pub(crate) struct Turn<'c> {
    scenario: String,
    system: String,
    call: Box<dyn FnMut() -> Result<(), String> + 'c>,
}

impl<'c> Turn<'c> {
    pub(crate) fn new<R, E: Display>(
        scenario: &str,
        system: &str,
        mut call: impl FnMut() -> Result<R, E> + 'c,
    ) -> Self {
        let call = move || black_box(call()).map(drop).map_err(|error| error.to_string());
        Self { scenario: scenario.to_owned(), system: system.to_owned(), call: Box::new(call) }
    }
}
