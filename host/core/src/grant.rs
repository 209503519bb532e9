// SPDX-License-Identifier: Apache-2.0
//! Access rights: client × service × fields × purposes × legal bases × validity × quota.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{client::ClientId, query::GrantView, term::Term, value::Attribute};

/// One access right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grant {
    /// Its id, unique in a rulebook.
    pub id: String,
    /// Who holds it: a subsystem, or a member with all its subsystems.
    pub client: ClientId,
    /// The service it opens, all versions.
    pub service: String,
    /// The fields it opens, by name; `*` for all fields of the service.
    pub fields: Vec<String>,
    /// The purposes it is for; narrower ones are covered. Full IRIs.
    pub purposes: Vec<String>,
    /// The legal bases it stands on; narrower ones are covered. Full IRIs.
    pub legal_bases: Vec<String>,
    /// The first day it holds.
    pub valid_from: Date,
    /// The last day it holds; none for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The caps that the act sets.
    #[serde(default)]
    pub quotas: Vec<Quota>,
    /// The act that gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether the client may ask that a query be hidden from the person for a time (`X-Road-PDU-Hidden`).
    #[serde(default)]
    pub may_hide: bool,
    /// Notes for rules.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

/// A cap on persons asked about in a span of time that ends now, on whatever legal basis. The host keeps it, whatever
/// rules say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Quota {
    /// The span.
    pub window: Window,
    /// How many persons may be asked about in it. Each query counts each person it names once, a search those it
    /// returns and at least one.
    pub persons: u32,
}

/// A span of time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Year];

    /// Its name in facts and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.name() == name)
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 365 * 86_400,
        }
    }
}

impl Grant {
    /// Every IRI in it.
    pub(crate) fn iris_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.purposes.iter_mut().chain(&mut self.legal_bases)
    }

    /// Whether it holds on this day.
    #[must_use]
    pub fn holds_on(&self, date: Date) -> bool {
        self.valid_from <= date && self.valid_until.is_none_or(|until| date <= until)
    }

    /// Whether it opens a field, by its name in the service.
    #[must_use]
    pub fn opens(&self, field: &str) -> bool {
        self.fields.iter().any(|open| open == "*" || open == field)
    }

    /// Whether it covers a purpose.
    #[must_use]
    pub fn covers_purpose(&self, purpose: &Term) -> bool {
        purpose.is_within_any(&self.purposes)
    }

    /// Whether it covers a legal basis.
    #[must_use]
    pub fn covers_basis(&self, basis: &Term) -> bool {
        basis.is_within_any(&self.legal_bases)
    }

    /// The access right as rules are given it.
    #[must_use]
    pub fn view(&self) -> GrantView {
        GrantView {
            id: self.id.clone(),
            reference: self.reference.clone(),
            quotas: self.quotas.clone(),
            attributes: self.attributes.clone(),
        }
    }
}
