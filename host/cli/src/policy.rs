// SPDX-License-Identifier: Apache-2.0
//! `paasla policy`: the life of policies, from a version that changes nothing to one in force, and back.

mod create;
mod look;
mod quarantine;
mod step;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use quarantine::{open, operator};
pub(crate) use step::How;

/// Commands for policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Make a version of a policy: a rule with its settings and scope. The host checks all of it, and nothing changes yet.
    Create(create::Create),
    /// Let a version run in shadow: after each answer, changing none. `paasla policy diff` shows what it would have
    /// changed.
    Shadow(step::Step),
    /// Approve a version, so that it may be put in force. Somebody other than who made it must do this.
    Approve(step::Step),
    /// Reject a version: it can no longer be put in force, and leaves shadow.
    Reject(step::Step),
    /// Put an approved version in force, at once or at a set time, in place of the one that is.
    Activate(step::Activate),
    /// Take a policy out of force, or out of shadow.
    /// That lets more be seen, so a second person must confirm it with `paasla proposal confirm`.
    Retire(step::Retire),
    /// Put an earlier generation of the whole rulebook (services, access rights, vocabulary and policies) to work again,
    /// as a new generation, without what was taken out since. Where that loosens, a second person must confirm it.
    Rollback(step::Rollback),
    /// Show a policy: what of it is at work, since when, by whom and why.
    Show(look::Show),
    /// List the versions of all policies, or of one, and where each stands in its life.
    List(look::List),
    /// Show what a version in shadow would have changed: for which clients, and in which fields.
    Diff(look::Diff),
    /// List who changed what, when and why, newest first; what was refused included.
    Changes(look::Changes),
    /// Policies that were taken out of service because their rules broke too often.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
}

pub(crate) fn run(command: PolicyCommand) -> Result<()> {
    match command {
        PolicyCommand::Create(arguments) => create::run(&arguments),
        PolicyCommand::Shadow(arguments) => step::run("shadow", &arguments),
        PolicyCommand::Approve(arguments) => step::run("approve", &arguments),
        PolicyCommand::Reject(arguments) => step::run("reject", &arguments),
        PolicyCommand::Activate(arguments) => step::activate(&arguments),
        PolicyCommand::Retire(arguments) => step::retire(&arguments),
        PolicyCommand::Rollback(arguments) => step::roll_back(&arguments),
        PolicyCommand::Show(arguments) => look::show(&arguments),
        PolicyCommand::List(arguments) => look::list(&arguments),
        PolicyCommand::Diff(arguments) => look::diff(&arguments),
        PolicyCommand::Changes(arguments) => look::changes(&arguments),
        PolicyCommand::Quarantine(command) => quarantine::run(command),
    }
}
