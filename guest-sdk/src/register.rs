// SPDX-License-Identifier: Apache-2.0
//! The register that queries ask, as the host tells it once: so a rule can work out beforehand what it will say of each
//! field, and a query only names its fields.

use crate::{bindings::exports::paasla::rule::ruling as raw, field::Field};

/// What a register holds. Its texts are kept once, so that it takes little room in a rule.
#[derive(Debug, Default)]
pub struct Register {
    fields: Vec<Known>,
    categories: Vec<Box<str>>,
    groups: Vec<Box<str>>,
    row_facts: Vec<RowFactKind>,
}

/// A field, its category and group by their places.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) entity: Box<str>,
    pub(crate) group: Option<usize>,
    pub(crate) name: Box<str>,
    pub(crate) iri: Box<str>,
    pub(crate) category: usize,
    pub(crate) reveals: Box<[usize]>,
    pub(crate) special: bool,
}

/// A fact that the register can tell of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFactKind {
    /// Its name, e.g. `subject.birth-date`.
    pub name: String,
    /// The kind of its value: the name of a case of [`Value`](crate::Value), in lower case.
    pub kind: String,
    /// The category of personal data that it tells of; none for a fact that only the ministry's rules are told.
    pub category: Option<String>,
}

/// The place of a text in a list that holds each once.
fn place(list: &mut Vec<Box<str>>, text: &str) -> usize {
    list.iter().position(|known| **known == *text).unwrap_or_else(|| {
        list.push(text.into());
        list.len() - 1
    })
}

impl Register {
    /// Keeps what the host tells.
    #[must_use]
    pub(crate) fn new(told: &raw::Register) -> Self {
        let mut register = Self { fields: Vec::with_capacity(told.fields.len()), ..Self::default() };
        for field in &told.fields {
            let categories = &mut register.categories;
            let known = Known {
                entity: field.entity.as_str().into(),
                group: field.group.as_deref().map(|group| place(&mut register.groups, group)),
                name: field.name.as_str().into(),
                iri: field.iri.as_str().into(),
                category: place(categories, &field.category),
                reveals: field.reveals.iter().map(|revealed| place(categories, revealed)).collect(),
                special: field.special,
            };
            register.fields.push(known);
        }
        let fact = |fact: &raw::RowFact| RowFactKind {
            name: fact.name.clone(),
            kind: fact.kind.clone(),
            category: fact.category.clone(),
        };
        register.row_facts = told.row_facts.iter().map(fact).collect();
        register
    }

    /// Its fields, by their index.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        (0..).zip(&self.fields).map(|(index, known)| Field { register: self, index, known })
    }

    /// The field with this index.
    #[must_use]
    pub fn field(&self, index: u32) -> Option<Field<'_>> {
        let known = self.fields.get(usize::try_from(index).ok()?)?;
        Some(Field { register: self, index, known })
    }

    /// The categories of personal data of its fields, and those that their values give away, each once: full IRIs.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        self.categories.iter().map(AsRef::as_ref)
    }

    /// A category by its place.
    #[must_use]
    pub fn category(&self, place: usize) -> Option<&str> {
        self.categories.get(place).map(AsRef::as_ref)
    }

    /// The facts that it can tell of rows.
    #[must_use]
    pub fn row_facts(&self) -> &[RowFactKind] {
        &self.row_facts
    }

    pub(crate) fn group(&self, place: usize) -> Option<&str> {
        self.groups.get(place).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, group: Option<&str>, category: &str, reveals: &[&str]) -> raw::Field {
        raw::Field {
            entity: "person".to_owned(),
            group: group.map(str::to_owned),
            name: name.to_owned(),
            iri: format!("urn:{name}"),
            category: category.to_owned(),
            reveals: reveals.iter().map(|&category| category.to_owned()).collect(),
            special: name == "b",
        }
    }

    #[test]
    fn what_the_host_tells_is_found_again() {
        let told = [
            field("a", None, "urn:x", &["urn:y", "urn:z"]),
            field("b", None, "urn:y", &[]),
            field("g.c", Some("g"), "urn:x", &["urn:z"]),
            field("h.c", Some("h"), "urn:z", &["urn:z"]),
        ];
        let fact = raw::RowFact {
            entity: "person".to_owned(),
            name: "subject.x".to_owned(),
            kind: "date".to_owned(),
            category: None,
        };
        let register = Register::new(&raw::Register { fields: told.to_vec(), row_facts: vec![fact] });
        assert_eq!(register.fields().count(), told.len());
        for (index, told) in (0..).zip(&told) {
            let field = register.field(index).unwrap();
            assert_eq!((field.index(), field.entity(), field.name()), (index, "person", &*told.name));
            assert_eq!((field.meaning(), field.group()), (&*told.iri, told.group.as_deref()));
            assert_eq!((field.category(), field.special()), (&*told.category, told.special));
            assert_eq!(register.category(field.category_index()), Some(&*told.category));
            assert!(field.reveals().eq(told.reveals.iter().map(String::as_str)));
        }
        assert!(register.categories().eq(["urn:x", "urn:y", "urn:z"]), "each once");
        assert!(register.field(4).is_none() && register.field(u32::MAX).is_none());
        assert_eq!(
            (register.row_facts()[0].name.as_str(), &*register.row_facts()[0].kind),
            ("subject.x", "date")
        );
    }
}
