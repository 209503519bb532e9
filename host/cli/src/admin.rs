// SPDX-License-Identifier: Apache-2.0
//! `paasla admin`: who may change governance. Works on the store itself, so it is for whoever looks after the host's
//! machine: the first token has to come from somewhere.

use std::{io::Write as _, path::PathBuf};

use anyhow::{Context as _, Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use paasla_app::unknown_client;
use paasla_core::{ClientId, Person, is_same_person, person::person_id};
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
    why,
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

/// After how many days a token is no longer good, unless told otherwise.
const USUAL_DAYS: u32 = 90;

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The name of who will hold it, e.g. `Mari Maasikas`: stands in every change they make.
    holder: String,
    /// The person's id, e.g. `mari.m`: 1 to 64 characters of `a-z 0-9 . _ @ -`. Give the same for every token of one
    /// person: nobody approves what they made themselves, whatever the token. Without it, the name is the id, whatever
    /// its letter case.
    #[arg(long, value_name = "ID")]
    person: Option<String>,
    /// What they may do: rule-author, rule-approver, data-manager, auditor or operator. Give it once for each role.
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,
    /// The X-Road member they act for, e.g. `EE/GOV/70008440`. Leave it out for the ministry's people.
    #[arg(long)]
    institution: Option<ClientId>,
    /// After how many days it is no longer good.
    #[arg(long, default_value_t = USUAL_DAYS, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// It stays good until it is revoked.
    #[arg(long, conflicts_with = "days")]
    never_ends: bool,
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
    let Create { holder, person, roles, institution, days, never_ends, reason, .. } = arguments;
    let person = match person {
        Some(id) => Person::new(holder, Some(id)),
        None => holder.parse(),
    };
    let holder = person.map_err(|error| usage(error.to_string()))?;
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
        holder: holder.to_string(),
        roles,
        institution: institution.clone(),
        created_at: now,
        expires_at: (!never_ends).then(|| now.saturating_add(i64::from(*days).saturating_mul(DAY_MILLIS))),
        revoked_at: None,
    };
    let store = open(&arguments.config).await?;
    if let Err(error) = check(&store, &holder, institution.as_ref()).await {
        store.close().await?;
        return Err(error);
    }
    let told = if arguments.json {
        let made = json!({
            "token": text,
            "id": token.id,
            "holder": token.holder,
            "person": holder.id(),
            "roles": token.roles,
            "expires": token.expires_at.map(instant),
        });
        made.to_string()
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

/// Whether a token may be made for this person, and this institution.
async fn check(store: &SqliteStore, holder: &Person, institution: Option<&ClientId>) -> Result<()> {
    check_person(store, holder).await?;
    match institution {
        Some(institution) => check_institution(store, institution).await,
        None => Ok(()),
    }
}

/// One name, one person: who has a token with an id of its own has none without.
async fn check_person(store: &SqliteStore, holder: &Person) -> Result<()> {
    for token in store.tokens().await? {
        let Ok(other) = token.holder.parse::<Person>() else { continue };
        if is_same_person(holder.name(), other.name())
            && holder.id() != other.id()
            && !(holder.has_own_id() && other.has_own_id())
        {
            return Err(usage(format!(
                "the token `{}` is held by `{other}`: if that is the same person, give --person `{}`; if not, give both an \
                 id of their own (revoke that token and make it anew)",
                token.id,
                other.id(),
            )));
        }
    }
    Ok(())
}

/// An institution without any access right has no clients to make policies for.
async fn check_institution(store: &SqliteStore, institution: &ClientId) -> Result<()> {
    let rulebook = store.rulebook().await?;
    let Some(rulebook) = rulebook else {
        let why = "there is no rulebook yet: put one in with `paasla seed`, then make tokens of institutions";
        return Err(Failure::new(Kind::Conflict, why).into());
    };
    match unknown_client(&rulebook, institution, |_| true) {
        None => Ok(()),
        Some(problem) => Err(usage(format!("--institution: {problem}"))),
    }
}

async fn list(arguments: &List) -> Result<()> {
    let store = open(&arguments.config).await?;
    let tokens = store.tokens().await;
    store.close().await?;
    let (tokens, now) = (tokens?, now());
    let mut out = out();
    if !arguments.json {
        let heads = ["ID", "HOLDER", "FOR", "ROLES", "CREATED", "ENDS", "STATE"];
        write!(out, "{}", show::table(&heads, tokens.iter().map(|token| row(token, now))))?;
        return Ok(());
    }
    for token in tokens {
        let roles: Vec<&str> = token.roles.iter().map(|role| role.name()).collect();
        let institution = token.institution.as_ref().map(ToString::to_string);
        let line = json!({
            "id": token.id,
            "holder": token.holder,
            "person": person_id(&token.holder),
            "roles": roles,
            "institution": institution,
            "created": instant(token.created_at),
            "expires": token.expires_at.map(instant),
            "revoked": token.revoked_at.map(instant),
            "state": token.state(now).name(),
            "good": token.is_good(now),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// One token as people read it: days, since that is how long tokens last.
fn row(token: &Token, now: i64) -> Vec<String> {
    let day = |millis: i64| instant(millis).chars().take(10).collect::<String>();
    let roles: Vec<&str> = token.roles.iter().map(|role| role.name()).collect();
    let state = match token.revoked_at {
        Some(revoked) => format!("revoked {}", day(revoked)),
        None => token.state(now).name().to_owned(),
    };
    vec![
        token.id.clone(),
        token.holder.clone(),
        token.institution.as_ref().map_or_else(|| "the ministry".to_owned(), ToString::to_string),
        roles.join(","),
        day(token.created_at),
        token.expires_at.map_or_else(|| "never".to_owned(), day),
        state,
    ]
}

async fn revoke(arguments: &Revoke) -> Result<()> {
    let reason = why::reason("--reason", &arguments.reason)?;
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

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
