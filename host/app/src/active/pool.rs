// SPDX-License-Identifier: Apache-2.0
//! The pool of activated versions of policies. A change of one policy activates only that one, and going back to an
//! earlier rulebook compiles nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use paasla_core::{Mode, Policy};
use paasla_store::governance::version::digest_of;

use super::{Active, Version};
use crate::quarantine::{VersionId, Watch};

/// Ready versions by the digest of their policy.
///
/// A version is one thing however many rulebooks hold it, and its faults are counted together whatever its scope: a
/// change elsewhere, or of its scope, does not make a policy that keeps breaking look like new.
#[derive(Debug)]
pub struct Pool {
    most: usize,
    versions: Mutex<BTreeMap<String, PooledVersion>>,
    /// The watches of versions that somebody still holds, whatever their scope.
    watches: Mutex<BTreeMap<VersionId, Weak<Watch>>>,
}

#[derive(Debug)]
struct PooledVersion {
    version: Arc<Version>,
    /// The higher, the later it was last wanted.
    used: u64,
}

impl Pool {
    /// A pool that keeps so many versions, those at work not counted.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, versions: Mutex::default(), watches: Mutex::default() }
    }

    /// The version of a policy, made if it is not there.
    pub(crate) fn version<E>(
        &self,
        policy: &Policy,
        make: impl FnOnce() -> Result<Arc<Version>, E>,
    ) -> Result<Arc<Version>, E> {
        let digest = digest_of(policy);
        if let Some(known) = self.get(&digest) {
            return Ok(known);
        }
        // Not under the lock: it compiles.
        let made = make()?;
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let used = next(&versions);
        Ok(Arc::clone(&versions.entry(digest).or_insert(PooledVersion { version: made, used }).version))
    }

    /// The watch over a policy: that of its version, where one is at work or was lately. A policy in shadow has its own,
    /// since nothing that it does counts.
    pub(crate) fn watch(&self, policy: &Policy) -> Arc<Watch> {
        let id = VersionId::of(policy);
        if policy.mode == Mode::Shadow {
            return Arc::new(Watch::new(id));
        }
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|_, watch| watch.strong_count() > 0);
        if let Some(known) = watches.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        let watch = Arc::new(Watch::new(id.clone()));
        watches.insert(id, Arc::downgrade(&watch));
        watch
    }

    /// Whether a policy is ready.
    pub(crate) fn holds(&self, policy: &Policy) -> bool {
        self.get(&digest_of(policy)).is_some()
    }

    fn get(&self, digest: &str) -> Option<Arc<Version>> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let used = next(&versions);
        let pooled = versions.get_mut(digest)?;
        pooled.used = used;
        Some(Arc::clone(&pooled.version))
    }

    /// Lets go of what was not wanted for longest, until no more are kept than may be. What is at work stays.
    pub(crate) fn tidy(&self, active: &Active) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = |version: &Arc<Version>| active.holds(version);
        let mut idle: Vec<(u64, String)> = versions
            .iter()
            .filter(|(_, pooled)| !at_work(&pooled.version))
            .map(|(digest, pooled)| (pooled.used, digest.clone()))
            .collect();
        idle.sort_unstable();
        let surplus = idle.len().saturating_sub(self.most);
        for (_, digest) in idle.into_iter().take(surplus) {
            versions.remove(&digest);
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(64)
    }
}

fn next(versions: &BTreeMap<String, PooledVersion>) -> u64 {
    versions.values().map(|pooled| pooled.used).max().unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use paasla_store::Action;

    use super::*;
    use crate::quarantine::{Fault, QuarantineFallback, QuarantineSettings};

    fn policy(more: &str) -> Policy {
        serde_json::from_str(&format!(r#"{{"name":"p","rule":"00"{more}}}"#)).unwrap()
    }

    #[test]
    fn another_scope_goes_on_counting() {
        let pool = Pool::default();
        let two = NonZeroU32::MIN.saturating_add(1);
        let settings = QuarantineSettings::new(two, two, QuarantineFallback::Refuse);
        let fault = Fault { at: Duration::ZERO, instant: 0, kind: "trap", action: Action::Refuse };
        let watch = pool.watch(&policy(""));
        assert_eq!(watch.note(&settings, &fault), None);
        let scoped = pool.watch(&policy(r#","scope":{"services":["person"]}"#));
        assert!(scoped.note(&settings, &fault).is_some(), "it is the second of two");
        assert!(watch.is_out());
        let other = pool.watch(&policy(r#","settings":{"a":1}"#));
        let shadow = pool.watch(&policy(r#","mode":"shadow""#));
        assert!(!other.is_out() && !shadow.is_out(), "another version, and one that does not count");
        drop((watch, scoped));
        assert!(!pool.watch(&policy("")).is_out(), "nobody holds it: the store tells whether it is out");
    }
}
