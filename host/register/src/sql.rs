// SPDX-License-Identifier: Apache-2.0
//! SQL text. Names come from a checked description and stand in double quotes; values are always bound.

use std::{collections::BTreeSet, fmt::Write as _};

use paasla_core::Value;

use crate::{
    description::{ColumnRef, Compare, Join, ValueKind},
    plan::Bind,
};

/// The SQL function that folds a name ([`paasla_core::text::fold_name`]). It is made known to each connection.
pub(crate) const FOLD_NAME: &str = "paasla_name";

/// The database that a plan is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Placeholders `+?1`, `+?2`, …. The plus changes no value. Without it SQLite may plan a text anew each time that
    /// values are bound to it, to see whether they make another plan better: with a bound `LIMIT` always, with keys if
    /// the register was analysed. That takes longer than reading a person does.
    Sqlite,
    /// Placeholders `$1`, `$2`, ….
    Postgres,
}

impl Dialect {
    fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("+?{number}"),
            Self::Postgres => format!("${number}"),
        }
    }

    /// `count` placeholders from number `first` on, for an `IN` list.
    pub(crate) fn placeholders(self, first: usize, count: usize) -> String {
        let texts: Vec<String> = (first..first + count).map(|number| self.placeholder(number)).collect();
        texts.join(", ")
    }
}

/// A name in double quotes. Descriptions let only `[A-Za-z_][A-Za-z0-9_]*` through, so there is nothing to escape.
pub(crate) fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    push_quoted(&mut text, name);
    text
}

fn push_quoted(text: &mut String, name: &str) {
    debug_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    text.push('"');
    text.push_str(name);
    text.push('"');
}

/// How many placeholders a list of so many values has: the next power of two, the last value being bound again where
/// there are no more. Few lengths, few different texts, so prepared statements are found again.
pub(crate) fn padded_len(values: usize) -> usize {
    if values == 0 { 0 } else { values.next_power_of_two() }
}

/// The values for so many placeholders.
pub(crate) fn padded(values: &[Value]) -> impl Iterator<Item = &Value> {
    let missing = padded_len(values.len()) - values.len();
    values.iter().chain(values.last().into_iter().cycle().take(missing))
}

/// One SELECT in the making. It joins only what is used.
pub(crate) struct Select {
    dialect: Dialect,
    own: String,
    joins: Vec<Join>,
    used: BTreeSet<String>,
    pub(crate) binds: Vec<Bind>,
    pub(crate) columns: Vec<String>,
    pub(crate) kinds: Vec<ValueKind>,
    pub(crate) conditions: Vec<String>,
}

impl Select {
    /// From table `own`; `joins` are there to be used, each after those it refers to.
    pub(crate) fn new(dialect: Dialect, own: &str, joins: Vec<Join>) -> Self {
        Self {
            dialect,
            own: own.to_owned(),
            joins,
            used: BTreeSet::new(),
            binds: Vec::new(),
            columns: Vec::new(),
            kinds: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// The database that it is written for.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The column of a joined table that it is joined by: it has a value in every row that is there. None for the own table,
    /// whose row is.
    pub(crate) fn joined_by(&self, source: &str) -> Option<ColumnRef> {
        let join = self.joins.iter().find(|join| join.alias == source)?;
        Some(ColumnRef { source: join.alias.clone(), column: join.to.clone() })
    }

    /// Binds what stands for a value and gives its placeholder.
    pub(crate) fn bind(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        self.dialect.placeholder(self.binds.len())
    }

    /// The text of a column, whose table is then joined.
    pub(crate) fn column(&mut self, column: &ColumnRef) -> String {
        if !self.used.contains(&column.source) {
            self.used.insert(column.source.clone());
        }
        let mut text = String::with_capacity(column.source.len() + column.column.len() + 5);
        push_quoted(&mut text, &column.source);
        text.push('.');
        push_quoted(&mut text, &column.column);
        text
    }

    /// Adds a column to the answer.
    pub(crate) fn select(&mut self, text: String, kind: ValueKind) {
        self.columns.push(text);
        self.kinds.push(kind);
    }

    /// Asks that the column of a key field has one of so many values of a key of the read.
    pub(crate) fn one_of(&mut self, column: &ColumnRef, compare: &Compare, key: usize, values: usize) {
        let column = match compare {
            Compare::Exact => self.column(column),
            Compare::Name(Some(folded)) => self.column(folded),
            Compare::Name(None) => format!("{}({})", FOLD_NAME, self.column(column)),
        };
        let values = 0..padded_len(values);
        let places: Vec<String> = values.map(|value| self.bind(Bind::Key { key, value })).collect();
        self.conditions.push(format!("{column} IN ({})", places.join(", ")));
    }

    /// The answer's columns, named `c0`, `c1`, ….
    pub(crate) fn column_list(&self) -> String {
        let mut list = String::with_capacity(self.columns.iter().map(|text| text.len() + 14).sum());
        for (place, text) in self.columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(list, "{comma}{text} AS \"c{place}\"");
        }
        list
    }

    /// `FROM` with the joins that are used.
    pub(crate) fn from(&self) -> String {
        let mut used = self.used.clone();
        for join in self.joins.iter().rev() {
            if used.contains(&join.alias) {
                used.insert(join.from.source.clone());
            }
        }
        let mut text = format!("FROM {}", quoted(&self.own));
        for join in self.joins.iter().filter(|join| used.contains(&join.alias)) {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                " LEFT JOIN {} AS {alias} ON {alias}.{} = {}.{}",
                quoted(&join.table),
                quoted(&join.to),
                quoted(&join.from.source),
                quoted(&join.from.column),
                alias = quoted(&join.alias),
            );
        }
        text
    }
}
