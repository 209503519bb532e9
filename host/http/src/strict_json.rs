// SPDX-License-Identifier: Apache-2.0
//! JSON read into a tree that forgets nothing: members keep their order and their duplicates, so that one pass over
//! it can report every problem. RFC 8259 leaves duplicate names to the reader; here they are never lost.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

use paasla_app::problem::Problem;

/// One JSON value. Texts are those of the body, wherever they hold no escapes.
#[derive(Clone, PartialEq, Eq)]
pub enum Tree<'b> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Truth(bool),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Any other number. No door reads one, so its value is not kept.
    Number,
    /// A text.
    Text(Cow<'b, str>),
    /// A list.
    List(Vec<Self>),
    /// An object: every member in the order sent, duplicates too.
    Object(Vec<(Cow<'b, str>, Self)>),
}

impl Tree<'_> {
    /// What kind of value it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Truth(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Number => "a number that is not whole or too large",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Says only what kind it is: the values may be personal data.
impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({})", self.kind())
    }
}

/// Reads a whole body.
///
/// # Errors
/// One problem, when the bytes are not one JSON value of at most `depth` levels.
pub fn parse(bytes: &[u8], depth: usize) -> Result<Tree<'_>, Problem> {
    let bytes = without_mark(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new("body_empty", "", "the body is empty; send a JSON object"));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Problem::new("body_not_utf8", "", "the body is not valid UTF-8; send JSON in UTF-8"));
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Level { left: depth }.deserialize(&mut reader).and_then(|tree| reader.end().map(|()| tree));
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_data() {
            let message =
                format!("the body is nested deeper than {depth} levels at line {line}, column {column}");
            return Problem::new("json_too_deep", "", message);
        }
        let message =
            format!("the body is not valid JSON; the reader stopped at line {line}, column {column}");
        Problem::new("json_syntax", "", message)
    })
}

/// The same without a byte order mark before it, which RFC 8259 §8.1 lets a reader pass over.
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The places of members that repeat an earlier one of their object, as JSON pointers.
#[must_use]
pub fn duplicates(tree: &Tree<'_>) -> Vec<String> {
    let mut found = Vec::new();
    look_for_duplicates(tree, "", &mut found);
    found
}

fn look_for_duplicates(tree: &Tree<'_>, place: &str, found: &mut Vec<String>) {
    match tree {
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate() {
                look_for_duplicates(item, &format!("{place}/{index}"), found);
            }
        }
        Tree::Object(members) => {
            let mut seen = HashSet::with_capacity(members.len());
            for (name, value) in members {
                let place = format!("{place}/{}", escaped(name));
                look_for_duplicates(value, &place, found);
                if !seen.insert(name) {
                    found.push(place);
                }
            }
        }
        Tree::Null | Tree::Truth(_) | Tree::Integer(_) | Tree::Number | Tree::Text(_) => {}
    }
}

/// A name as a step of a JSON pointer (RFC 6901 §3).
#[must_use]
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// How many levels may still follow.
#[derive(Clone, Copy)]
struct Level {
    left: usize,
}

impl Level {
    fn below<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Tree<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E: Error>(self, truth: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Truth(truth))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Integer(number))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(i64::try_from(number).map_or(Tree::Number, Tree::Integer))
    }
    /// `61.0` and `6.1e1` are whole, as JSON Schema has it (2020-12 validation, 6.1.1). Beyond 2^53 not every number is.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree<'de>, E> {
        const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > MAX_EXACT_INTEGER {
            return Ok(Tree::Number);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 2^53")]
        let whole = number as i64;
        Ok(Tree::Integer(whole))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(text.to_owned().into()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(text.into()))
    }
    fn visit_string<E: Error>(self, text: String) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree<'de>, A::Error> {
        let below = self.below()?;
        let mut object = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            object.push((name, members.next_value_seed(below)?));
        }
        Ok(Tree::Object(object))
    }
}

/// A member's name. Asked for by itself, `Cow` would always be a copy.
#[derive(Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(bytes: &[u8]) -> &'static str {
        parse(bytes, 4).unwrap_err().code
    }

    #[test]
    fn duplicates_and_order_are_kept() {
        let tree = parse(br#"{"b":1,"a":[null,true,2.5,18446744073709551615],"b":"x"}"#, 4).unwrap();
        let items = Tree::List(vec![Tree::Null, Tree::Truth(true), Tree::Number, Tree::Number]);
        let expected =
            vec![("b".into(), Tree::Integer(1)), ("a".into(), items), ("b".into(), Tree::Text("x".into()))];
        assert_eq!(tree, Tree::Object(expected));
    }

    #[test]
    fn duplicates_are_found_at_any_depth() {
        let tree = parse(br#"{"a":[{},{"b":1,"c/~":2,"b":3,"c/~":4}],"a":{"d":0,"e":{"d":0}}}"#, 4).unwrap();
        assert_eq!(duplicates(&tree), ["/a/1/b", "/a/1/c~1~0", "/a"]);
        assert!(duplicates(&parse(br#"[{"a":{"a":1}},{"a":2}]"#, 4).unwrap()).is_empty());
    }

    #[test]
    fn each_fault_has_its_own_code() {
        assert_eq!(code(b""), "body_empty");
        assert_eq!(code(b" \n"), "body_empty");
        assert_eq!(code(b"\xef\xbb\xbf"), "body_empty");
        assert_eq!(code(b"\xef\xbb\xbf\xef\xbb\xbf{}"), "json_syntax");
        assert_eq!(parse(b"\xef\xbb\xbf{}", 4), Ok(Tree::Object(Vec::new())));
        assert_eq!(code(b"\xff{}"), "body_not_utf8");
        assert_eq!(code(b"{\"a\":}"), "json_syntax");
        assert_eq!(code(b"{} {}"), "json_syntax");
        assert_eq!(code(b"{\"a\":\"\x00\"}"), "json_syntax");
        assert_eq!(code(b"[1e999]"), "json_syntax");
        assert_eq!(code(b"[\"\\ud800\"]"), "json_syntax");
        assert_eq!(code(b"[[[[[]]]]]"), "json_too_deep");
        assert!(parse(b"[[[[]]]]", 4).is_ok());
        assert_eq!(code("[".repeat(100_000).as_bytes()), "json_too_deep");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, 8);
        }

        #[test]
        fn any_text_survives(text in any::<String>()) {
            let json = serde_json::to_vec(&text).unwrap();
            prop_assert_eq!(parse(&json, 1), Ok(Tree::Text(text.into())));
        }
    }
}
