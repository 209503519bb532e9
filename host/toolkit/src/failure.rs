// SPDX-License-Identifier: Apache-2.0
//! How a command fails: of what kind, which is its exit status too, what is wrong and where, and what to do about it.
//!
//! A script reads the exit status and, with `--json`, one object on standard output. People read the same as text on
//! standard error.

use std::{ffi::OsString, fmt, process::ExitCode};

use anyhow::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::show::plain;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something else went wrong on this machine.
    Failed,
    /// The command line is wrong.
    Usage,
    /// What was given is not what it must be: a rule, settings, a configuration.
    Invalid,
    /// The host or the registry does not let you.
    Forbidden,
    /// Something that was named is not there.
    NotFound,
    /// It is in another state than this needs, or somebody else changed it at the same time.
    Conflict,
    /// The host or the registry cannot be reached, or cannot do it now.
    Unreachable,
    /// Cases of a rule failed, or there are none.
    CasesFailed,
}

impl Kind {
    /// Every kind.
    #[cfg(test)]
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Usage,
        Self::Invalid,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Unreachable,
        Self::CasesFailed,
    ];

    /// The exit status. That of the command line is clap's.
    pub fn status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Forbidden => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Unreachable => 7,
            Self::CasesFailed => 8,
        }
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::CasesFailed => "cases_failed",
        }
    }

    /// The kind of a host's answer.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 | 405 => Self::NotFound,
            409 | 412 => Self::Conflict,
            400..=499 => Self::Invalid,
            _ => Self::Unreachable,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// A word for programs.
    pub code: String,
    /// Where: a JSON pointer (RFC 6901) into what was sent, or the name of a part of it.
    pub place: String,
    /// What, for people.
    pub message: String,
}

/// Why a command failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of what kind.
    pub kind: Kind,
    /// The host's word for it, where it said one.
    pub code: Option<String>,
    /// What is wrong, for people.
    pub message: String,
    /// Each thing that is wrong, where there are several.
    pub problems: Vec<Problem>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Failure {
    /// One with a message and nothing else.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), problems: Vec::new(), remedy: None }
    }

    /// The same with what to do about it.
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// What an error is to whoever called: an error without a kind of its own is `Failed`.
    pub fn of(error: &Error) -> Self {
        let message = format!("{error:#}");
        match error.downcast_ref::<Self>() {
            Some(known) => Self {
                kind: known.kind,
                code: known.code.clone(),
                message,
                problems: known.problems.clone(),
                remedy: known.remedy.clone(),
            },
            None => Self::new(Kind::Failed, message),
        }
    }

    /// One object for programs.
    pub fn json(&self) -> Value {
        let Self { kind, code, message, problems, remedy } = self;
        let problem = |Problem { code, place, message }: &Problem| json!({ "code": code, "place": place, "message": message });
        json!({ "error": {
            "kind": kind.name(),
            "exitStatus": kind.status(),
            "code": code.as_deref().unwrap_or(kind.name()),
            "message": message,
            "problems": problems.iter().map(problem).collect::<Value>(),
            "remedy": remedy,
        } })
    }

    /// The same for people: one problem a line, `place: message (code)`, or what is wrong where there is no list.
    pub fn text(&self) -> String {
        let mut lines: Vec<String> = self.problems.iter().map(line).collect();
        if lines.is_empty() {
            let code = self.code.as_ref().map(|code| format!(" ({})", plain(code)));
            let message: Vec<String> = self.message.lines().map(plain).collect();
            lines.push(format!("error: {}{}", message.join("\n"), code.unwrap_or_default()));
        }
        lines.extend(self.remedy.iter().map(|remedy| format!("remedy: {remedy}")));
        lines.join("\n")
    }
}

fn line(Problem { code, place, message }: &Problem) -> String {
    // A failed case says more than fits in a line. The whole of what was sent has no name in a pointer.
    let message: Vec<String> = message.lines().map(plain).collect();
    let place = if place.is_empty() { "(all of it)".to_owned() } else { plain(place) };
    format!("{place}: {} ({})", message.join("\n  "), plain(code))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A command line that is wrong in a way that clap does not see.
pub fn usage(message: impl Into<String>) -> Error {
    Failure::new(Kind::Usage, message).into()
}

/// What was given is not what it must be.
pub fn invalid(message: impl Into<String>) -> Error {
    Failure::new(Kind::Invalid, message).into()
}

/// Something that was named is not there.
pub fn not_found(message: impl Into<String>) -> Error {
    Failure::new(Kind::NotFound, message).into()
}

/// Gives an error a kind, and keeps its text; one that has a kind keeps that too.
pub fn of_kind(kind: Kind) -> impl Fn(Error) -> Error {
    move |error| {
        if error.downcast_ref::<Failure>().is_some() {
            return error;
        }
        Failure::new(kind, format!("{error:#}")).into()
    }
}

/// Whether a command line asks for JSON, be it right or wrong.
#[must_use]
pub fn asks_for_json(line: &[OsString]) -> bool {
    line.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// Ends a program whose command line clap did not take as a command: wrong, or a wish for help. What is wrong goes to programs
/// by `fail`, and to people as clap says it.
pub fn end_without_command(
    error: &clap::Error,
    json: bool,
    fail: impl FnOnce(&Failure, bool) -> ExitCode,
) -> ExitCode {
    if json && error.use_stderr() {
        return fail(&of_command_line(error), json);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Kind::Usage.status()))
}

/// What clap found wrong with a command line.
fn of_command_line(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let message: Vec<&str> = message.lines().map(str::trim).collect();
    Failure::new(Kind::Usage, message.join(" ")).remedy("see the same command with --help")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_status_of_its_own_and_the_reference_tells_them() {
        let reference = include_str!("../../../docs/reference/cli.md");
        let mut statuses = BTreeSet::from([0]);
        for kind in Kind::ALL {
            assert!(statuses.insert(kind.status()), "{kind:?}");
            let row = format!("| {} | `{}` |", kind.status(), kind.name());
            assert!(reference.contains(&row), "docs/reference/cli.md lacks {row}");
        }
    }

    #[test]
    fn a_kind_outlives_what_is_said_around_it() {
        let error = Err::<(), _>(not_found("there is no rule")).context("the policy cannot be made");
        let failure = Failure::of(&error.unwrap_err());
        assert_eq!(failure.kind, Kind::NotFound);
        assert_eq!(failure.message, "the policy cannot be made: there is no rule");
        let again = of_kind(Kind::Invalid)(not_found("gone"));
        assert_eq!(Failure::of(&again).kind, Kind::NotFound);
        assert_eq!(Failure::of(&anyhow::anyhow!("x")).kind, Kind::Failed);
    }

    #[test]
    fn what_came_from_elsewhere_cannot_write_over_the_screen() {
        let problem = |code: &str, place: &str, message: &str| Problem {
            code: code.to_owned(),
            place: place.to_owned(),
            message: message.to_owned(),
        };
        let problems =
            vec![problem("name_invalid", "/name", "no\u{1b}[2J"), problem("case_failed", "/cases", "a\nb")];
        let failure = Failure { problems, ..Failure::new(Kind::Invalid, "2 problems") };
        assert_eq!(failure.text(), "/name: no\u{FFFD}[2J (name_invalid)\n/cases: a\n  b (case_failed)");
        let failure = Failure::new(Kind::Failed, "a\u{1b}[2J").remedy("do this");
        assert_eq!(failure.text(), "error: a\u{FFFD}[2J\nremedy: do this");
    }
}
