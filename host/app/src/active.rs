// SPDX-License-Identifier: Apache-2.0
//! The rulebook at work: control data with its rules activated.

mod build;
mod check;
mod pool;
mod service;
mod unmet;

use std::sync::Arc;

use paasla_core::{Policy, Query, Rulebook, RulebookIndex};
use paasla_engine::Activated;
use paasla_store::governance::version::digest_of;

use super::{clock, quarantine::Watch};

pub use build::{BuildError, PolicyError, build, try_policy};
pub use pool::Pool;
pub(crate) use unmet::{grant_unmet, scope_unmet};
pub use unmet::{unknown_client, unmet};

/// One generation, ready to decide by. Never changes; a new one takes its place.
#[derive(Debug)]
pub struct Active {
    /// Control data.
    pub rulebook: Rulebook,
    /// What queries look for in it.
    pub(crate) index: RulebookIndex,
    /// SHA-256 of it, whatever its number.
    pub(crate) digest: String,
    /// Those in force, by name.
    policies: Vec<AtWork>,
    shadows: Vec<ShadowPolicy>,
}

/// A policy in shadow, and the policies that would be in force with it.
#[derive(Debug)]
pub(crate) struct ShadowPolicy {
    pub(crate) version: Arc<Version>,
    /// The same with no more fuel than usual: it must not keep the machine busy for an answer that nobody is given.
    rationed: Arc<Version>,
    /// Those in force, with this one beside them, or in the place of the one of its name.
    policies: Vec<AtWork>,
    /// Whose place it would take.
    replaced: Option<Arc<Version>>,
}

/// A policy at work, with the version that takes its place when its own is out of service.
#[derive(Debug, Clone)]
pub(crate) struct AtWork {
    current: Arc<Version>,
    previous: Option<Previous>,
}

/// A version that stands ready to take the place of another.
#[derive(Debug, Clone)]
struct Previous {
    version: Arc<Version>,
    /// Until when it may: milliseconds since 1970-01-01T00:00:00Z.
    until: Option<i64>,
}

/// One version of a policy, and the watch over it.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) activated: Activated,
    /// Another scope is another version, but no other watch: what broke so far goes on counting.
    pub(crate) watch: Arc<Watch>,
}

/// Who rules in one query for one policy. Chosen once, so that whoever decides also reviews.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruler<'a> {
    pub(crate) at_work: &'a AtWork,
    /// None when the policy is out of service.
    pub(crate) version: Option<&'a Version>,
}

impl Active {
    /// A rulebook that holds nothing: no query can be decided by it.
    pub(crate) fn empty() -> Self {
        let digest = Rulebook::default().digest();
        Self {
            rulebook: Rulebook::default(),
            index: RulebookIndex::default(),
            digest,
            policies: Vec::new(),
            shadows: Vec::new(),
        }
    }

    /// Whether a policy in force is out of service.
    pub(crate) fn is_out(&self, policy: &str) -> bool {
        let mut own = self.policies.iter().filter(|at_work| at_work.policy().name == policy);
        own.any(|at_work| at_work.current.watch.is_out())
    }

    /// Who rules in a query: one for every policy in whose scope it is, in the order of their names.
    pub(crate) fn rulers(&self, query: &Query) -> Vec<Ruler<'_>> {
        rulers(&self.policies, query)
    }

    /// The policies in shadow.
    pub(crate) fn shadows(&self) -> &[ShadowPolicy] {
        &self.shadows
    }

    /// Whether a version is at work in it, in force or in shadow, or stands ready to.
    pub(crate) fn holds(&self, version: &Arc<Version>) -> bool {
        let previous = |at_work: &AtWork| {
            at_work.previous.as_ref().is_some_and(|own| Arc::ptr_eq(&own.version, version))
        };
        self.policies.iter().any(|at_work| Arc::ptr_eq(&at_work.current, version) || previous(at_work))
            || self.shadows.iter().any(|own| Arc::ptr_eq(&own.version, version))
    }

    /// The watches over all versions in force, and those that stand ready to take their place.
    pub(crate) fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.policies.iter().flat_map(AtWork::versions).map(|version| &*version.watch)
    }

    /// What rules for a policy now; none when it is out of service.
    pub(crate) fn in_service(&self, policy: &str) -> Option<&Version> {
        self.policies.iter().find(|at_work| at_work.policy().name == policy)?.in_service()
    }

    /// A policy that is at work, in force or in shadow, by its digest whatever its mode.
    pub(crate) fn activated(&self, digest: &str) -> Option<&Activated> {
        let at_work = self.policies.iter().map(|at_work| &at_work.current);
        let mut all = at_work.chain(self.shadows.iter().map(|shadow| &shadow.version));
        all.find(|version| digest_of(&version.activated.policy) == digest).map(|version| &version.activated)
    }

    /// How many policies are in quarantine, those included that another version stands in for.
    pub(crate) fn quarantined(&self) -> usize {
        self.policies.iter().filter(|at_work| at_work.current.watch.is_out()).count()
    }
}

impl ShadowPolicy {
    fn new(version: Arc<Version>, in_force: &[AtWork]) -> Self {
        let name = &version.activated.policy.name;
        let is_same = |at_work: &&AtWork| at_work.policy().name == *name;
        let replaced = in_force.iter().find(is_same).map(|at_work| Arc::clone(&at_work.current));
        let others = in_force.iter().filter(|at_work| !is_same(at_work)).cloned();
        let rationed = Arc::new(version.rationed());
        let own = AtWork { current: Arc::clone(&rationed), previous: None };
        let mut policies: Vec<AtWork> = others.chain([own]).collect();
        policies.sort_by(|one, other| one.policy().name.cmp(&other.policy().name));
        Self { version, rationed, policies, replaced }
    }

    /// Whether a query concerns it: whether it is in the scope of it, or of the one whose place it would take.
    pub(crate) fn concerns(&self, query: &Query) -> bool {
        let scoped = |version: &Version| version.activated.policy.scope.holds(query);
        scoped(&self.version) || self.replaced.as_deref().is_some_and(scoped)
    }

    /// Whether it is the one who rules.
    pub(crate) fn is(&self, ruler: &Ruler<'_>) -> bool {
        ruler.version.is_some_and(|version| std::ptr::eq(version, &*self.rationed))
    }

    /// Who would rule in a query if it were in force.
    pub(crate) fn rulers(&self, query: &Query) -> Vec<Ruler<'_>> {
        rulers(&self.policies, query)
    }
}

fn rulers<'a>(policies: &'a [AtWork], query: &Query) -> Vec<Ruler<'a>> {
    let in_scope = policies.iter().filter(|at_work| at_work.policy().scope.holds(query));
    in_scope.map(|at_work| Ruler { at_work, version: at_work.in_service() }).collect()
}

impl AtWork {
    /// The policy as the rulebook has it.
    pub(crate) fn policy(&self) -> &Policy {
        &self.current.activated.policy
    }

    fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(self.previous.iter().map(|own| &own.version)).map(Arc::as_ref)
    }

    /// The version that rules. None when its own is out of service and none may stand in for it, or the entry says that
    /// everything is refused.
    fn in_service(&self) -> Option<&Version> {
        let watch = &self.current.watch;
        if !watch.is_out() {
            return Some(&self.current);
        }
        if watch.refuses() { None } else { self.stand_in() }
    }

    /// The previous version, if it may rule now.
    fn stand_in(&self) -> Option<&Version> {
        let Previous { version, until } = self.previous.as_ref()?;
        let may = until.is_none_or(|until| clock::now() < until);
        (may && !version.watch.is_out()).then_some(version)
    }

    /// What rules once a version is out of service.
    pub(crate) fn without(&self, version: &Version) -> Option<&Version> {
        let is_same = |other: &Version| Arc::ptr_eq(&other.watch, &version.watch);
        if is_same(&self.current) {
            return self.stand_in().filter(|other| !is_same(other));
        }
        Some(&*self.current).filter(|current| !current.watch.is_out())
    }
}

impl Version {
    fn rationed(&self) -> Self {
        Self { activated: self.activated.rationed(), watch: Arc::clone(&self.watch) }
    }
}
