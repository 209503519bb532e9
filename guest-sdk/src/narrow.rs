// SPDX-License-Identifier: Apache-2.0
//! Narrowing a query, in words that read like the law.

use crate::{
    Attribute, Condition, Decided, Exception, Field, Narrowed, Narrowing, Obligation, Query, Reason, Select,
    Test, Value, select::Match,
};

/// A mask of the host: a way to show less than the whole value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// A date as `yyyy-mm`.
    Month,
    /// A date as `yyyy`.
    Year,
    /// A date as its decade.
    Decade,
    /// An address as its municipality.
    Municipality,
    /// An address as its county.
    County,
    /// A name as its first letter.
    Initial,
    /// A keyed pseudonym, stable for one client and purpose.
    Pseudonym,
    /// Only that there is a value.
    Redact,
}

impl Mask {
    /// Every mask.
    pub const ALL: [Self; 8] = [
        Self::Month,
        Self::Year,
        Self::Decade,
        Self::Municipality,
        Self::County,
        Self::Initial,
        Self::Pseudonym,
        Self::Redact,
    ];

    /// The mask of this name, for masks named in settings.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mask| mask.name() == name)
    }

    /// Its name in the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
            Self::Decade => "decade",
            Self::Municipality => "municipality",
            Self::County => "county",
            Self::Initial => "initial",
            Self::Pseudonym => "pseudonym",
            Self::Redact => "redact",
        }
    }
}

impl From<Mask> for Narrowed {
    fn from(mask: Mask) -> Self {
        Self::Mask(mask.name().to_owned())
    }
}

/// The fact of a row that a condition speaks of: its place in `describe`'s row facts.
#[derive(Debug, Clone, Copy)]
pub struct RowFact(u32);

/// The row fact with this index in `describe`'s row facts.
#[must_use]
pub fn row_fact(index: u32) -> RowFact {
    RowFact(index)
}

/// A condition that still lacks its reason.
#[derive(Debug, Clone)]
pub struct Unreasoned(u32, Test, Value);

impl RowFact {
    /// It equals a truth.
    #[must_use]
    pub fn is(self, truth: bool) -> Unreasoned {
        self.test(Test::Equal, Value::Truth(truth))
    }

    /// Any other comparison.
    #[must_use]
    pub fn test(self, test: Test, value: Value) -> Unreasoned {
        Unreasoned(self.0, test, value)
    }
}

/// A narrowing in the making. Ends as a [`Decided`] through `into()`.
#[derive(Debug, Clone)]
pub struct Narrow<'q> {
    query: &'q Query,
    narrowing: Narrowing,
}

impl<'q> Narrow<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let narrowing = Narrowing {
            exceptions: Vec::new(),
            conditions: Vec::new(),
            obligations: Vec::new(),
            review: false,
        };
        Self { query, narrowing }
    }

    /// Shows nothing of these fields, nor of fields that give them away.
    #[must_use]
    pub fn hide(self, fields: impl Select, reason: Reason) -> Self {
        self.narrow(fields, &Narrowed::Hide, &Narrowed::Hide, reason)
    }

    /// Shows these fields through a mask, and redacts fields that give them away.
    #[must_use]
    pub fn mask(self, fields: impl Select, mask: Mask, reason: Reason) -> Self {
        self.narrow(fields, &mask.into(), &Mask::Redact.into(), reason)
    }

    /// Narrows field by field: for each, the most that may be seen of it and why, or nothing.
    #[must_use]
    pub fn each(mut self, mut say: impl FnMut(Field<'q>) -> Option<(Narrowed, Reason)>) -> Self {
        for field in self.query.fields() {
            if let Some((to, reason)) = say(field) {
                narrow_field(field.index(), to, reason, &mut self.narrowing.exceptions);
            }
        }
        self
    }

    fn narrow(mut self, fields: impl Select, own: &Narrowed, revealing: &Narrowed, reason: Reason) -> Self {
        narrow_fields(self.query, fields, own, revealing, reason, &mut self.narrowing.exceptions);
        self
    }

    /// Answers only rows that fulfil a condition. Others are never read.
    #[must_use]
    pub fn only_rows(mut self, condition: Unreasoned, reason: Reason) -> Self {
        let Unreasoned(fact, test, value) = condition;
        self.narrowing.conditions.push(Condition { fact, test, value, reason: reason.into() });
        self
    }

    /// Answers at most so many records.
    #[must_use]
    pub fn limit_records(mut self, count: u32) -> Self {
        let count = Attribute { name: "count".to_owned(), value: Value::Integer(i64::from(count)) };
        self.narrowing
            .obligations
            .push(Obligation { code: "limit-records".to_owned(), attributes: vec![count] });
        self
    }

    /// Tells the holder of the access right of at most so many persons in a span of time that ends now (`hour`, `day`,
    /// `month` of 30 days, `year` of 365 days), on this legal basis. The host counts, queries under way included; it cuts
    /// a search to what is left, and refuses for this reason what does not fit.
    #[must_use]
    pub fn cap_persons(mut self, window: &str, persons: u32, reason: Reason) -> Self {
        self.narrowing.obligations.push(Obligation::cap_persons(window, persons, reason.into()));
        self
    }

    /// Tells the client something with the answer, e.g. how long it may keep the data: the message of a reason.
    #[must_use]
    pub fn inform(mut self, reason: Reason) -> Self {
        let reason = Attribute { name: "reason".to_owned(), value: Value::Integer(u32::from(reason).into()) };
        self.narrowing
            .obligations
            .push(Obligation { code: "inform-client".to_owned(), attributes: vec![reason] });
        self
    }

    /// Asks to see the rows before they leave.
    #[must_use]
    pub fn review(mut self) -> Self {
        self.narrowing.review = true;
        self
    }
}

impl Obligation {
    /// A cap; the reason as its place among those of the narrowing.
    #[must_use]
    pub fn cap_persons(window: &str, persons: u32, reason: u32) -> Self {
        let attribute = |name: &str, value| Attribute { name: name.to_owned(), value };
        Self {
            code: "cap-persons".to_owned(),
            attributes: vec![
                attribute("window", Value::Text(window.to_owned())),
                attribute("persons", Value::Integer(persons.into())),
                attribute("reason", Value::Integer(reason.into())),
            ],
        }
    }
}

impl From<Narrow<'_>> for Decided {
    /// A narrowing of nothing is an abstention.
    fn from(narrow: Narrow<'_>) -> Self {
        let n = &narrow.narrowing;
        if n.exceptions.is_empty() && n.conditions.is_empty() && n.obligations.is_empty() && !n.review {
            return Self::Abstain;
        }
        Self::Narrow(narrow.narrowing)
    }
}

/// Adds exceptions for the fields that `select` picks.
pub(crate) fn narrow_fields(
    query: &Query,
    select: impl Select,
    own: &Narrowed,
    revealing: &Narrowed,
    reason: Reason,
    exceptions: &mut Vec<Exception>,
) {
    for field in query.fields() {
        let to = match select.matches(&field) {
            Match::No => continue,
            Match::Own => own,
            Match::Reveals => revealing,
        };
        narrow_field(field.index(), to.clone(), reason, exceptions);
    }
}

/// Adds the exception for one field. A field has one at most: a second narrowing of it hides if either hides, and
/// redacts if the two masks differ.
fn narrow_field(field: u32, to: Narrowed, reason: Reason, exceptions: &mut Vec<Exception>) {
    match exceptions.iter_mut().find(|exception| exception.field == field) {
        None => exceptions.push(Exception { field, to, reason: reason.into() }),
        Some(earlier) if earlier.to != to && earlier.to != Narrowed::Hide => {
            earlier.to = match to {
                Narrowed::Hide => Narrowed::Hide,
                Narrowed::Mask(_) => Mask::Redact.into(),
            };
        }
        Some(_) => {}
    }
}
