// SPDX-License-Identifier: Apache-2.0
//! Narrowing a query, in words that read like the law.

use core::borrow::Borrow;

use crate::{
    Attribute, Condition, Decided, Exception, Field, Narrowed, Narrowing, Obligation, Query, Reason, Select,
    Test, Value, iri::same, select::Match,
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
            reasons: Vec::new(),
            exceptions: Vec::new(),
            conditions: Vec::new(),
            obligations: Vec::new(),
            review: false,
        };
        Self { query, narrowing }
    }

    /// Shows nothing of these fields, nor of fields that give them away.
    #[must_use]
    pub fn hide(self, fields: impl Select, reason: impl Borrow<Reason>) -> Self {
        self.narrow(fields, &Narrowed::Hide, &Narrowed::Hide, reason.borrow())
    }

    /// Shows these fields through a mask, and redacts fields that give them away.
    #[must_use]
    pub fn mask(self, fields: impl Select, mask: Mask, reason: impl Borrow<Reason>) -> Self {
        self.narrow(fields, &mask.into(), &Mask::Redact.into(), reason.borrow())
    }

    /// Narrows field by field: for each, the most that may be seen of it and why, or nothing. Fields share reasons, so
    /// these are made beforehand, and borrowed.
    #[must_use]
    pub fn each<'r>(mut self, mut say: impl FnMut(Field<'q>) -> Option<(Narrowed, &'r Reason)>) -> Self {
        let Narrowing { reasons, exceptions, .. } = &mut self.narrowing;
        // All of them live as long as this: one that stands at the same place is the same.
        let mut known: Vec<(&'r Reason, u32)> = Vec::new();
        for field in self.query.fields() {
            if let Some((to, reason)) = say(field) {
                narrow_field(field.index(), to, self.query, exceptions, || {
                    let place = known.iter().find(|(earlier, _)| core::ptr::eq(*earlier, reason));
                    place.map(|(_, place)| *place).unwrap_or_else(|| {
                        let place = index_of(reason, reasons);
                        known.push((reason, place));
                        place
                    })
                });
            }
        }
        self
    }

    /// Narrows field by field: for each, the most that may be seen of it and the number of the reason, or nothing. A
    /// reason is made when the first field needs it, and once: the same number stands for the same reason.
    #[must_use]
    pub fn each_numbered(
        mut self,
        mut say: impl FnMut(Field<'q>) -> Option<(Narrowed, usize)>,
        mut reason: impl FnMut(usize) -> Reason,
    ) -> Self {
        let Narrowing { reasons, exceptions, .. } = &mut self.narrowing;
        let mut known: Vec<(usize, u32)> = Vec::new();
        for field in self.query.fields() {
            if let Some((to, number)) = say(field) {
                narrow_field(field.index(), to, self.query, exceptions, || {
                    let place = known.iter().find(|(earlier, _)| *earlier == number);
                    place.map(|(_, place)| *place).unwrap_or_else(|| {
                        let place = u32::try_from(reasons.len()).unwrap_or(u32::MAX);
                        reasons.push(reason(number));
                        known.push((number, place));
                        place
                    })
                });
            }
        }
        self
    }

    fn narrow(mut self, fields: impl Select, own: &Narrowed, revealing: &Narrowed, reason: &Reason) -> Self {
        let Narrowing { reasons, exceptions, .. } = &mut self.narrowing;
        narrow_fields(self.query, fields, own, revealing, reason, reasons, exceptions);
        self
    }

    /// Answers only rows that fulfil a condition. Others are never read.
    #[must_use]
    pub fn only_rows(mut self, condition: Unreasoned, reason: impl Borrow<Reason>) -> Self {
        let reason = index_of(reason.borrow(), &mut self.narrowing.reasons);
        let Unreasoned(fact, test, value) = condition;
        self.narrowing.conditions.push(Condition { fact, test, value, reason });
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
    pub fn cap_persons(mut self, window: &str, persons: u32, reason: impl Borrow<Reason>) -> Self {
        let reason = index_of(reason.borrow(), &mut self.narrowing.reasons);
        self.narrowing.obligations.push(Obligation::cap_persons(window, persons, reason));
        self
    }

    /// Tells the client something with the answer, e.g. how long it may keep the data.
    #[must_use]
    pub fn inform(mut self, message: &str) -> Self {
        let message = Attribute { name: "message".to_owned(), value: Value::Text(message.to_owned()) };
        self.narrowing
            .obligations
            .push(Obligation { code: "inform-client".to_owned(), attributes: vec![message] });
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
    reason: &Reason,
    reasons: &mut Vec<Reason>,
    exceptions: &mut Vec<Exception>,
) {
    // A reason that no field needs is not given.
    let mut place = None;
    for field in query.fields() {
        let to = match select.matches(&field) {
            Match::No => continue,
            Match::Own => own,
            Match::Reveals => revealing,
        };
        narrow_field(field.index(), to.clone(), query, exceptions, || {
            *place.get_or_insert_with(|| index_of(reason, reasons))
        });
    }
}

/// Adds the exception for one field. A field has one at most: a second narrowing of it hides if either hides, and
/// redacts if the two masks differ.
fn narrow_field(
    index: u32,
    to: Narrowed,
    query: &Query,
    exceptions: &mut Vec<Exception>,
    reason: impl FnOnce() -> u32,
) {
    // They are kept in the order of fields, and mostly come in it.
    let is_next = exceptions.last().is_none_or(|last| last.field < index);
    let place = if is_next {
        Err(exceptions.len())
    } else {
        exceptions.binary_search_by_key(&index, |exception| exception.field)
    };
    let place = match place {
        Ok(place) => place,
        Err(place) => {
            if exceptions.capacity() == 0 {
                exceptions.reserve_exact(query.fields.len());
            }
            exceptions.insert(place, Exception { field: index, to, reason: reason() });
            return;
        }
    };
    if let Some(earlier) = exceptions.get_mut(place)
        && earlier.to != to
        && earlier.to != Narrowed::Hide
    {
        earlier.to = match to {
            Narrowed::Hide => Narrowed::Hide,
            Narrowed::Mask(_) => Mask::Redact.into(),
        };
    }
}

pub(crate) fn index_of(reason: &Reason, reasons: &mut Vec<Reason>) -> u32 {
    // Messages of one rule begin alike, and differ more often than anything else.
    let known =
        reasons.iter().position(|earlier| same(&earlier.message, &reason.message) && earlier == reason);
    let place = known.unwrap_or_else(|| {
        reasons.push(reason.clone());
        reasons.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}
