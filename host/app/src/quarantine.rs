// SPDX-License-Identifier: Apache-2.0
//! Quarantine: a policy whose rule breaks too often is taken out of service, loudly, until an operator lifts it.
//!
//! `watch` counts the faults of one version of a policy; `previous` finds what ruled before it. Here is what happens
//! when a version goes out of service or comes back, and how that outlives the host.

mod previous;
mod watch;

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use paasla_core::Reason;
use paasla_engine::RuleFault;
use paasla_store::{Action, Store, StoreError};
use serde::Deserialize;

pub use previous::previous;
pub(crate) use watch::{Fault, VersionId, Watch};

use super::{
    active::{Active, Ruler, Version},
    clock,
};

/// When a policy is taken out of service, and what is done then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineSettings {
    /// How many faults are too many.
    pub faults: NonZeroU32,
    /// Within which time. A fault that is as old as this no longer counts.
    pub within: Duration,
    /// What is done instead.
    pub then: QuarantineFallback,
}

/// What is done instead, while a policy is in quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineFallback {
    /// Every query in its scope is refused.
    #[default]
    Refuse,
    /// Its previous version rules. Where there is none, or it breaks too often as well: refuse.
    Previous,
}

impl QuarantineSettings {
    /// How many faults are too many, unless the operator says otherwise.
    pub const FAULTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
    /// Within how many minutes, unless the operator says otherwise.
    pub const MINUTES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

    /// So many faults in so many minutes.
    #[must_use]
    pub fn new(faults: NonZeroU32, minutes: NonZeroU32, then: QuarantineFallback) -> Self {
        Self { faults, within: Duration::from_secs(60 * u64::from(minutes.get())), then }
    }
}

impl Default for QuarantineSettings {
    fn default() -> Self {
        Self::new(Self::FAULTS, Self::MINUTES, QuarantineFallback::default())
    }
}

/// Takes policies out of service, and keeps that in the store.
pub(crate) struct Quarantine {
    settings: QuarantineSettings,
    store: Arc<dyn Store>,
    started: Instant,
    /// One writes at a time, so that what is written already is not written again.
    writing: tokio::sync::Mutex<()>,
}

impl Quarantine {
    pub(crate) fn new(settings: QuarantineSettings, store: Arc<dyn Store>) -> Self {
        Self { settings, store, started: Instant::now(), writing: tokio::sync::Mutex::default() }
    }

    /// Counts a fault of a rule, and takes its policy out of service if that is one too many. When this returns the
    /// store knows of it, or the log says why not.
    pub(crate) async fn note(&self, ruler: &Ruler<'_>, fault: &RuleFault) {
        let Some(version) = ruler.version else { return };
        if !fault.is_the_rules() {
            return;
        }
        let fallback = ruler.at_work.without(version);
        let fault = Fault {
            at: self.started.elapsed(),
            instant: clock::now(),
            kind: fault.kind(),
            action: if fallback.is_some() { Action::Previous } else { Action::Refuse },
        };
        let Some(entry) = version.watch.note(&self.settings, &fault) else { return };
        tracing::error!(
            policy = entry.policy,
            rule = entry.rule,
            kind = entry.kind,
            faults = entry.faults,
            minutes = self.settings.within.as_secs() / 60,
            previous = fallback.map(|version| version.activated.policy.rule.as_str()),
            "QUARANTINE: a policy is out of service, because its rule broke too often; from now on {}",
            instead(fallback)
        );
        self.save(&version.watch).await;
    }

    /// Makes what is at work agree with the store: takes out of service what is quarantined there, puts back what an
    /// operator has lifted, and writes what could not be written before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn refresh(&self, active: &Active) -> Result<(), StoreError> {
        // Only what was in the store before it is read can be missing because it was lifted.
        let watches: Vec<(&Watch, Option<i64>)> =
            active.watches().map(|watch| (watch, watch.entry_id())).collect();
        let entries = self.store.quarantined().await?;
        let mut newly = Vec::new();
        for (watch, known) in watches {
            let entry = entries.iter().find(|entry| watch.version.names(&entry.entry));
            match (entry, known) {
                (Some(entry), _) => {
                    if watch.take_out(entry) {
                        newly.push(&entry.entry);
                    }
                }
                (None, Some(known)) => {
                    if watch.put_back(known) {
                        let VersionId { policy, rule, .. } = &watch.version;
                        tracing::warn!(policy, rule, "the quarantine was lifted: the policy rules again");
                    }
                }
                (None, None) => self.save(watch).await,
            }
        }
        for entry in newly {
            let stand_in = active.in_service(&entry.policy);
            tracing::error!(
                policy = entry.policy,
                rule = entry.rule,
                kind = entry.kind,
                faults = entry.faults,
                since = jiff::Timestamp::from_millisecond(entry.since).ok().map(tracing::field::display),
                previous = stand_in.map(|version| version.activated.policy.rule.as_str()),
                "QUARANTINE: a policy is out of service, as the store says, until an operator lifts that; {}",
                instead(stand_in)
            );
        }
        Ok(())
    }

    /// Writes that a version is out of service, if it is and that is not written yet.
    async fn save(&self, watch: &Watch) {
        let _writing = self.writing.lock().await;
        let Some(entry) = watch.unwritten() else { return };
        match self.store.put_quarantine(&entry).await {
            Ok(id) => watch.written(id),
            Err(error) => tracing::error!(
                policy = entry.policy,
                rule = entry.rule,
                %error,
                "the quarantine could not be written: it holds, but would not outlive the host"
            ),
        }
    }
}

fn instead(stand_in: Option<&Version>) -> &'static str {
    match stand_in {
        None => "every query in its scope is refused",
        Some(_) => "its previous version rules",
    }
}

/// Why a query in the scope of a policy out of service is refused.
pub(crate) fn refusal(policy: &str) -> Reason {
    let message = format!(
        "The policy `{policy}` is out of service because its rule failed repeatedly. Queries that it must decide are \
         refused until an operator restores it."
    );
    Reason::new("host", "host.policy-quarantined", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_faults_in_ten_minutes_are_too_many_unless_told_otherwise() {
        let settings = QuarantineSettings::default();
        assert_eq!((settings.faults.get(), settings.within), (5, Duration::from_secs(600)));
        assert_eq!(settings.then, QuarantineFallback::Refuse);
    }
}
