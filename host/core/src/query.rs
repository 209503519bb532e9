// SPDX-License-Identifier: Apache-2.0
//! A query as rules are given it. It holds no key values: a rule needs to know how many persons are asked about, and
//! never who.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{client::ClientId, grant::Quota, term::Term, value::Attribute};

/// Everything a rule is given of one query. The whole input of `decide`, so a decision can be run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// Our own id of the query (UUID version 7), also the decision's id.
    pub id: String,
    /// When it arrived: milliseconds since 1970-01-01T00:00:00Z.
    pub instant: i64,
    /// How many minutes local time at the register's place is ahead of UTC at that instant.
    pub utc_offset: i32,
    /// The calendar date at that instant where the register is.
    pub date: Date,
    /// The door it came through: `xroad` or `rr`.
    pub channel: String,
    /// The service asked, by name.
    pub service: String,
    /// The service's version.
    pub version: u32,
    /// Who asks.
    pub client: ClientId,
    /// On whose behalf, where stated (`X-Road-Represented-Party`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub represented: Option<String>,
    /// The official, as the client names them (`X-Road-UserId`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official: Option<String>,
    /// The AI agent that acts for the official, where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The case or document (`X-Road-Issue`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Why.
    pub purpose: Term,
    /// On what ground (GDPR Art. 6(1)).
    pub legal_basis: Term,
    /// On what ground special categories are asked for (GDPR Art. 9(2)), where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_ground: Option<Term>,
    /// The provision of law the client relies on, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<String>,
    /// The bundle this query belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// Who is asked about: how, and how many.
    pub subjects: Subjects,
    /// The fields asked for that the grant allows, in the order asked, then those that are only looked up by.
    pub fields: Vec<Arc<Field>>,
    /// The access right this query stands on.
    pub grant: GrantView,
    /// The facts that rules asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Attribute>,
}

/// Several queries decided together under one legal context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// The bundle's id.
    pub id: String,
    /// The action it serves, e.g. `child-benefit-application`.
    pub action: String,
    /// The services of all queries in it, this one's included.
    pub services: Vec<String>,
}

/// Who a query asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// `keys`: named one by one; `search`: whoever matches.
    pub kind: String,
    /// How many are named; 0 for a search.
    pub count: u32,
}

/// What a query does to the persons it is about. The two are told apart wherever persons are told who looked at their data:
/// to be among the hits of a search is not to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approach {
    /// Persons are looked up who are named one by one.
    Consultation,
    /// Whoever matches is found.
    Search,
}

impl Approach {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::Search => "search",
        }
    }
}

impl Subjects {
    /// What a search is called in [`Subjects::kind`].
    const SEARCH: &'static str = "search";

    /// So many persons, named one by one.
    #[must_use]
    pub fn named(count: usize) -> Self {
        Self { kind: "keys".to_owned(), count: u32::try_from(count).unwrap_or(u32::MAX) }
    }

    /// Whoever matches.
    #[must_use]
    pub fn search() -> Self {
        Self { kind: Self::SEARCH.to_owned(), count: 0 }
    }

    /// Whether they are looked up or searched for.
    #[must_use]
    pub fn approach(&self) -> Approach {
        if self.kind == Self::SEARCH { Approach::Search } else { Approach::Consultation }
    }
}

/// One field asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its index in the register ([`crate::Register`]): rules know it by that.
    pub index: u32,
    /// Its name in the service, e.g. `birthDate` or `custody.otherCode`.
    pub name: String,
    /// The group of rows it belongs to (`custody`); none for the entity itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What it means: an IRI.
    pub iri: String,
    /// Its category: a DPV personal-data IRI.
    pub category: String,
    /// Whether it is a special category (GDPR Art. 9(1)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub special: bool,
    /// The categories that its value gives away: a personal code tells birth date and sex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reveals: Vec<String>,
}

/// What a rule may know of the access right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// The grant's id.
    pub id: String,
    /// The act that gave it, e.g. the number of a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The caps it sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// Anything else that data managers noted for rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}
