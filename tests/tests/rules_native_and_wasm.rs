// SPDX-License-Identifier: Apache-2.0
//! Every case of every rule gives the same as plain Rust and as a component in the sandbox, and what it should.

use anyhow::{Result, anyhow, ensure};
use paasla_engine::{CaseRunner, Engine, EngineConfig};
use paasla_rule::{
    Rule,
    testing::{Native, load, run},
};
use paasla_tests::given::{root, variable};

fn check<R: Rule>(name: &str) -> Result<()> {
    let cases = load(&root()?.join("rules").join(name).join("cases"))?;
    ensure!(cases.len() >= 10, "{} cases: each rule has at least ten", cases.len());
    let bytes = std::fs::read(variable("PAASLA_RULES")?.join(format!("{name}.wasm")))?;
    let engine = Engine::new(EngineConfig::default())?;
    let rule = engine.load(&bytes)?;
    ensure!(rule.about.name == name, "the component calls itself {}", rule.about.name);

    let (mut native, mut sandbox) = (Native::<R>::new(), CaseRunner::new(&engine, &rule));
    for case in &cases {
        let fault = |how: &str, fault: String| anyhow!("{}, {how}: {fault}", case.name);
        let plain = run(&mut native, case).map_err(|error| fault("as plain Rust", error))?;
        let boxed = run(&mut sandbox, case).map_err(|error| fault("in the sandbox", error))?;
        ensure!(plain == boxed, "{}: plain Rust says {plain}, the component says {boxed}", case.name);
        ensure!(plain == case.expect, "{}: expected {}, it says {plain}", case.name, case.expect);
    }
    Ok(())
}

#[test]
fn access_restriction() -> Result<()> {
    check::<access_restriction::AccessRestriction>("access-restriction")
}

#[test]
fn minimisation() -> Result<()> {
    check::<minimisation::Minimisation>("minimisation")
}

#[test]
fn minors() -> Result<()> {
    check::<minors::Minors>("minors")
}

#[test]
fn purpose_basis() -> Result<()> {
    check::<purpose_basis::PurposeBasis>("purpose-basis")
}

#[test]
fn quota() -> Result<()> {
    check::<quota::Quota>("quota")
}

#[test]
fn special_categories() -> Result<()> {
    check::<special_categories::SpecialCategories>("special-categories")
}

#[test]
fn statistics() -> Result<()> {
    check::<statistics::Statistics>("statistics")
}

/// A rule that is added is added here too.
#[test]
fn no_rule_is_left_out() -> Result<()> {
    let folders = std::fs::read_dir(root()?.join("rules"))?;
    let rules = folders.flatten().filter(|folder| folder.path().join("Cargo.toml").is_file()).count();
    ensure!(rules == 7, "rules/ holds {rules} rules, seven are run here");
    Ok(())
}
