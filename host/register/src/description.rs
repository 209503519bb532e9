// SPDX-License-Identifier: Apache-2.0
//! The description of a register: its owner describes what it holds in a TOML file, so that Pääsla fits another
//! institution's database without code. See `examples/population-register/register.toml`.

mod check;
mod derivation;
mod entity;
mod field;
mod file;
pub mod key;
mod needs;
mod problem;
mod publisher;
mod syntax;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use paasla_core::Visibility;

pub use derivation::{AGE_YEARS_MAX, Criterion, Derivation, Input};
pub use entity::{About, ColumnRef, Entity, Fact, FactReading, Group, Join};
pub use field::{Coarser, Compare, FieldDescription, FieldReading, FieldType, ValueKind};
pub use problem::{DescriptionError, Problem};
pub use publisher::{Contact, Licence};

/// A register, described and checked: every name that reaches SQL is a plain identifier, every reference leads
/// somewhere, every IRI is written out in full.
#[derive(Debug, Clone)]
pub struct Description {
    name: String,
    title: String,
    iri: String,
    time_zone: TimeZone,
    prefixes: BTreeMap<String, String>,
    code_lists: BTreeMap<String, BTreeMap<String, String>>,
    entities: Vec<Entity>,
    for_rules: Arc<paasla_core::Register>,
    contact: Contact,
    licence: Licence,
}

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// When the text is no TOML of the right shape, or with everything else that is wrong, all at once.
    pub fn from_toml(text: &str) -> Result<Self, DescriptionError> {
        let file: file::Register =
            toml::from_str(text).map_err(|error| DescriptionError::syntax(text, &error))?;
        check::description(file).map_err(DescriptionError::Invalid)
    }

    /// The register's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its IRI.
    #[must_use]
    pub fn iri(&self) -> &str {
        &self.iri
    }

    /// Whom to ask about it.
    #[must_use]
    pub fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Under which terms its services are used.
    #[must_use]
    pub fn licence(&self) -> &Licence {
        &self.licence
    }

    /// The time zone whose calendar it keeps.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// The calendar date where the register is, at an instant in milliseconds since 1970-01-01T00:00:00Z. None
    /// outside the years that a calendar knows.
    #[must_use]
    pub fn date_at(&self, instant: i64) -> Option<Date> {
        let timestamp = Timestamp::from_millisecond(instant).ok()?;
        Some(timestamp.to_zoned(self.time_zone.clone()).date())
    }

    /// Prefix to namespace IRI.
    #[must_use]
    pub fn prefixes(&self) -> &BTreeMap<String, String> {
        &self.prefixes
    }

    /// The code lists: name to code to label.
    #[must_use]
    pub fn code_lists(&self) -> &BTreeMap<String, BTreeMap<String, String>> {
        &self.code_lists
    }

    /// The label of a code; none if the list, or the code in it, is unknown.
    #[must_use]
    pub fn label(&self, list: &str, code: &str) -> Option<&str> {
        self.code_lists.get(list)?.get(code).map(String::as_str)
    }

    /// The register as rules are given it.
    #[must_use]
    pub fn for_rules(&self) -> &Arc<paasla_core::Register> {
        &self.for_rules
    }

    /// How many minutes local time where the register is, is ahead of UTC at an instant in milliseconds since
    /// 1970-01-01T00:00:00Z; 0 outside the years that a calendar knows.
    #[must_use]
    pub fn utc_offset_at(&self, instant: i64) -> i32 {
        let timestamp = Timestamp::from_millisecond(instant);
        timestamp.map_or(0, |timestamp| self.time_zone.to_offset(timestamp).seconds() / 60)
    }

    /// Everything the register holds, in the file's order.
    #[must_use]
    pub fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// The entity with this name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name() == name)
    }

    /// The field of an entity with this name; fields of a group are named `group.field`.
    #[must_use]
    pub fn field(&self, entity: &str, name: &str) -> Option<&FieldDescription> {
        self.entity(entity)?.field(name)
    }

    /// The field as rules and decisions see it.
    #[must_use]
    pub fn core_field(&self, entity: &str, name: &str) -> Option<&Arc<paasla_core::Field>> {
        self.field(entity, name).map(FieldDescription::core_field)
    }

    /// The names of all fields of an entity, its groups' included, in the file's order. Empty for an unknown one.
    #[must_use]
    pub fn field_names(&self, entity: &str) -> Vec<&str> {
        self.entity(entity)
            .map(|entity| entity.fields().map(FieldDescription::name).collect())
            .unwrap_or_default()
    }

    /// What is really seen of a field when `visibility` is allowed (see [`FieldDescription::effective`]).
    #[must_use]
    pub fn effective(&self, entity: &str, name: &str, visibility: Visibility) -> Option<Visibility> {
        self.field(entity, name).map(|field| field.effective(visibility))
    }
}
