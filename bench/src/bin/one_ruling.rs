// SPDX-License-Identifier: Apache-2.0
//! One hundred rulings in one function, for an instruction counter to look at: `cargo xtask instructions`.

use std::hint::black_box;

use anyhow::{Context as _, Result};
use paasla_bench::given;
use paasla_core::Query;
use paasla_engine::{Activated, Engine, EngineConfig};

fn main() -> Result<()> {
    // Few sandboxes: address space is dear where instructions are counted.
    let engine = Engine::new(EngineConfig { instances: 2, ..EngineConfig::default() })?;
    let rule = given::rule(&engine, "minimisation")?;
    let policy = given::policy("minimisation".to_owned(), given::settings(0));
    let activated =
        engine.activate(&rule, &policy, given::register()).context("the policy cannot be activated")?;
    let query = given::usual(20);
    for _ in 0..20 {
        activated.decide(&query).0?;
    }
    hundred_rulings(&activated, &query);
    Ok(())
}

/// The instructions below this function are counted; its name is in `xtask/src/bench/instructions.rs`.
#[inline(never)]
fn hundred_rulings(activated: &Activated, query: &Query) {
    for _ in 0..100 {
        let _ = black_box(activated.decide(black_box(query)));
    }
}
