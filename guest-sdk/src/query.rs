// SPDX-License-Identifier: Apache-2.0
//! Reading a query.

use crate::{
    Attribute, Date, Decided, Query, Reason, Row, Value,
    bindings::exports::paasla::rule::ruling::{self as raw, TextNumber, Texts},
    iri::same,
    narrow::Narrow,
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

/// A reason: a stable code and a sentence for a person.
#[must_use]
pub fn because(code: &str, message: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), message: message.into(), provision: None }
}

impl Reason {
    /// The same reason, with the provision behind it: its place in `describe`
    /// ([`About::implements`](crate::About::implements)).
    #[must_use]
    pub fn under(mut self, provision: u32) -> Self {
        self.provision = Some(provision);
        self
    }
}

/// A term of a vocabulary, with everything broader than it.
#[derive(Debug, Clone, Copy)]
pub struct Term<'q> {
    query: &'q Query,
    term: &'q raw::Term,
}

impl<'q> Term<'q> {
    /// The full IRI.
    #[must_use]
    pub fn iri(&self) -> &'q str {
        self.query.text_at(self.term.iri)
    }

    /// The IRIs of all broader terms.
    pub fn broader(&self) -> impl Iterator<Item = &'q str> + use<'q> {
        self.query.texts(self.term.broader)
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
pub struct Bundle<'q> {
    query: &'q Query,
    bundle: &'q raw::Bundle,
}

impl<'q> Bundle<'q> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'q str {
        self.query.text_at(self.bundle.id)
    }

    /// The action it serves.
    #[must_use]
    pub fn action(&self) -> &'q str {
        self.query.text_at(self.bundle.action)
    }

    /// The services that its queries ask, one for each query.
    pub fn services(&self) -> impl Iterator<Item = &'q str> + use<'q> {
        self.query.texts(self.bundle.services)
    }
}

/// The access right that a query stands on.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'q> {
    query: &'q Query,
    grant: &'q raw::Grant,
}

impl<'q> Grant<'q> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'q str {
        self.query.text_at(self.grant.id)
    }

    /// The act that gave it.
    #[must_use]
    pub fn reference(&self) -> Option<&'q str> {
        self.grant.reference.map(|number| self.query.text_at(number))
    }

    /// Its caps: for each the span of time (`hour`, `day`, `month` or `year`), and how many persons.
    pub fn quotas(&self) -> impl Iterator<Item = (&'q str, u32)> + use<'q> {
        let query = self.query;
        let quotas = self.grant.quotas.iter().flatten();
        quotas.map(|quota| (query.text_at(quota.window), quota.persons))
    }

    /// What else data managers noted for rules.
    #[must_use]
    pub fn attributes(&self) -> &'q [Attribute] {
        self.grant.attributes.as_deref().unwrap_or_default()
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

impl Query {
    /// The day it is decided on, where the register is.
    #[must_use]
    pub fn today(&self) -> Date {
        Date(self.date)
    }

    /// A text by its number; the host tells none that is not there.
    pub(crate) fn text_at(&self, number: TextNumber) -> &str {
        let range = || {
            let number = usize::try_from(number).ok()?;
            let end = |place| usize::try_from(*self.ends.get(place)?).ok();
            let start = if number == 0 { Some(0) } else { end(number - 1) };
            Some(start?..end(number)?)
        };
        range().and_then(|range| self.text.get(range)).unwrap_or_default()
    }

    /// Texts with numbers that follow one another.
    pub(crate) fn texts(&self, texts: Texts) -> impl Iterator<Item = &str> {
        let Texts { first, count } = texts;
        (first..first.saturating_add(count)).map(|number| self.text_at(number))
    }

    /// One of several texts.
    pub(crate) fn text_of(&self, texts: Texts, place: u32) -> Option<&str> {
        (place < texts.count).then(|| self.text_at(texts.first.saturating_add(place)))
    }

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> Client<'_> {
        let mut parts = self.text_at(self.client).split('/');
        let mut next = || parts.next().unwrap_or_default();
        Client { instance: next(), class: next(), member: next(), subsystem: parts.next() }
    }

    /// The host's id of the query.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text_at(self.id)
    }

    /// The door it came through: `xroad` or `rr`.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.text_at(self.channel)
    }

    /// The service asked, by name.
    #[must_use]
    pub fn service(&self) -> &str {
        self.text_at(self.service)
    }

    /// On whose behalf the client says it asks.
    #[must_use]
    pub fn represented(&self) -> Option<&str> {
        self.represented.map(|number| self.text_at(number))
    }

    /// The official, as the client names them.
    #[must_use]
    pub fn official(&self) -> Option<&str> {
        self.official.map(|number| self.text_at(number))
    }

    /// The AI agent that acts for the official, as the client names it.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.agent.map(|number| self.text_at(number))
    }

    /// The case or document, as the client names it.
    #[must_use]
    pub fn case_reference(&self) -> Option<&str> {
        self.case_reference.map(|number| self.text_at(number))
    }

    /// The provision of law that the client relies on, in its own words.
    #[must_use]
    pub fn provision(&self) -> Option<&str> {
        self.provision.map(|number| self.text_at(number))
    }

    /// Why the data is asked for.
    #[must_use]
    pub fn purpose(&self) -> Term<'_> {
        Term { query: self, term: &self.purpose }
    }

    /// On what ground (GDPR Art. 6(1)).
    #[must_use]
    pub fn legal_basis(&self) -> Term<'_> {
        Term { query: self, term: &self.legal_basis }
    }

    /// On what ground special categories are asked for (GDPR Art. 9(2)).
    #[must_use]
    pub fn special_ground(&self) -> Option<Term<'_>> {
        self.special_ground.as_ref().map(|term| Term { query: self, term })
    }

    /// The bundle it belongs to.
    #[must_use]
    pub fn bundle(&self) -> Option<Bundle<'_>> {
        self.bundle.as_ref().map(|bundle| Bundle { query: self, bundle })
    }

    /// How many persons are named one by one; none for a search, which means whoever matches.
    #[must_use]
    pub fn persons(&self) -> Option<u32> {
        (self.subjects_kind() == "keys").then_some(self.subjects.count)
    }

    /// How persons are asked about: `keys` or `search`.
    #[must_use]
    pub fn subjects_kind(&self) -> &str {
        self.text_at(self.subjects.kind)
    }

    /// The categories of personal data that it touches or could give away, each once: full IRIs.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.texts(self.categories)
    }

    /// A category by its place.
    #[must_use]
    pub fn category(&self, index: usize) -> Option<&str> {
        self.text_of(self.categories, u32::try_from(index).ok()?)
    }

    /// The access right it stands on.
    #[must_use]
    pub fn grant(&self) -> Grant<'_> {
        Grant { query: self, grant: &self.grant }
    }

    /// A fact of the query, by its place in `describe`'s query facts; `Absent` if the host could not learn it.
    #[must_use]
    pub fn fact(&self, index: usize) -> &Value {
        self.facts.as_ref().and_then(|facts| facts.get(index)).unwrap_or(&Value::Absent)
    }

    /// Starts a narrowing of this query.
    #[must_use]
    pub fn narrow(&self) -> Narrow<'_> {
        Narrow::new(self)
    }

    /// Refuses it.
    #[must_use]
    pub fn refuse(&self, reason: Reason) -> Decided {
        Decided::Refuse(reason)
    }
}

impl Row {
    /// A fact of this row, by its place in `describe`'s row facts.
    #[must_use]
    pub fn fact(&self, index: usize) -> &Value {
        self.facts.get(index).unwrap_or(&Value::Absent)
    }
}
