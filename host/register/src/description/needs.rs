// SPDX-License-Identifier: Apache-2.0
//! The tables and columns that a description names, to compare with a database.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Description,
    derivation::{Derivation, Input},
    entity::{ColumnRef, FactReading, Join},
    field::{Compare, FieldDescription},
};

/// Table to the columns named of it.
#[derive(Default)]
struct Needs(BTreeMap<String, BTreeSet<String>>);

impl Needs {
    fn add(&mut self, table: &str, column: &str) {
        self.0.entry(table.to_owned()).or_default().insert(column.to_owned());
    }

    /// Adds the joins and fields of one entity or group; `own` is its table, `about` the other's.
    fn add_all(&mut self, own: &str, about: Option<&str>, joins: &[Join], fields: &[FieldDescription]) {
        for join in joins {
            self.add(&join.table, &join.to);
            self.add_column(own, about, joins, &join.from);
        }
        for field in fields {
            let coarser = field.coarser();
            let compared = match field.compare() {
                Compare::Name(column) => column.as_ref(),
                Compare::Exact => None,
            };
            let columns = [field.column(), coarser.municipality.as_ref(), coarser.county.as_ref(), compared];
            let inputs = field.derivation().into_iter().flat_map(Derivation::inputs).map(Input::column);
            for column in columns.into_iter().flatten().chain(inputs) {
                self.add_column(own, about, joins, column);
            }
        }
    }

    fn add_column(&mut self, own: &str, about: Option<&str>, joins: &[Join], column: &ColumnRef) {
        self.add(table_of(own, about, joins, column), &column.column);
    }
}

/// The table that a column of one entity or group is in; `own` is its table, `about` the other's.
pub(super) fn table_of<'t>(
    own: &'t str,
    about: Option<&'t str>,
    joins: &'t [Join],
    column: &ColumnRef,
) -> &'t str {
    let joined = joins.iter().find(|join| join.alias == column.source).map(|join| join.table.as_str());
    joined.or(about.filter(|_| column.source == "about")).unwrap_or(own)
}

impl Description {
    /// Every table that this description names, with the columns it names of it.
    #[must_use]
    pub fn tables(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut needs = Needs::default();
        for entity in &self.entities {
            needs.add(entity.table(), entity.key());
            needs.add_all(entity.table(), None, entity.joins(), entity.own_fields());
            for fact in entity.facts() {
                match &fact.reading {
                    FactReading::Column(column) | FactReading::Equals(column, _) => {
                        needs.add_column(entity.table(), None, entity.joins(), column);
                    }
                    FactReading::Exists { table, column, valid_from, valid_until } => {
                        for column in
                            [Some(column), valid_from.as_ref(), valid_until.as_ref()].into_iter().flatten()
                        {
                            needs.add(table, column);
                        }
                    }
                }
            }
            for group in entity.groups() {
                let about =
                    group.about().and_then(|about| self.entity(&about.entity)).map(super::Entity::table);
                needs.add(group.table(), group.parent());
                for column in
                    group.order_by().into_iter().chain(group.about().map(|about| about.column.as_str()))
                {
                    needs.add(group.table(), column);
                }
                needs.add_all(group.table(), about, group.joins(), group.fields());
            }
        }
        needs.0
    }
}
