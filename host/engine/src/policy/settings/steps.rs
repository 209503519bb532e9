// SPDX-License-Identifier: Apache-2.0
//! How much a schema applies to settings, counted without checking anything: references make a short schema long, and one
//! that refers to itself has no end.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// How deep the parts of a schema may be applied, one within the other.
const MAX_DEPTH: usize = 200;

/// Steps that one check of settings may take, and one check of what a schema's parts apply to one and the same value.
const MAX_STEPS: usize = 200_000;

/// Patterns of one schema.
const MAX_PATTERNS: usize = 200;

/// Elements of a list in a schema that are looked at in one step.
const PER_STEP: usize = 32;

/// Steps for a byte that is matched with a pattern: it may be looked at in as many ways as the pattern has states.
const STEPS_PER_BYTE: usize = 4;

/// Keywords by which a part would be named otherwise than by its place, or found elsewhere, or read in another dialect.
const REFUSED: [&str; 7] =
    ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$schema"];

/// Every keyword that is taken. A mistyped one would check nothing without a word, and of the others of the dialect
/// (`contains`, `dependentSchemas`, `unevaluatedItems`, `unevaluatedProperties`) the work grows with each level that they are in.
const KNOWN: [&str; 42] = [
    "$comment",
    "$defs",
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];

/// What the parts that a keyword holds are applied to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    /// The same value.
    Same,
    /// The member of the part's name.
    Member,
    /// Every member.
    Members,
    /// The name of every member.
    Names,
    /// The item at the part's place.
    Item,
    /// Every item.
    Items,
    /// Nothing, unless something refers to it.
    Nothing,
}

/// What a keyword applies its parts to.
fn to(keyword: &str) -> Option<To> {
    Some(match keyword {
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" => To::Same,
        "properties" => To::Member,
        "patternProperties" | "additionalProperties" => To::Members,
        "propertyNames" => To::Names,
        "prefixItems" => To::Item,
        "items" => To::Items,
        "$defs" => To::Nothing,
        _ => return None,
    })
}

/// The parts that a keyword holds, each with its place below the keyword.
fn parts<'s>(keyword: &str, value: &'s Value) -> Vec<(String, &'s Value)> {
    let is_map = matches!(keyword, "properties" | "patternProperties" | "$defs");
    let below = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(named) if is_map => named.iter().map(|(name, part)| (below(name), part)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, part)| (format!("/{at}"), part)).collect(),
        one => vec![(String::new(), one)],
    }
}

/// The part that a reference names.
fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'))?;
    root.pointer(pointer)
}

/// Checks that a schema can be run in the host: it refers to its own parts only, by their places, and what it applies to
/// one value has an end.
///
/// # Errors
/// What cannot be, and where.
pub(super) fn check(root: &Value) -> Result<(), String> {
    let (mut seen, mut patterns) = (HashSet::new(), 0_usize);
    let (mut rest, mut all) = (vec![(String::new(), root)], Vec::new());
    while let Some((place, part)) = rest.pop() {
        let Value::Object(members) = part else { continue };
        if !seen.insert(std::ptr::from_ref(part)) {
            continue;
        }
        if let Some(keyword) = REFUSED.into_iter().find(|keyword| members.contains_key(*keyword)) {
            let instead = match keyword {
                "$schema" => "the dialect is told once, at the top",
                _ => "a part is named by its place, as in `{\"$ref\": \"#/$defs/name\"}`",
            };
            return Err(format!("at `{place}/{keyword}`: `{keyword}` is not taken: {instead}"));
        }
        if let Some(Value::String(reference)) = members.get("$ref") {
            let Some(part) = target(root, reference) else {
                let only = "refers to no part of this schema, and nothing is fetched";
                return Err(format!("at `{place}/$ref`: `{}` {only}", start(reference)));
            };
            rest.push((reference.trim_start_matches('#').to_owned(), part));
        }
        if let Some(keyword) = members.keys().find(|keyword| !KNOWN.contains(&keyword.as_str())) {
            return Err(format!("at `{place}`: `{}` is no keyword that is taken here", start(keyword)));
        }
        patterns += usize::from(members.contains_key("pattern"));
        patterns += members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
        if patterns > MAX_PATTERNS {
            return Err(format!("at `{place}`: more than {MAX_PATTERNS} patterns"));
        }
        for (keyword, value) in members.iter().filter(|(keyword, _)| to(keyword).is_some()) {
            let parts = parts(keyword, value).into_iter();
            rest.extend(parts.map(|(below, part)| (format!("{place}/{keyword}{below}"), part)));
        }
        all.push((place, part));
    }
    let mut own = Steps::new(root);
    for (place, part) in all {
        if own.walk(part, &Value::Null).is_err() {
            return Err(format!("at `{place}`: it is applied to one value without end, or too many times"));
        }
    }
    Ok(())
}

/// The beginning of a text, as much as fits into a message.
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(200)).unwrap_or_default()
}

/// There is more than may be, or it has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// What is left of the steps that may be taken.
pub(super) struct Steps<'s> {
    root: &'s Value,
    left: usize,
    depth: usize,
    /// How many branches (`anyOf`, `oneOf`) it is in: what is wrong there is told with a copy of the value.
    branches: usize,
}

impl<'s> Steps<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, left: MAX_STEPS, depth: 0, branches: 0 }
    }

    fn take(&mut self, steps: usize) -> Result<(), TooMuch> {
        // In each branch it is found out first whether anything is wrong, and then again what it is.
        let times = self.branches.saturating_add(1);
        self.left = self.left.checked_sub(steps.saturating_mul(times)).ok_or(TooMuch)?;
        Ok(())
    }

    /// Goes through everything that a validator could look at when it applies a part of the schema to a value.
    ///
    /// # Errors
    /// When that is more than may be.
    pub(super) fn walk(&mut self, part: &'s Value, value: &Value) -> Result<(), TooMuch> {
        self.take(1)?;
        let Value::Object(keywords) = part else { return Ok(()) };
        if self.depth >= MAX_DEPTH {
            return Err(TooMuch);
        }
        self.depth += 1;
        for (keyword, held) in keywords {
            self.tell(1, value)?;
            match to(keyword) {
                Some(To::Same) => self.same(keyword, held, value)?,
                Some(_) if keyword == "patternProperties" => self.matching(held, value)?,
                Some(to) => self.within(to, held, value)?,
                None => match (keyword.as_str(), held, value) {
                    ("$ref", Value::String(reference), _) => {
                        let part = target(self.root, reference).ok_or(TooMuch)?;
                        self.walk(part, value)?;
                    }
                    ("pattern", Value::String(pattern), Value::String(text)) => {
                        let bytes = text.len().saturating_mul(STEPS_PER_BYTE);
                        self.take(bytes.saturating_add(pattern.len() / PER_STEP))?;
                    }
                    ("required", Value::Array(list), _) => self.tell(list.len(), value)?,
                    ("dependentRequired", Value::Object(lists), _) => {
                        let lists = lists.values().filter_map(Value::as_array);
                        self.tell(lists.map(Vec::len).sum(), value)?;
                    }
                    ("enum", Value::Array(list), _) => {
                        // Each of them may be like the value up to its end.
                        let left = self.left;
                        self.measure(value)?;
                        let size = left.saturating_sub(self.left);
                        self.take((list.len() / PER_STEP).saturating_mul(size))?;
                    }
                    ("const" | "uniqueItems", ..) => self.measure(value)?,
                    _ => {}
                },
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// What is applied to the same value.
    fn same(&mut self, keyword: &str, held: &'s Value, value: &Value) -> Result<(), TooMuch> {
        let is_branch = matches!(keyword, "anyOf" | "oneOf");
        self.branches += usize::from(is_branch);
        if keyword == "not" {
            // It is told with a copy of what it holds.
            self.measure(held)?;
        }
        match held {
            Value::Array(list) => list.iter().try_for_each(|part| self.walk(part, value))?,
            one => self.walk(one, value)?,
        }
        self.branches -= usize::from(is_branch);
        Ok(())
    }

    /// What is applied to what a value holds.
    fn within(&mut self, to: To, held: &'s Value, value: &Value) -> Result<(), TooMuch> {
        match (to, value, held) {
            (To::Member, Value::Object(members), Value::Object(parts)) => {
                self.take(parts.len() / PER_STEP)?;
                for (name, member) in members {
                    if let Some(part) = parts.get(name) {
                        self.walk(part, member)?;
                    }
                }
                Ok(())
            }
            (To::Item, Value::Array(items), Value::Array(parts)) => {
                parts.iter().zip(items).try_for_each(|(part, item)| self.walk(part, item))
            }
            (To::Items, Value::Array(items), _) => items.iter().try_for_each(|item| self.walk(held, item)),
            (To::Names, Value::Object(members), _) => {
                members.keys().try_for_each(|name| self.walk(held, &Value::from(name.as_str())))
            }
            (To::Members, Value::Object(members), _) => {
                members.values().try_for_each(|member| self.walk(held, member))
            }
            _ => Ok(()),
        }
    }

    /// What is applied to members by their names: each name is matched with each pattern.
    fn matching(&mut self, held: &'s Value, value: &Value) -> Result<(), TooMuch> {
        let (Value::Object(parts), Value::Object(members)) = (held, value) else { return Ok(()) };
        for (name, member) in members {
            for part in parts.values() {
                self.take(name.len().saturating_mul(STEPS_PER_BYTE))?;
                self.walk(part, member)?;
            }
        }
        Ok(())
    }

    /// Steps for so many problems as a value may have.
    fn tell(&mut self, problems: usize, value: &Value) -> Result<(), TooMuch> {
        if self.branches == 0 {
            return self.take(problems);
        }
        (0..problems).try_for_each(|_| self.measure(value))
    }

    /// A step for each value within a value, and for its text.
    fn measure(&mut self, value: &Value) -> Result<(), TooMuch> {
        self.take(1)?;
        match value {
            Value::String(text) => self.take(text.len() / PER_STEP),
            Value::Array(items) => items.iter().try_for_each(|item| self.measure(item)),
            Value::Object(members) => members.values().try_for_each(|member| self.measure(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
}
