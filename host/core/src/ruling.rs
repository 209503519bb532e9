// SPDX-License-Identifier: Apache-2.0
//! One rule's answer to one query, after the host has checked it: names instead of indexes, known masks only.

use serde::{Deserialize, Serialize};

use crate::{
    grant::Window,
    reason::Reason,
    value::{Attribute, Value},
    visibility::Visibility,
};

/// What one rule says before any data is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// Nothing to say.
    Abstain,
    /// The query must not be answered.
    Refuse(Reason),
    /// The query may be answered, with less.
    Narrow(Narrowing),
}

/// How a rule narrows a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowing {
    /// The fields that are not simply shown.
    pub exceptions: Vec<Exception>,
    /// What must be done besides.
    pub obligations: Vec<Obligation>,
    /// What every row must fulfil; pushed into SQL.
    pub conditions: Vec<Condition>,
    /// Caps on persons.
    pub caps: Vec<Cap>,
    /// Whether the rule wants to see the rows.
    pub review: bool,
}

/// One field that is not simply shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Index into the query's fields.
    pub field: usize,
    /// The most that may be seen.
    pub to: Visibility,
    /// Why.
    pub reason: Reason,
}

/// What the host must do, or tell the client, besides answering (XACML: obligation).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Obligation {
    /// `limit-records` (the host cuts the answer to `count` rows) or `inform-client` (the answer repeats the `message` of
    /// a declared reason). Anything else is a fault of the rule: an obligation that is not understood must not be lost.
    pub code: String,
    /// Its parameters.
    pub attributes: Vec<Attribute>,
}

/// A cap on the persons that are disclosed to the holder of the access right, on one legal basis, in a span of time that ends
/// now. The host counts, cuts a search to what is left of it, and refuses what does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cap {
    /// The span.
    pub window: Window,
    /// How many persons.
    pub persons: u32,
    /// Why a query that does not fit is refused.
    pub reason: Reason,
}

/// What every row must fulfil. A row whose fact is absent fulfils only [`Test::Absent`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// The row fact's name, e.g. `subject.access-restricted`.
    pub fact: String,
    /// How it is compared.
    pub test: Test,
    /// With what; [`Value::Absent`] for the tests that compare with nothing.
    pub value: Value,
    /// Why. Never sent to the client: it would distinguish a hidden person from an absent one.
    pub reason: Reason,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// The fact equals the value.
    Equal,
    /// The fact is there and differs from the value.
    NotEqual,
    /// The fact is less than the value.
    Less,
    /// The fact is the value or less.
    AtMost,
    /// The fact is greater than the value.
    Greater,
    /// The fact is the value or greater.
    AtLeast,
    /// The fact is absent.
    Absent,
    /// The fact is there.
    Present,
}

/// What one rule says of one row, after it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRuling {
    /// Index of the row in the call.
    pub row: usize,
    /// Leave the row out, and why.
    pub drop: Option<Reason>,
    /// Fields of this row that are shown less.
    pub exceptions: Vec<Exception>,
}

impl Condition {
    /// Whether a value of the fact fulfils it.
    #[must_use]
    pub fn holds(&self, value: &Value) -> bool {
        let known = !value.is_absent();
        match self.test {
            Test::Absent => !known,
            Test::Present => known,
            Test::Equal => known && *value == self.value,
            Test::NotEqual => known && *value != self.value,
            Test::Less => known && *value < self.value,
            Test::AtMost => known && *value <= self.value,
            Test::Greater => known && *value > self.value,
            Test::AtLeast => known && *value >= self.value,
        }
    }
}
