// SPDX-License-Identifier: Apache-2.0
//! How much cases may hold: whoever runs somebody else's cases must not run out of memory or time over them.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

/// How many characters of a text stand in a message.
const TEXT: usize = 1_000;

/// What files of cases may hold. What was read is taken off, so that several files may share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Cases.
    pub cases: usize,
    /// Bytes of text.
    pub text_bytes: usize,
    /// Bytes of memory that cases take with their defaults, about.
    pub expanded_bytes: usize,
    /// Fields of one query.
    pub fields: usize,
    /// Categories that the fields of one query give away, together.
    pub reveals: usize,
    /// Rows of one case.
    pub rows: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            cases: 2_000,
            text_bytes: 2 << 20,
            expanded_bytes: 128 << 20,
            fields: 1_000,
            reveals: 4_000,
            rows: 1_000,
        }
    }
}

impl Bounds {
    /// Takes a file's text off.
    pub(super) fn take_text(&mut self, bytes: usize) -> Result<(), String> {
        take(&mut self.text_bytes, bytes, Self::default().text_bytes, "bytes of cases")
    }

    /// Takes cases off, each with the defaults, before any is expanded.
    pub(super) fn take_cases<'c>(
        &mut self,
        defaults: &Map<String, Json>,
        cases: impl ExactSizeIterator<Item = &'c Map<String, Json>>,
    ) -> Result<(), String> {
        let usual = Self::default();
        take(&mut self.cases, cases.len(), usual.cases, "cases")?;
        let shared = of_object(defaults);
        let all = cases.map(|case| of_object(case).saturating_add(shared));
        let all = all.fold(0_usize, usize::saturating_add);
        take(&mut self.expanded_bytes, all, usual.expanded_bytes, "bytes of cases with their defaults")
    }
}

fn take(left: &mut usize, wanted: usize, usual: usize, what: &str) -> Result<(), String> {
    match left.checked_sub(wanted) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(format!("there are more {what} than are read: {usual} unless the reader says otherwise")),
    }
}

/// About how many bytes of memory a value takes, and a copy of it.
fn of(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => 32,
        Json::String(text) => 64_usize.saturating_add(text.len()),
        Json::Array(list) => list.iter().map(of).fold(64, usize::saturating_add),
        Json::Object(object) => of_object(object),
    }
}

/// An object takes room for several members from the first on.
fn of_object(object: &Map<String, Json>) -> usize {
    let member = |(name, value): (&String, &Json)| of(value).saturating_add(name.len()).saturating_add(64);
    object.iter().map(member).fold(640, usize::saturating_add)
}

/// The beginning of a text, as much as fits into a message.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::read_within, *};

    fn read(text: &str) -> Result<usize, String> {
        let cases = read_within("file", text, &mut Bounds::default());
        cases.map(|cases| cases.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_defaults_make_large_is_refused_before_it_is_made() {
        let defaults = json!({ "settings": { "text": "x".repeat(1 << 20) }, "expect": "abstain" });
        let cases: Vec<_> = (0..500).map(|number| json!({ "name": number.to_string() })).collect();
        let told = read(&json!({ "defaults": defaults, "cases": cases }).to_string()).unwrap_err();
        assert!(told.contains("with their defaults"), "{told}");
    }

    #[test]
    fn the_number_of_cases_is_limited_over_all_files() {
        let file = |count: usize| {
            let case = json!({ "name": "a", "expect": "abstain" });
            json!({ "cases": vec![case; count] }).to_string()
        };
        assert_eq!(read(&file(2_000)), Ok(2_000));
        assert!(read(&file(2_001)).unwrap_err().contains("more cases"));
        let mut left = Bounds::default();
        assert!(read_within("one", &file(1_500), &mut left).is_ok());
        assert!(read_within("other", &file(501), &mut left).is_err());
        assert!(read(&" ".repeat(3 << 20)).unwrap_err().contains("bytes of cases"));
    }

    #[test]
    fn one_case_holds_only_so_much() {
        let catalogue = json!({
            "a": { "category": "pd:Name" },
            "b": { "category": "pd:Name", "reveals": vec!["pd:Gender"; 100] },
        });
        let file = |query, rows: usize| {
            let case = json!({
                "name": "a", "expect": "abstain", "query": query, "rows": vec![json!({}); rows],
            });
            json!({ "catalogue": catalogue, "cases": [case] }).to_string()
        };
        assert_eq!(read(&file(json!({ "fields": vec!["a"; 1_000] }), 1_000)), Ok(1));
        assert!(read(&file(json!({ "fields": vec!["a"; 1_001] }), 0)).unwrap_err().contains("fields"));
        assert!(read(&file(json!({ "fields": vec!["b"; 41] }), 0)).unwrap_err().contains("give away"));
        assert!(read(&file(json!({}), 1_001)).unwrap_err().contains("rows"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("äö"), "äö");
        let told = cut(&"ä".repeat(5_000)).into_owned();
        assert!(told.starts_with(&"ä".repeat(TEXT)) && told.ends_with("… (10000 bytes)"), "{told}");
    }
}
