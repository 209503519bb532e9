// SPDX-License-Identifier: Apache-2.0
//! Reading a query.

use crate::{Date, Decided, Query, Reason, Row, Term, Value, iri::same, narrow::Narrow};

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
pub fn because(code: &str, message: &str) -> Reason {
    Reason { code: code.to_owned(), message: message.to_owned(), provision: None }
}

impl Reason {
    /// The same reason, with the provision behind it: an id that `describe` lists.
    #[must_use]
    pub fn under(mut self, provision: &str) -> Self {
        self.provision = Some(provision.to_owned());
        self
    }
}

impl Term {
    /// Whether this is the term `iri`, or narrower.
    #[must_use]
    pub fn is_within(&self, iri: &str) -> bool {
        same(&self.iri, iri) || self.broader.iter().any(|broader| same(broader, iri))
    }

    /// Whether this is one of the terms, or narrower than one.
    #[must_use]
    pub fn is_within_any<S: AsRef<str>>(&self, iris: &[S]) -> bool {
        iris.iter().any(|iri| self.is_within(iri.as_ref()))
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

    /// Who asks.
    #[must_use]
    pub fn client(&self) -> Client<'_> {
        let mut parts = self.client.split('/');
        let mut next = || parts.next().unwrap_or_default();
        Client { instance: next(), class: next(), member: next(), subsystem: parts.next() }
    }

    /// A fact that the rule declared; `Absent` if the host could not learn it.
    #[must_use]
    pub fn fact(&self, name: &str) -> &Value {
        self.facts.iter().find(|fact| fact.name == name).map_or(&Value::Absent, |fact| &fact.value)
    }

    /// An attribute of the access right.
    #[must_use]
    pub fn grant_attribute(&self, name: &str) -> &Value {
        let found = self.grant.attributes.iter().find(|attribute| attribute.name == name);
        found.map_or(&Value::Absent, |attribute| &attribute.value)
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
