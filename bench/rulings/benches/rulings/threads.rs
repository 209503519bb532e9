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

const SCENARIOS: [(usize, &str); 2] = [(1, "threads/1"), (2, "threads/2")];

/// One and two threads in turns, a few at each time that they are asked for. What else runs on the machine disturbs two
/// threads most, and for many seconds: who asks now and then between other scenarios sees it at some times only.
pub(crate) struct Threads {
    /// None when they are not wanted.
    paasla: Option<Paasla>,
    length: Duration,
    turns: Vec<[Round; 2]>,
}

impl Threads {
    pub(crate) fn new(run: &Run) -> Result<Self> {
        let is_wanted = SCENARIOS.iter().any(|(_, scenario)| run.wants(scenario, "paasla-fresh"));
        let paasla = is_wanted.then(|| Paasla::new(&given::engine()?, &[settings(0)])).transpose()?;
        let length = Duration::from_millis(if run.is_quick() { 100 } else { 400 });
        Ok(Self { paasla, length, turns: Vec::new() })
    }

    /// Three turns.
    pub(crate) fn measure(&mut self) -> Result<()> {
        let Some(paasla) = &self.paasla else { return Ok(()) };
        let policy = paasla.first()?;
        for _ in 0..3 {
            let [one, two] = SCENARIOS.map(|(threads, _)| round(policy, threads, self.length));
            self.turns.push([one?, two?]);
        }
        Ok(())
    }

    /// The turn counts whose ratio is in the middle.
    pub(crate) fn write(mut self) -> Result<()> {
        let ratio = |[one, two]: &[Round; 2]| two.per_second / one.per_second;
        self.turns.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let middle = self.turns.len() / 2;
        let Some(turn) = self.turns.into_iter().nth(middle) else { return Ok(()) };
        for ((_, scenario), round) in SCENARIOS.iter().zip(turn) {
            let line = Line::new(scenario, "paasla-fresh", &round.samples)?;
            Line { per_second: Some(round.per_second), ..line }.write()?;
        }
        Ok(())
    }
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
