// SPDX-License-Identifier: Apache-2.0
//! `paasla proposal`: what loosens is proposed by one person and confirmed by another.

use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use paasla_store::governance::{
    change::{ChangeOutcome, NewChange},
    proposal::{Effect, Proposal, ProposalState, ProposedAct},
};
use serde_json::{Value, json};

use crate::{
    client::{Remote, segment},
    effect, show,
};

/// Commands for proposals.
#[derive(Debug, Subcommand)]
pub(crate) enum ProposalCommand {
    /// List what waits for a second person: what was proposed, and what was done in an emergency.
    List(List),
    /// Show a proposal: who proposed it, why, and what it changes.
    Show(Show),
    /// Do what somebody else has proposed, or confirm what somebody else has done in an emergency.
    Confirm(Decide),
    /// Reject a proposal. What was done in an emergency stays done until somebody undoes it.
    Reject(Decide),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List also what was confirmed and rejected.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The proposal's number.
    id: i64,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The proposal's number.
    id: i64,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn run(command: ProposalCommand) -> Result<()> {
    match command {
        ProposalCommand::List(List { all, remote }) => {
            let found = remote.client()?.get(&format!("/proposals?waiting={}", !all))?;
            let heads = ["id", "state", "what", "by", "when", "made from", "reason"];
            show::list(remote.json, &found, "No proposal waits.", &heads, |proposal| {
                vec![
                    show::text(proposal, "/id"),
                    show::text(proposal, "/state"),
                    what(proposal),
                    show::text(proposal, "/by"),
                    show::instant(proposal, "/at"),
                    show::text(proposal, "/base"),
                    show::text(proposal, "/reason"),
                ]
            })
        }
        ProposalCommand::Show(Show { id, remote }) => {
            let found = remote.client()?.get(&format!("/proposals/{}", segment(&id.to_string())))?;
            show::one(remote.json, &found, told)
        }
        ProposalCommand::Confirm(decide) => take("confirm", &decide),
        ProposalCommand::Reject(decide) => take("reject", &decide),
    }
}

fn take(verb: &str, Decide { id, reason, remote }: &Decide) -> Result<()> {
    let done = remote.client()?.post(&format!("/proposals/{id}/{verb}"), &json!({ "reason": reason }))?;
    show::one(remote.json, &done, |done| {
        let mut text = done.get("proposal").map(told).unwrap_or_default();
        if done.get("generation").is_some() {
            text += &format!("Generation {} is at work.\n", show::text(done, "/generation"));
        }
        text
    })
}

/// What is to be done, in two words.
fn what(proposal: &Value) -> String {
    let kind = show::text(proposal, "/act/kind");
    let of = ["/act/policy", "/act/to", "/act/name"].map(|place| show::text(proposal, place));
    of.into_iter().find(|of| of != "-").map_or_else(|| kind.clone(), |of| format!("{kind} {of}"))
}

fn told(proposal: &Value) -> String {
    let text = |place: &str| show::text(proposal, place);
    let mut lines = vec![
        format!("Proposal {}: {}, {}", text("/id"), what(proposal), text("/state")),
        format!("by {} at {}: {}", text("/by"), show::instant(proposal, "/at"), text("/reason")),
    ];
    if proposal.pointer("/decided/by").is_some() {
        let (by, at) = (text("/decided/by"), show::instant(proposal, "/decided/at"));
        lines.push(format!("decided by {by} at {at}: {}", text("/decided/reason")));
    }
    let effect = proposal.get("effect").map(effect::told).unwrap_or_default();
    format!("{}\n{effect}", lines.join("\n"))
}

/// A proposal that is made at the host's machine, by whoever is there.
pub(crate) fn at_machine(
    act: ProposedAct,
    state: ProposalState,
    (by, reason): (&str, &str),
    base: u64,
    effect: Effect,
) -> Proposal {
    Proposal {
        id: 0,
        act,
        state,
        by: by.to_owned(),
        token: None,
        institution: None,
        at: Timestamp::now().as_millisecond(),
        reason: reason.to_owned(),
        base,
        effect,
        decided: None,
    }
}

/// The change that goes with an act at the host's machine.
pub(crate) fn change(
    (action, target): (&str, &str),
    (by, reason): (&str, &str),
    outcome: ChangeOutcome,
    (before, after): (Option<String>, Option<String>),
) -> NewChange {
    NewChange {
        instant: Timestamp::now().as_millisecond(),
        who: by.to_owned(),
        token: None,
        institution: None,
        action: action.to_owned(),
        target: target.to_owned(),
        version: None,
        reason: reason.to_owned(),
        outcome,
        before,
        after,
        problems: Vec::new(),
        cancelled: Vec::new(),
    }
}
