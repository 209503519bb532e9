// SPDX-License-Identifier: Apache-2.0
//! `paasla policy quarantine`: policies that were taken out of service because their rules broke too often. Works on the
//! store itself, so it can be done when the host is down.

use std::{fs, io::Write as _, os::unix::fs::MetadataExt as _, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use paasla_core::Person;
use paasla_store::{
    Governance as _, Quarantine, SqliteStore, Store as _,
    governance::{
        act::Act,
        change::ChangeOutcome,
        proposal::{Effect, ProposalState, ProposedAct},
    },
};
use serde_json::{Value, json};

use crate::{
    config::Config,
    effect,
    failure::not_found,
    out::out,
    proposal::{at_machine, change},
    show,
    when::{of_millis as instant, utc},
    why,
};

/// Commands for the quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the policies that are out of service.
    List(List),
    /// Propose to put a policy back into service; a second person confirms it with `paasla proposal confirm`. In an
    /// emergency at once: a running host does so within a few seconds; one that is not running, when it starts.
    Lift(Lift),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// List also what was lifted, by whom and why.
    #[arg(long)]
    all: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// The policy's name.
    name: String,
    /// Why it may rule again. Kept in the store, with your name and the time.
    #[arg(long)]
    reason: String,
    /// Do it at once, without waiting for a second person. It stays marked until one confirms it.
    #[arg(long)]
    emergency: bool,
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: QuarantineCommand) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        QuarantineCommand::List(arguments) => runtime.block_on(list(&arguments)),
        QuarantineCommand::Lift(arguments) => runtime.block_on(lift(&arguments)),
    }
}

async fn list(arguments: &List) -> Result<()> {
    let store = open(&arguments.config).await?;
    let found = if arguments.all { store.quarantine_history().await? } else { store.quarantined().await? };
    store.close().await?;
    let mut out = out();
    for quarantine in &found {
        if arguments.json {
            writeln!(out, "{}", as_json(quarantine))?;
        } else {
            writeln!(out, "{}", as_text(quarantine))?;
        }
    }
    if found.is_empty() && !arguments.json {
        writeln!(out, "No policy is in quarantine.")?;
    }
    Ok(())
}

async fn lift(arguments: &Lift) -> Result<()> {
    let reason = why::reason("--reason", &arguments.reason)?;
    let store = open(&arguments.config).await?;
    let four_eyes = Config::read(&arguments.config)?.governance.four_eyes;
    let done = lift_in(&store, arguments, four_eyes, reason).await;
    store.close().await?;
    show::one(arguments.json, &done?, |done| {
        effect::outcome(done, |done| format!("{} is back in service.", show::text(done, "/policy")))
    })
}

async fn lift_in(store: &SqliteStore, arguments: &Lift, four_eyes: bool, reason: &str) -> Result<Value> {
    let (name, by) = (&arguments.name, operator());
    let own = store.quarantined().await?.into_iter().filter(|quarantine| quarantine.entry.policy == *name);
    let quarantines: Vec<i64> = own.map(|quarantine| quarantine.id).collect();
    if quarantines.is_empty() {
        return Err(not_found(format!("the policy `{name}` is not in quarantine")));
    }
    let base = store.newest().await?;
    let proposal = |state| {
        let act = ProposedAct::Lift { name: name.clone() };
        let effect = Effect { quarantines: quarantines.clone(), ..Effect::default() };
        Act::PutProposal(Box::new(at_machine(act, state, (&by, reason), base, effect)))
    };
    let change = |outcome| change(("policy.lift", name), (&by, reason), outcome, (None, None));
    let effect = json!({ "quarantines": quarantines });
    if four_eyes && !arguments.emergency {
        let acts = [proposal(ProposalState::Open)];
        let done = store.commit(&acts, &change(ChangeOutcome::Proposed)).await?;
        return Ok(json!({ "proposal": { "id": done.proposal, "effect": effect } }));
    }
    let mut acts = vec![Act::LiftQuarantine(name.clone())];
    acts.extend(four_eyes.then(|| proposal(ProposalState::Unconfirmed)));
    let done = store.commit(&acts, &change(ChangeOutcome::Done)).await?;
    let mut told = json!({ "policy": name, "by": by, "entries": quarantines.len() });
    if let (Some(members), Some(id)) = (told.as_object_mut(), done.proposal) {
        members.insert("unconfirmed".to_owned(), id.into());
    }
    Ok(told)
}

/// The host's store. It must be there: to look at one must not make one.
pub(crate) async fn open(config: &std::path::Path) -> Result<SqliteStore> {
    let config = Config::read(config)?;
    let file = &config.store.database;
    if !file.is_file() {
        return Err(not_found(format!("there is no store at {}", file.display())));
    }
    SqliteStore::open(file).await.with_context(|| format!("the store {} cannot be opened", file.display()))
}

fn as_json(quarantine: &Quarantine) -> Value {
    let entry = &quarantine.entry;
    let mut object = json!({
        "policy": entry.policy,
        "rule": entry.rule,
        "settings": entry.settings,
        "since": utc(entry.since),
        "faults": entry.faults,
        "lastFault": entry.kind,
        "action": entry.action.name(),
    });
    if let (Some(lifted), Some(object)) = (&quarantine.lifted, object.as_object_mut()) {
        let lifted = json!({ "at": utc(lifted.at), "by": lifted.by, "reason": lifted.reason });
        object.insert("lifted".to_owned(), lifted);
    }
    object
}

fn as_text(quarantine: &Quarantine) -> String {
    let entry = &quarantine.entry;
    let since = instant(entry.since);
    let mut text = format!(
        "{}: out of service since {since}, after {} faults, the last of kind {}; action {}\n  rule     {}\n  settings {}",
        entry.policy,
        entry.faults,
        entry.kind,
        entry.action.name(),
        entry.rule,
        entry.settings,
    );
    if let Some(lifted) = &quarantine.lifted {
        text += &format!("\n  lifted   {} by {}: {}", instant(lifted.at), lifted.by, lifted.reason);
    }
    text
}

/// Who runs this program, as the system knows them: by name, or else by number.
pub(crate) fn operator() -> String {
    let Ok(process) = fs::metadata("/proc/self") else { return "operator".to_owned() };
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = name_of(process.uid(), &users).and_then(|name| name.parse::<Person>().ok());
    named.map_or_else(|| format!("uid {}", process.uid()), |person| person.to_string())
}

/// The name of a user in a file such as `/etc/passwd`: name, password, number, and more, with colons between.
fn name_of(number: u32, users: &str) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _, of) = (parts.next()?, parts.next()?, parts.next()?);
        (of.parse() == Ok(number)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_number() {
        let users = "root:x:0:0::/root:/bin/sh\nbroken\nmari:x:1000:0:Mari:/home/mari:/bin/sh\n";
        assert_eq!(name_of(1000, users), Some("mari"));
        assert_eq!(name_of(0, users), Some("root"));
        assert_eq!(name_of(7, users), None);
    }
}
