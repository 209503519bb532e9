// SPDX-License-Identifier: Apache-2.0
//! Persons who change governance: a stable id of each, and a name to show.
//!
//! As text it is `Mari Maasikas <mari.m>`, like an author in Git, or the name alone, of which the id is then made. Two
//! texts that people would read as one name have one id: letter case, invisible characters and ways of writing a letter
//! (Unicode NFKC) make no difference, so nobody becomes a second person by them.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

/// How many characters a name may have.
const MAX_NAME_CHARACTERS: usize = 100;

/// How many characters an id may have.
const MAX_ID_CHARACTERS: usize = 64;

/// Names under which the host itself acts.
const RESERVED_NAMES: [&str; 3] = ["host", "seed", "drop folder"];

/// A person, or a program that acts for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    id: Option<String>,
}

/// Why a text names no person. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// The name is empty or too long.
    #[error("a person's name has 1 to {MAX_NAME_CHARACTERS} characters")]
    Length,
    /// The name holds a character that cannot be seen, or that names do not have.
    #[error("a person's name is of letters, digits, blanks and `.,'’-_()/@+`; nothing that cannot be seen")]
    Character,
    /// The id is not plain.
    #[error(
        "a person's id has 1 to {MAX_ID_CHARACTERS} characters of `a-z 0-9 . _ @ -`, and begins with a letter or a digit"
    )]
    Id,
    /// The host acts under this name.
    #[error("`host`, `seed` and `drop folder` are names under which the host itself acts")]
    Reserved,
}

impl Person {
    /// A person of this name; without an id, it is made of the name.
    ///
    /// # Errors
    /// When the name or the id holds what it must not.
    pub fn new(name: &str, id: Option<&str>) -> Result<Self, PersonError> {
        let name: String = name.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        if !(1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
            return Err(PersonError::Length);
        }
        if !name.chars().all(|c| (c.is_alphanumeric() && is_visible(c)) || " .,'’-_()/@+".contains(c)) {
            return Err(PersonError::Character);
        }
        let id = id.map(|id| id.trim().to_ascii_lowercase());
        if id.as_ref().is_some_and(|id| !is_plain(id)) {
            return Err(PersonError::Id);
        }
        let person = Self { name, id };
        if RESERVED_NAMES.contains(&person.id().as_str())
            || RESERVED_NAMES.contains(&fold(&person.name).as_str())
        {
            return Err(PersonError::Reserved);
        }
        Ok(person)
    }

    /// The name, for people to read.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| fold(&self.name))
    }

    /// Whether the id was given, and not made of the name.
    #[must_use]
    pub fn has_own_id(&self) -> bool {
        self.id.is_some()
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{} <{id}>", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for Person {
    type Err = PersonError;

    fn from_str(text: &str) -> Result<Self, PersonError> {
        match parts(text) {
            (name, Some(id)) => Self::new(name, Some(id)),
            (name, None) => Self::new(name, None),
        }
    }
}

/// The id of whoever is named in something that was stored, whatever was taken as a name then.
#[must_use]
pub fn person_id(text: &str) -> String {
    match parts(text) {
        (_, Some(id)) => id.trim().to_ascii_lowercase(),
        (name, None) => fold(name),
    }
}

/// Whether two texts name one person.
#[must_use]
pub fn is_same_person(one: &str, other: &str) -> bool {
    person_id(one) == person_id(other)
}

/// Name and id of `name <id>`.
fn parts(text: &str) -> (&str, Option<&str>) {
    let inner = text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<'));
    inner.map_or((text, None), |(name, id)| (name, Some(id)))
}

fn is_plain(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@-".contains(c);
    id.len() <= MAX_ID_CHARACTERS
        && id.chars().all(fits)
        && id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// What is left of a name when nothing is that people do not see.
fn fold(name: &str) -> String {
    let plain: String = name.nfkc().filter(|c| is_visible(*c)).flat_map(char::to_lowercase).nfkc().collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character can be seen, or is a blank: no control, no format character, no filler, no variation selector
/// (Unicode `Default_Ignorable_Code_Point`).
fn is_visible(c: char) -> bool {
    (c.is_whitespace() || !c.is_control())
        && !matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_as_one_name_is_one_person() {
        for other in
            ["mari", "MARI", "Mari\u{200B}", " Mari ", "\u{FEFF}ma\u{AD}ri", "Ｍａｒｉ", "Anybody <mari>"]
        {
            assert!(is_same_person("Mari", other), "{other:?}");
        }
        assert!(is_same_person("J\u{FC}ri", "Ju\u{308}ri") && is_same_person("Jüri  Tamm", "jüri\u{A0}tamm"));
        assert!(!is_same_person("Mari", "Mare") && !is_same_person("Mari <a>", "Mari <b>"));
    }

    #[test]
    fn a_name_holds_nothing_that_cannot_be_seen() {
        for wrong in
            ["", " ", "a\u{200B}b", "a\u{7}b", "\u{202E}a", "\u{3164}", "\u{2060}", "a<b", "x\u{E0041}"]
        {
            assert!(wrong.parse::<Person>().is_err(), "{wrong:?}");
        }
        for reserved in ["host", "Seed", "Drop  folder", "x <seed>"] {
            assert_eq!(reserved.parse::<Person>(), Err(PersonError::Reserved), "{reserved}");
        }
        let person = Person::new("Mari O’Tamm-Kask", Some("MARI.T")).unwrap();
        assert_eq!(person.to_string(), "Mari O’Tamm-Kask <mari.t>");
        assert_eq!((person.id().as_str(), person.to_string().parse()), ("mari.t", Ok(person.clone())));
        for id in ["", "a b", "-a", "ä", "a<b", &"a".repeat(65)] {
            assert_eq!(Person::new("Mari", Some(id)), Err(PersonError::Id), "{id}");
        }
    }

    proptest! {
        /// No name that is taken hides another: what is shown tells the id.
        #[test]
        fn a_name_that_is_taken_reads_as_its_id(text in any::<String>(), id in proptest::option::of("[a-z0-9]{1,9}")) {
            if let Ok(person) = Person::new(&text, id.as_deref()) {
                prop_assert_eq!(person_id(&person.to_string()), person.id());
                prop_assert_eq!(person.to_string().parse(), Ok(person));
            }
            let _ = person_id(&text);
        }
    }
}
