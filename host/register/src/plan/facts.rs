// SPDX-License-Identifier: Apache-2.0
//! Facts and conditions as SQL. A comparison with an absent fact is NULL in SQL, so the row is left out: what is
//! not known fulfils nothing but [`Test::Absent`].

use paasla_core::{Condition, Test};

use super::{PlanError, bind::Bind};
use crate::{
    description::{ColumnRef, Entity, Fact, FactReading, Join, ValueKind},
    sql::{Select, quoted},
};

/// Whom the facts in one statement are about: the entity of the root rows, or the other in a group's rows.
pub(super) struct Subject<'a> {
    entity: &'a Entity,
    /// The group's column that refers to the other; none for root rows.
    reference: Option<ColumnRef>,
}

impl<'a> Subject<'a> {
    pub(super) fn root(entity: &'a Entity) -> Self {
        Self { entity, reference: None }
    }

    pub(super) fn about(entity: &'a Entity, reference: ColumnRef) -> Self {
        Self { entity, reference: Some(reference) }
    }

    /// The name that a table of the entity has in this statement.
    fn alias(&self, source: &str) -> String {
        match &self.reference {
            None => source.to_owned(),
            Some(_) if source == self.entity.table() => "about".to_owned(),
            Some(_) => format!("about_{source}"),
        }
    }

    fn place(&self, column: &ColumnRef) -> ColumnRef {
        ColumnRef { source: self.alias(&column.source), column: column.column.clone() }
    }

    fn key(&self) -> ColumnRef {
        ColumnRef { source: self.alias(self.entity.table()), column: self.entity.key().to_owned() }
    }

    /// The joins that facts may need: the other itself, and the entity's own joins under names for the other.
    pub(super) fn joins(&self) -> Vec<Join> {
        let other = self.reference.iter().map(|reference| Join {
            alias: "about".to_owned(),
            table: self.entity.table().to_owned(),
            from: reference.clone(),
            to: self.entity.key().to_owned(),
        });
        let joined = self.entity.joins().iter().map(|join| Join {
            alias: self.alias(&join.alias),
            table: join.table.clone(),
            from: self.place(&join.from),
            to: join.to.clone(),
        });
        other.chain(joined).collect()
    }

    /// Adds a fact to the answer. False when the entity has no such fact: it is absent.
    pub(super) fn select_fact(&self, select: &mut Select, name: &str) -> bool {
        let Some(fact) = self.entity.fact(name) else { return false };
        let text = self.fact(select, fact);
        select.select(text, fact.kind);
        true
    }

    /// Asks that every row fulfils the condition at this place of the read. A row about nobody is not asked; a row that
    /// refers to somebody who is not there is, and nothing is known of them.
    pub(super) fn require(&self, select: &mut Select, place: usize, condition: &Condition) {
        let test = match self.entity.fact(&condition.fact) {
            Some(fact) => {
                let text = self.fact(select, fact);
                compare(select, &text, place, condition.test)
            }
            None if condition.test == Test::Absent => "1 = 1".to_owned(),
            None => "1 = 0".to_owned(),
        };
        let text = match &self.reference {
            Some(reference) => format!("({} IS NULL OR {test})", select.column(reference)),
            None => test,
        };
        select.conditions.push(text);
    }

    fn fact(&self, select: &mut Select, fact: &Fact) -> String {
        match &fact.reading {
            FactReading::Column(column) => select.column(&self.place(column)),
            FactReading::Equals(column, value) => {
                let column = select.column(&self.place(column));
                format!("({column} = {})", select.bind(Bind::Fixed(value.clone())))
            }
            FactReading::Exists { table, column, valid_from, valid_until } => {
                let key = select.column(&self.key());
                let mut text = format!(
                    "SELECT 1 FROM {} AS \"fact\" WHERE \"fact\".{} = {key}",
                    quoted(table),
                    quoted(column)
                );
                if valid_from.is_some() || valid_until.is_some() {
                    let date = select.bind(Bind::Date);
                    let ends = [(valid_from, "<="), (valid_until, ">=")];
                    for (end, operator) in
                        ends.into_iter().filter_map(|(end, o)| Some((quoted(end.as_ref()?), o)))
                    {
                        text.push_str(&format!(
                            " AND (\"fact\".{end} IS NULL OR \"fact\".{end} {operator} {date})"
                        ));
                    }
                }
                match self.reference {
                    None => format!("EXISTS ({text})"),
                    Some(_) => format!("CASE WHEN {key} IS NULL THEN NULL ELSE EXISTS ({text}) END"),
                }
            }
        }
    }
}

fn compare(select: &mut Select, fact: &str, place: usize, test: Test) -> String {
    let operator = match test {
        Test::Absent => return format!("({fact}) IS NULL"),
        Test::Present => return format!("({fact}) IS NOT NULL"),
        Test::Equal => "=",
        Test::NotEqual => "<>",
        Test::Less => "<",
        Test::AtMost => "<=",
        Test::Greater => ">",
        Test::AtLeast => ">=",
    };
    format!("({fact}) {operator} {}", select.bind(Bind::Condition(place)))
}

/// Whether a condition can be asked of this entity: a known fact, a value of its type, an order where one is asked.
pub(super) fn check(entity: &Entity, condition: &Condition) -> Result<(), PlanError> {
    let name = || condition.fact.clone();
    let fact = entity.fact(&condition.fact).ok_or_else(|| PlanError::UnknownFact(name()))?;
    let fits = match condition.test {
        Test::Absent | Test::Present => condition.value.is_absent(),
        _ => fact.kind.fits(&condition.value),
    };
    if !fits {
        return Err(PlanError::ConditionType(name()));
    }
    let ordered = matches!(fact.kind, ValueKind::Date | ValueKind::Integer);
    match condition.test {
        Test::Less | Test::AtMost | Test::Greater | Test::AtLeast if !ordered => {
            Err(PlanError::NotOrdered(name()))
        }
        _ => Ok(()),
    }
}
