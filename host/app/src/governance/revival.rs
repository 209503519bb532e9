// SPDX-License-Identifier: Apache-2.0
//! Revival: which versions that were in force before may come back, by a roll-back, when what took its place expires, or to stand
//! in for a version in quarantine. What governance has taken out comes back by an approval only.

use paasla_core::{Mode, Policy, Rulebook};
use paasla_store::{
    StoreError,
    governance::version::{PolicyVersion, VersionState, digest_of, version_of},
};

use super::{Governance, now, signatures};
use crate::{
    problem::Problem,
    quarantine::{self, VersionId},
};

/// A version that may take the place of one in quarantine.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    /// What it is.
    pub(crate) policy: Policy,
    /// Until when it may: milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) until: Option<i64>,
}

impl Governance {
    /// Why a policy that is not at work must not come back; nothing when it may. `versions` are those of its name.
    pub(super) async fn barred(
        &self,
        policy: &Policy,
        versions: &[PolicyVersion],
    ) -> Result<Option<Problem>, StoreError> {
        let digest = digest_of(policy);
        let own: Vec<&PolicyVersion> = versions.iter().filter(|version| version.digest() == digest).collect();
        match gone(&own, policy, now()) {
            Some(problem) => Ok(Some(problem)),
            None => self.lost(policy).await,
        }
    }

    /// Why nobody vouches for a policy any more.
    pub(super) async fn lost(&self, policy: &Policy) -> Result<Option<Problem>, StoreError> {
        if !self.settings.signatures {
            return Ok(None);
        }
        let (keys, signatures) = (self.store.keys().await?, self.store.signatures(&policy.rule).await?);
        let lost = signatures::lost(&keys, &signatures, &policy.rule, &policy.scope);
        Ok(lost.map(|Problem { message, .. }| problem("key_revoked", policy, &message)))
    }

    /// Everything in an earlier rulebook that must not come back. What is at work now stays allowed whatever became of
    /// its keys: that is for `revoked` to say.
    pub(super) async fn barred_in(
        &self,
        earlier: &Rulebook,
        now: &Rulebook,
        versions: &[PolicyVersion],
    ) -> Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        for policy in earlier.policies.iter().filter(|policy| !is_in(now, policy)) {
            let own: Vec<PolicyVersion> =
                versions.iter().filter(|version| version.policy.name == policy.name).cloned().collect();
            problems.extend(self.barred(policy, &own).await?);
        }
        Ok(problems)
    }

    /// For the policies of a rulebook, the versions that were in force before and may rule while theirs is in
    /// quarantine.
    pub(super) async fn stand_ins(&self, rulebook: &Rulebook) -> Result<Vec<StandIn>, StoreError> {
        let versions = self.store.versions(None).await?;
        let mut stand_ins = Vec::new();
        for policy in quarantine::previous(&*self.store, rulebook).await? {
            let id = VersionId::of(&policy);
            // Whatever its scope was: it has today's.
            let own: Vec<&PolicyVersion> =
                versions.iter().filter(|version| VersionId::of(&version.policy) == id).collect();
            let barred = match gone(&own, &policy, now()) {
                Some(problem) => Some(problem),
                None => self.lost(&policy).await?,
            };
            if let Some(Problem { message, .. }) = barred {
                tracing::warn!(
                    policy = policy.name,
                    why = message,
                    "the previous version of a policy must not stand in for it: in quarantine its queries are refused"
                );
                continue;
            }
            stand_ins.push(StandIn { until: until(&own), policy });
        }
        Ok(stand_ins)
    }

    /// What gets its place back when a version expires: what it took the place of, or if that must not come back, what
    /// that had taken the place of. Otherwise why nothing does, where there was something.
    pub(super) async fn predecessor(
        &self,
        version: &PolicyVersion,
        versions: &[PolicyVersion],
    ) -> Result<(Option<Policy>, Option<Problem>), StoreError> {
        let mut seen = vec![version.digest()];
        let mut why = None;
        let mut next = version.replaced.clone();
        while let Some(policy) = next {
            let digest = digest_of(&policy);
            if seen.contains(&digest) {
                break;
            }
            seen.push(digest);
            match self.barred(&policy, versions).await? {
                None => return Ok((Some(*policy), None)),
                Some(problem) => why = why.or(Some(problem)),
            }
            let stored = versions.iter().rev().find(|own| digest_of(&own.policy) == digest_of(&policy));
            next = stored.and_then(|version| version.replaced.clone());
        }
        Ok((None, why))
    }
}

/// Whether a rulebook holds a policy, in force if it is in force, or else at all.
fn is_in(rulebook: &Rulebook, policy: &Policy) -> bool {
    let digest = digest_of(policy);
    let mut same = rulebook.policies.iter().filter(|own| own.name == policy.name && digest_of(own) == digest);
    same.any(|own| own.mode == policy.mode || own.mode == Mode::Enforce)
}

/// Whether the versions that a policy is were rejected, or have expired.
fn gone(own: &[&PolicyVersion], policy: &Policy, now: i64) -> Option<Problem> {
    let last = own.last()?;
    // A new version with the content of a rejected one is as good once it is approved; in shadow, at once.
    let is_good = |version: &PolicyVersion| match version.state {
        VersionState::Rejected => false,
        VersionState::Checked => policy.mode == Mode::Shadow,
        VersionState::Approved | VersionState::Served => true,
    };
    if let Some(rejected) = own.iter().rev().find(|version| version.is_rejected())
        && !own.iter().any(|version| is_good(version))
    {
        let why = format!("version {} was rejected: make a new version of it", rejected.version);
        return Some(problem("version_rejected", policy, &why));
    }
    if policy.mode == Mode::Enforce && until(own).is_some_and(|until| until <= now) {
        let why = format!("version {} has expired: approve and activate it anew", last.version);
        return Some(problem("version_expired", policy, &why));
    }
    None
}

/// When the last of some versions expires; none when one never does.
fn until(own: &[&PolicyVersion]) -> Option<i64> {
    let good = own.iter().filter(|version| !version.is_rejected());
    good.map(|version| version.expires_at).reduce(|one, other| Some(one?.max(other?))).flatten()
}

fn problem(code: &'static str, policy: &Policy, why: &str) -> Problem {
    let message = format!("the policy `{}` must not come back by itself: {why}", policy.name);
    Problem::new(code, "rulebook", message)
}

/// Versions with a set time to come into force, of these names.
pub(super) fn planned(
    versions: &[PolicyVersion],
    is_named: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &PolicyVersion> {
    versions.iter().filter(move |version| version.activate_at.is_some() && is_named(&version.policy.name))
}

/// Whether two rulebooks hold the same policies of a name.
pub(super) fn differ(one: &Rulebook, other: &Rulebook, name: &str) -> bool {
    let of = |rulebook: &Rulebook| {
        let own = rulebook.policies.iter().filter(|policy| policy.name == name);
        let mut own: Vec<(bool, String)> =
            own.map(|policy| (policy.mode == Mode::Enforce, digest_of(policy))).collect();
        own.sort();
        own
    };
    of(one) != of(other)
}

/// For whom a policy of a rulebook was made; none for the ministry, from which those come that were seeded.
pub(super) fn owner_of(versions: &[PolicyVersion], policy: &Policy) -> Option<String> {
    version_of(versions, policy)?.institution.clone()
}
