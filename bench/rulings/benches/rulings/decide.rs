// SPDX-License-Identifier: Apache-2.0
//! Rulings on one query: by its fields, by the policies in scope, refused.

use anyhow::{Result, ensure};
use paasla_bench::given::{self, settings, usual};
use serde_json::json;

use crate::{
    cedar::Cedar,
    paasla::Paasla,
    rego::Rego,
    run::{Run, Turn},
};

/// How often one sandbox is used by `paasla-reused`. A fresh one is in the time of one call in so many: median and 99th
/// percentile do not show it.
const USES: u32 = 200;

/// One policy, 1 to 100 fields.
pub(crate) fn fields(run: &mut Run) -> Result<()> {
    let engine = given::engine()?;
    let paasla = Paasla::new(&engine, &[settings(0)])?;
    let policy = paasla.first()?;
    let (mut reused, mut uses) = (policy.reused()?, 0);
    let (cedar, cedar_data) = (Cedar::new(1, 100)?, Cedar::by_data(1, 100)?);
    let (mut rego, mut machine) = (Rego::whole(1)?, Rego::whole_by_machine(1)?);
    let (mut tailored, mut tailored_machine) = (Rego::tailored(1)?, Rego::tailored_by_machine(1)?);
    for (fields, scenario) in [(1, "decide/1-field"), (20, "decide/20-fields"), (100, "decide/100-fields")] {
        let query = usual(fields);
        run.in_turns(vec![
            Turn::new(scenario, "paasla-fresh", || policy.decide(&query).0),
            Turn::new(scenario, "paasla-reused", || {
                // A rule never gives memory back, so it cannot be used for ever.
                uses += 1;
                if uses % USES == 0 {
                    reused = policy.reused()?;
                }
                reused.decide(&query).0
            }),
            Turn::new(scenario, "cedar-policy", || cedar.shown(&query)),
            Turn::new(scenario, "cedar-policy-data", || cedar_data.shown(&query)),
            Turn::new(scenario, "regorus", || rego.eval(&query)),
            Turn::new(scenario, "regorus-rvm", || machine.eval(&query)),
            Turn::new(scenario, "regorus-tailored", || tailored.eval(&query)),
            Turn::new(scenario, "regorus-rvm-tailored", || tailored_machine.eval(&query)),
        ])?;
    }
    Ok(())
}

/// 20 fields, 1 to 20 policies in scope. `paasla-decision` also combines the rulings to one decision.
pub(crate) fn policies(run: &mut Run) -> Result<()> {
    let engine = given::engine()?;
    let query = usual(20);
    let paasla = [1, 5, 20].map(|policies| {
        let settings: Vec<_> = (0..policies).map(settings).collect();
        Ok::<_, anyhow::Error>((policies, Paasla::new(&engine, &settings)?))
    });
    let paasla = paasla.into_iter().collect::<Result<Vec<_>>>()?;
    let mut turns = Vec::new();
    for (policies, paasla) in &paasla {
        let (policies, query, scenario) = (*policies, &query, &format!("policies/{policies}"));
        turns.push(Turn::new(scenario, "paasla-fresh", || paasla.rulings(query)));
        turns.push(Turn::new(scenario, "paasla-decision", || paasla.decision(query)));
        for (system, cedar) in [
            ("cedar-policy", Cedar::new(policies, 20)?),
            ("cedar-policy-data", Cedar::by_data(policies, 20)?),
        ] {
            turns.push(Turn::new(scenario, system, move || cedar.shown(query)));
        }
        for (system, mut rego) in [
            ("regorus", Rego::whole(policies)?),
            ("regorus-rvm", Rego::whole_by_machine(policies)?),
            ("regorus-tailored", Rego::tailored(policies)?),
            ("regorus-rvm-tailored", Rego::tailored_by_machine(policies)?),
        ] {
            turns.push(Turn::new(scenario, system, move || rego.eval(query)));
        }
    }
    run.in_turns(turns)
}

/// 20 policies in scope, of which the first refuses. Peers are asked only whether the query is refused.
pub(crate) fn refusal(run: &mut Run) -> Result<()> {
    let (scenario, policies) = ("refuse-early/20-policies", 20);
    let engine = given::engine()?;
    let of_another_purpose = json!({
        "allow": [{ "purposes": ["https://w3id.org/dpv#DirectMarketing"], "categories": given::CATEGORIES }],
    });
    let settings: Vec<_> = std::iter::once(of_another_purpose).chain((1..policies).map(settings)).collect();
    let paasla = Paasla::new(&engine, &settings)?;
    let query = usual(20);
    ensure!(!paasla.decision(&query)?.is_allowed(), "the first policy does not refuse");
    // For the peers the purpose is one that no policy knows: they too can tell after the first.
    let unknown = given::query(20, given::term(given::OTHER_PURPOSES[1]));
    let (cedar, cedar_data) = (Cedar::new(policies, 20)?, Cedar::by_data(policies, 20)?);
    let (mut rego, mut machine) = (Rego::refused(policies)?, Rego::refused_by_machine(policies)?);
    run.in_turns(vec![
        Turn::new(scenario, "paasla-fresh", || paasla.rulings(&query)),
        Turn::new(scenario, "cedar-policy", || cedar.is_refused(&unknown)),
        Turn::new(scenario, "cedar-policy-data", || cedar_data.is_refused(&unknown)),
        Turn::new(scenario, "regorus-tailored", || rego.eval(&unknown)),
        Turn::new(scenario, "regorus-rvm-tailored", || machine.eval(&unknown)),
    ])
}
