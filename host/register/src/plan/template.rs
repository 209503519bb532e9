// SPDX-License-Identifier: Apache-2.0
//! The template of a plan: its SQL texts and what their answers hold, without any value of a read.

use paasla_core::{Mask, Visibility};

use super::{
    PlanError,
    bind::Bind,
    derived,
    facts::{self, Subject},
    statement::{Part, Statement},
};
use crate::{
    description::{ColumnRef, Description, Entity, FieldDescription, FieldReading, Group, ValueKind},
    read::{GROUP_ROWS_MAX, Read},
    sql::{Dialect, Select},
};

/// The SQL texts of a plan, and what their answers hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanTemplate {
    pub(super) statements: Vec<Statement>,
    pub(super) visibilities: Vec<Visibility>,
    pub(super) field_names: Vec<String>,
}

struct Planned<'a> {
    index: usize,
    field: &'a FieldDescription,
    visibility: Visibility,
}

struct Planner<'a, N> {
    dialect: Dialect,
    read: &'a Read<N>,
    fields: Vec<Planned<'a>>,
}

impl PlanTemplate {
    pub(super) fn new<N: AsRef<str>>(
        description: &Description,
        dialect: Dialect,
        read: &Read<N>,
    ) -> Result<Self, PlanError> {
        let name = read.entity.as_ref();
        let entity = description.entity(name).ok_or_else(|| PlanError::UnknownEntity(name.to_owned()))?;
        let mut fields = Vec::new();
        for (index, (name, visibility)) in read.fields.iter().enumerate() {
            let field = entity.field(name.as_ref()).ok_or(PlanError::UnknownField(index))?;
            fields.push(Planned { index, field, visibility: field.effective(*visibility) });
        }
        let mut facts = read.row_facts.iter().map(AsRef::as_ref);
        if let Some(name) = facts.find(|name| entity.fact(name).is_none()) {
            return Err(PlanError::UnknownFact(name.to_owned()));
        }
        read.conditions.iter().try_for_each(|condition| facts::check(entity, condition))?;
        if read.asks_too_much() {
            return Err(PlanError::TooMuch);
        }
        let visibilities = fields.iter().map(|planned| planned.visibility).collect();
        let planner = Planner { dialect, read, fields };
        let mut statements = vec![planner.root(entity)?];
        statements.extend(entity.groups().iter().filter_map(|group| planner.group(description, group)));
        let field_names = read.fields.iter().map(|(name, _)| name.as_ref().to_owned()).collect();
        Ok(Self { statements, visibilities, field_names })
    }
}

impl<N: AsRef<str>> Planner<'_, N> {
    fn root(&self, entity: &Entity) -> Result<Statement, PlanError> {
        let subject = Subject::root(entity);
        let mut select = Select::new(self.dialect, entity.table(), subject.joins());
        let key = ColumnRef { source: entity.table().to_owned(), column: entity.key().to_owned() };
        let key = select.column(&key);
        select.select(key.clone(), ValueKind::Id);
        let facts = self.facts(&mut select, &subject);
        let parts = self.parts(&mut select, None);
        self.keys(&mut select, entity)?;
        self.conditions(&mut select, &subject);
        let limit = select.bind(Bind::Limit);
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
            parent_key: None,
            binds: select.binds,
            kinds: select.kinds,
            facts,
            fields: parts.chunk_by(|one, next| one.field() == next.field()).count(),
            parts,
        })
    }

    fn keys(&self, select: &mut Select, entity: &Entity) -> Result<(), PlanError> {
        if self.read.keys.is_empty() {
            return Err(PlanError::NoKeys);
        }
        for (index, (name, values)) in self.read.keys.iter().enumerate() {
            let field = entity.field(name.as_ref()).filter(|field| field.is_key());
            let (field, column) =
                field.and_then(|field| Some((field, field.column()?))).ok_or(PlanError::NotAKey(index))?;
            let kind = field.field_type().kind();
            if values.is_empty() || !values.iter().all(|value| kind.fits(value)) {
                return Err(PlanError::KeyType(index));
            }
            select.one_of(column, field.compare(), index, values.len());
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
            self.conditions(&mut select, subject);
        }
        let parts = self.parts(&mut select, Some(group.name()));
        let order = match group.order_by().map(own).filter(|column| self.may_order(group, column)) {
            Some(column) => format!(" ORDER BY {}", select.column(&column)),
            None => String::new(),
        };
        select.conditions.push(format!("{parent} IN ("));
        let names: Vec<String> = (0..select.columns.len()).map(|place| format!("\"c{place}\"")).collect();
        let mut sql = format!(
            "SELECT {} FROM (SELECT {}, ROW_NUMBER() OVER (PARTITION BY {parent}{order}) AS \"n\" {} WHERE {}",
            names.join(", "),
            select.column_list(),
            select.from(),
            select.conditions.join(" AND "),
        );
        let one = self.dialect.placeholders(select.binds.len() + 1, 1);
        let parent_key = sql.len()..sql.len() + one.len();
        sql.push_str(&one);
        sql.push_str(&format!(")) AS \"page\" WHERE \"n\" <= {} ORDER BY \"c0\", \"n\"", GROUP_ROWS_MAX + 1));
        Some(Statement {
            group: Some(group.name().to_owned()),
            dialect: self.dialect,
            sql,
            parent_key: Some(parent_key),
            binds: select.binds,
            kinds: select.kinds,
            facts,
            fields: parts.chunk_by(|one, next| one.field() == next.field()).count(),
            parts,
        })
    }

    fn facts(&self, select: &mut Select, subject: &Subject<'_>) -> Vec<bool> {
        let names = self.read.row_facts.iter();
        names.map(|name| subject.select_fact(select, name.as_ref())).collect()
    }

    fn conditions(&self, select: &mut Select, subject: &Subject<'_>) {
        for (place, condition) in self.read.conditions.iter().enumerate() {
            subject.require(select, place, condition);
        }
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
                let text = match part {
                    Part::Raw(_) | Part::Presence(_) => Some(own_text(select, planned.field)),
                    Part::Municipality(_) => {
                        coarser.municipality.as_ref().map(|column| select.column(column))
                    }
                    Part::County(_) => coarser.county.as_ref().map(|column| select.column(column)),
                };
                let Some(text) = text else { continue };
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

    /// An order discloses the values it goes by: only a column that is seen in full, or that no field tells anything of, may
    /// give it.
    fn may_order(&self, group: &Group, column: &ColumnRef) -> bool {
        let is_shown = |field: &FieldDescription| {
            self.visible(Some(group.name()))
                .any(|planned| planned.field.name() == field.name() && planned.visibility == Visibility::Show)
        };
        let mut holders = group.fields().iter().filter(|field| field.column() == Some(column)).peekable();
        let mut derivations = group.fields().iter().filter_map(FieldDescription::derivation);
        let is_input = derivations.any(|own| own.inputs().any(|input| input.column() == column));
        (holders.peek().is_some() || !is_input) && holders.all(is_shown)
    }
}

/// What a field's value is in SQL.
fn own_text(select: &mut Select, field: &FieldDescription) -> String {
    match field.reading() {
        FieldReading::Column(column) => select.column(column),
        FieldReading::Derived(derivation) => derived::expression(select, derivation),
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
