// SPDX-License-Identifier: Apache-2.0
//! Derived answers as SQL. The columns that an answer is computed from stand inside its expression and nowhere else, so
//! only the answer leaves the database.

use super::bind::Bind;
use crate::{
    description::{Criterion, Derivation, Input},
    sql::{Dialect, Select},
};

/// A number that is neither a whole number nor a truth value. It stands for an input that is not of its type: the read then
/// fails as it does for a column that is read itself, instead of an answer that is made of nonsense.
const MALFORMED: &str = "0.5";

/// The expression of an answer. NULL where an input that it needs is.
pub(super) fn expression(select: &mut Select, derivation: &Derivation) -> String {
    let unknown: Vec<String> = derivation.inputs().filter_map(|input| is_unknown(select, input)).collect();
    let malformed: Vec<String> =
        derivation.inputs().filter_map(|input| is_malformed(select, input)).collect();
    let mut cases = Vec::new();
    for (conditions, answer) in [(unknown, "NULL"), (malformed, MALFORMED)] {
        if !conditions.is_empty() {
            cases.push(format!("WHEN {} THEN {answer} ", conditions.join(" OR ")));
        }
    }
    let answer = match derivation {
        Derivation::Age(born) => {
            let (born, date) = (select.column(born), select.bind(Bind::Date));
            cases.push(format!("WHEN {born} > {date} THEN NULL "));
            age(select.dialect(), &born, &date)
        }
        Derivation::All(criteria) => {
            let criteria = criteria.iter().map(|criterion| holds(select, criterion));
            criteria.collect::<Vec<_>>().join(" AND ")
        }
    };
    if cases.is_empty() {
        format!("({answer})")
    } else {
        format!("CASE {}ELSE ({answer}) END", cases.concat())
    }
}

/// Whether nothing can be said because of this input. None where something always can.
fn is_unknown(select: &mut Select, input: Input<'_>) -> Option<String> {
    let column = match input {
        Input::Date(column) | Input::Code(column, _) => column.clone(),
        // A row that is not there has no empty columns either.
        Input::Presence(column) => select.joined_by(&column.source)?,
    };
    Some(format!("{} IS NULL", select.column(&column)))
}

/// Whether this input is not of its type. None where the database itself sees to it.
fn is_malformed(select: &mut Select, input: Input<'_>) -> Option<String> {
    match (select.dialect(), input) {
        // Dates are texts there. The function gives any of them as the date of that day, or NULL.
        (Dialect::Sqlite, Input::Date(column)) => {
            let column = select.column(column);
            Some(format!("{column} IS NOT date({column})"))
        }
        _ => None,
    }
}

fn holds(select: &mut Select, criterion: &Criterion) -> String {
    match criterion {
        Criterion::AgeAtLeast { born, years } => {
            let born = select.column(born);
            format!("{born} <= {}", select.bind(Bind::YearsEarlier(*years)))
        }
        Criterion::IsAbsent(column) => format!("{} IS NULL", select.column(column)),
        Criterion::Equals(column, value) => {
            let column = select.column(column);
            format!("{column} = {}", select.bind(Bind::Fixed(value.clone())))
        }
    }
}

/// The whole years from one date to a later one.
fn age(dialect: Dialect, born: &str, date: &str) -> String {
    match dialect {
        // `yyyy-mm-dd`: the difference of the years, less one if the day of the year is still to come.
        Dialect::Sqlite => format!(
            "CAST(substr({date}, 1, 4) AS INTEGER) - CAST(substr({born}, 1, 4) AS INTEGER) - \
             (substr({born}, 6) > substr({date}, 6))"
        ),
        Dialect::Postgres => {
            format!("CAST(EXTRACT(YEAR FROM AGE(CAST({date} AS date), {born})) AS bigint)")
        }
    }
}
