// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask demo --check`: a scripted list of queries over real HTTP, each with what must come back.

mod access;
mod answers;
mod bounds;
mod faults;
mod tell;
mod visible;

use std::fmt::Display;

use anyhow::{Result, bail};
use paasla_tests::{Ask, Got, Stage, World, ask};

use crate::{
    out::say,
    table::{self, Column},
};

/// Readable in a terminal of 100 columns.
const COLUMNS: [Column; 6] = [
    ("#", 2),
    ("who asked, and why", 17),
    ("what was asked", 17),
    ("what came back", 20),
    ("what was hidden, and why", 24),
    ("", 4),
];

/// A run through the scenario.
struct Script<'a> {
    base_url: &'a str,
    world: &'a World,
    agent: ureq::Agent,
    rows: Vec<Row>,
}

/// One query, told.
struct Row {
    cells: [String; 5],
    /// Why it did not end as it should.
    failures: Vec<String>,
}

/// Asks everything, and prints the table.
///
/// # Errors
/// When a query ended otherwise than it should.
pub(crate) fn run(stage: &Stage) -> Result<()> {
    let Stage { base_url, world } = stage;
    let mut script = Script { base_url, world, agent: ask::agent(), rows: Vec::new() };
    visible::run(&mut script);
    access::run(&mut script);
    answers::run(&mut script);
    bounds::run(&mut script);
    faults::run(&mut script);
    script.print();
    let (count, failed) =
        (script.rows.len(), script.rows.iter().filter(|row| !row.failures.is_empty()).count());
    if failed > 0 {
        bail!("{failed} of {count} queries did not end as they should");
    }
    say(format_args!("{count} queries, every one ended as it should."));
    Ok(())
}

impl Script<'_> {
    /// Sends a query, and begins its row. `who` is the client's part.
    fn ask(&mut self, who: &str, why: &str, asked: &str, ask: &Ask) -> Got {
        let sent = ask.send(&self.agent, self.base_url);
        let (got, failure) = match sent {
            Ok(got) => (got, None),
            Err(error) => {
                let none = Got {
                    status: 0,
                    text: String::new(),
                    json: serde_json::Value::Null,
                    decision: None,
                    retry_after: None,
                };
                (none, Some(format!("no answer: {error:#}")))
            }
        };
        let (came, hidden) = tell::tell(ask, &got);
        let cells = [who.replace('_', " "), why.to_owned(), asked.to_owned(), came, hidden];
        self.rows.push(Row { cells, failures: failure.into_iter().collect() });
        self.want(got.decision.is_some(), "every answer names its record in the header Paasla-Decision");
        got
    }

    /// What must hold for the last query.
    fn want(&mut self, holds: bool, statement: impl Display) {
        self.fail_unless(holds, format!("this should hold, and does not: {statement}"));
    }

    fn fail_unless(&mut self, holds: bool, failure: String) {
        if let Some(row) = self.rows.last_mut()
            && !holds
        {
            row.failures.push(failure);
        }
    }

    /// Says of the last query what its answer does not say.
    fn note(&mut self, hidden: &str) {
        if let Some(Row { cells: [.., cell], .. }) = self.rows.last_mut() {
            hidden.clone_into(cell);
        }
    }

    /// The last query must have this status.
    fn want_status(&mut self, got: &Got, status: u16) {
        self.fail_unless(got.status == status, format!("status {status} was expected, {} came", got.status));
    }

    /// The last query must be refused for this reason.
    fn want_refusal(&mut self, got: &Got, code: &str) {
        self.fail_unless(
            got.is_refused(code),
            format!("403 with the reason {code} was expected: {}", got.text),
        );
    }

    /// The last query must be turned away for this problem.
    fn want_problem(&mut self, got: &Got, status: u16, code: &str, place: &str) {
        self.want_status(got, status);
        self.fail_unless(
            got.has_problem(code, place),
            format!("the problem {code} at {place} was expected: {}", got.text),
        );
    }

    fn print(&self) {
        say("");
        table::head(&COLUMNS);
        for (nth, row) in (1..).zip(&self.rows) {
            let [who, why, asked, came, hidden] = row.cells.clone();
            let verdict = if row.failures.is_empty() { "OK" } else { "FAIL" };
            let number: i32 = nth;
            table::row(
                &COLUMNS,
                &[number.to_string(), format!("{who}: {why}"), asked, came, hidden, verdict.to_owned()],
            );
            for failure in &row.failures {
                say(format_args!("   FAIL: {failure}"));
            }
            table::rule(&COLUMNS);
        }
    }
}
