// SPDX-License-Identifier: Apache-2.0
//! Problems of a description, each with its path.

use std::fmt::{self, Write as _};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `entities.person.fields.birthDate.source`. A thing without a usable name is counted: `fields[3]`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// The text is no TOML, or has an unknown key or a value of the wrong type.
    #[error("the description cannot be read at line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the reader says.
        message: String,
    },
    /// Everything that is wrong with its content.
    #[error("the description has {} problem(s):{}", .0.len(), listed(.0))]
    Invalid(Vec<Problem>),
}

impl DescriptionError {
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
        Self::Syntax { line, message: error.message().to_owned() }
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut list, problem| {
        // Writing to a string cannot fail.
        let _ = write!(list, "\n  {problem}");
        list
    })
}
