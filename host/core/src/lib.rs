// SPDX-License-Identifier: Apache-2.0
//! The words of Pääsla and their algebra: what a query says, what a rule may answer, and how all answers
//! become one decision. No I/O, no clock, no async: everything here is a function of its input.

pub mod audit_record;
pub mod call;
pub mod client;
pub mod decision;
pub mod entry;
pub mod grant;
pub mod json;
pub mod person;
pub mod personal_code;
pub mod policy;
pub mod query;
pub mod reason;
pub mod register;
pub mod rulebook;
pub mod ruling;
pub mod service;
pub mod signature;
pub mod term;
pub mod text;
pub mod value;
pub mod visibility;

pub use audit_record::{AuditRecord, Outcome, RowCount, RulingSummary};
pub use call::{Call, CallOutcome, Calls};
pub use client::ClientId;
pub use decision::{Decision, FieldDecision, RowDecision};
pub use entry::{Entry, IndexRow, UsageDelta};
pub use grant::{Grant, Quota, Window};
pub use jiff::civil::Date;
pub use person::{Person, is_same_person};
pub use personal_code::PersonalCode;
pub use policy::{Limits, Mode, Policy, Scope, Vouching};
pub use query::{Approach, Bundle, Field, GrantView, Query, Subjects};
pub use reason::{Reason, ReasonText};
pub use register::{Register, RegisterField, RowFact};
pub use rulebook::{
    Rulebook,
    diff::{self, MemberDiff, ObjectChange, ObjectDiff, ObjectId, ObjectKind},
    edit::{Edit, Object},
    index::RulebookIndex,
};
pub use ruling::{Cap, Condition, Exception, Narrowing, Obligation, RowRuling, Ruling, Test};
pub use service::{Lookup, Requirement, Service};
pub use signature::signed_text;
pub use term::{Concept, Term, Vocabulary};
pub use value::{Attribute, Value};
pub use visibility::{Mask, Visibility};
