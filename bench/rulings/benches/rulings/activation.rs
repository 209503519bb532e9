// SPDX-License-Identifier: Apache-2.0
//! From a rule and settings to a policy at work.

use std::{env, fs};

use anyhow::{Context as _, Result};
use paasla_bench::given::{self, settings};
use paasla_engine::CodeCache;

use crate::run::Run;

/// How much the cache may hold.
const CACHE_BYTES: u64 = 64 << 20;

/// With everything to be compiled, and with compiled code from the cache.
pub(crate) fn activation(run: &mut Run) -> Result<()> {
    let (cold, cached, system) = ("activate/cold", "activate/cache", "paasla");
    if !run.wants(cold, system) && !run.wants(cached, system) {
        return Ok(());
    }
    let policy = given::policy("minimisation".to_owned(), settings(0));
    let engine = given::engine()?;
    let rule = given::rule(&engine, "minimisation")?;
    run.measure(cold, system, || engine.activate(&rule, &policy, given::register()))?;

    let folder = env::temp_dir().join(format!("paasla-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let cache = CodeCache::open(&folder, b"a secret of the bench, not of a host", CACHE_BYTES)?;
    let engine = given::engine()?.with_cache(cache);
    let rule = given::rule(&engine, "minimisation")?;
    // Fills the cache.
    engine.activate(&rule, &policy, given::register()).context("the policy cannot be activated")?;
    let measured = run.measure(cached, system, || engine.activate(&rule, &policy, given::register()));
    fs::remove_dir_all(&folder)?;
    measured
}
