// SPDX-License-Identifier: Apache-2.0
//! Activation of a rulebook: everything that it needs is compiled before it decides anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use paasla_core::{Mode, Policy, Rulebook, RulebookIndex};
use paasla_engine::{ActivateError, Engine, Rule, Start};
use paasla_register::Description;

use super::{Active, AtWork, Previous, ShadowPolicy, Version, check::check, pool::Pool};
use crate::governance::revival::StandIn;
use crate::query::usage;

/// Why a rulebook cannot be put to work: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rulebook cannot be put to work:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
pub struct BuildError(pub Vec<String>);

/// Why one policy cannot be put to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Its rule is not stored.
    #[error("there is no rule with digest {0}")]
    NoRule(String),
    /// It needs facts that nobody supplies.
    #[error("its rule needs facts which nobody here supplies: {}", .0.join(", "))]
    Facts(Vec<String>),
    /// Its rule cannot be loaded, or does not take its settings.
    #[error(transparent)]
    Activate(#[from] ActivateError),
}

/// Puts a rulebook to work. `rules` holds the components by digest, those of versions in the pool may be missing.
/// Compiles, so it takes tens of milliseconds for every policy that neither the pool nor the cache holds: keep it off
/// threads that serve queries.
///
/// # Errors
/// Everything that is wrong: services that the register does not have, unknown terms, rules that cannot be loaded,
/// settings that are refused, facts that nobody can supply.
pub fn build(
    engine: &Engine,
    description: &Description,
    rulebook: Rulebook,
    rules: &BTreeMap<String, Vec<u8>>,
    pool: &Pool,
) -> Result<Active, BuildError> {
    let mut problems = check(description, &rulebook);
    let loaded = BTreeMap::new();
    let mut builder = PolicyBuilder { engine, description, rulebook: &rulebook, rules, pool, loaded };
    let (mut policies, mut shadows) = (Vec::new(), Vec::new());
    for policy in &rulebook.policies {
        match pool.version(policy, || builder.make(policy).inspect(tell)) {
            Ok(version) if policy.mode == Mode::Shadow => shadows.push(version),
            Ok(current) => policies.push(AtWork { current, previous: None }),
            Err(error) => problems.push(format!("policy `{}`: {error}", policy.name)),
        }
    }
    drop(builder);
    if !problems.is_empty() {
        return Err(BuildError(problems));
    }
    policies.sort_by(|one: &AtWork, other| one.policy().name.cmp(&other.policy().name));
    let shadows = shadows.into_iter().map(|version| ShadowPolicy::new(version, &policies)).collect();
    let (digest, index) = (rulebook.digest(), RulebookIndex::of(&rulebook));
    Ok(Active { rulebook, index, digest, policies, shadows })
}

/// Makes one policy ready, as if the rulebook held it, and gives up what it made: to learn what is wrong with it.
///
/// # Errors
/// When it cannot be put to work.
pub fn try_policy(
    engine: &Engine,
    description: &Description,
    rulebook: &Rulebook,
    policy: &Policy,
    rule: &[u8],
) -> Result<(), PolicyError> {
    let rules = BTreeMap::from([(policy.rule.clone(), rule.to_vec())]);
    let (pool, loaded) = (&Pool::default(), BTreeMap::new());
    PolicyBuilder { engine, description, rulebook, rules: &rules, pool, loaded }.make(policy).map(drop)
}

impl Active {
    /// Makes earlier versions of its policies ready, each to take the place of the one at work when that is taken out
    /// of service. A version that cannot be made ready is left out, and the log says why. Compiles, like [`build`].
    #[must_use]
    pub(crate) fn with_previous(
        mut self,
        engine: &Engine,
        description: &Description,
        previous: &[StandIn],
        rules: &BTreeMap<String, Vec<u8>>,
        pool: &Pool,
    ) -> Self {
        let loaded = BTreeMap::new();
        let mut builder =
            PolicyBuilder { engine, description, rulebook: &self.rulebook, rules, pool, loaded };
        for StandIn { policy, until } in previous {
            let Some(at_work) = self.policies.iter_mut().find(|at_work| at_work.policy().name == policy.name)
            else {
                continue;
            };
            match pool.version(policy, || builder.make(policy).inspect(tell)) {
                Ok(version) => at_work.previous = Some(Previous { version, until: *until }),
                Err(why) => tracing::warn!(
                    policy = policy.name,
                    rule = policy.rule,
                    %why,
                    "the previous version of a policy cannot be made ready: in quarantine its queries are refused"
                ),
            }
        }
        let shadows = std::mem::take(&mut self.shadows).into_iter();
        self.shadows = shadows.map(|shadow| ShadowPolicy::new(shadow.version, &self.policies)).collect();
        self
    }
}

/// Logs how a policy that was just made ready will come to be configured.
fn tell(version: &Arc<Version>) {
    let Policy { name, rule, .. } = &*version.activated.policy;
    match &version.activated.start {
        Start::Snapshot => {
            tracing::info!(policy = name, rule, "a policy is ready: its rulings start from a snapshot");
        }
        Start::ConfigureEachTime(why) => {
            tracing::warn!(policy = name, rule, %why, "a policy is ready, but it is configured anew for every ruling");
        }
    }
}

/// Makes policies ready, each rule loaded once.
struct PolicyBuilder<'a> {
    engine: &'a Engine,
    description: &'a Description,
    rulebook: &'a Rulebook,
    rules: &'a BTreeMap<String, Vec<u8>>,
    pool: &'a Pool,
    loaded: BTreeMap<String, Rule>,
}

impl PolicyBuilder<'_> {
    fn make(&mut self, policy: &Policy) -> Result<Arc<Version>, PolicyError> {
        if !self.loaded.contains_key(&policy.rule) {
            let no_rule = || PolicyError::NoRule(policy.rule.clone());
            let bytes = self.rules.get(&policy.rule).ok_or_else(no_rule)?;
            let rule = self.engine.load(bytes).map_err(ActivateError::from)?;
            self.loaded.insert(policy.rule.clone(), rule);
        }
        let Some(rule) = self.loaded.get(&policy.rule) else {
            return Err(PolicyError::NoRule(policy.rule.clone()));
        };
        let missing = missing_facts(self.description, self.rulebook, policy, rule);
        if !missing.is_empty() {
            return Err(PolicyError::Facts(missing));
        }
        let activated = self.engine.activate(rule, policy, self.description.for_rules())?;
        Ok(Arc::new(Version { activated, watch: self.pool.watch(policy) }))
    }
}

/// Facts that a rule cannot do without and that neither the host nor every register entity in its scope supplies.
fn missing_facts(
    description: &Description,
    rulebook: &Rulebook,
    policy: &Policy,
    rule: &Rule,
) -> Vec<String> {
    let supplied: BTreeSet<String> = usage::names().map(|(_, name)| name).collect();
    let query_facts = rule.about.facts.iter().filter(|need| !need.optional && !supplied.contains(&need.name));
    let in_scope = |name: &String| policy.scope.services.is_empty() || policy.scope.services.contains(name);
    let entities: Vec<_> = rulebook
        .services
        .iter()
        .filter(|service| in_scope(&service.name))
        .filter_map(|service| description.entity(&service.entity))
        .collect();
    let everywhere = |fact: &str| entities.iter().all(|entity| entity.fact(fact).is_some());
    let row_facts = rule.about.row_facts.iter().filter(|need| !need.optional && !everywhere(&need.name));
    query_facts.chain(row_facts).map(|need| need.name.clone()).collect()
}
