// SPDX-License-Identifier: Apache-2.0
//! Reading a query.

use std::sync::Arc;

use crate::{
    Attribute, Date, Decided, Field, LocalTime, Reason, Register, Row, Value,
    bindings::exports::paasla::rule::ruling as raw, iri::same, narrow::Narrow,
};

/// Who asks, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client<'q> {
    /// X-Road instance, e.g. `EE`.
    pub instance: &'q str,
    /// Member class: in X-tee `GOV` for public authorities, `COM`, `NGO`, `NEE`.
    pub class: &'q str,
    /// Member code: the registry code.
    pub member: &'q str,
    /// Subsystem, if one asks.
    pub subsystem: Option<&'q str>,
}

/// A term of a vocabulary, with everything broader than it.
#[derive(Debug, Clone, Copy)]
pub struct Term<'q>(&'q raw::Term);

impl<'q> Term<'q> {
    /// The full IRI.
    #[must_use]
    pub fn iri(&self) -> &'q str {
        &self.0.iri
    }

    /// The IRIs of all broader terms.
    pub fn broader(&self) -> impl Iterator<Item = &'q str> + use<'q> {
        self.0.broader.iter().map(String::as_str)
    }

    /// Whether this is the term `iri`, or narrower.
    #[must_use]
    pub fn is_within(&self, iri: &str) -> bool {
        same(self.iri(), iri) || self.broader().any(|broader| same(broader, iri))
    }

    /// Whether this is one of the terms, or narrower than one.
    #[must_use]
    pub fn is_within_any<S: AsRef<str>>(&self, iris: &[S]) -> bool {
        iris.iter().any(|iri| self.is_within(iri.as_ref()))
    }
}

/// The bundle that a query belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'q>(&'q raw::Bundle);

impl<'q> Bundle<'q> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'q str {
        &self.0.id
    }

    /// The action it serves.
    #[must_use]
    pub fn action(&self) -> &'q str {
        &self.0.action
    }

    /// The services that its queries ask, one for each query.
    pub fn services(&self) -> impl Iterator<Item = &'q str> + use<'q> {
        self.0.services.iter().map(String::as_str)
    }
}

/// The access right that a query stands on.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'q>(&'q raw::Grant);

impl<'q> Grant<'q> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'q str {
        &self.0.id
    }

    /// The act that gave it.
    #[must_use]
    pub fn reference(&self) -> Option<&'q str> {
        self.0.reference.as_deref()
    }

    /// Its caps: for each the span of time (`hour`, `day`, `month` or `year`), and how many persons.
    pub fn quotas(&self) -> impl Iterator<Item = (&'q str, u32)> + use<'q> {
        self.0.quotas.iter().map(|quota| (quota.window.as_str(), quota.persons))
    }

    /// What else data managers noted for rules.
    #[must_use]
    pub fn attributes(&self) -> &'q [Attribute] {
        &self.0.attributes
    }

    /// An attribute by its name; `Absent` if there is none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &'q Value {
        let found = self.attributes().iter().find(|attribute| attribute.name == name);
        found.map_or(&Value::Absent, |attribute| &attribute.value)
    }
}

impl Value {
    /// The number, if this is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The truth, if this is one.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        if let Self::Truth(truth) = self { Some(*truth) } else { None }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The date, if this is one.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        if let Self::Date(days) = self { Some(Date(*days)) } else { None }
    }
}

/// One query. It carries no key values and no data.
#[derive(Debug, Clone)]
pub struct Query {
    told: raw::Query,
    register: Arc<Register>,
}

impl Query {
    /// What the host tells, of this register.
    #[doc(hidden)]
    #[must_use]
    pub fn new(told: raw::Query, register: Arc<Register>) -> Self {
        Self { told, register }
    }

    /// What the host tells, as it is.
    #[doc(hidden)]
    #[must_use]
    pub fn told(&self) -> &raw::Query {
        &self.told
    }

    /// The register that it asks.
    #[must_use]
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// Its fields, in the order asked, then those that it only looks up by.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.told.fields.iter().filter_map(|index| self.register.field(*index))
    }

    /// The day it is decided on, where the register is.
    #[must_use]
    pub fn today(&self) -> Date {
        Date(self.told.date)
    }

    /// When it arrived: milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn instant(&self) -> i64 {
        self.told.instant
    }

    /// When it arrived, by the clocks where the register is.
    #[must_use]
    pub fn local(&self) -> LocalTime {
        LocalTime::of(self.told.instant, self.told.utc_offset)
    }

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> Client<'_> {
        let mut parts = self.told.client.split('/');
        let mut next = || parts.next().unwrap_or_default();
        Client { instance: next(), class: next(), member: next(), subsystem: parts.next() }
    }

    /// The host's id of the query.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.told.id
    }

    /// The door it came through: `xroad` or `rr`.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.told.channel
    }

    /// The service asked, by name.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.told.service
    }

    /// The service's version, from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.told.version
    }

    /// On whose behalf the client says it asks.
    #[must_use]
    pub fn represented(&self) -> Option<&str> {
        self.told.represented.as_deref()
    }

    /// The official, as the client names them.
    #[must_use]
    pub fn official(&self) -> Option<&str> {
        self.told.official.as_deref()
    }

    /// The AI agent that acts for the official, as the client names it.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.told.agent.as_deref()
    }

    /// The case or document, as the client names it.
    #[must_use]
    pub fn case_reference(&self) -> Option<&str> {
        self.told.case_reference.as_deref()
    }

    /// The provision of law that the client relies on, in its own words.
    #[must_use]
    pub fn provision(&self) -> Option<&str> {
        self.told.provision.as_deref()
    }

    /// Why the data is asked for.
    #[must_use]
    pub fn purpose(&self) -> Term<'_> {
        Term(&self.told.purpose)
    }

    /// On what ground (GDPR Art. 6(1)).
    #[must_use]
    pub fn legal_basis(&self) -> Term<'_> {
        Term(&self.told.legal_basis)
    }

    /// On what ground special categories are asked for (GDPR Art. 9(2)).
    #[must_use]
    pub fn special_ground(&self) -> Option<Term<'_>> {
        self.told.special_ground.as_ref().map(Term)
    }

    /// The bundle it belongs to.
    #[must_use]
    pub fn bundle(&self) -> Option<Bundle<'_>> {
        self.told.bundle.as_ref().map(Bundle)
    }

    /// How many persons are named one by one; none for a search, which means whoever matches.
    #[must_use]
    pub fn persons(&self) -> Option<u32> {
        (self.subjects_kind() == "keys").then_some(self.told.subjects.count)
    }

    /// Whether it asks about whoever matches, and names nobody.
    #[must_use]
    pub fn is_search(&self) -> bool {
        self.persons().is_none()
    }

    /// How persons are asked about: `keys` or `search`.
    #[must_use]
    pub fn subjects_kind(&self) -> &str {
        &self.told.subjects.kind
    }

    /// The access right it stands on.
    #[must_use]
    pub fn grant(&self) -> Grant<'_> {
        Grant(&self.told.grant)
    }

    /// A fact of the query, by its place in `describe`'s query facts; `Absent` if the host could not learn it.
    #[must_use]
    pub fn fact(&self, index: usize) -> &Value {
        self.told.facts.get(index).unwrap_or(&Value::Absent)
    }

    /// Starts a narrowing of this query.
    #[must_use]
    pub fn narrow(&self) -> Narrow<'_> {
        Narrow::new(self)
    }

    /// Refuses it.
    #[must_use]
    pub fn refuse(&self, reason: Reason) -> Decided {
        Decided::Refuse(reason.into())
    }
}

impl Row {
    /// A fact of this row, by its place in `describe`'s row facts.
    #[must_use]
    pub fn fact(&self, index: usize) -> &Value {
        self.facts.get(index).unwrap_or(&Value::Absent)
    }
}
