// SPDX-License-Identifier: Apache-2.0
//! Pääsla: the shipped rule `minimisation`, a fresh sandbox for every ruling.

use anyhow::{Context as _, Result};
use paasla_bench::given;
use paasla_core::{Decision, Query, Visibility};
use paasla_engine::{Activated, Engine, RuleFault, Said, decide_all};

/// Policies at work.
pub(crate) struct Paasla(Vec<Activated>);

impl Paasla {
    /// So many policies of the rule, each with settings of its own.
    pub(crate) fn new(engine: &Engine, settings: &[serde_json::Value]) -> Result<Self> {
        let rule = given::rule(engine, "minimisation")?;
        let activate = |(nth, settings): (usize, &serde_json::Value)| {
            let policy = given::policy(format!("policy-{nth}"), settings.clone());
            engine.activate(&rule, &policy, given::register()).context("the policy cannot be activated")
        };
        Ok(Self(settings.iter().enumerate().map(activate).collect::<Result<_>>()?))
    }

    /// The first policy alone.
    pub(crate) fn first(&self) -> Result<&Activated> {
        self.0.first().context("there is a policy")
    }

    /// What the policies say; none is asked after one that refuses.
    pub(crate) fn rulings(&self, query: &Query) -> Result<Vec<Said<'_>>, RuleFault> {
        let said = decide_all(&self.0, query);
        match said.last().map(|last| &last.ruling) {
            // One that breaks is the last.
            Some(Err(fault)) => Err(fault.clone()),
            _ => Ok(said),
        }
    }

    /// What all of them say together, closed under what values give away.
    pub(crate) fn decision(&self, query: &Query) -> Result<Decision> {
        let mut decision = self.combined(query)?;
        decision.close(&query.fields);
        Ok(decision)
    }

    fn combined(&self, query: &Query) -> Result<Decision> {
        let said = self.rulings(query)?;
        let rulings = said
            .iter()
            .filter_map(|said| Some((said.policy.policy.name.as_str(), said.ruling.as_ref().ok()?)));
        Ok(Decision::combine(&Decision::widest(query.fields.len()), rulings))
    }

    /// For each field, whether the policies show it. What values give away is the host's business, not theirs.
    pub(crate) fn shown(&self, query: &Query) -> Result<Vec<bool>> {
        let decision = self.combined(query)?;
        let allowed = decision.is_allowed();
        let shows = |visibility| allowed && visibility == Visibility::Show;
        Ok(decision.fields.iter().map(|field| shows(field.visibility)).collect())
    }
}
