// SPDX-License-Identifier: Apache-2.0
//! Versions of policies that are ready, so that a change of one policy makes only that one anew, and going back to an
//! earlier rulebook takes no compiling.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use paasla_core::Policy;
use paasla_store::governance::version::digest_of;

use super::{Active, Version};

/// Ready versions by the digest of their policy.
///
/// A version is one thing however many rulebooks hold it: its faults are counted together, so that a change elsewhere
/// does not make a policy that keeps breaking look like new.
#[derive(Debug)]
pub struct Pool {
    most: usize,
    versions: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    version: Arc<Version>,
    /// The higher, the later it was last wanted.
    used: u64,
}

impl Pool {
    /// A pool that keeps so many versions, those at work not counted.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, versions: Mutex::default() }
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
        Ok(Arc::clone(&versions.entry(digest).or_insert(Kept { version: made, used }).version))
    }

    /// Whether a policy is ready.
    pub(crate) fn holds(&self, policy: &Policy) -> bool {
        self.get(&digest_of(policy)).is_some()
    }

    fn get(&self, digest: &str) -> Option<Arc<Version>> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let used = next(&versions);
        let kept = versions.get_mut(digest)?;
        kept.used = used;
        Some(Arc::clone(&kept.version))
    }

    /// Lets go of what was not wanted for longest, until no more are kept than may be. What is at work stays.
    pub(crate) fn tidy(&self, active: &Active) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = |version: &Arc<Version>| active.holds(version);
        let mut idle: Vec<(u64, String)> = versions
            .iter()
            .filter(|(_, kept)| !at_work(&kept.version))
            .map(|(digest, kept)| (kept.used, digest.clone()))
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

fn next(versions: &BTreeMap<String, Kept>) -> u64 {
    versions.values().map(|kept| kept.used).max().unwrap_or(0).saturating_add(1)
}
