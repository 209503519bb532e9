// SPDX-License-Identifier: Apache-2.0
//! Shadow summaries: what a policy in shadow would have changed, for people.

use std::collections::BTreeMap;

use paasla_store::{
    StoreError,
    governance::shadow::{ShadowChange, ShadowCount, ShadowTally},
};
use serde::Serialize;

use super::{Governance, actor::Actor};

/// If this version had been in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowSummary {
    /// The policy.
    pub name: String,
    /// Its version; none when it came with a seeded rulebook.
    pub version: Option<u32>,
    /// SHA-256 of it.
    pub digest: String,
    /// A sentence.
    pub summary: String,
    /// Queries compared.
    pub queries: u64,
    /// Of these, would have been decided otherwise.
    pub changed: u64,
    /// Of these, its rule broke: in force, they would have been refused.
    pub faults: u64,
    /// Not compared, because too many waited.
    pub missed: u64,
    /// By client, those first of whom most would change.
    pub clients: Vec<ShadowCount>,
    /// Differences over all clients, most frequent first.
    pub differences: Vec<ShadowTally>,
    /// The same by client.
    pub by_client: Vec<ShadowTally>,
    /// Queries that would have been decided otherwise, newest first: one page of them. The newest
    /// [`SHADOW_CHANGES_KEPT`](paasla_store::governance::shadow::SHADOW_CHANGES_KEPT) of a version are kept.
    pub latest: Vec<ShadowChange>,
}

impl Governance {
    /// What a version of a policy would have changed while it was in shadow; none when there is no such version. Of the
    /// queries it lists `limit` at most, before the record `before` if it is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn shadow_summary(
        &self,
        actor: &Actor,
        name: &str,
        version: Option<u32>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Option<ShadowSummary>, StoreError> {
        let policies = self.policies(actor, Some(name)).await?;
        let in_shadow = policies.iter().find(|policy| policy.life == super::view::Life::Shadow);
        let chosen = match version {
            Some(_) => policies.iter().find(|policy| policy.version == version),
            None => in_shadow.or(policies.last()),
        };
        let Some(chosen) = chosen else { return Ok(None) };
        let mut clients = self.store.shadow_counts(&chosen.digest).await?;
        let mut by_client = self.store.shadow_tallies(&chosen.digest).await?;
        let mut latest = self.store.shadow_changes(&chosen.digest, before, limit).await?;
        // A policy of an institution speaks to its own clients only; should it not, nothing of others is shown.
        clients.retain(|count| actor.sees_client_named(&count.client));
        by_client.retain(|tally| actor.sees_client_named(&tally.client));
        latest.retain(|change| actor.sees_client_named(&change.client));
        let sum = |of: fn(&ShadowCount) -> u64| clients.iter().map(of).sum::<u64>();
        let (queries, changed) = (sum(|count| count.queries), sum(|count| count.changed));
        let (faults, missed) = (sum(|count| count.faults), sum(|count| count.missed));
        let differences = over_all(&by_client);
        let summary = sentence(queries, changed, missed, &clients, &differences);
        Ok(Some(ShadowSummary {
            name: chosen.name.clone(),
            version: chosen.version,
            digest: chosen.digest.clone(),
            summary,
            queries,
            changed,
            faults,
            missed,
            clients,
            differences,
            by_client,
            latest,
        }))
    }
}

/// The same differences of all clients together, most frequent first.
fn over_all(by_client: &[ShadowTally]) -> Vec<ShadowTally> {
    let mut sums: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for tally in by_client {
        let sum = sums.entry((&tally.kind, &tally.field, &tally.reason)).or_default();
        *sum = sum.saturating_add(tally.queries);
    }
    let tally = |((kind, field, reason), queries): ((&str, &str, &str), u64)| ShadowTally {
        client: String::new(),
        kind: kind.to_owned(),
        field: field.to_owned(),
        reason: reason.to_owned(),
        queries,
    };
    let mut all: Vec<ShadowTally> = sums.into_iter().map(tally).collect();
    all.sort_by_key(|tally| std::cmp::Reverse(tally.queries));
    all
}

fn sentence(
    queries: u64,
    changed: u64,
    missed: u64,
    clients: &[ShadowCount],
    differences: &[ShadowTally],
) -> String {
    let mut text = format!("If this had been in force: {changed} of {queries} queries would change");
    let most: Vec<String> = clients
        .iter()
        .filter(|count| count.changed > 0)
        .take(3)
        .map(|count| format!("{} ({})", count.client, count.changed))
        .collect();
    if !most.is_empty() {
        text += &format!("; these clients most: {}", most.join(", "));
    }
    let mut fields: Vec<&str> = differences.iter().map(|tally| tally.field.as_str()).collect();
    fields.retain(|field| !field.is_empty());
    let mut listed = std::collections::BTreeSet::new();
    fields.retain(|field| listed.insert(*field));
    fields.truncate(5);
    if !fields.is_empty() {
        text += &format!("; these fields: {}", fields.join(", "));
    }
    if missed > 0 {
        text += &format!("; {missed} queries were not compared");
    }
    text + "."
}
