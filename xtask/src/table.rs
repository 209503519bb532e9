// SPDX-License-Identifier: Apache-2.0
//! A table in plain text, its cells wrapped.

use crate::out::say;

/// A column: its heading and its width in characters.
pub(crate) type Column = (&'static str, usize);

/// Prints the heading.
pub(crate) fn head<const N: usize>(columns: &[Column; N]) {
    let heading = columns.map(|(name, _)| name.to_owned());
    row(columns, &heading);
    rule(columns);
}

/// Prints one row, and a line under it.
pub(crate) fn row<const N: usize>(columns: &[Column; N], cells: &[String; N]) {
    let wrapped: Vec<Vec<String>> =
        columns.iter().zip(cells).map(|((_, width), cell)| wrap(cell, *width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let parts = columns.iter().zip(&wrapped).map(|((_, width), cell)| {
            let text = cell.get(line).map_or("", String::as_str);
            format!("{text:<width$}")
        });
        say(parts.collect::<Vec<_>>().join(" | ").trim_end());
    }
}

/// Prints a line.
pub(crate) fn rule<const N: usize>(columns: &[Column; N]) {
    say(columns.map(|(_, width)| "-".repeat(width)).join("-+-"));
}

/// Breaks a text at spaces; a word that is too long for a line is broken too.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for letter in word.chars() {
            if length(&line) == width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
    }
    lines.push(line);
    lines
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn texts_are_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("õäöüšž-õäöüšž x", 6), ["õäöüšž", "-õäöüš", "ž x"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
