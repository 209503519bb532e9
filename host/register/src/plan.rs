// SPDX-License-Identifier: Apache-2.0
//! From what may be seen to SQL that reads just that. A hidden field's column is in no text of a plan, unless
//! something visible, a key or a fact needs the same column.

mod facts;
mod statement;

use paasla_core::{Mask, Visibility};

use self::facts::Subject;
pub(crate) use self::statement::Part;
pub use self::statement::Statement;
use crate::{
    description::{ColumnRef, Description, Entity, FieldDescription, Group, ValueKind},
    read::{GROUP_ROWS_MAX, Read},
    sql::{Dialect, Select},
};

/// The most values that all keys of one read may have together. SQLite binds at most 32766 values.
pub const KEY_VALUES_MAX: usize = 10_000;

/// The most records that one read may ask for.
pub const LIMIT_MAX: u32 = 100_000;

/// Why a read cannot be planned. Fields and keys are told by their place: their names may come from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The register has no such entity.
    #[error("the register has no entity `{0}`")]
    UnknownEntity(String),
    /// The entity has no such field.
    #[error("field {0} of the read is not in the register")]
    UnknownField(usize),
    /// No key: the whole register would be read.
    #[error("a read needs at least one key")]
    NoKeys,
    /// The field is unknown, belongs to a group, or is not declared as a key.
    #[error("key {0} of the read is no key of the register")]
    NotAKey(usize),
    /// No value, or one of another type than the field's.
    #[error("key {0} of the read has no values, or one of a wrong type")]
    KeyType(usize),
    /// Too many key values, or too many records asked for.
    #[error("the read asks for too much: at most {KEY_VALUES_MAX} key values and {LIMIT_MAX} records")]
    TooMuch,
    /// The entity has no such fact.
    #[error("the register has no fact `{0}`")]
    UnknownFact(String),
    /// The value is not of the fact's type.
    #[error("a condition on fact `{0}` has a value of a wrong type")]
    ConditionType(String),
    /// Only dates and whole numbers have an order that every database agrees on.
    #[error("a condition asks for an order of fact `{0}`, which has none")]
    NotOrdered(String),
}

/// The SQL for one read.
#[derive(Debug, Clone)]
pub struct Plan {
    statements: Vec<Statement>,
    visibilities: Vec<Visibility>,
    field_names: Vec<String>,
    limit: u32,
}

struct Planned<'a> {
    index: usize,
    field: &'a FieldDescription,
    visibility: Visibility,
}

struct Planner<'a> {
    dialect: Dialect,
    read: &'a Read,
    fields: Vec<Planned<'a>>,
}

impl Plan {
    /// Plans a read.
    ///
    /// # Errors
    /// When the read names what the register does not have, compares what cannot be compared, has no key, or asks
    /// for too much.
    pub fn new(description: &Description, dialect: Dialect, read: &Read) -> Result<Self, PlanError> {
        let entity =
            description.entity(&read.entity).ok_or_else(|| PlanError::UnknownEntity(read.entity.clone()))?;
        let mut fields = Vec::new();
        for (index, (name, visibility)) in read.fields.iter().enumerate() {
            let field = entity.field(name).ok_or(PlanError::UnknownField(index))?;
            fields.push(Planned { index, field, visibility: field.effective(*visibility) });
        }
        if let Some(name) = read.row_facts.iter().find(|name| entity.fact(name).is_none()) {
            return Err(PlanError::UnknownFact(name.clone()));
        }
        read.conditions.iter().try_for_each(|condition| facts::check(entity, condition))?;
        if read.limit > LIMIT_MAX {
            return Err(PlanError::TooMuch);
        }
        let visibilities = fields.iter().map(|planned| planned.visibility).collect();
        let planner = Planner { dialect, read, fields };
        let mut statements = vec![planner.root(entity)?];
        statements.extend(entity.groups().iter().filter_map(|group| planner.group(description, group)));
        let field_names = read.fields.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { statements, visibilities, field_names, limit: read.limit })
    }

    /// All SQL of the plan: first the records, then one for every group that anything is seen of.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether one text is all there is to run: it then sees one state of the register by itself.
    #[must_use]
    pub fn is_one_statement(&self) -> bool {
        matches!(self.statements(), [only] if only.group().is_none())
    }

    /// For every field of the read, the most that can be seen of it: a mask that does not fit has become `redact`.
    #[must_use]
    pub fn visibilities(&self) -> &[Visibility] {
        &self.visibilities
    }

    /// The most records of an answer.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The names of the read's fields.
    pub(crate) fn field_name(&self, index: usize) -> Option<&str> {
        self.field_names.get(index).map(String::as_str)
    }
}

impl Planner<'_> {
    fn root(&self, entity: &Entity) -> Result<Statement, PlanError> {
        let subject = Subject::root(entity);
        let mut select = Select::new(self.dialect, entity.table(), subject.joins());
        let key = ColumnRef { source: entity.table().to_owned(), column: entity.key().to_owned() };
        let key = select.column(&key);
        select.select(key.clone(), ValueKind::Id);
        let facts = self.facts(&mut select, &subject);
        let parts = self.parts(&mut select, None);
        self.keys(&mut select, entity)?;
        for condition in &self.read.conditions {
            subject.require(&mut select, condition, self.read.date);
        }
        let limit = select.bind(paasla_core::Value::Integer(i64::from(self.read.limit) + 1));
        let sql = format!(
            "SELECT {} {} WHERE {} ORDER BY {key} LIMIT {limit}",
            select.column_list(),
            select.from(),
            select.conditions.join(" AND "),
        );
        Ok(Statement {
            group: None,
            dialect: self.dialect,
            sql,
            around_keys: None,
            binds: select.binds,
            kinds: select.kinds,
            facts,
            parts,
        })
    }

    fn keys(&self, select: &mut Select, entity: &Entity) -> Result<(), PlanError> {
        if self.read.keys.is_empty() {
            return Err(PlanError::NoKeys);
        }
        if self.read.keys.iter().map(|(_, values)| values.len()).sum::<usize>() > KEY_VALUES_MAX {
            return Err(PlanError::TooMuch);
        }
        for (index, (name, values)) in self.read.keys.iter().enumerate() {
            let field = entity.field(name).filter(|field| field.is_key()).ok_or(PlanError::NotAKey(index))?;
            let kind = field.field_type().kind();
            if values.is_empty() || !values.iter().all(|value| kind.fits(value)) {
                return Err(PlanError::KeyType(index));
            }
            select.one_of(field.column(), values);
        }
        Ok(())
    }

    /// None when nothing of the group is seen.
    fn group(&self, description: &Description, group: &Group) -> Option<Statement> {
        self.visible(Some(group.name())).next()?;
        let subject = match group.about() {
            Some(about) => {
                let reference = ColumnRef { source: group.table().to_owned(), column: about.column.clone() };
                Some(Subject::about(description.entity(&about.entity)?, reference))
            }
            None => None,
        };
        let mut joins = subject.as_ref().map(Subject::joins).unwrap_or_default();
        joins.extend(group.joins().iter().cloned());
        let mut select = Select::new(self.dialect, group.table(), joins);
        let own = |column: &str| ColumnRef { source: group.table().to_owned(), column: column.to_owned() };
        let parent = select.column(&own(group.parent()));
        select.select(parent.clone(), ValueKind::Id);
        let mut facts = vec![false; self.read.row_facts.len()];
        if let Some(subject) = &subject {
            facts = self.facts(&mut select, subject);
            for condition in &self.read.conditions {
                subject.require(&mut select, condition, self.read.date);
            }
        }
        let parts = self.parts(&mut select, Some(group.name()));
        let order = match group.order_by().map(own).filter(|column| self.may_order(group, column)) {
            Some(column) => format!(" ORDER BY {}", select.column(&column)),
            None => String::new(),
        };
        select.conditions.push(format!("{parent} IN ("));
        let names: Vec<String> = (0..select.columns.len()).map(|place| format!("\"c{place}\"")).collect();
        let before = format!(
            "SELECT {} FROM (SELECT {}, ROW_NUMBER() OVER (PARTITION BY {parent}{order}) AS \"n\" {} WHERE {}",
            names.join(", "),
            select.column_list(),
            select.from(),
            select.conditions.join(" AND "),
        );
        let after = format!(")) AS \"page\" WHERE \"n\" <= {} ORDER BY \"c0\", \"n\"", GROUP_ROWS_MAX + 1);
        let one = self.dialect.placeholders(select.binds.len() + 1, 1);
        Some(Statement {
            group: Some(group.name().to_owned()),
            dialect: self.dialect,
            sql: format!("{before}{one}{after}"),
            around_keys: Some((before, after)),
            binds: select.binds,
            kinds: select.kinds,
            facts,
            parts,
        })
    }

    fn facts(&self, select: &mut Select, subject: &Subject<'_>) -> Vec<bool> {
        let names = self.read.row_facts.iter();
        names.map(|name| subject.select_fact(select, name, self.read.date)).collect()
    }

    fn visible(&self, group: Option<&str>) -> impl Iterator<Item = &Planned<'_>> {
        self.fields
            .iter()
            .filter(move |planned| planned.field.group() == group && planned.visibility != Visibility::Hide)
    }

    fn parts(&self, select: &mut Select, group: Option<&str>) -> Vec<Part> {
        let mut parts = Vec::new();
        for planned in self.visible(group) {
            for part in parts_of(planned, self.read.review) {
                let coarser = planned.field.coarser();
                let column = match part {
                    Part::Raw(_) | Part::Presence(_) => Some(planned.field.column()),
                    Part::Municipality(_) => coarser.municipality.as_ref(),
                    Part::County(_) => coarser.county.as_ref(),
                };
                let Some(column) = column else { continue };
                let text = select.column(column);
                match part {
                    Part::Raw(_) => select.select(text, planned.field.field_type().kind()),
                    Part::Presence(_) => select.select(format!("({text} IS NOT NULL)"), ValueKind::Truth),
                    Part::Municipality(_) | Part::County(_) => select.select(text, ValueKind::Text),
                }
                parts.push(part);
            }
        }
        parts
    }

    /// An order tells of the values it goes by: only a column that is seen in full, or is no field at all, may
    /// give it.
    fn may_order(&self, group: &Group, column: &ColumnRef) -> bool {
        group.fields().iter().filter(|field| field.column() == column).all(|field| {
            self.visible(Some(group.name()))
                .any(|planned| planned.field.name() == field.name() && planned.visibility == Visibility::Show)
        })
    }
}

/// What is read of a field. Only what its visibility needs, and what a coarser mask may need after a review.
fn parts_of(planned: &Planned<'_>, review: bool) -> Vec<Part> {
    let index = planned.index;
    match planned.visibility {
        Visibility::Hide => Vec::new(),
        Visibility::Show if review => vec![Part::Raw(index), Part::Municipality(index), Part::County(index)],
        Visibility::Masked(Mask::Municipality) if review => {
            vec![Part::Municipality(index), Part::County(index)]
        }
        Visibility::Masked(Mask::Municipality) => vec![Part::Municipality(index)],
        Visibility::Masked(Mask::County) => vec![Part::County(index)],
        Visibility::Masked(Mask::Redact) => vec![Part::Presence(index)],
        Visibility::Show
        | Visibility::Masked(Mask::Month | Mask::Year | Mask::Decade | Mask::Initial | Mask::Pseudonym) => {
            vec![Part::Raw(index)]
        }
    }
}
