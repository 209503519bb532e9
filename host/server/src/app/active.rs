// SPDX-License-Identifier: Apache-2.0
//! The rulebook at work: control data with its rules activated.

use std::collections::{BTreeMap, BTreeSet};

use paasla_core::{Mode, Policy, Query, Rulebook};
use paasla_engine::{Activated, Engine, Rule};
use paasla_register::Description;

use super::{
    quarantine::{VersionId, Watch},
    usage,
};

/// One generation, ready to decide by. Never changes; a new one takes its place.
#[derive(Debug)]
pub struct Active {
    /// Control data.
    pub rulebook: Rulebook,
    policies: Vec<AtWork>,
}

/// A policy at work, with the version that takes its place when its own is out of service.
#[derive(Debug)]
pub(crate) struct AtWork {
    current: Version,
    previous: Option<Version>,
}

/// One version of a policy, and the watch over it.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) activated: Activated,
    pub(crate) watch: Watch,
}

/// Who rules in one query for one policy. Chosen once, so that whoever decides also reviews.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruler<'a> {
    pub(crate) at_work: &'a AtWork,
    /// None when the policy is out of service.
    pub(crate) version: Option<&'a Version>,
}

/// Why a rulebook cannot be put to work: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rulebook cannot be put to work:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
pub struct BuildError(pub Vec<String>);

impl Active {
    /// Who rules in a query: one for every policy in whose scope it is, in the order of their names.
    pub(crate) fn rulers(&self, query: &Query) -> Vec<Ruler<'_>> {
        let in_scope = self.policies.iter().filter(|at_work| at_work.policy().scope.holds(query));
        in_scope.map(|at_work| Ruler { at_work, version: at_work.in_service() }).collect()
    }

    /// The watches over all versions.
    pub(crate) fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.policies.iter().flat_map(AtWork::versions).map(|version| &version.watch)
    }

    /// What rules for a policy now; none when it is out of service.
    pub(crate) fn in_service(&self, policy: &str) -> Option<&Version> {
        self.policies.iter().find(|at_work| at_work.policy().name == policy)?.in_service()
    }

    /// How many policies are in quarantine, those included that another version stands in for.
    pub(crate) fn quarantined(&self) -> usize {
        self.policies.iter().filter(|at_work| at_work.current.watch.is_out()).count()
    }

    /// Makes earlier versions of its policies ready, each to take the place of the one at work when that is taken out
    /// of service. A version that cannot be made ready is left out, and the log says why. Compiles, like [`build`].
    #[must_use]
    pub fn with_previous(
        mut self,
        engine: &Engine,
        description: &Description,
        previous: &[Policy],
        rules: &BTreeMap<String, Vec<u8>>,
    ) -> Self {
        for policy in previous {
            let Some(at_work) = self.policies.iter_mut().find(|at_work| at_work.policy().name == policy.name)
            else {
                continue;
            };
            match ready(engine, description, &self.rulebook, policy, rules) {
                Ok(activated) => at_work.previous = Some(Version::new(activated)),
                Err(why) => tracing::warn!(
                    policy = policy.name,
                    rule = policy.rule,
                    why,
                    "the previous version of a policy cannot be made ready: in quarantine its queries are refused"
                ),
            }
        }
        self
    }
}

impl AtWork {
    /// The policy as the rulebook has it.
    pub(crate) fn policy(&self) -> &Policy {
        &self.current.activated.policy
    }

    fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The first version that is in service.
    fn in_service(&self) -> Option<&Version> {
        self.versions().find(|version| !version.watch.is_out())
    }

    /// What rules once a version is out of service.
    pub(crate) fn without(&self, version: &Version) -> Option<&Version> {
        let mut others = self.versions().filter(|other| !std::ptr::eq(*other, version));
        others.find(|other| !other.watch.is_out())
    }
}

impl Version {
    fn new(activated: Activated) -> Self {
        let watch = Watch::new(VersionId::of(&activated.policy));
        Self { activated, watch }
    }
}

/// An earlier version of a policy, compiled and configured; or why it cannot be.
fn ready(
    engine: &Engine,
    description: &Description,
    rulebook: &Rulebook,
    policy: &Policy,
    rules: &BTreeMap<String, Vec<u8>>,
) -> Result<Activated, String> {
    let bytes = rules.get(&policy.rule).ok_or("its rule is not stored")?;
    let rule = engine.load(bytes).map_err(|error| error.to_string())?;
    if let Some(need) = missing_facts(description, rulebook, policy, &rule).first() {
        return Err(format!("its rule needs the fact `{need}`, which nobody here supplies"));
    }
    engine.activate(&rule, policy).map_err(|error| error.to_string())
}

/// Puts a rulebook to work. `rules` holds the components by digest. Compiles, so it takes tens of milliseconds for
/// every policy: keep it off threads that serve queries.
///
/// # Errors
/// Everything that is wrong: services that the register does not have, unknown terms, rules that cannot be loaded,
/// settings that are refused, facts that nobody can supply.
pub fn build(
    engine: &Engine,
    description: &Description,
    rulebook: Rulebook,
    rules: &BTreeMap<String, Vec<u8>>,
) -> Result<Active, BuildError> {
    let mut problems = check(description, &rulebook);
    let mut loaded: BTreeMap<&str, Option<Rule>> = BTreeMap::new();
    let mut policies = Vec::new();
    for policy in &rulebook.policies {
        let mut wrong = |what: String| problems.push(format!("policy `{}`: {what}", policy.name));
        if policy.mode == Mode::Shadow {
            wrong("mode `shadow` is not offered by this host; use `enforce`".to_owned());
            continue;
        }
        let rule = loaded.entry(&policy.rule).or_insert_with(|| match rules.get(&policy.rule) {
            None => {
                wrong(format!("there is no rule with digest {}", policy.rule));
                None
            }
            Some(bytes) => engine.load(bytes).map_err(|error| wrong(error.to_string())).ok(),
        });
        let Some(rule) = rule else { continue };
        for need in missing_facts(description, &rulebook, policy, rule) {
            wrong(format!("its rule needs the fact `{need}`, which nobody here supplies"));
        }
        match engine.activate(rule, policy) {
            Ok(activated) => policies.push(AtWork { current: Version::new(activated), previous: None }),
            Err(error) => wrong(error.to_string()),
        }
    }
    drop(loaded);
    policies.sort_by(|one: &AtWork, other| one.policy().name.cmp(&other.policy().name));
    if problems.is_empty() { Ok(Active { rulebook, policies }) } else { Err(BuildError(problems)) }
}

fn check(description: &Description, rulebook: &Rulebook) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for service in &rulebook.services {
        let mut wrong =
            |what: String| problems.push(format!("service `{}` v{}: {what}", service.name, service.version));
        if !names.insert((service.name.as_str(), service.version)) {
            wrong("it is there twice".to_owned());
        }
        let reserved = ["listMethods", "allowedMethods", "getOpenAPI", "getWsdl"];
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if service.name.is_empty()
            || !service.name.chars().all(fits)
            || reserved.contains(&service.name.as_str())
        {
            wrong(
                "its name must be letters, digits and `-`, and none of X-Road's own service codes".to_owned(),
            );
        }
        if service.keys.is_empty() || service.fields.is_empty() {
            wrong("it needs at least one key and one field".to_owned());
        }
        if description.entity(&service.entity).is_none() {
            wrong(format!("the register has no entity `{}`", service.entity));
            continue;
        }
        for field in service.fields.iter().chain(&service.keys) {
            if description.field(&service.entity, field).is_none() {
                wrong(format!("the register has no field `{field}`"));
            }
        }
        for key in &service.keys {
            if description.field(&service.entity, key).is_some_and(|field| !field.is_key()) {
                wrong(format!("the register's description does not allow `{key}` as a key"));
            }
        }
    }
    let mut ids = BTreeSet::new();
    for grant in &rulebook.grants {
        let mut wrong = |what: String| problems.push(format!("grant `{}`: {what}", grant.id));
        if !ids.insert(grant.id.as_str()) {
            wrong("its id is there twice".to_owned());
        }
        let services: Vec<_> = rulebook.services.iter().filter(|s| s.name == grant.service).collect();
        if services.is_empty() {
            wrong(format!("there is no service `{}`", grant.service));
        }
        for field in &grant.fields {
            if field != "*" && !services.iter().any(|service| service.fields.contains(field)) {
                wrong(format!("service `{}` has no field `{field}`", grant.service));
            }
        }
        if grant.purposes.is_empty() || grant.legal_bases.is_empty() {
            wrong("it needs at least one purpose and one legal basis".to_owned());
        }
    }
    let terms = |iris: &[String], kind, what: &str, problems: &mut Vec<String>| {
        for iri in iris {
            if rulebook.vocabulary.concept(kind, iri).is_none() {
                problems.push(format!("{what}: the vocabulary has no such term: {iri}"));
            }
        }
    };
    use paasla_core::term::ConceptKind::{LegalBasis, Purpose};
    for service in &rulebook.services {
        terms(&service.purposes, Purpose, &format!("service `{}`", service.name), &mut problems);
    }
    for grant in &rulebook.grants {
        terms(&grant.purposes, Purpose, &format!("grant `{}`", grant.id), &mut problems);
        terms(&grant.legal_bases, LegalBasis, &format!("grant `{}`", grant.id), &mut problems);
    }
    let mut policies = BTreeSet::new();
    for policy in &rulebook.policies {
        if !policies.insert(policy.name.as_str()) || matches!(policy.name.as_str(), "grant" | "host" | "") {
            problems.push(format!("policy `{}`: its name is empty, reserved, or there twice", policy.name));
        }
    }
    problems
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
