// SPDX-License-Identifier: Apache-2.0
//! Which fields a narrowing speaks of.

use crate::{Field, iri::same};

/// How a field answers to a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Not at all.
    No,
    /// It is not meant itself, but its value gives away what is.
    Reveals,
    /// It is meant itself.
    Own,
}

/// Something that picks fields. A closure `|field: &Field<'_>| bool` is one too.
pub trait Select {
    /// How the field answers.
    fn matches(&self, field: &Field<'_>) -> Match;
}

impl<F: Fn(&Field<'_>) -> bool> Select for F {
    fn matches(&self, field: &Field<'_>) -> Match {
        if self(field) { Match::Own } else { Match::No }
    }
}

/// See [`category`], [`own_category`].
#[derive(Debug, Clone, Copy)]
pub struct Category<'a> {
    iri: &'a str,
    revealed: bool,
}

impl Select for Category<'_> {
    fn matches(&self, field: &Field<'_>) -> Match {
        if same(field.category(), self.iri) {
            Match::Own
        } else if self.revealed && field.reveals().any(|revealed| same(revealed, self.iri)) {
            Match::Reveals
        } else {
            Match::No
        }
    }
}

/// Fields of a category of personal data, and fields whose value gives that category away: for birth dates, the
/// personal code too. A mask puts `redact` on the latter, since it would not fit their type.
#[must_use]
pub fn category(iri: &str) -> Category<'_> {
    Category { iri, revealed: true }
}

/// Fields of a category of personal data only. Mind what other fields give away.
#[must_use]
pub fn own_category(iri: &str) -> Category<'_> {
    Category { iri, revealed: false }
}

/// See [`group`].
#[derive(Debug, Clone, Copy)]
pub struct Group<'a>(&'a str);

impl Select for Group<'_> {
    fn matches(&self, field: &Field<'_>) -> Match {
        if field.group() == Some(self.0) { Match::Own } else { Match::No }
    }
}

/// Every field of a group of rows, e.g. `custody`.
#[must_use]
pub fn group(name: &str) -> Group<'_> {
    Group(name)
}

/// See [`named`].
#[derive(Debug, Clone, Copy)]
pub struct Named<'a>(&'a str);

impl Select for Named<'_> {
    fn matches(&self, field: &Field<'_>) -> Match {
        if field.name() == self.0 { Match::Own } else { Match::No }
    }
}

/// The field of this name. Prefer categories: they hold for every register.
#[must_use]
pub fn named(name: &str) -> Named<'_> {
    Named(name)
}

/// Fields that are special categories of personal data (GDPR Art. 9(1)).
#[must_use]
pub fn special() -> impl Select {
    |field: &Field<'_>| field.special()
}

/// Every field.
#[must_use]
pub fn all_fields() -> impl Select {
    |_: &Field<'_>| true
}

/// See [`not`].
#[derive(Debug, Clone, Copy)]
pub struct Not<S>(S);

impl<S: Select> Select for Not<S> {
    fn matches(&self, field: &Field<'_>) -> Match {
        if self.0.matches(field) == Match::No { Match::Own } else { Match::No }
    }
}

/// Every field that the selector does not pick.
#[must_use]
pub fn not<S: Select>(select: S) -> Not<S> {
    Not(select)
}

/// See [`any_of`].
#[derive(Debug, Clone, Copy)]
pub struct AnyOf<'a, S>(&'a [S]);

impl<S: AsRef<str>> Select for AnyOf<'_, S> {
    fn matches(&self, field: &Field<'_>) -> Match {
        self.0.iter().map(|iri| category(iri.as_ref()).matches(field)).max().unwrap_or(Match::No)
    }
}

/// Fields of any of these categories, and fields that give one of them away.
#[must_use]
pub fn any_of<S: AsRef<str>>(categories: &[S]) -> AnyOf<'_, S> {
    AnyOf(categories)
}
