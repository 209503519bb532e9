// SPDX-License-Identifier: Apache-2.0
//! `paasla governance`: services, access rights and vocabulary as a set of files, which is compared with a host and put to
//! work as a whole. Policies have rules, and a life of their own: `paasla policy`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use paasla_core::Rulebook;
use serde_json::{Value, json};

use crate::{
    client::{Client, Remote},
    control, effect,
    policy::How,
    show,
};

/// Commands for the whole of it.
#[derive(Debug, Subcommand)]
pub(crate) enum GovernanceCommand {
    /// Write what is at work into files: one for the vocabulary, one for each service and each access right.
    Export(Export),
    /// Show what would change if these files were put to work, and for which generation that holds. What somebody changed in
    /// the host since the files were written shows, too.
    Plan(Plan),
    /// Put the files to work: all of it, or nothing. Refused if the host is at another generation than the plan.
    Apply(Apply),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The folder to write into.
    folder: PathBuf,
    /// Write anew what the folder holds already.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The folder with the files.
    folder: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The folder with the files.
    folder: PathBuf,
    /// The generation that the plan named.
    #[arg(long, value_name = "N")]
    generation: u64,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn run(command: GovernanceCommand) -> Result<()> {
    match command {
        GovernanceCommand::Export(Export { folder, replace, remote }) => {
            let rulebook = at_work(&remote.client()?)?;
            control::write(&folder, &rulebook, replace)?;
            let done = json!({
                "generation": rulebook.generation,
                "folder": folder.display().to_string(),
                "services": rulebook.services.len(),
                "grants": rulebook.grants.len(),
            });
            show::one(remote.json, &done, |done| {
                let at = |place: &str| show::text(done, place);
                format!(
                    "Generation {} is in {}: {} services and {} access rights.",
                    at("/generation"),
                    at("/folder"),
                    at("/services"),
                    at("/grants")
                )
            })
        }
        GovernanceCommand::Plan(Plan { folder, remote }) => {
            let client = remote.client()?;
            let files = control::read(&folder)?;
            let generation = at_work(&client)?.generation;
            let body = with(body(&files, generation, "to see what would change"), "dryRun", true.into());
            let answer = with(client.post("/rulebook/apply", &body)?, "generation", generation.into());
            show::one(remote.json, &answer, |answer| {
                let generation = show::text(answer, "/generation");
                let told = effect::outcome(answer, |_| String::new());
                format!(
                    "{told}\nThis holds for generation {generation}: paasla governance apply --generation {generation}"
                )
            })
        }
        GovernanceCommand::Apply(Apply { folder, generation, reason, how, remote }) => {
            let client = remote.client()?;
            let files = control::read(&folder)?;
            let answer = client.post("/rulebook/apply", &how.with(body(&files, generation, &reason)))?;
            show::one(remote.json, &answer, |answer| {
                effect::outcome(answer, |done| {
                    format!("Generation {} is at work.", show::text(done, "/generation"))
                })
            })
        }
    }
}

fn body(files: &Rulebook, base: u64, reason: &str) -> Value {
    json!({
        "base": base,
        "vocabulary": files.vocabulary,
        "services": files.services,
        "grants": files.grants,
        "reason": reason,
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

/// The rulebook at work, policies aside.
fn at_work(client: &Client) -> Result<Rulebook> {
    let whole = client.get("/rulebook")?;
    let part = |name: &str| whole.get(name).cloned().unwrap_or_default();
    let rulebook = json!({
        "generation": part("generation"),
        "vocabulary": part("vocabulary"),
        "services": part("services"),
        "grants": part("grants"),
        "policies": [],
    });
    serde_json::from_value(rulebook)
        .context("the host answers with a rulebook that this program cannot read: it is another version")
}
