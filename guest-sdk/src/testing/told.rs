// SPDX-License-Identifier: Apache-2.0
//! A case in the interface's words: its texts in one text, its fields in lists.

use super::case::CaseTerm;
use crate::{
    __ruling::{Field, Part, Revealed, Term},
    Iri,
};

/// The text of a query in the making.
#[derive(Default)]
pub(super) struct Told(String);

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Told {
    /// Puts a text behind the others, and tells where it stands.
    pub(super) fn add(&mut self, text: &str) -> Part {
        let start = index(self.0.len());
        self.0.push_str(text);
        Part { start, length: index(text.len()) }
    }

    pub(super) fn add_any(&mut self, text: &Option<String>) -> Option<Part> {
        text.as_deref().map(|text| self.add(text))
    }

    pub(super) fn add_all(&mut self, texts: &[String]) -> Vec<Part> {
        texts.iter().map(|text| self.add(text)).collect()
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

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// The fields of a query, in the interface's lists.
#[derive(Default)]
pub(super) struct ToldFields {
    pub(super) categories: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) entries: Vec<Field>,
    pub(super) reveals: Vec<Revealed>,
}

impl ToldFields {
    /// Puts a field behind the others.
    pub(super) fn add(&mut self, category: String, group: Option<&str>, special: bool, reveals: Vec<String>) {
        let field = index(self.entries.len());
        let group = group.map(|group| place(&mut self.groups, group.to_owned()));
        let category = place(&mut self.categories, category);
        self.entries.push(Field { category, group, special });
        for revealed in reveals {
            let category = place(&mut self.categories, revealed);
            self.reveals.push(Revealed { field, category });
        }
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
