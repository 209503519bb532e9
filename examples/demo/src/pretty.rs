// SPDX-License-Identifier: Apache-2.0
//! Text and JSON for a terminal that is [`COLUMNS`] wide.

use serde_json::Value;

/// How wide a line may be, in characters.
pub const COLUMNS: usize = 100;

/// How much further in each level of JSON is.
const STEP: usize = 2;

/// A value as JSON. What fits on a line is on one; no string is broken, so it stays JSON.
#[must_use]
pub fn json(value: &Value) -> String {
    json_at(value, 0, 0)
}

/// The same, where the first line begins at a column, and the others are `indent` further in.
#[must_use]
pub fn json_at(value: &Value, column: usize, indent: usize) -> String {
    let mut text = String::new();
    put(&mut text, value, column, indent);
    text
}

/// Puts a value at a column. The lines that it is broken into end at `indent`.
fn put(text: &mut String, value: &Value, column: usize, indent: usize) {
    let line = one_line(value);
    // A comma may follow.
    let fits = column + length(&line) < COLUMNS;
    let parts: Vec<(String, &Value)> = match value {
        Value::Array(items) if !fits => items.iter().map(|item| (String::new(), item)).collect(),
        Value::Object(members) if !fits => {
            members.iter().map(|(name, value)| (format!("{}: ", quoted(name)), value)).collect()
        }
        _ => Vec::new(),
    };
    if parts.is_empty() {
        text.push_str(&line);
        return;
    }
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let inside = indent + STEP;
    text.push(open);
    let mut separator = "\n";
    for (name, value) in parts {
        text.push_str(separator);
        text.push_str(&" ".repeat(inside));
        text.push_str(&name);
        put(text, value, inside + length(&name), inside);
        separator = ",\n";
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(close);
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) if !members.is_empty() => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", quoted(name), one_line(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

/// Breaks a line at its spaces. Each further line begins with `hang`. A word that is too long stays whole: it may be a path.
#[must_use]
pub fn wrap(line: &str, hang: &str) -> String {
    if length(line) <= COLUMNS {
        return line.to_owned();
    }
    let (mut text, mut column) = (String::new(), 0);
    for (nth, word) in line.split(' ').enumerate() {
        let is_first_word = text.trim().is_empty();
        if !is_first_word && column + 1 + length(word) > COLUMNS {
            text.push('\n');
            text.push_str(hang);
            column = length(hang);
        } else if nth > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length(word);
    }
    text
}

/// Breaks every line that is too long at its spaces. What follows is further in than the line. To be read, no longer JSON.
#[must_use]
pub fn fit(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let own = line.len() - line.trim_start_matches(' ').len();
        wrap(line, &" ".repeat(own + 2 * STEP))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn widest(text: &str) -> usize {
        text.lines().map(length).max().unwrap_or(0)
    }

    #[test]
    fn what_fits_is_on_one_line_and_all_of_it_stays_json() {
        let short = json!({ "select": ["familyName"], "where": {}, "list": [] });
        assert_eq!(json(&short), r#"{ "select": ["familyName"], "where": {}, "list": [] }"#);
        let codes: Vec<u64> = (10_000_000_000..10_000_000_020).collect();
        let long = json!({ "codes": codes, "fields": { "name": "õäöü".repeat(10), "more": { "a": [1, "b", null] } } });
        let text = json(&long);
        assert!(widest(&text) <= COLUMNS && text.lines().count() > 20, "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), long);
        let member = "  \"fields\": { \"name\": ";
        assert!(text.lines().any(|line| line.starts_with(member) && line.ends_with("] } }")), "{text}");
    }

    #[test]
    fn the_first_line_may_begin_further_in() {
        let value = json!({ "a": "x".repeat(40), "b": "y".repeat(38) });
        assert_eq!(json_at(&value, 0, 0).lines().count(), 1);
        let text = json_at(&value, 10, 4);
        assert!(text.starts_with("{\n      \"a\"") && text.ends_with("\n    }"), "{text}");
    }

    #[test]
    fn long_lines_are_broken_at_spaces_and_words_stay_whole() {
        let text = "    \"message\": \"".to_owned() + &"word ".repeat(30) + "end.\"";
        let fitted = fit(&text);
        assert!(widest(&fitted) <= COLUMNS, "{fitted}");
        assert!(fitted.lines().nth(1).unwrap().starts_with("        word"), "{fitted}");
        assert_eq!(
            fitted.split_whitespace().collect::<Vec<_>>(),
            text.split_whitespace().collect::<Vec<_>>()
        );
        let path = "x".repeat(COLUMNS + 1);
        assert_eq!(wrap(&path, "  "), path);
        assert_eq!(wrap(&format!("in {path}"), "  "), format!("in\n  {path}"));
        assert_eq!(wrap("short", "  "), "short");
    }
}
