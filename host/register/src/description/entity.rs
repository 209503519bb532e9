// SPDX-License-Identifier: Apache-2.0
//! Entities, their groups of rows, joins and facts.

use super::field::{FieldDescription, ValueKind};

/// A column of a table under its alias. Both are plain identifiers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnRef {
    /// The alias: a join's, the entity's or group's own table, or `about`.
    pub source: String,
    /// The column.
    pub column: String,
}

/// A table joined one to one (`LEFT JOIN`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// What the joined table is called here.
    pub alias: String,
    /// The table.
    pub table: String,
    /// The column that refers to it.
    pub from: ColumnRef,
    /// The column of the joined table that is referred to.
    pub to: String,
}

/// Something known of every row of an entity that rules may ask for, shown to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Dotted name: `subject.access-restricted`.
    pub name: String,
    /// The category of personal data that it discloses: a full IRI. None: only the ministry's rules are given it.
    pub category: Option<String>,
    /// What kind of value it has.
    pub kind: ValueKind,
    /// How it is read.
    pub reading: FactReading,
}

/// How a fact is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactReading {
    /// The value of a column.
    Column(ColumnRef),
    /// Whether a row that refers to the entity is there and valid on the query's date. Both ends of validity
    /// belong to it, and an empty end is open: in doubt the row holds.
    Exists {
        /// The table.
        table: String,
        /// Its column that refers to the entity's key.
        column: String,
        /// The first day it is valid.
        valid_from: Option<String>,
        /// The last day it is valid.
        valid_until: Option<String>,
    },
    /// Whether a column has this value; absent where the column is empty.
    Equals(ColumnRef, String),
}

/// Whom the rows of a group are about, where that is not the entity they stand under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The other's entity.
    pub entity: String,
    /// The group's column that refers to the other's key. Empty: the row is about nobody.
    pub column: String,
}

/// Many rows that belong to one of the entity.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) parent: String,
    pub(super) order_by: Option<String>,
    pub(super) about: Option<About>,
    pub(super) joins: Vec<Join>,
    pub(super) fields: Vec<FieldDescription>,
}

impl Group {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Its column that refers to the entity's key.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// The column its rows are ordered by.
    #[must_use]
    pub fn order_by(&self) -> Option<&str> {
        self.order_by.as_deref()
    }

    /// Whom its rows are about; none: the entity they stand under.
    #[must_use]
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// Its joins.
    #[must_use]
    pub fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &[FieldDescription] {
        &self.fields
    }
}

/// One kind of thing that the register holds.
#[derive(Debug, Clone)]
pub struct Entity {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) key: String,
    pub(super) joins: Vec<Join>,
    pub(super) own_fields: Vec<FieldDescription>,
    pub(super) facts: Vec<Fact>,
    pub(super) groups: Vec<Group>,
}

impl Entity {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Its primary key column.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its joins.
    #[must_use]
    pub fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// Its facts.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The fact with this name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }

    /// Its groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Its own fields, without those of groups.
    #[must_use]
    pub fn own_fields(&self) -> &[FieldDescription] {
        &self.own_fields
    }

    /// All fields: its own, then each group's.
    pub fn fields(&self) -> impl Iterator<Item = &FieldDescription> {
        self.own_fields.iter().chain(self.groups.iter().flat_map(|group| group.fields.iter()))
    }

    /// The field with this name: `birthDate`, `custody.otherCode`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldDescription> {
        self.fields().find(|field| field.name() == name)
    }
}
