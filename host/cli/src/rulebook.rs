// SPDX-License-Identifier: Apache-2.0
//! `paasla rulebook`: the control data that queries are decided by, now and before.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{client::Remote, show};

/// Commands for the rulebook.
#[derive(Debug, Subcommand)]
pub(crate) enum RulebookCommand {
    /// Show the rulebook at work: its generation, services, access rights and policies.
    Show(Look),
    /// List every generation of the rulebook, newest first: who made it, when and why.
    Generations(Look),
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn run(command: RulebookCommand) -> Result<()> {
    match command {
        RulebookCommand::Show(Look { remote }) => {
            show::one(remote.json, &remote.client()?.get("/rulebook")?, told)
        }
        RulebookCommand::Generations(Look { remote }) => {
            let all = remote.client()?.get("/rulebook/generations")?;
            let heads = ["generation", "at work", "since", "by", "policies", "reason"];
            show::list(remote.json, &all, "There is no generation.", &heads, |info| {
                let active = info.get("active").and_then(Value::as_bool).unwrap_or_default();
                vec![
                    show::text(info, "/generation"),
                    if active { "yes" } else { "-" }.to_owned(),
                    show::instant(info, "/installedAt"),
                    show::text(info, "/by"),
                    show::short(info, "/policies"),
                    show::text(info, "/reason"),
                ]
            })
        }
    }
}

/// The rulebook, in three tables.
fn told(rulebook: &Value) -> String {
    let rows = |place: &str, row: fn(&Value) -> Vec<String>| {
        let all = rulebook.pointer(place).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        all.iter().map(row)
    };
    let mut text = format!("Generation {}\n", show::text(rulebook, "/generation"));
    let services =
        rows("/services", |service| vec![show::text(service, "/name"), show::text(service, "/version")]);
    let _ = write!(text, "\n{}", show::table(&["service", "version"], services));
    let grants = rows("/grants", |grant| {
        ["/id", "/client", "/service"].iter().map(|place| show::text(grant, place)).collect()
    });
    let _ = write!(text, "\n{}", show::table(&["access right", "client", "service"], grants));
    let policies = rows("/policies", |policy| {
        vec![
            show::text(policy, "/name"),
            show::text(policy, "/mode"),
            show::short(policy, "/rule"),
            show::texts(policy, "/scope/clients", "all"),
            show::texts(policy, "/scope/services", "all"),
        ]
    });
    let heads = ["policy", "mode", "rule", "clients", "services"];
    let _ = write!(text, "\n{}", show::table(&heads, policies));
    text
}
