// SPDX-License-Identifier: Apache-2.0
//! `paasla rule`: what rule authors do. What needs no host is the toolkit's.

mod oci;
mod pull;
mod push;

use anyhow::Result;
use clap::Subcommand;
use paasla_toolkit::command::{self, AuthorCommand};

/// Commands for rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    #[command(flatten)]
    Author(AuthorCommand),
    /// Bring a component with its signatures to a host, which checks it and runs its cases; or to an OCI registry.
    Push(push::Push),
    /// Fetch a component with its signatures from an OCI registry.
    Pull(pull::Pull),
    /// List the rules that a host has, and who signed them.
    List(push::List),
}

pub(crate) fn run(command: RuleCommand) -> Result<()> {
    match command {
        RuleCommand::Author(command) => command::run(command),
        RuleCommand::Push(arguments) => push::run(&arguments),
        RuleCommand::Pull(arguments) => pull::run(&arguments),
        RuleCommand::List(arguments) => push::list(&arguments),
    }
}
