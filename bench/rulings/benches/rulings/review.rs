// SPDX-License-Identifier: Apache-2.0
//! Rows: the shipped rule `minors` finds the children among them and narrows their rows. Peers only find them.

use anyhow::{Context as _, Result, ensure};
use paasla_bench::given::{self, LATEST_ADULT, born, usual};
use paasla_core::Date;
use paasla_engine::{Activated, Engine};

use crate::{
    cedar, rego,
    run::{Run, Turn},
};

fn days(date: Date) -> Result<i32> {
    Ok(Date::constant(1970, 1, 1).until(date)?.get_days())
}

fn births(count: usize) -> Result<Vec<i32>> {
    (0..count).map(|row| days(born(row))).collect()
}

/// The policy under the usual limits.
fn policy(engine: &Engine) -> Result<Activated> {
    let rule = given::rule(engine, "minors")?;
    let policy = given::policy("minors".to_owned(), given::minors());
    engine.activate(&rule, &policy, given::register()).context("the policy cannot be activated")
}

/// Compares all systems.
pub(crate) fn agree(engine: &Engine) -> Result<()> {
    let (query, rows, births, latest) = (usual(20), given::rows(1_000), births(1_000)?, days(LATEST_ADULT)?);
    let mut children = vec![false; rows.len()];
    for ruling in policy(engine)?.review(&query, &rows).0? {
        *children.get_mut(ruling.row).context("a row of the query")? = true;
    }
    ensure!(children.iter().filter(|is_child| **is_child).count() == 200, "every fifth is a child");
    ensure!(cedar::Rows::new()?.children(latest, &births)? == children, "cedar-policy finds other children");
    ensure!(
        rego::Rows::interpreter()?.children(latest, &births)? == children,
        "regorus-tailored finds other children"
    );
    ensure!(
        rego::Rows::machine()?.children(latest, &births)? == children,
        "regorus-rvm-tailored finds other children"
    );
    Ok(())
}

/// 1 to 10,000 rows of 20 fields.
pub(crate) fn rows(run: &mut Run) -> Result<()> {
    let engine = given::engine()?;
    let (policy, query, latest) = (policy(&engine)?, usual(20), days(LATEST_ADULT)?);
    let cedar = cedar::Rows::new()?;
    let (mut rego, mut machine) = (rego::Rows::interpreter()?, rego::Rows::machine()?);
    for (count, scenario) in [(1, "review/1-row"), (100, "review/100-rows"), (10_000, "review/10000-rows")] {
        let (rows, births) = (given::rows(count), births(count)?);
        policy.review(&query, &rows).0.with_context(|| format!("{count} rows cannot be reviewed"))?;
        run.in_turns(vec![
            Turn::new(scenario, "paasla-fresh", || policy.review(&query, &rows).0),
            Turn::new(scenario, "cedar-policy", || cedar.children(latest, &births)),
            Turn::new(scenario, "regorus-tailored", || rego.eval(latest, &births)),
            Turn::new(scenario, "regorus-rvm-tailored", || machine.eval(latest, &births)),
        ])?;
    }
    Ok(())
}
