// SPDX-License-Identifier: Apache-2.0
//! The steps in a policy's life, and the way back.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    client::{Remote, segment},
    show,
};

#[derive(Debug, Args)]
pub(crate) struct Step {
    /// The policy's name.
    name: String,
    /// Which version. Without it: the newest; to retire, the one in force, or else the one in shadow.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Activate {
    /// When it comes into force, as RFC 3339 with an offset: `2027-01-01T00:00:00+02:00`. Without it: at once.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
    /// When it goes out of force by itself, as RFC 3339 with an offset. Without it: when somebody takes it out.
    #[arg(long, value_name = "INSTANT")]
    expires: Option<Timestamp>,
    #[command(flatten)]
    step: Step,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The generation to go back to, as `paasla rulebook generations` shows it. Without it: the one before the one at
    /// work.
    #[arg(long, value_name = "GENERATION")]
    to: Option<u64>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(verb: &str, step: &Step) -> Result<()> {
    take(verb, step, None, None)
}

pub(super) fn activate(Activate { at, expires, step }: &Activate) -> Result<()> {
    take("activate", step, *at, *expires)
}

fn take(verb: &str, step: &Step, at: Option<Timestamp>, expires: Option<Timestamp>) -> Result<()> {
    let Step { name, version, reason, remote } = step;
    let body = json!({ "version": version, "at": at, "expires": expires, "reason": reason });
    let done = remote.client()?.post(&format!("/policies/{}/{verb}", segment(name)), &body)?;
    show::one(remote.json, &done, stands)
}

pub(super) fn roll_back(Rollback { to, reason, remote }: &Rollback) -> Result<()> {
    let done = remote.client()?.post("/rulebook/rollback", &json!({ "to": to, "reason": reason }))?;
    show::one(remote.json, &done, |done| {
        let (generation, content) = (show::text(done, "/generation"), show::text(done, "/contentOf"));
        format!("Generation {generation} is at work, with the content of generation {content}.")
    })
}

/// Where a version stands, in a sentence.
pub(super) fn stands(view: &Value) -> String {
    let mut text = show::text(view, "/name");
    if view.get("version").is_some_and(Value::is_u64) {
        text += &format!(" version {}", show::text(view, "/version"));
    }
    let life = show::text(view, "/life");
    text += &format!(": {life}");
    // What runs in shadow, or waits, says nothing else of its approval.
    if matches!(life.as_str(), "shadow" | "approved" | "scheduled") && view.pointer("/approvedBy").is_some() {
        text += &format!(", approved by {}", show::text(view, "/approvedBy"));
    }
    // What is out of force keeps its time: that is no news.
    let is_over = matches!(life.as_str(), "retired" | "rejected");
    for (place, word) in [("/activateAt", "in force from"), ("/expiresAt", "until")] {
        if !is_over && view.pointer(place).is_some_and(|at| !at.is_null()) {
            text += &format!(", {word} {}", show::instant(view, place));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_version_stands_is_one_line() {
        let view = json!({ "name": "minors", "version": 2, "life": "scheduled", "activateAt": 1_000, "expiresAt": 2_000 });
        let until = "in force from 1970-01-01T00:00:01Z, until 1970-01-01T00:00:02Z";
        assert_eq!(stands(&view), format!("minors version 2: scheduled, {until}"));
        let retired = json!({ "name": "minors", "version": 2, "life": "retired", "expiresAt": 2_000 });
        assert_eq!(stands(&retired), "minors version 2: retired");
        assert_eq!(
            stands(&json!({ "name": "minors", "version": null, "life": "enforced" })),
            "minors: enforced"
        );
    }
}
