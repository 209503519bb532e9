// SPDX-License-Identifier: Apache-2.0
//! Policies: rules with their settings, scope and mode.

use serde::{Deserialize, Serialize};

use crate::{client::ClientId, query::Query};

/// A rule with settings, at work on the queries in its scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// Its name, unique in a rulebook.
    pub name: String,
    /// The rule: SHA-256 of the component's bytes, as lower-case hex.
    pub rule: String,
    /// Settings, as the rule's JSON Schema describes them.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// Which queries it speaks to.
    #[serde(default)]
    pub scope: Scope,
    /// Whether its rulings count.
    #[serde(default)]
    pub mode: Mode,
    /// Limits that differ from the host's defaults; never above the host's maxima.
    #[serde(default)]
    pub limits: Limits,
    /// Who vouches for it. It decides what the rule is given of rows.
    #[serde(default, skip_serializing_if = "Vouching::is_the_ministrys")]
    pub vouched_by: Vouching,
}

/// Who vouches for a policy's rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vouching {
    /// The ministry. The rule is given what it declares.
    #[default]
    Ministry,
    /// Only an institution, for its own clients. The rule is given of a row only what its client is shown of it in full by
    /// the grant and by the ministry's policies.
    Institution,
}

impl Vouching {
    fn is_the_ministrys(&self) -> bool {
        *self == Self::Ministry
    }
}

impl Policy {
    /// Whether the ministry vouches for it.
    #[must_use]
    pub fn is_the_ministrys(&self) -> bool {
        self.vouched_by.is_the_ministrys()
    }
}

/// Which queries a policy speaks to. An empty list means: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scope {
    /// Services by name.
    #[serde(default)]
    pub services: Vec<String>,
    /// Clients; a member stands for all its subsystems.
    #[serde(default)]
    pub clients: Vec<ClientId>,
}

/// Whether a policy's rulings count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It runs after the answer; its differences are stored and change nothing.
    Shadow,
    /// Its rulings are part of every decision.
    #[default]
    Enforce,
}

/// Limits for one sandbox. None means: the host's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Fuel for one `decide` (wasmtime's units: about one per instruction).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Fuel for one `review`, whatever the number of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_fuel: Option<u64>,
    /// Fuel for one `review`, besides, for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_fuel: Option<u64>,
    /// Linear memory in bytes, summed over all memories of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Linear memory in bytes, besides, that `review` may have for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_memory_bytes: Option<u64>,
    /// Bytes of all strings and lists that one call may return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Bytes, besides, that `review` may return for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_output_bytes: Option<u64>,
}

impl Limits {
    /// The limits under which no ruling could ever be given, by their names.
    pub fn impossible(&self) -> impl Iterator<Item = &'static str> {
        let none = |limit: Option<u64>| limit == Some(0);
        // One page of WebAssembly.
        let too_little = self.memory_bytes.is_some_and(|bytes| bytes < 64 << 10);
        [
            ("fuel", none(self.fuel)),
            ("review-fuel", none(self.review_fuel)),
            ("memory-bytes", too_little),
            ("output-bytes", none(self.output_bytes)),
        ]
        .into_iter()
        .filter_map(|(name, is_impossible)| is_impossible.then_some(name))
    }
}

impl Scope {
    /// Whether every query in it is in the other.
    #[must_use]
    pub fn is_within(&self, outer: &Self) -> bool {
        let clients = outer.clients.is_empty()
            || (!self.clients.is_empty()
                && self.clients.iter().all(|client| outer.clients.iter().any(|own| own.covers(client))));
        let services = outer.services.is_empty()
            || (!self.services.is_empty() && self.services.iter().all(|name| outer.services.contains(name)));
        clients && services
    }

    /// Whether a query is in it.
    #[must_use]
    pub fn holds(&self, query: &Query) -> bool {
        (self.services.is_empty() || self.services.contains(&query.service))
            && (self.clients.is_empty() || self.clients.iter().any(|client| client.covers(&query.client)))
    }
}
