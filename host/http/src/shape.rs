// SPDX-License-Identifier: Apache-2.0
//! Validation of the shape of a body. Every check adds its problem and goes on.
//!
//! Places are JSON pointers (RFC 6901). A member whose name is the caller's own is never named: its place is that of the
//! object, and the message says which member of it, counted from 0 as the items of a list are.
//!
//! A member that may be left out may also be `null`: many serialisers write that for what is not set.

use std::borrow::Cow;

use paasla_core::text::{is_blank, is_invisible};

use super::{problems::Problems, strict_json::Tree};

/// An object with its known members.
pub(super) struct Members<'a> {
    pointer: String,
    members: Vec<(&'static str, &'a Tree<'a>)>,
}

impl<'a> Members<'a> {
    /// Opens an object that may hold the `known` members only.
    pub(super) fn open(
        tree: &'a Tree<'a>,
        pointer: &str,
        known: &[&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let object = object(tree, pointer, problems)?;
        let mut members: Vec<(&'static str, &'a Tree<'a>)> =
            Vec::with_capacity(object.len().min(known.len()));
        for (number, (name, value)) in object.iter().enumerate() {
            match known.iter().find(|known| *known == name) {
                Some(name) if members.iter().any(|(earlier, _)| earlier == name) => {
                    let message = format!(
                        "member {number} of {}, counted from 0, repeats an earlier one",
                        whole(pointer)
                    );
                    problems.add("member_duplicate", format!("{pointer}/{name}"), message);
                }
                Some(name) => {
                    members.push((*name, value));
                }
                None => {
                    let listed = known.join(", ");
                    let message = format!(
                        "member {number} of {}, counted from 0, is unknown; known are: {listed}",
                        whole(pointer)
                    );
                    problems.add("member_unknown", pointer, message);
                }
            }
        }
        Some(Self { pointer: pointer.to_owned(), members })
    }

    /// A member that may be left out or `null`, with its place.
    pub(super) fn optional(&self, name: &'static str) -> Option<(&'a Tree<'a>, String)> {
        self.find(name).filter(|(tree, _)| **tree != Tree::Null)
    }

    fn find(&self, name: &'static str) -> Option<(&'a Tree<'a>, String)> {
        let member = self.members.iter().find(|(known, _)| *known == name);
        member.map(|(_, tree)| (*tree, self.place(name)))
    }

    /// A member that must be there, with its place.
    pub(super) fn required(
        &self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<(&'a Tree<'a>, String)> {
        let found = self.find(name);
        if found.is_none() {
            let message = format!("{} has no member `{name}`; it is required", whole(&self.pointer));
            problems.add("member_missing", self.place(name), message);
        }
        found
    }

    /// The place of a member.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }
}

/// A pointer in words.
fn whole(pointer: &str) -> &str {
    if pointer.is_empty() { "the body" } else { pointer }
}

fn wrong_type(tree: &Tree<'_>, pointer: &str, expected: &str, problems: &mut Problems) {
    let message = format!("{} must be {expected}, but is {}", whole(pointer), tree.kind());
    problems.add("type_wrong", pointer, message);
}

/// The members of an object, whatever their names.
pub(super) fn object<'a>(
    tree: &'a Tree<'a>,
    pointer: &str,
    problems: &mut Problems,
) -> Option<&'a [(Cow<'a, str>, Tree<'a>)]> {
    match tree {
        Tree::Object(members) => Some(members),
        _ => {
            wrong_type(tree, pointer, "an object", problems);
            None
        }
    }
}

/// A list of at least `least` and at most `most` items.
pub(super) fn list<'a>(
    tree: &'a Tree<'a>,
    pointer: &str,
    least: usize,
    most: usize,
    problems: &mut Problems,
) -> Option<&'a [Tree<'a>]> {
    let Tree::List(items) = tree else {
        wrong_type(tree, pointer, "a list", problems);
        return None;
    };
    if items.len() < least {
        problems.add("list_empty", pointer, format!("{pointer} is empty; name at least {least}"));
        return None;
    }
    if items.len() > most {
        let message = format!("{pointer} holds {} items; at most {most} are allowed", items.len());
        problems.add("list_too_long", pointer, message);
        return None;
    }
    Some(items)
}

/// A text of 1 to `most` characters, all of which can be seen.
pub(super) fn text<'a>(
    tree: &'a Tree<'_>,
    pointer: &str,
    most: usize,
    problems: &mut Problems,
) -> Option<&'a str> {
    let Tree::Text(text) = tree else {
        wrong_type(tree, pointer, "a string", problems);
        return None;
    };
    check_text(text, pointer, most, problems).then_some(&**text)
}

/// Whether a text has 1 to `most` characters, all of which can be seen.
pub(super) fn check_text(text: &str, pointer: &str, most: usize, problems: &mut Problems) -> bool {
    // As nearly all are.
    if !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return true;
    }
    if is_blank(text) && !text.chars().any(char::is_control) {
        problems.add("text_empty", pointer, format!("{pointer} is an empty string; give a text"));
    } else if text.chars().count() > most {
        let message = format!("{pointer} is longer than {most} characters; shorten it");
        problems.add("text_too_long", pointer, message);
    } else if text.chars().any(char::is_control) {
        let message = format!("{pointer} holds a control character; leave it out");
        problems.add("text_control_character", pointer, message);
    } else if text.chars().any(is_invisible) {
        let message = format!("{pointer} holds a character that nobody sees; leave it out");
        problems.add("text_invisible_character", pointer, message);
    } else {
        return true;
    }
    false
}

/// A whole number from 1 on.
pub(super) fn positive(tree: &Tree<'_>, pointer: &str, problems: &mut Problems) -> Option<u32> {
    let number = match tree {
        Tree::Integer(number) => u32::try_from(*number).ok(),
        Tree::Number => None,
        _ => {
            wrong_type(tree, pointer, "a whole number", problems);
            return None;
        }
    };
    let fitting = number.filter(|number| *number >= 1);
    if fitting.is_none() {
        let message =
            format!("{pointer} must be a whole number of at least 1, and no more than the service allows");
        problems.add("number_out_of_range", pointer, message);
    }
    fitting
}
