// SPDX-License-Identifier: Apache-2.0
//! A field of the register.

use crate::register::{Known, Register};

/// One field: of the register, or one that a query asks for or looks up by.
#[derive(Debug, Clone, Copy)]
pub struct Field<'r> {
    pub(crate) register: &'r Register,
    pub(crate) index: u32,
    pub(crate) known: &'r Known,
}

impl<'r> Field<'r> {
    /// Its index in the register.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The entity it belongs to, e.g. `person`.
    #[must_use]
    pub fn entity(&self) -> &'r str {
        &self.known.entity
    }

    /// Its name in services, e.g. `birthDate`. Categories hold for every register; names do not.
    #[must_use]
    pub fn name(&self) -> &'r str {
        &self.known.name
    }

    /// What it means: the full IRI of a property.
    #[must_use]
    pub fn meaning(&self) -> &'r str {
        &self.known.iri
    }

    /// Its category of personal data: a full IRI.
    #[must_use]
    pub fn category(&self) -> &'r str {
        self.register.category(self.known.category).unwrap_or_default()
    }

    /// Its category's place among [`Register::categories`]: what is worked out once for each category is found by it.
    #[must_use]
    pub fn category_index(&self) -> usize {
        self.known.category
    }

    /// The group of rows it belongs to; none for the entity's own fields.
    #[must_use]
    pub fn group(&self) -> Option<&'r str> {
        self.register.group(self.known.group?)
    }

    /// Whether it is a special category of personal data (GDPR Art. 9(1)).
    #[must_use]
    pub fn special(&self) -> bool {
        self.known.special
    }

    /// Places among [`Register::categories`] of what its value gives away besides its own category.
    pub fn reveals_indexes(&self) -> impl Iterator<Item = usize> + use<'r> {
        self.known.reveals.iter().copied()
    }

    /// The categories that its value gives away besides its own.
    pub fn reveals(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let register = self.register;
        self.reveals_indexes().filter_map(|place| register.category(place))
    }
}
