// SPDX-License-Identifier: Apache-2.0
//! Query strings of the admin door. They are read before any handler: a parameter that a route does not know, and one
//! that stands twice, is an error everywhere.

use std::{borrow::Cow, str::FromStr};

use paasla_app::governance::refusal::Refusal;
use percent_encoding::percent_decode_str;

/// How many of a list one answer holds at most.
const MAX_LIMIT: u32 = 1_000;

/// What stands in a query string, each name once.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Reads a query string that may hold the `known` names.
    pub(super) fn read(query: Option<&str>, known: &[&'static str]) -> Result<Self, Refusal> {
        let mut found = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            found.add(pair, known).map_err(|message| Refusal::invalid("query_string", "url", message))?;
        }
        Ok(found)
    }

    fn add(&mut self, pair: &str, known: &[&'static str]) -> Result<(), String> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decoded(name).and_then(|name| known.iter().find(|known| **known == name)) else {
            return Err(match known {
                [] => "this address takes no parameters".to_owned(),
                known => format!("a parameter is not known: {} may stand here", known.join(", ")),
            });
        };
        if self.text(name).is_some() {
            return Err(format!("`{name}` stands here twice; give it once"));
        }
        let value = decoded(value).ok_or_else(|| format!("`{name}` must be UTF-8"))?;
        self.0.push((name, value.into_owned()));
        Ok(())
    }

    /// A value as it was sent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A value that must be `what`.
    pub(super) fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Refusal> {
        self.text(name).map(|text| text.parse().map_err(|_| wrong(name, what))).transpose()
    }

    /// The value of `limit`, or the default.
    pub(super) fn limit(&self, usual: u32) -> Result<u32, Refusal> {
        let what = "a whole number from 1 to 1,000";
        let limit = self.parsed("limit", what)?.unwrap_or(usual);
        if (1..=MAX_LIMIT).contains(&limit) { Ok(limit) } else { Err(wrong("limit", what)) }
    }
}

/// A value that is not what it must be.
pub(super) fn wrong(name: &str, what: &str) -> Refusal {
    Refusal::invalid("query_string", "url", format!("`{name}` must be {what}"))
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use paasla_app::governance::refusal::RefusalKind;

    use super::*;

    const KNOWN: [&str; 2] = ["limit", "before"];

    fn message(query: &str) -> String {
        let refusal = Parameters::read(Some(query), &KNOWN).unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.problems.len(), refusal.problems[0].code),
            (RefusalKind::Invalid, 1, "query_string")
        );
        refusal.problems[0].message.clone()
    }

    #[test]
    fn what_is_not_known_and_what_stands_twice_is_refused() {
        for unknown in ["x=1", "limit=1&x", "Limit=1", "=", "limit%3D1", "%ff=1", "limit=1&x=%ff"] {
            assert!(message(unknown).contains("limit, before may stand here"), "{unknown}");
        }
        for twice in ["limit=1&limit=1", "limit=&limit=1", "limit=1&before=2&%6Cimit=3"] {
            assert!(message(twice).contains("twice"), "{twice}");
        }
        assert!(message("before=%ff").contains("UTF-8"));
        let none = Parameters::read(Some("x=1"), &[]).unwrap_err();
        assert!(none.problems[0].message.contains("no parameters"));
        for good in [None, Some(""), Some("&"), Some("limit=1&"), Some("before=x&limit=1")] {
            assert!(Parameters::read(good, &KNOWN).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn values_are_decoded_and_limits_kept_within_bounds() {
        let read = |query| Parameters::read(Some(query), &KNOWN).unwrap();
        assert_eq!(read("before=a%C3%A4+b&limit=%31%30").text("before"), Some("a\u{e4}+b"));
        assert_eq!(read("limit=%31%30").limit(5), Ok(10));
        assert_eq!(read("").limit(5), Ok(5));
        assert_eq!(read("limit=1000").limit(5), Ok(1_000));
        for wrong in
            ["limit=1001", "limit=5000", "limit=0", "limit=-1", "limit=", "limit=x", "limit=99999999999"]
        {
            assert_eq!(read(wrong).limit(5).unwrap_err().kind, RefusalKind::Invalid, "{wrong}");
        }
    }
}
