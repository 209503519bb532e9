// SPDX-License-Identifier: Apache-2.0
//! Rulings a second by one thread and by two, on one engine.

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use paasla_bench::{
    given::{self, settings, usual},
    sample::{Line, Samples},
};
use paasla_engine::Activated;

use crate::{paasla::Paasla, run::Run};

/// What one round gave.
struct Round {
    per_second: f64,
    samples: Samples,
}

/// One and two threads take turns, round by round; the round with the median rate counts.
pub(crate) fn threads(run: &Run) -> Result<()> {
    let scenarios = [(1, "threads/1"), (2, "threads/2")];
    if !scenarios.iter().any(|(_, scenario)| run.wants(scenario, "paasla-fresh")) {
        return Ok(());
    }
    let engine = given::engine()?;
    let paasla = Paasla::new(&engine, &[settings(0)])?;
    let policy = paasla.first()?;
    let (rounds, length) = if run.is_quick() { (3, 200) } else { (9, 500) };
    let mut of = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ((threads, _), rounds) in scenarios.iter().zip(&mut of) {
            rounds.push(round(policy, *threads, Duration::from_millis(length))?);
        }
    }
    for ((_, scenario), mut rounds) in scenarios.into_iter().zip(of) {
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let median = rounds.swap_remove(rounds.len() / 2);
        let line = Line::new(scenario, "paasla-fresh", &median.samples)?;
        Line { per_second: Some(median.per_second), ..line }.write()?;
    }
    Ok(())
}

fn round(policy: &Activated, threads: usize, length: Duration) -> Result<Round> {
    let start = Barrier::new(threads + 1);
    let (took, samples) = thread::scope(|scope| {
        let work = || {
            let query = usual(20);
            let mut samples = Samples::default();
            let warm_up = (0..100).try_for_each(|_| black_box(policy.decide(&query)).0.map(drop));
            start.wait();
            let began = Instant::now();
            let mut made = warm_up;
            while made.is_ok() && began.elapsed() < length {
                made = samples.time(|| black_box(policy.decide(&query)).0.map(drop)).0;
            }
            made.map(|()| samples)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        start.wait();
        let began = Instant::now();
        let mut all = Samples::default();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow!("a thread broke"))??);
        }
        Ok::<_, anyhow::Error>((began.elapsed(), all))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer rulings than 2^52")]
    let count = samples.summary().context("rulings were made")?.n as f64;
    Ok(Round { per_second: count / took.as_secs_f64(), samples })
}
