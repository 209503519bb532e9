// SPDX-License-Identifier: Apache-2.0
//! Calls of a policy in a query, and how each ended. Audit records hold it as one text, `narrow, review: fault:
//! out-of-fuel`, which this file alone writes and reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Before the outcome of a review.
const REVIEW: &str = "review: ";

/// Before the kind of a fault.
const FAULT: &str = "fault: ";

/// Between two calls.
const NEXT: &str = ", ";

/// How one call of a policy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It had nothing to add.
    Abstained,
    /// It refused the query.
    Refused,
    /// It narrowed what is seen.
    Narrowed,
    /// It is out of service, and its rule was not run.
    Quarantined,
    /// Its rule broke; the kind of the fault, e.g. `out-of-fuel`.
    Faulted(String),
    /// What another version of the host wrote, as it stands.
    Other(String),
}

impl From<&str> for CallOutcome {
    fn from(text: &str) -> Self {
        match text {
            "abstain" => Self::Abstained,
            "refuse" => Self::Refused,
            "narrow" => Self::Narrowed,
            "quarantined" => Self::Quarantined,
            other => match other.strip_prefix(FAULT) {
                Some(kind) => Self::Faulted(kind.to_owned()),
                None => Self::Other(other.to_owned()),
            },
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abstained => f.write_str("abstain"),
            Self::Refused => f.write_str("refuse"),
            Self::Narrowed => f.write_str("narrow"),
            Self::Quarantined => f.write_str("quarantined"),
            Self::Faulted(kind) => write!(f, "{FAULT}{kind}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// One call of a policy's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `decide`: of the query, before anything was read.
    Decide(CallOutcome),
    /// `review`: of the rows that were read.
    Review(CallOutcome),
}

impl From<&str> for Call {
    fn from(text: &str) -> Self {
        match text.strip_prefix(REVIEW) {
            Some(outcome) => Self::Review(outcome.into()),
            None => Self::Decide(text.into()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decide(outcome) => outcome.fmt(f),
            Self::Review(outcome) => write!(f, "{REVIEW}{outcome}"),
        }
    }
}

/// All calls of one policy's rule in a query, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Calls(pub Vec<Call>);

impl From<String> for Calls {
    fn from(text: String) -> Self {
        Self(text.split(NEXT).map(Call::from).collect())
    }
}

impl From<Calls> for String {
    fn from(calls: Calls) -> Self {
        calls.to_string()
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut calls = self.0.iter();
        calls.next().map_or(Ok(()), |first| first.fmt(f))?;
        calls.try_for_each(|call| write!(f, "{NEXT}{call}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Call::{Decide, Review},
        CallOutcome::{Abstained, Faulted, Narrowed, Other, Quarantined, Refused},
        *,
    };

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let calls = |all: &[Call]| Calls(all.to_vec());
        let fault = || Faulted("out-of-fuel".to_owned());
        for (text, expected) in [
            ("abstain", calls(&[Decide(Abstained)])),
            ("refuse", calls(&[Decide(Refused)])),
            ("quarantined", calls(&[Decide(Quarantined)])),
            ("fault: out-of-fuel", calls(&[Decide(fault())])),
            ("narrow, review: fault: out-of-fuel", calls(&[Decide(Narrowed), Review(fault())])),
            (
                "narrow, review: abstain, review: narrow",
                calls(&[Decide(Narrowed), Review(Abstained), Review(Narrowed)]),
            ),
            ("doze", calls(&[Decide(Other("doze".to_owned()))])),
        ] {
            let json = format!("\"{text}\"");
            assert_eq!(serde_json::from_str::<Calls>(&json).unwrap(), expected, "{text}");
            assert_eq!(serde_json::to_string(&expected).unwrap(), json);
        }
    }
}
