// SPDX-License-Identifier: Apache-2.0
//! From the text of settings to a rule's own type, with the place of what is wrong.

use core::fmt;
use std::collections::BTreeSet;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Segment;

use crate::Problem;

/// Bytes of a message or a pointer, at most.
const LONGEST: usize = 1_000;

/// Reads settings.
///
/// # Errors
/// With the first thing that is wrong, and a JSON pointer (RFC 6901) to it.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            pointer.push('/');
            match segment {
                Segment::Seq { index } => pointer.push_str(&index.to_string()),
                Segment::Map { key: name } | Segment::Enum { variant: name } => {
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
                Segment::Unknown => pointer.push('?'),
            }
        }
        let error = error.into_inner();
        let mut message = error.to_string();
        // The pointer says where it is.
        let place = format!(" at line {} column {}", error.line(), error.column());
        message.truncate(message.strip_suffix(&place).unwrap_or(&message).len());
        // They may repeat what was set, and a host takes no problem without bounds.
        message.truncate(message.floor_char_boundary(LONGEST));
        pointer.truncate(pointer.floor_char_boundary(LONGEST));
        Problem { pointer, message }
    })
}

/// Reads JSON for what serde does not tell of maps: of a member that is there twice one would be left without a word.
///
/// # Errors
/// When it is no JSON, or names a member twice; the message has line and column.
pub(crate) fn check_members(text: &str) -> Result<(), Problem> {
    let wrong = |error: serde_json::Error| Problem { pointer: String::new(), message: error.to_string() };
    serde_json::from_str(text).map(|Once| ()).map_err(wrong)
}

/// JSON whose members are each there once.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(Self) = items.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::<String>::new();
        while let Some((name, Self)) = members.next_entry()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Everything {
        name: String,
        count: u8,
        below: i64,
        share: f64,
        on: bool,
        list: Vec<Entry>,
        map: BTreeMap<String, Option<u32>>,
        #[serde(default)]
        way: Way,
        pair: (u32, String),
    }

    #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        words: Vec<String>,
    }

    #[derive(Debug, Default, Clone, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Way {
        #[default]
        Open,
        AtMost(u32),
        Between {
            low: u32,
            high: u32,
        },
    }

    #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }

    fn from<T: DeserializeOwned>(text: &str) -> Result<T, (String, String)> {
        let told = |Problem { pointer, message }| (pointer, message);
        check_members(text).map_err(told)?;
        read(text).map_err(told)
    }

    const GOOD: &str = r#"{"name":"é \" \n","count":255,"below":-3,"share":0.5,"on":true,"list":[{"words":["a"]}],
        "map":{"x/y~":null,"b":7},"way":{"between":{"low":1,"high":2}},"pair":[1,"b"]}"#;

    #[test]
    fn every_kind_of_setting_is_read() {
        let all = from::<Everything>(GOOD).unwrap();
        assert_eq!((all.name.as_str(), all.map["x/y~"], all.map["b"]), ("é \" \n", None, Some(7)));
        assert_eq!(all.way, Way::Between { low: 1, high: 2 });
        for (text, way) in
            [(r#""open""#, Way::Open), (r#"{"at-most":3}"#, Way::AtMost(3)), (r#"{"open":null}"#, Way::Open)]
        {
            assert_eq!(from::<Way>(text).unwrap(), way, "{text}");
        }
        assert_eq!(from::<Either>(r#""a""#).unwrap(), Either::One("a".to_owned()));
        assert_eq!(from::<Either>(r#"["a"]"#).unwrap(), Either::Many(vec!["a".to_owned()]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |from_text: &str, to: &str| {
            assert!(GOOD.contains(from_text), "{from_text}");
            from::<Everything>(&GOOD.replacen(from_text, to, 1)).unwrap_err()
        };
        let told = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
        assert_eq!(
            wrong(r#"["a"]"#, r#"["a",7]"#),
            told("/list/0/words/1", "invalid type: integer `7`, expected a string")
        );
        assert_eq!(
            wrong(r#"["a"]"#, "1.5"),
            told("/list/0/words", "invalid type: floating point `1.5`, expected a sequence")
        );
        assert_eq!(wrong("255", "256"), told("/count", "invalid value: integer `256`, expected u8"));
        assert_eq!(wrong("7", r#""seven""#), told("/map/b", "invalid type: string \"seven\", expected u32"));
        assert_eq!(wrong("null", "[]"), told("/map/x~1y~0", "invalid type: sequence, expected u32"));
        assert_eq!(wrong(r#""high":2"#, r#""high":-2"#).0, "/way/between/high");
        assert_eq!(wrong("{\"between\":", "{\"beyond\":").0, "/way");
        assert_eq!(wrong("[1,\"b\"]", "[1,\"b\",2]").0, "/pair");
        assert_eq!(wrong("\"count\":255,", ""), told("", "missing field `count`"));
        assert_eq!(wrong("\"on\":true", "\"on\":true,\"Ünknown\":1").0, "/Ünknown");
        assert_eq!(wrong("\"words\":", "\"word\":").0, "/list/0/word");
        for (member, twice) in [("\"on\":true", "\"on\":true,\"on\":true"), ("\"b\":7", "\"b\":7,\"b\":7")] {
            let (pointer, message) = wrong(member, twice);
            assert!(
                pointer.is_empty() && message.starts_with("a member is there twice at line "),
                "{message}"
            );
        }
        assert!(wrong("}]", "]").1.contains("line 1 column"), "no JSON at all");
    }
}
