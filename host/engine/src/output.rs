// SPDX-License-Identifier: Apache-2.0
//! From the interface's words to core's, checking everything: what a rule returns is untrusted.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Span, civil::Date};
use paasla_core::{
    Attribute, Cap, Condition, Exception, Field, Narrowing, Obligation, Reason, ReasonText, Replacement,
    RowRuling, Ruling, Test, Value, Visibility, Window,
};

use crate::{
    about::About, bindings::v0_1::exports::paasla::rule::ruling as wit, config::AnswerLimits,
    fault::RuleFault, input::RowInput,
};

/// What the answer is checked against.
pub(crate) struct Checks<'a> {
    /// The policy, for reasons.
    pub(crate) policy: &'a Arc<str>,
    /// The ids of the rule's provisions, for reasons.
    pub(crate) provisions: &'a [Arc<str>],
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

impl Checks<'_> {
    pub(crate) fn decided(&self, said: wit::Decided) -> Result<Ruling, RuleFault> {
        Ok(match said {
            wit::Decided::Abstain => Ruling::Abstain,
            wit::Decided::Refuse(reason) => Ruling::Refuse(self.reason(reason)?),
            wit::Decided::Narrow(narrowing) => Ruling::Narrow(self.narrowing(narrowing)?),
        })
    }

    fn narrowing(&self, said: wit::Narrowing) -> Result<Narrowing, RuleFault> {
        let reasons = self.reasons(said.reasons)?;
        within("conditions", said.conditions.len(), self.limits.conditions)?;
        within("obligations", said.obligations.len(), self.limits.obligations)?;
        let condition = |said: wit::Condition| {
            let need = usize::try_from(said.fact).ok().and_then(|index| self.about.row_facts.get(index));
            let need = need.ok_or(FORBIDDEN("a condition on a row fact that it did not declare"))?;
            let (test, value) = (test(said.test), self.value(said.value)?);
            if value.is_absent() != matches!(test, Test::Absent | Test::Present) {
                return Err(FORBIDDEN("a condition whose value does not fit its test"));
            }
            Ok(Condition { fact: need.name.clone(), test, value, reason: pick(&reasons, said.reason)? })
        };
        let (mut obligations, mut caps) = (Vec::new(), Vec::new());
        for said in said.obligations {
            if said.code == CAP {
                caps.push(cap(&said, &reasons)?);
            } else {
                obligations.push(self.obligation(said)?);
            }
        }
        Ok(Narrowing {
            exceptions: self.exceptions(said.exceptions, &reasons, |_| true)?,
            conditions: said.conditions.into_iter().map(condition).collect::<Result<_, _>>()?,
            obligations,
            caps,
            review: said.review,
        })
    }

    /// Row rulings, by ascending row. `given` tells the rows of the call, with the cells the rule saw.
    pub(crate) fn reviewed(
        &self,
        said: wit::Reviewed,
        given: &[RowInput],
        reads: impl Fn(usize) -> bool,
    ) -> Result<Vec<RowRuling>, RuleFault> {
        let reasons = self.reasons(said.reasons)?;
        if said.rows.len() > given.len() {
            return Err(FORBIDDEN("more row rulings than rows"));
        }
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
                drop: said.leave_out.map(|reason| pick(&reasons, reason)).transpose()?,
                exceptions: self.exceptions(said.exceptions, &reasons, of_row)?,
                replacements: self.replacements(said.replacements, &reasons, row, &reads)?,
            })
        };
        let mut rulings = said.rows.into_iter().map(ruling).collect::<Result<Vec<_>, _>>()?;
        rulings.sort_by_key(|ruling| ruling.row);
        Ok(rulings)
    }

    fn replacements(
        &self,
        said: Vec<wit::Replacement>,
        reasons: &[Reason],
        row: &RowInput,
        reads: impl Fn(usize) -> bool,
    ) -> Result<Vec<Replacement>, RuleFault> {
        if !said.is_empty() && !self.about.row_facts.is_empty() {
            return Err(FORBIDDEN("a replacement by a rule that is told row facts"));
        }
        let mut seen = BTreeSet::new();
        let replacement = |said: wit::Replacement| {
            let field = usize::try_from(said.field).unwrap_or(usize::MAX);
            if !reads(field) || !row.cells.iter().any(|(given, _)| *given == field) {
                return Err(FORBIDDEN("a replacement of a value that it was not given"));
            }
            if !seen.insert(field) {
                return Err(FORBIDDEN("two replacements of one field"));
            }
            let value = self.value(said.value)?;
            Ok(Replacement { field, value, reason: pick(reasons, said.reason)? })
        };
        said.into_iter().map(replacement).collect()
    }

    fn exceptions(
        &self,
        said: Vec<wit::Exception>,
        reasons: &[Reason],
        allowed: impl Fn(&Field) -> bool,
    ) -> Result<Vec<Exception>, RuleFault> {
        if said.len() > self.fields.len() {
            return Err(FORBIDDEN("more exceptions than fields"));
        }
        let mut seen = vec![false; self.fields.len()];
        let exception = |said: wit::Exception| {
            let index = usize::try_from(said.field).unwrap_or(usize::MAX);
            let field =
                self.fields.get(index).ok_or(FORBIDDEN("an exception for a field that does not exist"))?;
            if !allowed(field) {
                return Err(FORBIDDEN("an exception for a field of another group than the row's"));
            }
            if seen.get_mut(index).is_none_or(|seen| std::mem::replace(seen, true)) {
                return Err(FORBIDDEN("two exceptions for one field"));
            }
            let to = match said.to {
                wit::Narrowed::Hide => Visibility::Hide,
                wit::Narrowed::Mask(name) => Visibility::Masked(
                    name.parse().map_err(|_| FORBIDDEN("a mask that the host does not know"))?,
                ),
            };
            Ok(Exception { field: index, to, reason: pick(reasons, said.reason)? })
        };
        said.into_iter().map(exception).collect()
    }

    fn obligation(&self, said: wit::Obligation) -> Result<Obligation, RuleFault> {
        let attributes = said.attributes.into_iter();
        let attributes = attributes
            .map(|a| Ok(Attribute { name: a.name, value: self.value(a.value)? }))
            .collect::<Result<Vec<_>, RuleFault>>()?;
        let known = match (said.code.as_str(), attributes.as_slice()) {
            ("limit-records", [Attribute { name, value: Value::Integer(count) }]) => {
                name == "count" && *count >= 0
            }
            ("inform-client", [Attribute { name, value: Value::Text(text) }]) => {
                name == "message" && is_sentence(text, 500)
            }
            _ => false,
        };
        if !known {
            return Err(FORBIDDEN("an obligation that the host does not know"));
        }
        Ok(Obligation { code: said.code, attributes })
    }

    fn reasons(&self, said: Vec<wit::Reason>) -> Result<Vec<Reason>, RuleFault> {
        within("reasons", said.len(), self.limits.reasons)?;
        said.into_iter().map(|reason| self.reason(reason)).collect()
    }

    fn reason(&self, said: wit::Reason) -> Result<Reason, RuleFault> {
        let in_code = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        if said.code.is_empty() || said.code.len() > 80 || !all(&said.code, in_code) {
            return Err(FORBIDDEN("a reason code that is not 1 to 80 characters of a-z, 0-9, `.` and `-`"));
        }
        if !is_sentence(&said.message, 500) {
            return Err(FORBIDDEN("a reason message that is not 1 to 500 printable characters"));
        }
        let provision = |index: u32| {
            let found = usize::try_from(index).ok().and_then(|index| self.provisions.get(index));
            found.map(Arc::clone).ok_or(FORBIDDEN("a provision that `describe` does not list"))
        };
        Ok(Reason::from(ReasonText {
            by: Arc::clone(self.policy),
            code: said.code,
            message: said.message,
            provision: said.provision.map(provision).transpose()?,
        }))
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

fn within(what: &'static str, length: usize, limit: usize) -> Result<(), RuleFault> {
    if length > limit { Err(RuleFault::TooMany { what, limit }) } else { Ok(()) }
}

/// Looks at every byte, whatever the first ones are: that goes sixteen at a time.
fn all(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & fits(byte))
}

fn is_sentence(text: &str, most: usize) -> bool {
    let printable = |byte: u8| (b' '..0x7f).contains(&byte);
    let plain = text.len() <= most && all(text, printable);
    !text.is_empty() && (plain || (text.chars().count() <= most && !text.chars().any(char::is_control)))
}

fn pick(reasons: &[Reason], index: u32) -> Result<Reason, RuleFault> {
    let found = usize::try_from(index).ok().and_then(|index| reasons.get(index));
    found.cloned().ok_or(FORBIDDEN("an index into reasons that does not exist"))
}

/// An obligation that caps persons: its window, how many, and the reason.
fn cap(said: &wit::Obligation, reasons: &[Reason]) -> Result<Cap, RuleFault> {
    use wit::ValueResult::{Integer, Text};
    let values: Vec<_> = said.attributes.iter().map(|given| (given.name.as_str(), &given.value)).collect();
    let known = match values.as_slice() {
        [("window", Text(window)), ("persons", Integer(persons)), ("reason", Integer(reason))] => {
            let numbers = u32::try_from(*persons).ok().zip(u32::try_from(*reason).ok());
            Window::named(window).zip(numbers)
        }
        _ => None,
    };
    let (window, (persons, reason)) = known.ok_or(FORBIDDEN("a cap that the host does not understand"))?;
    Ok(Cap { window, persons, reason: pick(reasons, reason)? })
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
            let attribute = |(name, value): (&str, _)| wit::Attribute { name: name.to_owned(), value };
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
