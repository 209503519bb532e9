// SPDX-License-Identifier: Apache-2.0
//! From the interface's words to core's, checking everything: what a rule returns is untrusted.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Span, civil::Date};
use paasla_core::{
    Attribute, Cap, Condition, Exception, Field, Narrowing, Obligation, Reason, ReasonText, RowRuling,
    Ruling, Test, Value, Visibility, Window,
};
use serde::{Deserialize, Serialize};

use super::{about::About, bindings::v0_1::exports::paasla::rule::ruling as wit, input::RowInput};
use crate::{config::AnswerLimits, fault::RuleFault};

/// A reason as a rule declared it, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeclaredReason {
    /// Its stable code.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
    /// The provision behind it: its place in the rule's description.
    pub provision: Option<u32>,
}

/// What the answer is checked against.
pub(crate) struct Checks<'a> {
    /// The reasons that the rule declared, in its order.
    pub(crate) reasons: &'a [Reason],
    /// The rule's own description.
    pub(crate) about: &'a About,
    /// The fields of the query.
    pub(crate) fields: &'a [Arc<Field>],
    /// How much it may hold.
    pub(crate) limits: &'a AnswerLimits,
}

/// The obligation that is a cap.
const CAP: &str = "cap-persons";

const FORBIDDEN: fn(&'static str) -> RuleFault = RuleFault::Forbidden;

/// Takes the reasons that `configure` declares.
///
/// # Errors
/// When there are too many, or one is not what the interface asks for.
pub(crate) fn declared(
    said: Vec<wit::Reason>,
    about: &About,
    limits: &AnswerLimits,
) -> Result<Vec<DeclaredReason>, RuleFault> {
    within("reasons", said.len(), limits.reasons)?;
    let one = |said: wit::Reason| {
        let in_code = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        if said.code.is_empty() || said.code.len() > 80 || !said.code.bytes().all(in_code) {
            return Err(FORBIDDEN("a reason code that is not 1 to 80 characters of a-z, 0-9, `.` and `-`"));
        }
        if ["host.", "grant."].iter().any(|own| said.code.starts_with(own)) {
            return Err(FORBIDDEN(
                "a reason code that begins with `host.` or `grant.`: these are the host's",
            ));
        }
        let length = said.message.chars().count();
        if !(1..=500).contains(&length) || said.message.chars().any(char::is_control) {
            return Err(FORBIDDEN("a reason message that is not 1 to 500 printable characters"));
        }
        let is_listed = |index: u32| usize::try_from(index).is_ok_and(|index| index < about.provisions.len());
        if said.provision.is_some_and(|index| !is_listed(index)) {
            return Err(FORBIDDEN("a provision that `describe` does not list"));
        }
        Ok(DeclaredReason { code: said.code, message: said.message, provision: said.provision })
    };
    said.into_iter().map(one).collect()
}

/// The declared reasons as they stand in answers and audit records.
pub(crate) fn reasons(declared: &[DeclaredReason], policy: &Arc<str>, about: &About) -> Arc<[Reason]> {
    let ids: Vec<Arc<str>> = about.provisions.iter().map(|provision| provision.id.as_ref().into()).collect();
    let one = |reason: &DeclaredReason| {
        let provision = reason.provision.and_then(|index| ids.get(usize::try_from(index).ok()?));
        Reason::from(ReasonText {
            by: Arc::clone(policy),
            code: reason.code.clone(),
            message: reason.message.clone(),
            provision: provision.map(Arc::clone),
        })
    };
    declared.iter().map(one).collect()
}

impl Checks<'_> {
    pub(crate) fn decided(&self, said: wit::Decided) -> Result<Ruling, RuleFault> {
        Ok(match said {
            wit::Decided::Abstain => Ruling::Abstain,
            wit::Decided::Refuse(reason) => Ruling::Refuse(self.reason(reason)?),
            wit::Decided::Narrow(narrowing) => Ruling::Narrow(self.narrowing(narrowing)?),
        })
    }

    fn narrowing(&self, said: wit::Narrowing) -> Result<Narrowing, RuleFault> {
        within("conditions", said.conditions.len(), self.limits.conditions)?;
        within("obligations", said.obligations.len(), self.limits.obligations)?;
        let condition = |said: wit::Condition| {
            let need = usize::try_from(said.fact).ok().and_then(|index| self.about.row_facts.get(index));
            let need = need.ok_or(FORBIDDEN("a condition on a row fact that it did not declare"))?;
            let (test, value) = (test(said.test), self.value(said.value)?);
            if value.is_absent() != matches!(test, Test::Absent | Test::Present) {
                return Err(FORBIDDEN("a condition whose value does not fit its test"));
            }
            Ok(Condition { fact: need.name.clone(), test, value, reason: self.reason(said.reason)? })
        };
        let (mut obligations, mut caps) = (Vec::new(), Vec::new());
        for said in said.obligations {
            if said.code == CAP {
                caps.push(cap(&said, self.reasons)?);
            } else {
                obligations.push(self.obligation(said)?);
            }
        }
        Ok(Narrowing {
            exceptions: self.exceptions(said.exceptions, |_| true)?,
            conditions: said.conditions.into_iter().map(condition).collect::<Result<_, _>>()?,
            obligations,
            caps,
            review: said.review,
        })
    }

    /// Row rulings, by ascending row. `given` tells the rows of the call.
    pub(crate) fn reviewed(
        &self,
        said: wit::Reviewed,
        given: &[RowInput],
    ) -> Result<Vec<RowRuling>, RuleFault> {
        if said.rows.len() > given.len() {
            return Err(FORBIDDEN("more row rulings than rows"));
        }
        let mut used = BTreeSet::new();
        for ruling in &said.rows {
            used.extend(ruling.exceptions.iter().map(|exception| exception.reason));
            used.extend(ruling.leave_out);
        }
        within("different reasons in one review", used.len(), self.limits.review_reasons)?;
        let mut seen = BTreeSet::new();
        let ruling = |said: wit::RowRuling| {
            let index = usize::try_from(said.row).unwrap_or(usize::MAX);
            let row = given.get(index).ok_or(FORBIDDEN("a ruling on a row that does not exist"))?;
            if !seen.insert(index) {
                return Err(FORBIDDEN("two rulings on one row"));
            }
            let of_row = |field: &Field| field.group == row.group;
            Ok(RowRuling {
                row: index,
                drop: said.leave_out.map(|reason| self.reason(reason)).transpose()?,
                exceptions: self.exceptions(said.exceptions, of_row)?,
            })
        };
        let mut rulings = said.rows.into_iter().map(ruling).collect::<Result<Vec<_>, _>>()?;
        rulings.sort_by_key(|ruling| ruling.row);
        Ok(rulings)
    }

    fn exceptions(
        &self,
        said: Vec<wit::Exception>,
        allowed: impl Fn(&Field) -> bool,
    ) -> Result<Vec<Exception>, RuleFault> {
        if said.len() > self.fields.len() {
            return Err(FORBIDDEN("more exceptions than fields"));
        }
        let mut seen = vec![false; self.fields.len()];
        // Rules mostly go through the fields in their order: each is looked for behind the one before it first.
        let mut next = 0;
        let exception = |said: wit::Exception| {
            let is_it = |(_, field): &(usize, &Arc<Field>)| field.index == said.field;
            let all = || self.fields.iter().enumerate();
            let found = all().skip(next).find(is_it).or_else(|| all().take(next).find(is_it));
            let (place, field) =
                found.ok_or(FORBIDDEN("an exception for a field that the query does not have"))?;
            next = place + 1;
            if !allowed(field) {
                return Err(FORBIDDEN("an exception for a field of another group than the row's"));
            }
            if seen.get_mut(place).is_none_or(|seen| std::mem::replace(seen, true)) {
                return Err(FORBIDDEN("two exceptions for one field"));
            }
            let to = match said.to {
                wit::Narrowed::Hide => Visibility::Hide,
                wit::Narrowed::Mask(name) => Visibility::Masked(
                    name.parse().map_err(|_| FORBIDDEN("a mask that the host does not know"))?,
                ),
            };
            Ok(Exception { field: place, to, reason: self.reason(said.reason)? })
        };
        said.into_iter().map(exception).collect()
    }

    /// The text of an obligation is one that was declared, so that no rule makes one up.
    fn obligation(&self, said: wit::Obligation) -> Result<Obligation, RuleFault> {
        let integer = |name: &str| match said.attributes.as_slice() {
            [wit::AttributeResult { name: own, value: wit::ValueResult::Integer(number) }] if own == name => {
                Some(*number)
            }
            _ => None,
        };
        let attribute = match said.code.as_str() {
            "limit-records" => integer("count")
                .filter(|count| *count >= 0)
                .map(|count| Attribute { name: "count".to_owned(), value: Value::Integer(count) }),
            "inform-client" => match integer("reason") {
                Some(index) => {
                    let reason = self.reason(u32::try_from(index).unwrap_or(u32::MAX))?;
                    Some(Attribute { name: "message".to_owned(), value: Value::Text(reason.message.clone()) })
                }
                None => None,
            },
            _ => None,
        };
        let attribute = attribute.ok_or(FORBIDDEN("an obligation that the host does not know"))?;
        Ok(Obligation { code: said.code, attributes: vec![attribute] })
    }

    fn reason(&self, index: u32) -> Result<Reason, RuleFault> {
        reason(self.reasons, index)
    }

    fn value(&self, said: wit::ValueResult) -> Result<Value, RuleFault> {
        let fits = |text: &String| within("bytes in a text", text.len(), self.limits.text_bytes);
        match &said {
            wit::ValueResult::Text(text) => fits(text)?,
            wit::ValueResult::Texts(texts) => {
                within("texts in a value", texts.len(), self.limits.texts)?;
                texts.iter().try_for_each(fits)?;
            }
            _ => {}
        }
        value(said)
    }
}

fn reason(declared: &[Reason], index: u32) -> Result<Reason, RuleFault> {
    let found = usize::try_from(index).ok().and_then(|index| declared.get(index));
    found.cloned().ok_or(FORBIDDEN("a reason that `configure` did not declare"))
}

/// An obligation that caps persons: its window, how many, and the reason.
fn cap(said: &wit::Obligation, declared: &[Reason]) -> Result<Cap, RuleFault> {
    use wit::ValueResult::{Integer, Text};
    let values: Vec<_> = said.attributes.iter().map(|given| (given.name.as_str(), &given.value)).collect();
    let known = match values.as_slice() {
        [("window", Text(window)), ("persons", Integer(persons)), ("reason", Integer(reason))] => {
            let numbers = u32::try_from(*persons).ok().zip(u32::try_from(*reason).ok());
            Window::named(window).zip(numbers)
        }
        _ => None,
    };
    let (window, (persons, index)) = known.ok_or(FORBIDDEN("a cap that the host does not understand"))?;
    Ok(Cap { window, persons, reason: reason(declared, index)? })
}

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), RuleFault> {
    if length > limit { Err(RuleFault::TooMany { what, limit }) } else { Ok(()) }
}

fn test(said: wit::Test) -> Test {
    match said {
        wit::Test::Equal => Test::Equal,
        wit::Test::NotEqual => Test::NotEqual,
        wit::Test::Less => Test::Less,
        wit::Test::AtMost => Test::AtMost,
        wit::Test::Greater => Test::Greater,
        wit::Test::AtLeast => Test::AtLeast,
        wit::Test::Absent => Test::Absent,
        wit::Test::Present => Test::Present,
    }
}

fn value(said: wit::ValueResult) -> Result<Value, RuleFault> {
    Ok(match said {
        wit::ValueResult::Absent => Value::Absent,
        wit::ValueResult::Truth(truth) => Value::Truth(truth),
        wit::ValueResult::Integer(number) => Value::Integer(number),
        wit::ValueResult::Text(text) => Value::Text(text),
        wit::ValueResult::Date(days) => {
            let epoch = Date::constant(1970, 1, 1);
            let span = Span::new().try_days(days).and_then(|span| epoch.checked_add(span));
            Value::Date(span.map_err(|_| FORBIDDEN("a date out of range"))?)
        }
        wit::ValueResult::Texts(texts) => Value::Texts(texts),
    })
}

#[cfg(test)]
mod tests {
    use wit::ValueResult::{Integer, Text};

    use super::*;

    /// A cap that is not understood must not be lost.
    #[test]
    fn caps_that_the_host_does_not_understand() {
        let reasons = [Reason::new("p", "p.full", "It is full.")];
        let said = |attributes: Vec<(&str, wit::ValueResult)>| {
            let attribute = |(name, value): (&str, _)| wit::AttributeResult { name: name.to_owned(), value };
            let attributes = attributes.into_iter().map(attribute).collect();
            cap(&wit::Obligation { code: CAP.to_owned(), attributes }, &reasons)
        };
        let of = |window: &str, persons, reason| {
            said(vec![
                ("window", Text(window.to_owned())),
                ("persons", Integer(persons)),
                ("reason", Integer(reason)),
            ])
        };
        let good = Cap { window: Window::Month, persons: 20, reason: reasons[0].clone() };
        assert_eq!(of("month", 20, 0), Ok(good));
        let wrong = [
            of("week", 20, 0),
            of("month", -1, 0),
            of("month", 1 << 32, 0),
            of("month", 20, 1),
            of("month", 20, -1),
            said(vec![("window", Text("month".to_owned())), ("persons", Integer(20))]),
            said(vec![("window", Integer(1)), ("persons", Integer(20)), ("reason", Integer(0))]),
        ];
        for said in wrong {
            assert!(matches!(said, Err(RuleFault::Forbidden(_))), "{said:?}");
        }
    }
}
