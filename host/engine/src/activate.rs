// SPDX-License-Identifier: Apache-2.0
//! From a rule and settings to a policy at work.

use std::sync::Arc;

use paasla_core::{Policy, Query, RowRuling, Ruling};

use crate::{
    bindings::v0_1::{self, RulePre},
    config::Ration,
    fault::RuleFault,
    input::{QueryInput, RowInput, RowsInput},
    load::{About, Rule},
    output::Checks,
    sandbox::{Engine, Guard},
    snapshot::Configured,
};

/// One thing wrong with a policy's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// JSON pointer into the settings.
    pub pointer: String,
    /// What is wrong, as the rule says.
    pub message: String,
}

/// Why a policy could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivateError {
    /// The settings are wrong.
    #[error("the settings are wrong: {}", list(.0))]
    Settings(Vec<SettingsProblem>),
    /// `configure` broke.
    #[error("`configure` failed: {0}")]
    Configure(RuleFault),
    /// The configured rule could not be compiled.
    #[error("the configured rule could not be compiled: {0}")]
    Compile(String),
}

fn list(problems: &[SettingsProblem]) -> String {
    let one = |p: &SettingsProblem| format!("at `{}`: {}", p.pointer, p.message);
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// How a fresh instance of a policy comes to be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It starts configured, from a snapshot.
    Snapshot,
    /// `configure` runs in every instance, because the component cannot be snapshotted; why.
    ConfigureEachTime(String),
}

/// A policy at work: compiled, configured, ready to rule. Cheap to clone.
#[derive(Clone)]
pub struct Activated {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What its rule says of itself.
    pub about: Arc<About>,
    /// How its instances come to be configured.
    pub start: Start,
    engine: Engine,
    pre: RulePre<Guard>,
    settings: Arc<str>,
    ration: Ration,
}

impl std::fmt::Debug for Activated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activated")
            .field("policy", &self.policy.name)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Configures a rule for a policy, and snapshots it where that can be done.
    ///
    /// # Errors
    /// When the settings are wrong, or the rule breaks on them.
    pub fn activate(&self, rule: &Rule, policy: &Policy) -> Result<Activated, ActivateError> {
        let settings = match &policy.settings {
            serde_json::Value::Null => "{}".to_owned(),
            settings => settings.to_string(),
        };
        let (pre, start) = match self.snapshot(&rule.bytes, &settings).map_err(ActivateError::Configure)? {
            Configured::Snapshot(bytes) => {
                (self.compile(&bytes).map_err(ActivateError::Compile)?, Start::Snapshot)
            }
            Configured::Problems(problems) => {
                let problem = |(pointer, message)| SettingsProblem { pointer, message };
                return Err(ActivateError::Settings(problems.into_iter().map(problem).collect()));
            }
            Configured::NotPossible(why) => {
                self.try_settings(rule, &settings)?;
                (rule.pre.clone(), Start::ConfigureEachTime(why))
            }
        };
        Ok(Activated {
            policy: Arc::new(policy.clone()),
            about: Arc::clone(&rule.about),
            start,
            engine: self.clone(),
            pre,
            settings: settings.into(),
            ration: self.config.ration_for(&policy.limits),
        })
    }

    fn try_settings(&self, rule: &Rule, settings: &str) -> Result<(), ActivateError> {
        let ration = self.config.setup;
        let mut store = self.sandbox(ration).map_err(ActivateError::Configure)?;
        let outcome = rule
            .pre
            .instantiate(&mut store)
            .and_then(|instance| instance.paasla_rule_ruling().call_configure(&mut store, settings))
            .map_err(|error| ActivateError::Configure(self.fault(&store, ration, &error)))?;
        outcome.map_err(|problems| {
            let problem = |p: v0_1::exports::paasla::rule::ruling::Problem| SettingsProblem {
                pointer: p.pointer,
                message: p.message,
            };
            ActivateError::Settings(problems.into_iter().map(problem).collect())
        })
    }
}

impl Activated {
    /// Decides one query in a fresh sandbox. Gives the fuel used in any case.
    pub fn decide(&self, query: &Query) -> (Result<Ruling, RuleFault>, u64) {
        let input = QueryInput::new(query);
        let (said, fuel) = self.call(|rule, store| {
            input.with(&self.about.facts, |query| rule.paasla_rule_ruling().call_decide(store, query))
        });
        (said.and_then(|said| self.checks(query).decided(said)), fuel)
    }

    /// Reviews all rows of one query in one fresh sandbox. Gives the fuel used in any case.
    pub fn review(&self, query: &Query, rows: &[RowInput]) -> (Result<Vec<RowRuling>, RuleFault>, u64) {
        let reads = |field| self.reads(query, field);
        let input = QueryInput::new(query);
        let rows_input = RowsInput::new(rows, &self.about.row_facts, reads);
        let (said, fuel) = self.call(|rule, store| {
            input.with(&self.about.facts, |query| {
                rows_input.with(|rows| rule.paasla_rule_ruling().call_review(store, query, rows))
            })
        });
        (said.and_then(|said| self.checks(query).reviewed(said, rows, reads)), fuel)
    }

    /// Whether the rule reads raw values of a field of the query.
    #[must_use]
    pub fn reads(&self, query: &Query, field: usize) -> bool {
        query.fields.get(field).is_some_and(|field| self.about.reads.contains(&field.category))
    }

    fn checks<'a>(&'a self, query: &'a Query) -> Checks<'a> {
        Checks {
            policy: &self.policy.name,
            about: &self.about,
            fields: &query.fields,
            list_length: self.engine.config.list_length,
        }
    }

    /// One call in a fresh instance, configured by the snapshot or now.
    fn call<R>(
        &self,
        call: impl FnOnce(&v0_1::Rule, &mut wasmtime::Store<Guard>) -> wasmtime::Result<R>,
    ) -> (Result<R, RuleFault>, u64) {
        let mut store = match self.engine.sandbox(self.ration) {
            Ok(store) => store,
            Err(fault) => return (Err(fault), 0),
        };
        let said = self.pre.instantiate(&mut store).and_then(|rule| {
            if self.start != Start::Snapshot {
                let configured = rule.paasla_rule_ruling().call_configure(&mut store, &self.settings)?;
                configured.map_err(|_| wasmtime::Error::msg("settings accepted once were refused"))?;
            }
            call(&rule, &mut store)
        });
        let fuel = self.ration.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        (said.map_err(|error| self.engine.fault(&store, self.ration, &error)), fuel)
    }
}
