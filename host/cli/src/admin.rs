// SPDX-License-Identifier: Apache-2.0
//! `paasla admin`: who may change governance. Works on the store itself, so it is for whoever looks after the host's
//! machine: the first token has to come from somewhere.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context as _, Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use paasla_core::ClientId;
use paasla_store::{
    Governance as _, SqliteStore, Store as _,
    governance::{
        act::Act,
        change::{ChangeOutcome, NewChange},
        token::{Role, Token},
    },
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    failure::{Failure, Kind, not_found, usage},
    out::{hand_over, out},
    policy::{open, operator},
    show,
    when::utc as instant,
};

/// Commands for whoever looks after the host's machine.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Tokens: who may change governance.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it. It is shown this once: the store keeps its hash only.
    Create(Create),
    /// List the tokens, without their texts.
    List(List),
    /// Take a token's force away, at once.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Who will hold it: stands in every change they make.
    holder: String,
    /// What they may do: rule-author, rule-approver, data-manager, auditor or operator. Give it once for each role.
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,
    /// The X-Road member they act for, e.g. `EE/GOV/70008440`. Leave it out for the ministry's people.
    #[arg(long)]
    institution: Option<ClientId>,
    /// After how many days it is no longer good.
    #[arg(long)]
    days: Option<u32>,
    /// Why.
    #[arg(long, default_value = "a token was asked for")]
    reason: String,
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The token's id, as `paasla admin token list` shows it.
    id: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// The configuration of the host.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: AdminCommand) -> Result<()> {
    let AdminCommand::Token(command) = command;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            TokenCommand::Create(arguments) => create(&arguments).await,
            TokenCommand::List(arguments) => list(&arguments).await,
            TokenCommand::Revoke(arguments) => revoke(&arguments).await,
        }
    })
}

async fn create(arguments: &Create) -> Result<()> {
    let Create { holder, roles, institution, days, reason, .. } = arguments;
    if holder.trim().is_empty() {
        return Err(usage("say who will hold the token"));
    }
    if institution.as_ref().is_some_and(|institution| institution.subsystem().is_some()) {
        return Err(usage("an institution is a member, without a subsystem: EE/GOV/70008440"));
    }
    let now = now();
    let text = format!("paasla_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let mut roles = roles.clone();
    roles.sort_unstable();
    roles.dedup();
    let token = Token {
        id: hex::encode(random::<6>()?),
        hash: hex::encode(Sha256::digest(&text)),
        holder: holder.trim().to_owned(),
        roles,
        institution: institution.clone(),
        created_at: now,
        expires_at: days.map(|days| now.saturating_add(i64::from(days).saturating_mul(86_400_000))),
        revoked_at: None,
    };
    let store = open(&arguments.config).await?;
    let told = if arguments.json {
        json!({ "token": text, "id": token.id, "holder": token.holder, "roles": token.roles }).to_string()
    } else {
        text
    };
    // It is shown this once. Shown first, it cannot be lost: what nobody was shown is not made.
    let done = match hand_over(&told) {
        Ok(()) => {
            let done = put(&store, &token, "token.create", reason).await;
            done.context("the token that was printed is not good: it could not be kept")
        }
        Err(error) => Err(Error::new(error).context("the token could not be printed, so none was made")),
    };
    store.close().await?;
    done
}

async fn list(arguments: &List) -> Result<()> {
    let store = open(&arguments.config).await?;
    let tokens = store.tokens().await;
    store.close().await?;
    let now = now();
    let mut out = out();
    for token in tokens? {
        let roles: Vec<&str> = token.roles.iter().map(|role| role.name()).collect();
        let institution = token.institution.as_ref().map(ToString::to_string);
        if arguments.json {
            let line = json!({
                "id": token.id,
                "holder": token.holder,
                "roles": roles,
                "institution": institution,
                "created": instant(token.created_at),
                "expires": token.expires_at.map(instant),
                "revoked": token.revoked_at.map(instant),
                "good": token.is_good(now),
            });
            writeln!(out, "{line}")?;
        } else {
            let state = if token.is_good(now) { "good" } else { "no longer good" };
            let institution =
                institution.map_or_else(String::new, |institution| format!(" for {institution}"));
            writeln!(out, "{}  {}{institution}  {}  {state}", token.id, token.holder, roles.join(", "))?;
        }
    }
    Ok(())
}

async fn revoke(arguments: &Revoke) -> Result<()> {
    let reason = arguments.reason.trim();
    if reason.is_empty() {
        return Err(usage("--reason must say why"));
    }
    let store = open(&arguments.config).await?;
    let work = async {
        let known = store.tokens().await?.into_iter().find(|token| token.id == arguments.id);
        let token =
            known.ok_or_else(|| not_found(format!("there is no token with the id `{}`", arguments.id)))?;
        if token.revoked_at.is_some() {
            let why = format!("the token `{}` was revoked already", arguments.id);
            return Err(Failure::new(Kind::Conflict, why).into());
        }
        let token = Token { revoked_at: Some(now()), ..token };
        put(&store, &token, "token.revoke", reason).await?;
        Ok(token)
    };
    let done: Result<Token> = work.await;
    store.close().await?;
    let token = done?;
    let told = json!({ "id": token.id, "holder": token.holder, "revoked": token.revoked_at.map(instant) });
    show::one(arguments.json, &told, |told| {
        format!("The token {} of {} is revoked.", show::text(told, "/id"), show::text(told, "/holder"))
    })
}

async fn put(store: &SqliteStore, token: &Token, action: &str, reason: &str) -> Result<()> {
    let change = NewChange {
        instant: now(),
        who: operator(),
        token: None,
        institution: None,
        action: action.to_owned(),
        target: token.id.clone(),
        version: None,
        reason: reason.to_owned(),
        outcome: ChangeOutcome::Done,
        before: None,
        after: Some(token.hash.clone()),
        problems: Vec::new(),
        cancelled: Vec::new(),
    };
    store.commit(&[Act::PutToken(token.clone())], &change).await?;
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
