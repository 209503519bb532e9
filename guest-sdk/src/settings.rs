// SPDX-License-Identifier: Apache-2.0
//! From the text of settings to a rule's own type, with the place of what is wrong.
//!
//! serde_json alone would do it, but its messages can hold any number, and with that 14 KiB of tables for writing
//! fractions would be in the memory of every rule: as much as everything else in it.

use core::fmt::{self, Display};
use std::borrow::Cow;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor, value::StrDeserializer,
};

use crate::Problem;

/// Reads settings.
///
/// # Errors
/// With the first thing that is wrong, and a JSON pointer (RFC 6901) to it.
pub(crate) fn read<'t, T: Deserialize<'t>>(tree: &'t Tree<'t>) -> Result<T, Problem> {
    let wrong = |Wrong { pointer, message }| Problem { pointer: pointer.unwrap_or_default(), message };
    T::deserialize(At { tree, path: &Path::Root }).map_err(wrong)
}

/// What JSON can say. Texts without escapes are those of the JSON.
pub(crate) enum Tree<'j> {
    Null,
    Truth(bool),
    Natural(u64),
    Negative(i64),
    Fraction(f64),
    Text(Cow<'j, str>),
    List(Vec<Self>),
    Object(Vec<(Cow<'j, str>, Self)>),
}

impl<'j> Tree<'j> {
    /// Reads JSON.
    ///
    /// # Errors
    /// When it is none, or names a member twice.
    pub(crate) fn parse(text: &'j str) -> Result<Self, Problem> {
        let wrong = |error: serde_json::Error| Problem { pointer: String::new(), message: error.to_string() };
        serde_json::from_str(text).map_err(wrong)
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Truth(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Natural(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Negative(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Tree::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Tree<'de>)> = Vec::new();
        while let Some((Name(name), value)) = members.next_entry()? {
            if object.iter().any(|(known, _)| *known == name) {
                return Err(de::Error::custom("a member is there twice"));
            }
            object.push((name, value));
        }
        Ok(Tree::Object(object))
    }
}

/// The name of a member.
struct Name<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Anything)? {
            Tree::Text(name) => Ok(Self(name)),
            _ => Err(de::Error::custom("the name of a member is a text")),
        }
    }
}

/// The way from the root to a place.
enum Path<'p> {
    Root,
    Member(&'p Self, &'p str),
    Item(&'p Self, usize),
}

impl Path<'_> {
    /// The JSON pointer to the place.
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(parent, name) => {
                [&*parent.pointer(), "/", &name.replace('~', "~0").replace('/', "~1")].concat()
            }
            Self::Item(parent, place) => [&*parent.pointer(), "/", &place.to_string()].concat(),
        }
    }
}

/// What is wrong. Who knows the place adds it.
#[derive(Debug)]
struct Wrong {
    pointer: Option<String>,
    message: String,
}

impl Wrong {
    fn at(mut self, path: &Path<'_>) -> Self {
        self.pointer.get_or_insert_with(|| path.pointer());
        self
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(message: T) -> Self {
        Self { pointer: None, message: message.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        unexpected(&found, wanted)
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        unexpected(&found, wanted)
    }
}

fn unexpected(found: &Unexpected<'_>, wanted: &dyn Expected) -> Wrong {
    let found = match found {
        Unexpected::Bool(truth) => format!("`{truth}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Float(_) => "a number with a fraction".to_owned(),
        Unexpected::Char(text) => format!("\"{text}\""),
        Unexpected::Str(text) => format!("\"{text}\""),
        Unexpected::Unit | Unexpected::Option => "`null`".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        _ => "something else".to_owned(),
    };
    Wrong { pointer: None, message: format!("expected {wanted}, but this is {found}") }
}

/// A place in the settings, as serde reads it.
#[derive(Clone, Copy)]
struct At<'de, 'p> {
    tree: &'de Tree<'de>,
    path: &'p Path<'p>,
}

impl<'de> At<'de, '_> {
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Truth(truth) => visitor.visit_bool(*truth),
            Tree::Natural(number) => visitor.visit_u64(*number),
            Tree::Negative(number) => visitor.visit_i64(*number),
            Tree::Fraction(number) => visitor.visit_f64(*number),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::List(items) => {
                let mut list = Items { rest: items.iter().enumerate(), path: self.path };
                let value = visitor.visit_seq(&mut list)?;
                if list.rest.len() == 0 { Ok(value) } else { Err(too_long()) }
            }
            Tree::Object(members) => {
                visitor.visit_map(Members { rest: members.iter(), value: None, path: self.path })
            }
        }
    }
}

fn too_long() -> Wrong {
    de::Error::custom("the list has more items than are expected")
}

impl<'de> Deserializer<'de> for At<'de, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.any(visitor).map_err(|wrong| wrong.at(self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.tree {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self).map_err(|wrong: Wrong| wrong.at(self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let value = match self.tree {
            Tree::Text(name) => visitor.visit_enum(Variant { name, value: None, path: self.path }),
            Tree::Object(members) => match members.as_slice() {
                [(name, value)] => visitor.visit_enum(Variant { name, value: Some(value), path: self.path }),
                _ => Err(unexpected(&Unexpected::Map, &"an object with one member, or a text")),
            },
            _ => self.any(visitor),
        };
        value.map_err(|wrong| wrong.at(self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// The items of a list.
struct Items<'de, 'p> {
    rest: core::iter::Enumerate<core::slice::Iter<'de, Tree<'de>>>,
    path: &'p Path<'p>,
}

impl<'de> SeqAccess<'de> for &mut Items<'de, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some((place, tree)) = self.rest.next() else { return Ok(None) };
        let path = Path::Item(self.path, place);
        seed.deserialize(At { tree, path: &path }).map(Some).map_err(|wrong| wrong.at(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The members of an object.
struct Members<'de, 'p> {
    rest: core::slice::Iter<'de, (Cow<'de, str>, Tree<'de>)>,
    value: Option<(&'de str, &'de Tree<'de>)>,
    path: &'p Path<'p>,
}

fn name(text: &str) -> StrDeserializer<'_, Wrong> {
    text.into_deserializer()
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((key, value));
        // A member that is not known is the place of what is wrong.
        let at = |wrong: Wrong| wrong.at(&Path::Member(self.path, key));
        seed.deserialize(name(key)).map(Some).map_err(at)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, tree)) = self.value.take() else {
            return Err(de::Error::custom("a member is missing"));
        };
        let path = Path::Member(self.path, key);
        seed.deserialize(At { tree, path: &path }).map_err(|wrong| wrong.at(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant: a text, or an object whose one member is named like it.
struct Variant<'de, 'p> {
    name: &'de str,
    value: Option<&'de Tree<'de>>,
    path: &'p Path<'p>,
}

impl<'de, 'p> EnumAccess<'de> for Variant<'de, 'p> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        Ok((seed.deserialize(name(self.name))?, self))
    }
}

impl<'de> Variant<'de, '_> {
    fn value<R>(self, read: impl FnOnce(At<'de, '_>) -> Result<R, Wrong>) -> Result<R, Wrong> {
        let Some(tree) = self.value else {
            return Err(de::Error::custom("expected an object whose one member is named like this"));
        };
        let path = Path::Member(self.path, self.name);
        read(At { tree, path: &path }).map_err(|wrong| wrong.at(&path))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.value {
            None => Ok(()),
            Some(_) => self.value(|at| <()>::deserialize(at)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        self.value(|at| seed.deserialize(at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.value(|at| at.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.value(|at| at.deserialize_any(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::DeserializeOwned;

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
        let tree = Tree::parse(text).map_err(told)?;
        read(&tree).map_err(told)
    }

    const GOOD: &str = r#"{"name":"é \" \n","count":255,"below":-3,"share":0.5,"on":true,"list":[{"words":["a"]}],
        "map":{"x/y~":null,"b":7},"way":{"between":{"low":1,"high":2}},"pair":[1,"b"]}"#;

    #[test]
    fn it_reads_what_serde_json_reads() {
        assert_eq!(from::<Everything>(GOOD).unwrap(), serde_json::from_str(GOOD).unwrap());
        for text in [r#""open""#, r#"{"at-most":3}"#, r#"{"between":{"high":2,"low":1}}"#, r#"{"open":null}"#]
        {
            assert_eq!(from::<Way>(text).unwrap(), serde_json::from_str::<Way>(text).unwrap(), "{text}");
        }
        for text in [r#""a""#, r#"["a","b"]"#] {
            assert_eq!(
                from::<Either>(text).unwrap(),
                serde_json::from_str::<Either>(text).unwrap(),
                "{text}"
            );
        }
        for text in
            ["{}", "[1,2]", "[1]", "[1,2,3]", "1", "-1", "1.5", "null", r#"{"other":1}"#, r#""wrong""#]
        {
            assert_eq!(from::<Way>(text).is_ok(), serde_json::from_str::<Way>(text).is_ok(), "{text}");
            assert_eq!(
                from::<(u8, u8)>(text).is_ok(),
                serde_json::from_str::<(u8, u8)>(text).is_ok(),
                "{text}"
            );
            assert_eq!(
                from::<Option<i8>>(text).ok(),
                serde_json::from_str::<Option<i8>>(text).ok(),
                "{text}"
            );
        }
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
            told("/list/0/words/1", "expected a string, but this is `7`")
        );
        assert_eq!(
            wrong(r#"["a"]"#, "1.5"),
            told("/list/0/words", "expected a sequence, but this is a number with a fraction")
        );
        assert_eq!(wrong("255", "256"), told("/count", "expected u8, but this is `256`"));
        assert_eq!(wrong("7", r#""seven""#), told("/map/b", "expected u32, but this is \"seven\""));
        assert_eq!(wrong("null", "[]"), told("/map/x~1y~0", "expected u32, but this is a list"));
        assert_eq!(wrong(r#""high":2"#, r#""high":-2"#).0, "/way/between/high");
        assert_eq!(wrong("{\"between\":", "{\"beyond\":").0, "/way");
        assert_eq!(wrong("[1,\"b\"]", "[1,\"b\",2]").0, "/pair");
        assert_eq!(wrong("\"count\":255,", ""), told("", "missing field `count`"));
        assert_eq!(wrong("\"on\":true", "\"on\":true,\"Ünknown\":1").0, "/Ünknown");
        assert_eq!(wrong("\"words\":", "\"word\":").0, "/list/0/word");
        assert_eq!(wrong("\"on\":true", "\"on\":true,\"on\":true").0, "");
        assert!(wrong("}]", "]").1.contains("line 1 column"), "no JSON at all");
    }
}
