// SPDX-License-Identifier: Apache-2.0
//! Many policies at work at once: what one more takes.

use std::fs;

use anyhow::{Context as _, Result};
use paasla_bench::{
    given::{self, settings, usual},
    sample::{Line, Samples},
};
use serde_json::json;

use crate::run::Run;

/// Activates 1,000 policies, each with other settings, and rules once by each.
pub(crate) fn memory(run: &Run) -> Result<()> {
    let (scenario, system) = ("memory/1000-policies", "paasla");
    if !run.wants(scenario, system) {
        return Ok(());
    }
    let count = if run.is_quick() { 50 } else { 1_000 };
    let engine = given::engine()?;
    let rule = given::rule(&engine, "minimisation")?;
    let query = usual(20);
    let activate = |nth: usize, samples: &mut Samples| {
        let mut settings = settings(nth % 20);
        if let Some(reveal) = settings.as_object_mut() {
            let own = format!("https://w3id.org/dpv/pd#Own{nth}");
            reveal.insert("mayReveal".to_owned(), json!([given::CATEGORIES[2], given::CATEGORIES[3], own]));
        }
        let policy = given::policy(format!("policy-{nth}"), settings);
        let (activated, _) = samples.time(|| engine.activate(&rule, &policy, given::register()));
        let activated = activated?;
        activated.decide(&query).0?;
        Ok::<_, anyhow::Error>(activated)
    };
    // What the first ones leave behind is no policy's own.
    for nth in 0..20 {
        activate(nth, &mut Samples::default())?;
    }
    let before = resident()?;
    let mut samples = Samples::default();
    let held = (0..count).map(|nth| activate(nth, &mut samples)).collect::<Result<Vec<_>>>()?;
    let bytes = resident()?.saturating_sub(before) / held.len() as u64;
    Line { bytes_per_policy: Some(bytes), ..Line::new(scenario, system, &samples)? }.write()
}

/// This process's memory that is in RAM, in bytes: what several policies have in common counts once (proc(5), `Pss`).
fn resident() -> Result<u64> {
    let maps = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = maps.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
