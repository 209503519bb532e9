// SPDX-License-Identifier: Apache-2.0
//! A case in the interface's words: its texts in one text, its fields in lists.

use super::case::CaseTerm;
use crate::{
    __ruling::{Mark, Marked, Term, TextNumber, Texts},
    Iri,
};

/// The texts of a query in the making.
#[derive(Default)]
pub(super) struct Told {
    text: String,
    ends: Vec<u32>,
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Told {
    /// Puts a text behind the others, and tells its number.
    pub(super) fn add(&mut self, text: &str) -> TextNumber {
        self.text.push_str(text);
        self.ends.push(index(self.text.len()));
        index(self.ends.len() - 1)
    }

    pub(super) fn add_any(&mut self, text: &Option<String>) -> Option<TextNumber> {
        text.as_deref().map(|text| self.add(text))
    }

    pub(super) fn add_all(&mut self, texts: &[String]) -> Texts {
        let first = index(self.ends.len());
        for text in texts {
            self.add(text);
        }
        Texts { first, count: index(texts.len()) }
    }

    pub(super) fn term(&mut self, given: Option<&CaseTerm>, otherwise: &str) -> Result<Term, String> {
        let (own, broader) = match given {
            None => (otherwise, &[][..]),
            Some(CaseTerm::Alone(text)) => (text.as_str(), &[][..]),
            Some(CaseTerm::Broader { iri, broader }) => (iri.as_str(), broader.as_slice()),
        };
        let broader = broader.iter().map(|text| iri(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Term { iri: self.add(&iri(own)?), broader: self.add_all(&broader) })
    }

    /// All of them, and where each ends.
    pub(super) fn all(self) -> (String, Vec<u32>) {
        (self.text, self.ends)
    }
}

/// The fields of a query, in the interface's lists.
#[derive(Default)]
pub(super) struct ToldFields {
    pub(super) categories: Vec<String>,
    pub(super) groups: Vec<String>,
    /// Of each field its category.
    pub(super) entries: Vec<u32>,
    pub(super) marks: Vec<Mark>,
}

impl ToldFields {
    /// Puts a field behind the others.
    pub(super) fn add(&mut self, category: String, group: Option<&str>, special: bool, reveals: Vec<String>) {
        let field = index(self.entries.len());
        self.entries.push(place(&mut self.categories, category));
        let group = group.map(|group| Marked::Grouped(place(&mut self.groups, group.to_owned())));
        let special = special.then_some(Marked::Special);
        let gives_away = reveals.into_iter().map(|revealed| place(&mut self.categories, revealed));
        let gives_away = gives_away.map(Marked::GivesAway);
        self.marks
            .extend(group.into_iter().chain(special).chain(gives_away).map(|says| Mark { field, says }));
    }
}

/// The place of a text in a list that holds each once.
fn place(list: &mut Vec<String>, text: String) -> u32 {
    let place = list.iter().position(|known| *known == text).unwrap_or_else(|| {
        list.push(text);
        list.len() - 1
    });
    index(place)
}

/// A full IRI, from one in full or with a known prefix.
pub(super) fn iri(text: &str) -> Result<String, String> {
    Iri::new(text)
        .map(|iri| iri.as_str().to_owned())
        .ok_or_else(|| format!("`{text}` is no IRI with a known prefix"))
}
