// SPDX-License-Identifier: Apache-2.0
//! Cases: a query, settings, facts and rows, and the ruling that is expected. They are JSON, so that the same
//! case runs against the rule as plain Rust (`cargo test`) and against the compiled component.
//!
//! A file holds `catalogue` (fields by name), `defaults` (what all cases share) and `cases`:
//!
//! ```json
//! {
//!   "catalogue": { "birthDate": { "category": "pd:BirthDate" } },
//!   "defaults": { "settings": {}, "query": { "purpose": "dpv:IdentityVerification", "fields": ["birthDate"] } },
//!   "cases": [ { "name": "an adult is shown", "expect": "abstain" } ]
//! }
//! ```
//!
//! `expect` is `"abstain"`, `{"refuse": "<code>"}`, `{"narrow": {...}}` or `{"settings": ["<pointer>"]}`; with
//! `rows`, a narrowing that asks for a review also has `reviewed`. A narrowed field reads
//! `"birthDate": "year because minors.birth-date"`; a condition
//! `"subject.access-restricted equal false because access-restriction.restricted"`.

mod bounds;
mod case;
mod render;
mod sound;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use bounds::Bounds;
pub use case::{Case, CaseError, load, read, read_within};
use serde_json::{Value as Json, json};

use crate::{
    __ruling::{Query, Reason, Register},
    Decided, Description, Problem, Reviewed, Row, Rule,
    export::Configured,
};

/// Something that runs a rule: the Rust type itself, or its component in a sandbox.
pub trait Runner {
    /// What can go wrong besides the rule's own answers.
    type Error: std::fmt::Display;

    /// See [`Rule::describe`].
    ///
    /// # Errors
    /// When the rule could not be run.
    fn describe(&mut self) -> Result<Description, Self::Error>;

    /// Takes settings and the register, and tells the reasons that the rule declares; what follows is decided with them.
    ///
    /// # Errors
    /// When the rule could not be run.
    fn configure(
        &mut self,
        settings: &str,
        register: &Register,
    ) -> Result<Result<Vec<Reason>, Vec<Problem>>, Self::Error>;

    /// See [`Rule::decide`].
    ///
    /// # Errors
    /// When the rule could not be run.
    fn decide(&mut self, query: &Query) -> Result<Decided, Self::Error>;

    /// See [`Rule::review`].
    ///
    /// # Errors
    /// When the rule could not be run.
    fn review(&mut self, query: &Query, rows: &[Row]) -> Result<Reviewed, Self::Error>;
}

/// Runs a rule as plain Rust.
#[derive(Debug, Default)]
pub struct Native<R>(Option<Configured<R>>);

impl<R: Rule> Native<R> {
    /// A runner without settings yet.
    #[must_use]
    pub fn new() -> Self {
        Self(None)
    }
}

/// `decide` or `review` was called before `configure` succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConfigured;

impl std::fmt::Display for NotConfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the rule is not configured")
    }
}

impl<R: Rule> Runner for Native<R> {
    type Error = NotConfigured;

    fn describe(&mut self) -> Result<Description, NotConfigured> {
        Ok(Configured::<R>::describe())
    }

    fn configure(
        &mut self,
        settings: &str,
        register: &Register,
    ) -> Result<Result<Vec<Reason>, Vec<Problem>>, NotConfigured> {
        let configured = Configured::new();
        let outcome = configured.configure(settings, register);
        self.0 = outcome.is_ok().then_some(configured);
        Ok(outcome)
    }

    fn decide(&mut self, query: &Query) -> Result<Decided, NotConfigured> {
        self.0.as_ref().map(|rule| rule.decide(query.clone())).ok_or(NotConfigured)
    }

    fn review(&mut self, query: &Query, rows: &[Row]) -> Result<Reviewed, NotConfigured> {
        self.0.as_ref().map(|rule| rule.review(query.clone(), rows)).ok_or(NotConfigured)
    }
}

/// What a rule said to a case.
enum Said {
    /// It took the settings, and ruled.
    Ruling(Json),
    /// It refused the settings.
    Problems(Vec<Problem>),
}

impl Said {
    /// In the words of `expect`.
    fn json(&self) -> Json {
        match self {
            Self::Ruling(ruling) => ruling.clone(),
            Self::Problems(problems) => {
                json!({ "settings": problems.iter().map(|problem| &problem.pointer).collect::<Vec<_>>() })
            }
        }
    }
}

/// Why a rule said nothing to a case.
enum Unsaid {
    /// The case does not fit the rule, or is wrong.
    Case(String),
    /// The rule broke, or what it said is not what the interface asks for.
    Rule(String),
}

/// Runs one case and gives back what the rule said, in the words of `expect`.
///
/// # Errors
/// When the rule could not be run, when the case does not fit the rule (say, a row fact that it does not declare),
/// or when the rule's description or a reason is not what the interface asks for.
pub fn run<T: Runner>(runner: &mut T, case: &Case) -> Result<Json, String> {
    match ask(runner, case) {
        Ok(said) => Ok(said.json()),
        Err(Unsaid::Case(what) | Unsaid::Rule(what)) => Err(what),
    }
}

fn ask<T: Runner>(runner: &mut T, case: &Case) -> Result<Said, Unsaid> {
    let fault = |error: T::Error| Unsaid::Rule(error.to_string());
    let description = runner.describe().map_err(fault)?;
    sound::description(&description).map_err(Unsaid::Rule)?;
    let register = case.register(&description).map_err(Unsaid::Case)?;
    let reasons = match runner.configure(&case.settings.to_string(), &register).map_err(fault)? {
        Ok(reasons) => reasons,
        Err(problems) => return Ok(Said::Problems(problems)),
    };
    sound::reasons(&description, &reasons).map_err(Unsaid::Rule)?;
    let context = render::Context { register: &register, description: &description, reasons: &reasons };
    let query = case.query(&description).map_err(Unsaid::Case)?;
    let decided = runner.decide(&query).map_err(fault)?;
    let mut said = render::decided(context, &decided).map_err(Unsaid::Rule)?;
    if matches!(&decided, Decided::Narrow(narrowing) if narrowing.review) {
        let rows = case.rows(&description).map_err(Unsaid::Case)?;
        let reviewed = runner.review(&query, &rows).map_err(fault)?;
        sound::reviewed(&reviewed).map_err(Unsaid::Rule)?;
        if let Some(narrow) = said.get_mut("narrow").and_then(Json::as_object_mut) {
            let reviewed = render::reviewed(context, &reviewed).map_err(Unsaid::Rule)?;
            narrow.insert("reviewed".to_owned(), reviewed);
        }
    }
    Ok(Said::Ruling(said))
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// File and name.
    pub name: String,
    /// Why it failed: what was expected, and what the rule said.
    pub failure: Option<String>,
}

/// Runs cases against a runner, and says of each what came of it. Settings that several cases share are told once.
pub fn outcomes<T: Runner>(runner: &mut T, cases: &[Case]) -> Vec<Outcome> {
    let mut told: Vec<(&Json, String)> = Vec::new();
    let mut outcomes = Vec::new();
    for case in cases {
        let name = bounds::cut(&case.name).into_owned();
        let expect = case.expect.to_string();
        let expect = bounds::cut(&expect);
        let failure = match ask(runner, case) {
            Ok(said) if said.json() == case.expect => None,
            Ok(Said::Ruling(ruling)) => {
                Some(format!("expected {expect}, the rule said {}", bounds::cut(&ruling.to_string())))
            }
            Ok(Said::Problems(problems)) => {
                Some(match told.iter().find(|(settings, _)| *settings == &case.settings) {
                    Some((_, first)) => {
                        format!("expected {expect}, but its settings are refused, as those of `{first}`")
                    }
                    None => {
                        told.push((&case.settings, name.clone()));
                        let one = |problem: &Problem| {
                            format!("at `/settings{}`: {}", problem.pointer, problem.message)
                        };
                        let problems = problems.iter().map(one).collect::<Vec<_>>().join("; ");
                        let problems = bounds::cut(&problems);
                        format!("expected {expect}, but its settings are refused: {problems}")
                    }
                })
            }
            Err(Unsaid::Case(what)) => Some(format!("the case is wrong: {}", bounds::cut(&what))),
            Err(Unsaid::Rule(what)) => {
                Some(format!("expected {expect}, but the rule failed: {}", bounds::cut(&what)))
            }
        };
        outcomes.push(Outcome { name, failure });
    }
    outcomes
}

/// Runs cases against a runner; gives back one line for each that failed, with what was expected and what the rule said.
pub fn failures<T: Runner>(runner: &mut T, cases: &[Case]) -> Vec<String> {
    let outcomes = outcomes(runner, cases).into_iter();
    outcomes.filter_map(|one| one.failure.map(|why| format!("{}: {why}", one.name))).collect()
}

/// Runs every case in a folder's `*.json` files against a runner.
///
/// # Errors
/// A text that names every case that failed, with what was expected and what the rule said; or says that there is none.
pub fn run_all<T: Runner>(runner: &mut T, folder: &Path) -> Result<usize, String> {
    let cases = load(folder).map_err(|error| error.to_string())?;
    let failures = failures(runner, &cases);
    if failures.is_empty() { Ok(cases.len()) } else { Err(failures.join("\n") + "\n") }
}

/// Runs every case in `cases/` of the rule's crate against the rule as plain Rust. Call it from a `#[test]`.
///
/// # Panics
/// When a case fails, or there are fewer than ten.
#[expect(clippy::panic, reason = "a failed case must fail the test that called this")]
pub fn check<R: Rule>(manifest_dir: &str) {
    match run_all(&mut Native::<R>::new(), &Path::new(manifest_dir).join("cases")) {
        Ok(count) if count >= 10 => {}
        Ok(count) => panic!("{count} cases: write at least ten"),
        Err(failures) => panic!("\n{failures}"),
    }
}
