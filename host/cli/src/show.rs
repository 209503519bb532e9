// SPDX-License-Identifier: Apache-2.0
//! What the host answered, for people and for programs: short text, or the API's JSON as it is.

use std::io::Write as _;

use anyhow::Result;
pub(crate) use paasla_toolkit::show::{one, plain};
use serde_json::Value;

use crate::{out::out, when};

/// Prints a list: as JSON, one object a line, or as a table with these heads. `none` is said when there is nothing.
///
/// # Errors
/// When standard output takes no more.
pub(crate) fn list(
    json: bool,
    all: &Value,
    none: &str,
    heads: &[&str],
    row: impl Fn(&Value) -> Vec<String>,
) -> Result<()> {
    let mut out = out();
    let items = all.as_array().map_or(&[][..], Vec::as_slice);
    if json {
        for item in items {
            writeln!(out, "{item}")?;
        }
    } else if items.is_empty() {
        writeln!(out, "{none}")?;
    } else {
        write!(out, "{}", table(heads, items.iter().map(row)))?;
    }
    Ok(())
}

/// Rows under heads, each column as wide as what is widest in it.
pub(crate) fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &all {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// What stands at a place (a JSON pointer), as text; `-` when nothing does.
pub(crate) fn text(value: &Value, place: &str) -> String {
    match value.pointer(place) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => other.to_string(),
    }
}

/// The texts of a list at a place, with commas between; `none` when there are none.
pub(crate) fn texts(value: &Value, place: &str, none: &str) -> String {
    let all = value.pointer(place).and_then(Value::as_array).into_iter().flatten();
    let all: Vec<String> = all.filter_map(Value::as_str).map(plain).collect();
    if all.is_empty() { none.to_owned() } else { all.join(", ") }
}

/// The beginning of a digest at a place: enough to tell it from others.
pub(crate) fn short(value: &Value, place: &str) -> String {
    text(value, place).chars().take(12).collect()
}

/// The instant at a place, which is a number of milliseconds since 1970-01-01T00:00:00Z or a text already.
pub(crate) fn instant(value: &Value, place: &str) -> String {
    match value.pointer(place).and_then(Value::as_i64) {
        Some(millis) => when::of_millis(millis),
        None => {
            let text = text(value, place);
            text.parse().map_or(text, when::shown)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [vec!["ä".to_owned(), "1".to_owned()], vec!["minors".to_owned(), String::new()]];
        assert_eq!(table(&["name", "n"], rows.into_iter()), "name    n\nä       1\nminors\n");
    }

    #[test]
    fn what_came_from_elsewhere_cannot_write_over_the_screen() {
        assert_eq!(text(&json!({ "a": "x\u{1b}[2J\u{202e}y" }), "/a"), "x\u{FFFD}[2J\u{FFFD}y");
        assert_eq!(text(&json!({ "a": null, "b": 2 }), "/a"), "-");
        assert_eq!(text(&json!({ "a": null, "b": 2 }), "/b"), "2");
    }
}
