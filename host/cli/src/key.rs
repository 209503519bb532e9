// SPDX-License-Identifier: Apache-2.0
//! `paasla key`: keys that sign rules, and the host's list of those whose signatures count.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use paasla_core::{ClientId, Scope};
use paasla_toolkit::pair::{KeyPair, public_key};
use serde_json::json;

use crate::{
    client::{Remote, segment},
    names, show,
};

/// Commands for keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key pair (Ed25519) on this machine: the private key that you sign rules with, and the public key to give
    /// to whoever looks after the host. No host is asked.
    Generate(Generate),
    /// Put a public key into the host's trust list: from then on its signatures on rules count.
    Add(Add),
    /// List the keys of the host's trust list, those included that were revoked.
    List(List),
    /// Take a key's force away, at once. The host prints which policies no other key vouches for, and what became of
    /// them.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Where the private key goes: PKCS#8 in PEM, readable by you alone. The public key goes beside it, into FILE.pub.
    /// A file that is there already is never overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The public key: PEM as `paasla key generate` and OpenSSL write it, or 32 bytes in hex.
    #[arg(value_name = "FILE.pub")]
    file: PathBuf,
    /// Whose key it is.
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// Rules that this key signed may be used in policies for this client only: a member such as `EE/GOV/70008440`, or
    /// a subsystem. Give it once for each client. Without it: for all clients.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<ClientId>,
    /// Rules that this key signed may be used in policies for this service only. Give it once for each service.
    /// Without it: for all services.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's id, as `paasla key list` shows it; or a unique beginning of it, of 8 digits or more.
    id: String,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Generate(arguments) => generate(&arguments),
        KeyCommand::Add(arguments) => add(&arguments),
        KeyCommand::List(arguments) => list(&arguments),
        KeyCommand::Revoke(arguments) => revoke(&arguments),
    }
}

fn generate(Generate { out, json }: &Generate) -> Result<()> {
    let pair = KeyPair::generate()?;
    let public = pair.write(out)?;
    let made = json!({ "id": pair.id(), "privateKey": out, "publicKey": public });
    show::one(*json, &made, |_| {
        format!("{}\nprivate key  {}\npublic key   {}", pair.id(), out.display(), public.display())
    })
}

fn add(arguments: &Add) -> Result<()> {
    let Add { file, owner, clients, services, reason, remote } = arguments;
    // Read here, so that nothing but a public key ever leaves this machine.
    let public = public_key(file)?;
    let client = remote.client()?;
    let scope = Scope { services: services.clone(), clients: clients.clone() };
    let body = json!({
        "publicKey": hex::encode(public.as_bytes()),
        "owner": owner,
        "scope": scope,
        "reason": reason,
    });
    let key = client.post("/keys", &body)?;
    show::one(remote.json, &key, |key| {
        let (id, owner) = (show::text(key, "/id"), show::text(key, "/owner"));
        format!("{id}  {owner}  clients: {}  services: {}", clients_of(key), services_of(key))
    })
}

fn list(List { remote }: &List) -> Result<()> {
    let keys = remote.client()?.get("/keys")?;
    let heads = ["id", "owner", "clients", "services", "since", "revoked"];
    show::list(remote.json, &keys, "The trust list is empty.", &heads, |key| {
        vec![
            show::text(key, "/id"),
            show::text(key, "/owner"),
            clients_of(key),
            services_of(key),
            show::instant(key, "/addedAt"),
            show::instant(key, "/revokedAt"),
        ]
    })
}

fn revoke(Revoke { id, reason, remote }: &Revoke) -> Result<()> {
    let client = remote.client()?;
    let id = names::key(&client, id)?;
    let done = client.post(&format!("/keys/{}/revoke", segment(&id)), &json!({ "reason": reason }))?;
    show::one(remote.json, &done, |done| {
        let text =
            format!("{} of {} is revoked.", show::text(done, "/key/id"), show::text(done, "/key/owner"));
        let policies = show::texts(done, "/policies", "");
        if policies.is_empty() {
            return format!("{text} Other keys vouch for every policy.");
        }
        let then = match done.pointer("/then").and_then(serde_json::Value::as_str) {
            Some("keep") => "they stay at work",
            Some("refuse") => "in force, they refuse every query in their scope",
            Some("retire") => {
                "they are retired, or that is proposed to a second person: `paasla proposal list`"
            }
            _ => "see `paasla policy list`",
        };
        format!("{text} No other key vouches for these policies: {policies}; {then}.")
    })
}

fn clients_of(key: &serde_json::Value) -> String {
    show::texts(key, "/scope/clients", "all")
}

fn services_of(key: &serde_json::Value) -> String {
    show::texts(key, "/scope/services", "all")
}
