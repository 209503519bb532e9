// SPDX-License-Identifier: Apache-2.0
//! `paasla rulebook`: the control data that queries are decided by, now and before.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    client::{Remote, segment},
    effect, show, when,
};

/// Commands for the rulebook.
#[derive(Debug, Subcommand)]
pub(crate) enum RulebookCommand {
    /// Show the rulebook at work, or as it was: its generation, services, access rights and policies, and since when each
    /// policy is at work, by whom and why.
    Show(Show),
    /// List every generation of the rulebook, newest first: who made it, when and why.
    Generations(Look),
    /// Show what differs between two generations: services, access rights, terms and policies that were added, removed or
    /// changed.
    Diff(Diff),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// As it was at this time, as RFC 3339 with an offset: `2027-01-01T00:00:00+02:00`. Without it: now.
    #[arg(long, value_name = "INSTANT", value_parser = when::read)]
    at: Option<Timestamp>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The generation that comes first, as `paasla rulebook generations` shows it.
    from: u64,
    /// The generation to compare it with.
    to: u64,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn run(command: RulebookCommand) -> Result<()> {
    match command {
        RulebookCommand::Show(Show { at, remote }) => {
            let path = at.map_or_else(
                || "/rulebook".to_owned(),
                |at| format!("/rulebook?at={}", segment(&at.to_string())),
            );
            show::one(remote.json, &remote.client()?.get(&path)?, told)
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
        RulebookCommand::Diff(Diff { from, to, remote }) => {
            let all = remote.client()?.get(&format!("/rulebook/diff?from={from}&to={to}"))?;
            if remote.json {
                return show::list(true, &all, "", &[], |_| Vec::new());
            }
            show::one(false, &all, effect::changes)
        }
    }
}

/// The rulebook: since when it is, and three tables.
fn told(rulebook: &Value) -> String {
    let rows = |place: &str, row: &dyn Fn(&Value) -> Vec<String>| {
        let all = rulebook.pointer(place).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        all.iter().map(row).collect::<Vec<_>>().into_iter()
    };
    let text = |place: &str| show::text(rulebook, place);
    let mut told = format!("Generation {}", text("/generation"));
    if rulebook.get("since").is_some() {
        let since = show::instant(rulebook, "/since/at");
        let _ = write!(told, ", since {since}");
    }
    if rulebook.pointer("/since/by").is_some() {
        let _ = write!(told, ", by {}: {}", text("/since/by"), text("/since/reason"));
    }
    told.push('\n');
    let unconfirmed = rulebook.get("unconfirmed").and_then(Value::as_array).map_or(0, Vec::len);
    if unconfirmed > 0 {
        let _ =
            writeln!(told, "Done in an emergency, and not confirmed: {unconfirmed} (paasla proposal list)");
    }
    let services =
        rows("/services", &|service| vec![show::text(service, "/name"), show::text(service, "/version")]);
    let _ = write!(told, "\n{}", show::table(&["service", "version"], services));
    let grants = rows("/grants", &|grant| {
        ["/id", "/client", "/service"].iter().map(|place| show::text(grant, place)).collect()
    });
    let _ = write!(told, "\n{}", show::table(&["access right", "client", "service"], grants));
    let at_work = rulebook.get("atWork").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let policies = rows("/policies", &|policy| {
        let enforced = policy.get("mode").and_then(Value::as_str) != Some("shadow");
        let is_it = |own: &&Value| {
            own.get("name") == policy.get("name")
                && own.get("enforced").and_then(Value::as_bool) == Some(enforced)
        };
        let nothing = Value::Null;
        let since = at_work.iter().find(is_it).unwrap_or(&nothing);
        vec![
            show::text(policy, "/name"),
            show::text(policy, "/mode"),
            show::short(policy, "/rule"),
            show::texts(policy, "/scope/clients", "all"),
            show::texts(policy, "/scope/services", "all"),
            show::instant(since, "/since/at"),
            show::text(since, "/since/by"),
            show::text(since, "/since/reason"),
        ]
    });
    let heads = ["policy", "mode", "rule", "clients", "services", "since", "by", "why"];
    let _ = write!(told, "\n{}", show::table(&heads, policies));
    told
}
