// SPDX-License-Identifier: Apache-2.0
//! Control data from files, put in beside what governance has brought to work, and without what it has taken out.
//!
//! Needs no host at work: `paasla seed` is at a machine where none may run yet.

use std::collections::BTreeSet;

use paasla_core::{ObjectId, Policy, Rulebook};
use paasla_store::{
    Store, StoreError,
    governance::{proposal::Effect, version::version_of},
};

use super::{
    plan::sort_out,
    policies::{NAME_RULE, check_spelling},
    refusal::Refusal,
};
use crate::problem::Problem;

/// A rulebook that files and governance make together.
#[derive(Debug)]
pub struct Combined {
    /// The rulebook; its number is not looked at.
    pub rulebook: Rulebook,
    /// What it changes.
    pub effect: Effect,
}

/// Makes a rulebook of files and of the one at work: policies that came through governance stay, unless they are to be
/// replaced; and what a rulebook held before and the one at work does not stays out, unless it is named.
///
/// # Errors
/// When a policy of the files has a name that no policy may have, there are files for policies that came through governance, a
/// name to be brought back fits nothing, or the store cannot be read.
pub async fn combine(
    store: &dyn Store,
    now: &Rulebook,
    files: &Rulebook,
    replace_policies: bool,
    bring_back: &[String],
) -> Result<Combined, Refusal> {
    check_names(&files.policies)?;
    let here = now.objects();
    let before = store.held_before().await?;
    let gone: BTreeSet<ObjectId> =
        files.objects().into_keys().filter(|id| !here.contains_key(id) && before.contains(id)).collect();
    let (brought_back, left_out) = sort_out(gone, bring_back, files)?;
    let mut rulebook = files.clone().without(&left_out);
    rulebook.policies.extend(carried(store, now, &files.policies, replace_policies).await?);
    let effect = Effect {
        changes: now.diff(&rulebook),
        left_out: left_out.into_iter().collect(),
        brought_back,
        quarantines: Vec::new(),
    };
    Ok(Combined { rulebook, effect })
}

/// A policy of a file is called as one that is created is.
fn check_names(policies: &[Policy]) -> Result<(), Refusal> {
    let wrong = policies.iter().filter(|policy| check_spelling(&policy.name).is_err());
    let problem = |policy: &Policy| {
        Problem::new("name_invalid", "policies", format!("policy `{}`: {NAME_RULE}", policy.name))
    };
    Refusal::all(wrong.map(problem).collect())
}

/// The policies at work that came through governance, which files know nothing of: they stay.
async fn carried(
    store: &dyn Store,
    now: &Rulebook,
    files: &[Policy],
    replace: bool,
) -> Result<Vec<Policy>, Refusal> {
    let (mut carried, mut both) = (Vec::new(), Vec::new());
    for policy in &now.policies {
        let file = files.iter().find(|file| file.name == policy.name && file.mode == policy.mode);
        match file {
            _ if !came_so(store, policy).await? => {}
            None => carried.push(policy.clone()),
            Some(file) if file == policy => {}
            Some(_) => both.push(policy.name.as_str()),
        }
    }
    if replace {
        return Ok(Vec::new());
    }
    if !both.is_empty() {
        let message = format!(
            "there are files for policies that came to work through governance since: {}. Take the files away to keep \
             what is at work, or give --replace-policies to put in the policies of the folder only",
            both.join(", ")
        );
        return Err(Refusal::conflict("policies_governed", message));
    }
    Ok(carried)
}

/// Whether a policy came to work through governance. One that was seeded is a version only if it was retired since.
async fn came_so(store: &dyn Store, policy: &Policy) -> Result<bool, StoreError> {
    let versions = store.versions(Some(&policy.name)).await?;
    let stored = version_of(&versions, policy);
    Ok(stored.is_some_and(|version| version.by != "seed" || version.token.is_some()))
}
