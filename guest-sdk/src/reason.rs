// SPDX-License-Identifier: Apache-2.0
//! Reasons: declared when a rule is configured, before there is any query, and named by rulings.

use crate::{Register, bindings::exports::paasla::rule::ruling as raw};

/// A reason that was declared. Rulings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(u32);

/// What a reason says: a stable code, a sentence for a person, and the provision behind it.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a reason must be declared with `Setup::declare`"]
pub struct Because(raw::Reason);

/// A reason: a stable code (`<rule>.<what>`), and a sentence for a person. Declare it with [`Setup::declare`].
pub fn because(code: impl Into<String>, message: impl Into<String>) -> Because {
    Because(raw::Reason { code: code.into(), message: message.into(), provision: None })
}

impl Because {
    /// The same reason, with the provision behind it: its place in `describe`
    /// ([`About::implements`](crate::About::implements)).
    pub fn under(mut self, provision: u32) -> Self {
        self.0.provision = Some(provision);
        self
    }
}

impl From<Reason> for u32 {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

/// What a rule has to hand while it is configured: the register, and the list of reasons that it declares.
#[derive(Debug)]
pub struct Setup<'r> {
    register: &'r Register,
    reasons: Vec<raw::Reason>,
}

impl<'r> Setup<'r> {
    pub(crate) fn new(register: &'r Register) -> Self {
        Self { register, reasons: Vec::new() }
    }

    /// Declares a reason. The same one declared twice is one.
    #[must_use = "rulings name the reason by what this gives back"]
    pub fn declare(&mut self, Because(reason): Because) -> Reason {
        let place = self.reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        Reason(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The register that queries will ask.
    #[must_use]
    pub fn register(&self) -> &'r Register {
        self.register
    }

    pub(crate) fn declared(self) -> Vec<raw::Reason> {
        self.reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_declared_twice_is_one() {
        let register = Register::default();
        let mut setup = Setup::new(&register);
        let declared = [
            because("a.b", "One."),
            because("a.b", "Two."),
            because("a.b", "One.").under(0),
            because("a.b", "One."),
            because("a.c", "One."),
        ]
        .map(|reason| u32::from(setup.declare(reason)));
        assert_eq!(declared, [0, 1, 2, 0, 3]);
        let codes: Vec<_> =
            setup.declared().into_iter().map(|reason| (reason.code, reason.provision)).collect();
        assert_eq!(
            codes,
            [("a.b", None), ("a.b", None), ("a.b", Some(0)), ("a.c", None)]
                .map(|(code, provision)| { (code.to_owned(), provision) })
        );
    }
}
