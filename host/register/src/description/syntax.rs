// SPDX-License-Identifier: Apache-2.0
//! Syntax of what a description names: names, identifiers, IRIs. Collects what is wrong and goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::problem::Problem;

/// Names that plans give to tables themselves.
const RESERVED_ALIASES: [&str; 3] = ["about", "fact", "page"];

/// Checks single texts and collects their problems.
pub(super) struct SyntaxCheck {
    pub(super) problems: Vec<Problem>,
    pub(super) prefixes: BTreeMap<String, String>,
}

/// Whether a text may stand in SQL as a quoted name: `[A-Za-z_][A-Za-z0-9_]*`, at most 63 characters (PostgreSQL
/// would cut a longer one).
fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 63
}

fn is_fact_name(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

fn is_iri_character(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
}

/// The path of one of several things: by its name where it has a usable one, else by its place.
pub(super) fn item(base: &str, list: &str, index: usize, name: Option<&String>) -> String {
    let dot = if base.is_empty() { "" } else { "." };
    match name.filter(|name| is_identifier(name) || is_fact_name(name)) {
        Some(name) => format!("{base}{dot}{list}.{name}"),
        None => format!("{base}{dot}{list}[{index}]"),
    }
}

impl SyntaxCheck {
    pub(super) fn add(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        self.problems.push(Problem { path: path.to_string(), message: message.into() });
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, path: impl fmt::Display, text: Option<String>) -> String {
        let text = text.unwrap_or_default();
        if text.trim().is_empty() {
            self.add(path, "is missing");
        }
        text
    }

    /// An identifier that must be there.
    pub(super) fn identifier(&mut self, path: impl fmt::Display, text: Option<String>) -> String {
        match text {
            Some(text) => {
                if !is_identifier(&text) {
                    self.add(
                        path,
                        "is no identifier: a letter or `_`, then letters, digits or `_`, at most 63",
                    );
                }
                text
            }
            None => {
                self.add(path, "is missing");
                String::new()
            }
        }
    }

    /// An identifier that may be left out.
    pub(super) fn optional_identifier(
        &mut self,
        path: impl fmt::Display,
        text: Option<String>,
    ) -> Option<String> {
        text.map(|text| self.identifier(path, Some(text)))
    }

    /// An identifier that is not used yet.
    pub(super) fn unique(
        &mut self,
        path: impl fmt::Display,
        text: Option<String>,
        used: &mut BTreeSet<String>,
    ) -> String {
        let text = self.identifier(&path, text);
        if !text.is_empty() && !used.insert(text.clone()) {
            self.add(path, "the name is used twice");
        }
        text
    }

    /// A name for a table that plans do not give themselves.
    pub(super) fn alias(&mut self, path: impl fmt::Display, alias: &str) {
        if RESERVED_ALIASES.contains(&alias) || alias.starts_with("about_") {
            self.add(path, "`about`, `about_…`, `fact` and `page` are names that Pääsla gives itself");
        }
    }

    /// The name of a fact: lower-case words divided by dots.
    pub(super) fn fact_name(
        &mut self,
        path: impl fmt::Display,
        name: Option<String>,
        used: &mut BTreeSet<String>,
    ) -> String {
        let name = self.text(&path, name);
        if !is_fact_name(&name) {
            self.add(&path, "is no fact name: lower-case words divided by dots, e.g. `subject.birth-date`");
        }
        if !used.insert(name.clone()) {
            self.add(path, "the name is used twice");
        }
        name
    }

    /// Checks the prefixes themselves.
    pub(super) fn check_prefixes(&mut self) {
        for (prefix, namespace) in self.prefixes.clone() {
            let path = format!("prefixes.{prefix}");
            let plain = prefix.starts_with(|c: char| c.is_ascii_lowercase())
                && prefix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !plain || matches!(prefix.as_str(), "urn" | "http" | "https") {
                self.add(&path, "is no prefix: lower-case letters, digits and `-`; not urn, http or https");
            }
            if !is_full(&namespace) || !namespace.chars().all(is_iri_character) {
                self.add(path, "is no namespace: a full IRI, with `://` or starting with `urn:`");
            }
        }
    }

    /// An IRI, full or with a known prefix; comes back in full.
    pub(super) fn iri(&mut self, path: impl fmt::Display, iri: Option<String>) -> String {
        let iri = self.text(&path, iri);
        if iri.is_empty() {
            return iri;
        }
        if !iri.chars().all(is_iri_character) {
            self.add(&path, "holds a character that an IRI cannot have");
        }
        if is_full(&iri) {
            return iri;
        }
        let expanded = iri
            .split_once(':')
            .and_then(|(prefix, local)| self.prefixes.get(prefix).map(|space| format!("{space}{local}")));
        expanded.unwrap_or_else(|| {
            self.add(path, format!("`{iri}` is neither a full IRI nor has a prefix from `prefixes`"));
            iri
        })
    }
}

fn is_full(iri: &str) -> bool {
    iri.contains("://") || iri.starts_with("urn:")
}
