// SPDX-License-Identifier: Apache-2.0
//! One field of an entity or of a group.

use std::sync::Arc;

use paasla_core::{Field, Mask, Value, Visibility};

use super::{derivation::Derivation, entity::ColumnRef};

/// What kind of value a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A calendar date.
    Date,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A code of the code list with this name.
    Code(String),
    /// An Estonian personal code.
    PersonalCode,
}

/// How a value is kept in the database and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// [`Value::Text`].
    Text,
    /// [`Value::Date`].
    Date,
    /// [`Value::Truth`].
    Truth,
    /// [`Value::Integer`].
    Integer,
    /// An integer or a text: primary keys, which never leave this room.
    Id,
}

impl ValueKind {
    /// Its name in the rule interface. Rules are given no ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Id => "text",
            Self::Date => "date",
            Self::Truth => "truth",
            Self::Integer => "integer",
        }
    }

    /// Whether a value is of this kind. An absent value is of none.
    #[must_use]
    pub fn fits(self, value: &Value) -> bool {
        match value {
            Value::Text(_) => matches!(self, Self::Text | Self::Id),
            Value::Integer(_) => matches!(self, Self::Integer | Self::Id),
            Value::Date(_) => self == Self::Date,
            Value::Truth(_) => self == Self::Truth,
            Value::Absent | Value::Texts(_) => false,
        }
    }
}

impl FieldType {
    /// How values of this type are kept.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Text | Self::Code(_) | Self::PersonalCode => ValueKind::Text,
            Self::Date => ValueKind::Date,
            Self::Boolean => ValueKind::Truth,
            Self::Integer => ValueKind::Integer,
        }
    }

    /// Its name in a description.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Code(_) => "code",
            Self::PersonalCode => "personal-code",
        }
    }
}

/// Columns that are read in place of the field's own where only so much may be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coarser {
    /// For [`Mask::Municipality`].
    pub municipality: Option<ColumnRef>,
    /// For [`Mask::County`].
    pub county: Option<ColumnRef>,
}

/// How a key is compared with what the register holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compare {
    /// As it stands.
    #[default]
    Exact,
    /// As a name ([`paasla_core::text::fold_name`]). A column holds what the field's values are folded to, kept so by the
    /// register itself, and an index on it can be used. Without a column every row is folded to compare it.
    Name(Option<ColumnRef>),
}

/// How a field's value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldReading {
    /// It is the value of a column.
    Column(ColumnRef),
    /// It is computed by the database from columns that are not disclosed.
    Derived(Derivation),
}

/// One field, checked.
#[derive(Debug, Clone)]
pub struct FieldDescription {
    /// As rules and decisions see it.
    pub(super) core: Arc<Field>,
    pub(super) reading: FieldReading,
    pub(super) field_type: FieldType,
    pub(super) title: Option<String>,
    pub(super) title_et: Option<String>,
    pub(super) key: bool,
    pub(super) compare: Compare,
    pub(super) coarser: Coarser,
    pub(super) pseudonym_domain: String,
}

impl FieldDescription {
    /// Its whole name: `birthDate`, `custody.otherCode`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The group it belongs to; none for the entity itself.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.core.group.as_deref()
    }

    /// How its value is read.
    #[must_use]
    pub fn reading(&self) -> &FieldReading {
        &self.reading
    }

    /// Where its values are; none if they are computed.
    #[must_use]
    pub fn column(&self) -> Option<&ColumnRef> {
        match &self.reading {
            FieldReading::Column(column) => Some(column),
            FieldReading::Derived(_) => None,
        }
    }

    /// How its values are computed; none if they are those of a column.
    #[must_use]
    pub fn derivation(&self) -> Option<&Derivation> {
        match &self.reading {
            FieldReading::Column(_) => None,
            FieldReading::Derived(derivation) => Some(derivation),
        }
    }

    /// What kind of value it holds.
    #[must_use]
    pub fn field_type(&self) -> &FieldType {
        &self.field_type
    }

    /// The code list its values are from, if it holds codes.
    #[must_use]
    pub fn code_list(&self) -> Option<&str> {
        match &self.field_type {
            FieldType::Code(list) => Some(list),
            _ => None,
        }
    }

    /// What it means: a full IRI.
    #[must_use]
    pub fn iri(&self) -> &str {
        &self.core.iri
    }

    /// Its category: a full IRI.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.core.category
    }

    /// Whether it is a special category (GDPR Art. 9(1)).
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.core.special
    }

    /// The categories its value gives away: full IRIs.
    #[must_use]
    pub fn reveals(&self) -> &[String] {
        &self.core.reveals
    }

    /// Its name for people, in English.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Its name for people, in Estonian.
    #[must_use]
    pub fn title_et(&self) -> Option<&str> {
        self.title_et.as_deref()
    }

    /// Whether a query may name it in `where`.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.key
    }

    /// How it is compared, as a key.
    #[must_use]
    pub fn compare(&self) -> &Compare {
        &self.compare
    }

    /// The columns for coarser masks.
    #[must_use]
    pub fn coarser(&self) -> &Coarser {
        &self.coarser
    }

    /// Fields with the same domain give equal pseudonyms for equal values.
    #[must_use]
    pub fn pseudonym_domain(&self) -> &str {
        &self.pseudonym_domain
    }

    /// The field as rules and decisions see it.
    #[must_use]
    pub fn core_field(&self) -> &Arc<Field> {
        &self.core
    }

    /// What is really seen when `visibility` is allowed: the same, unless the mask does not fit this field. Such
    /// a mask redacts: a month of a name, a county where the description knows none, a pseudonym of a derived answer.
    #[must_use]
    pub fn effective(&self, visibility: Visibility) -> Visibility {
        let Visibility::Masked(mask) = visibility else { return visibility };
        let fits = match mask {
            Mask::Month | Mask::Year | Mask::Decade => self.field_type == FieldType::Date,
            Mask::Municipality => self.coarser.municipality.is_some(),
            Mask::County => self.coarser.county.is_some(),
            Mask::Initial => self.field_type == FieldType::Text,
            // Answers are so few that a pseudonym would tell them by how often each comes.
            Mask::Pseudonym => self.derivation().is_none(),
            Mask::Redact => true,
        };
        Visibility::Masked(if fits { mask } else { Mask::Redact })
    }

    /// Whether everything of its value is seen under a visibility: in full, or by a mask that reads this very column
    /// (the municipality of a municipality).
    #[must_use]
    pub fn shows_all(&self, visibility: Visibility) -> bool {
        let is_own = |coarser: &Option<ColumnRef>| coarser.is_some() && coarser.as_ref() == self.column();
        match self.effective(visibility) {
            Visibility::Show => true,
            Visibility::Masked(Mask::Municipality) => is_own(&self.coarser.municipality),
            Visibility::Masked(Mask::County) => is_own(&self.coarser.county),
            Visibility::Masked(_) | Visibility::Hide => false,
        }
    }
}
