// SPDX-License-Identifier: Apache-2.0
//! The steps in a policy's life, and the way back.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    client::{Remote, segment},
    effect, show, when,
};

#[derive(Debug, Args)]
pub(crate) struct Step {
    /// The policy's name.
    name: String,
    /// Which version. Without it: the newest.
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
    #[arg(long, value_name = "INSTANT", value_parser = when::read)]
    at: Option<Timestamp>,
    /// When it goes out of force by itself, as RFC 3339 with an offset. Without it: when somebody takes it out.
    #[arg(long, value_name = "INSTANT", value_parser = when::read)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    step: Step,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// The policy's name.
    name: String,
    /// Which version. Without it: the one in force, or else the one in shadow.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    remote: Remote,
}

/// How an act that may loosen is to be done.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it at once even where it loosens. It stays marked until a second person confirms it.
    #[arg(long, conflicts_with = "dry_run")]
    emergency: bool,
}

impl How {
    /// A body that says so, too.
    pub(crate) fn with(&self, mut body: Value) -> Value {
        if let Some(members) = body.as_object_mut() {
            members.insert("dryRun".to_owned(), self.dry_run.into());
            members.insert("emergency".to_owned(), self.emergency.into());
        }
        body
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The generation to go back to, as `paasla rulebook generations` shows it. Without it: the one before the one at
    /// work.
    #[arg(long, value_name = "GENERATION")]
    to: Option<u64>,
    /// Bring this back, though it was taken out since: `NAME`, or `grant/NAME` and the like. Give it once for each. A
    /// second person must confirm that.
    #[arg(long, value_name = "NAME")]
    bring_back: Vec<String>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    how: How,
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

pub(super) fn retire(arguments: &Retire) -> Result<()> {
    let Retire { name, version, reason, how, remote } = arguments;
    let body = how.with(json!({ "version": version, "reason": reason }));
    let answer = remote.client()?.post(&format!("/policies/{}/retire", segment(name)), &body)?;
    show::one(remote.json, &answer, |answer| effect::outcome(answer, stands))
}

pub(super) fn roll_back(arguments: &Rollback) -> Result<()> {
    let Rollback { to, bring_back, reason, how, remote } = arguments;
    let body = how.with(json!({ "to": to, "bringBack": bring_back, "reason": reason }));
    let answer = remote.client()?.post("/rulebook/rollback", &body)?;
    show::one(remote.json, &answer, |answer| {
        effect::outcome(answer, |done| {
            let (generation, content) = (show::text(done, "/generation"), show::text(done, "/contentOf"));
            format!("Generation {generation} is at work, with the content of generation {content}.")
        })
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
    if view.get("insteadOf").is_some() {
        text += &format!(", instead of {} as planned before", show::instant(view, "/insteadOf"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_version_stands_is_one_line() {
        let view = json!({ "name": "minors", "version": 2, "life": "scheduled", "activateAt": "2027-01-31T22:00:00Z", "expiresAt": "2027-12-31T22:00:00Z" });
        let until = "in force from 2027-02-01T00:00:00+02:00, until 2028-01-01T00:00:00+02:00";
        assert_eq!(stands(&view), format!("minors version 2: scheduled, {until}"));
        let retired = json!({ "name": "minors", "version": 2, "life": "retired", "expiresAt": 2_000 });
        assert_eq!(stands(&retired), "minors version 2: retired");
        assert_eq!(
            stands(&json!({ "name": "minors", "version": null, "life": "enforced" })),
            "minors: enforced"
        );
    }
}
