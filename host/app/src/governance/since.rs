// SPDX-License-Identifier: Apache-2.0
//! The origin of a policy at work: the generation that brought it, with when, by whom and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paasla_core::{Mode, Policy, Rulebook};
use paasla_store::{GenerationInfo, Store, StoreError, governance::version::digest_of};
use serde::Serialize;

use super::actor::Actor;

/// Since when something is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// The generation that brought it.
    pub generation: u64,
    /// When that came.
    pub at: Option<Timestamp>,
    /// By whom; none for an institution, which sees its own people's changes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words; the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Since {
    /// As somebody sees it.
    pub(super) fn seen_by(self, actor: &Actor) -> Self {
        if actor.institution.is_none() {
            return self;
        }
        Self { by: None, reason: None, ..self }
    }
}

impl From<&GenerationInfo> for Since {
    fn from(info: &GenerationInfo) -> Self {
        Self {
            generation: info.generation,
            at: Timestamp::from_millisecond(info.installed_at).ok(),
            by: Some(info.by.clone()),
            reason: Some(info.reason.clone()),
        }
    }
}

/// Whether it is in force (or else in shadow), and the digest of the policy.
type AtWork = (bool, String);

/// For each policy of a rulebook, the generation since which it is there without a gap.
///
/// # Errors
/// When the past cannot be read.
pub async fn since(store: &dyn Store, rulebook: &Rulebook) -> Result<BTreeMap<AtWork, Since>, StoreError> {
    let mut open: BTreeSet<AtWork> = rulebook.policies.iter().map(at_work).collect();
    let (mut found, mut by_policies) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<AtWork>>::new());
    for info in store.generations().await? {
        if open.is_empty() {
            break;
        }
        if info.generation > rulebook.generation {
            continue;
        }
        if !by_policies.contains_key(&info.policies) {
            let policies = store.policies_at(info.generation).await?.unwrap_or_default();
            by_policies.insert(info.policies.clone(), policies.iter().map(at_work).collect());
        }
        let there = by_policies.get(&info.policies);
        open.retain(|own| there.is_some_and(|there| there.contains(own)));
        found.extend(open.iter().map(|own| (own.clone(), Since::from(&info))));
    }
    Ok(found)
}

fn at_work(policy: &Policy) -> AtWork {
    (policy.mode == Mode::Enforce, digest_of(policy))
}
