// SPDX-License-Identifier: Apache-2.0
//! Views of policies: each version with where it stands in its life cycle.

use jiff::Timestamp;
use paasla_core::{Mode, Policy};
use paasla_engine::Start;
use paasla_store::{
    StoreError,
    governance::version::{PolicyVersion, VersionState, digest_of},
};
use serde::Serialize;

use super::{
    Governance,
    actor::Actor,
    since::{self, Since},
};
use crate::active::Active;

/// Where a version of a policy stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// Its rule is checked, its cases have passed, and it takes its settings.
    Checked,
    /// It runs after the answers, and changes none.
    Shadow,
    /// It may be put in force.
    Approved,
    /// It will come into force at a set time.
    Scheduled,
    /// It is in force.
    Enforced,
    /// It is in force, but out of service because its rule broke too often, or its key was revoked.
    Quarantined,
    /// It was in force.
    Retired,
    /// It will not come into force.
    Rejected,
}

impl Life {
    /// In one word, as the API writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Shadow => "shadow",
            Self::Approved => "approved",
            Self::Scheduled => "scheduled",
            Self::Enforced => "enforced",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

/// One version of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyView {
    /// Its name.
    pub name: String,
    /// Its number; none for a policy that came with a seeded rulebook.
    pub version: Option<u32>,
    /// Where it stands.
    pub life: Life,
    /// SHA-256 of it.
    pub digest: String,
    /// What it is.
    pub policy: Policy,
    /// How its instances come to be configured; none while it is not ready to rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<StartView>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The institution for which it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it is to come into force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activate_at: Option<Timestamp>,
    /// When it goes out of force by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The time that was set before for it to come into force, when another was set just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Timestamp>,
    /// Since when it is at work, by whom and why, where that was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Whether nobody vouches for it any more, because the keys that did are revoked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key_revoked: bool,
}

/// How instances of a policy come to be configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum StartView {
    /// They start configured, from a snapshot.
    Snapshot,
    /// Each is configured anew, for every ruling; why.
    ConfiguredEachTime {
        /// Why there is no snapshot.
        why: String,
    },
}

impl From<&Start> for StartView {
    fn from(start: &Start) -> Self {
        match start {
            Start::Snapshot => Self::Snapshot,
            Start::ConfigureEachTime(why) => Self::ConfiguredEachTime { why: why.clone() },
        }
    }
}

impl Governance {
    /// Every version of every policy, or of one, those included that came with a seeded rulebook, as far as the actor may
    /// see them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policies(&self, actor: &Actor, name: Option<&str>) -> Result<Vec<PolicyView>, StoreError> {
        let versions = self.store.versions(name).await?;
        let active = self.active.load_full();
        let versioned: Vec<String> =
            versions.iter().filter(|own| !own.is_rejected()).map(PolicyVersion::digest).collect();
        let seeded =
            active.rulebook.policies.iter().filter(|policy| name.is_none_or(|name| policy.name == name));
        let seeded = seeded.filter(|policy| !versioned.contains(&digest_of(policy)));
        let seeded = seeded.map(|policy| PolicyView {
            name: policy.name.clone(),
            version: None,
            life: life_in(&active, policy).unwrap_or(Life::Enforced),
            digest: digest_of(policy),
            start: start_in(&active, policy),
            policy: policy.clone(),
            by: None,
            institution: None,
            approved_by: None,
            activate_at: None,
            expires_at: None,
            instead_of: None,
            since: None,
            key_revoked: false,
        });
        let mut views: Vec<PolicyView> =
            seeded.chain(versions.iter().map(|version| view(&active, version))).collect();
        views.retain(|view| actor.sees_of(view.institution.as_deref()));
        views.sort_by(|one, other| (&one.name, one.version).cmp(&(&other.name, other.version)));
        let since = since::since(&*self.store, &active.rulebook).await?;
        for view in &mut views {
            let mode = if view.life == Life::Shadow { Mode::Shadow } else { Mode::Enforce };
            let since = since.get(&(mode == Mode::Enforce, view.digest.clone())).cloned();
            view.since = since.map(|since| since.seen_by(actor));
            if view.life == Life::Rejected {
                view.since = None;
            }
            view.key_revoked = self.lost(&view.policy).await?.is_some();
        }
        Ok(views)
    }
}

/// An instant that was stored: milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn instant(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

/// One version as people see it.
pub(crate) fn view(active: &Active, version: &PolicyVersion) -> PolicyView {
    PolicyView {
        name: version.policy.name.clone(),
        version: Some(version.version),
        life: life(active, version),
        digest: version.digest(),
        start: start_in(active, &version.policy),
        policy: version.policy.clone(),
        by: Some(version.by.clone()),
        institution: version.institution.clone(),
        approved_by: version.approved_by.clone(),
        activate_at: version.activate_at.and_then(instant),
        expires_at: version.expires_at.and_then(instant),
        instead_of: None,
        since: None,
        key_revoked: false,
    }
}

/// How instances of a policy come to be configured, if it is at work.
fn start_in(active: &Active, policy: &Policy) -> Option<StartView> {
    active.activated(&digest_of(policy)).map(|activated| (&activated.start).into())
}

/// Where a version stands: what the rulebook at work says, or else what became of it. One that was rejected stays so,
/// even if another with the same content is in force.
pub(crate) fn life(active: &Active, version: &PolicyVersion) -> Life {
    if version.is_rejected() {
        return Life::Rejected;
    }
    life_in(active, &version.policy).unwrap_or(match version.state {
        VersionState::Checked => Life::Checked,
        VersionState::Approved if version.activate_at.is_some() => Life::Scheduled,
        VersionState::Approved => Life::Approved,
        VersionState::Rejected => Life::Rejected,
        VersionState::Served => Life::Retired,
    })
}

/// What the rulebook at work says of a policy; none when it does not hold it.
fn life_in(active: &Active, policy: &Policy) -> Option<Life> {
    let digest = digest_of(policy);
    let mut same =
        active.rulebook.policies.iter().filter(|own| own.name == policy.name && digest_of(own) == digest);
    let modes: Vec<Mode> = same.by_ref().map(|own| own.mode).collect();
    if modes.contains(&Mode::Enforce) {
        return Some(if active.is_out(&policy.name) { Life::Quarantined } else { Life::Enforced });
    }
    modes.contains(&Mode::Shadow).then_some(Life::Shadow)
}
