// SPDX-License-Identifier: Apache-2.0
//! `paasla rule push` and `paasla rule list`: rules that a host has.

use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use paasla_engine::{digest_of, travelling::CaseFiles};
use paasla_toolkit::{
    build::cases,
    engine::{engine, load},
    quick::Consent,
    signature::signatures,
};
use serde_json::{Value, json};

use super::oci::{self, Place};
use crate::{
    client::Remote,
    failure::{not_found, usage},
    files::read,
    show,
};

#[derive(Debug, Args)]
#[command(
    override_usage = "paasla rule push [OPTIONS] --reason <REASON> <FILE.wasm>\n       \
                      paasla rule push [OPTIONS] oci://REGISTRY/REPOSITORY:TAG <FILE.wasm>",
    after_help = "\
To a registry, the component goes as a Wasm OCI artefact, and each signature as an artefact that refers to it. http is
spoken to a registry on this machine, https to every other. If the registry wants to know who you are, put that in the
environment variables PAASLA_OCI_USER and PAASLA_OCI_PASSWORD.

Examples:
  paasla rule push minors.wasm --reason 'decision 1-1/27/3'
  paasla rule push oci://registry.example.ee/rules/minors:1.0.0 minors.wasm"
)]
pub(crate) struct Push {
    /// The component; before it, the place in a registry if it is to go there instead of to a host.
    #[arg(required = true, num_args = 1..=2, value_name = "FILE.wasm")]
    what: Vec<String>,
    /// A folder with files of cases (`*.json`) that the host runs besides those inside the component.
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
    /// A file of a signature, as `paasla rule sign` writes it. Give it once for each. Every FILE.wasm.*.sig.json beside the
    /// component goes along anyhow.
    #[arg(long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
    /// Why. Kept in the host's list of changes, with your name and the time.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn run(arguments: &Push) -> Result<()> {
    match arguments.what.as_slice() {
        [file] if !oci::is_place(file) => to_host(arguments, Path::new(file)),
        [place, file] if oci::is_place(place) && !oci::is_place(file) => {
            to_registry(arguments, place, Path::new(file))
        }
        _ => Err(usage("push FILE.wasm to a host, or oci://REGISTRY/REPOSITORY:TAG FILE.wasm to a registry")),
    }
}

fn to_host(arguments: &Push, file: &Path) -> Result<()> {
    let Push { cases: folder, signatures: named, reason, consent, remote, .. } = arguments;
    let reason =
        reason.as_deref().ok_or_else(|| usage("--reason must say why the host should have this rule"))?;
    let component = read(file)?;
    consent.check_file(&component, file)?;
    let signatures = signatures(file, &digest_of(&component), named)?;
    let cases = match folder {
        Some(folder) if !folder.is_dir() => {
            return Err(not_found(format!("{} is no folder with cases", folder.display())));
        }
        Some(folder) => cases(folder)?,
        None => CaseFiles::new(),
    };
    let signatures = signatures.iter().map(|one| json!({ "key": one.key, "signature": one.signature }));
    let body = json!({
        "component": STANDARD.encode(&component),
        "cases": cases,
        "signatures": signatures.collect::<Value>(),
        "reason": reason,
    });
    let view = remote.client()?.post("/rules", &body)?;
    show::one(remote.json, &view, |view| {
        let at = |place: &str| show::text(view, place);
        let text = format!(
            "{}  {} {}  {}, {} cases",
            at("/digest"),
            at("/name"),
            at("/version"),
            at("/state"),
            at("/cases")
        );
        format!("{text}\nsigned by {}", signers(view))
    })
}

fn to_registry(arguments: &Push, place: &str, file: &Path) -> Result<()> {
    if arguments.cases.is_some() {
        return Err(usage(
            "to a registry only those cases go that are inside the component: `paasla rule build` puts them there",
        ));
    }
    let place: Place = place.parse()?;
    let component = read(file)?;
    arguments.consent.check_file(&component, file)?;
    let signatures = signatures(file, &digest_of(&component), &arguments.signatures)?;
    let rule = load(&engine()?, &component, &file.display().to_string())?;
    let pushed = oci::push(&place, &component, &rule, &signatures)?;
    let count = signatures.len();
    let told =
        json!({ "rule": rule.digest, "place": place.to_string(), "manifest": pushed, "signatures": count });
    show::one(arguments.remote.json, &told, |_| {
        format!("{}  {place}\nmanifest    {pushed}\nsignatures  {count}", rule.digest)
    })
}

pub(super) fn list(List { remote }: &List) -> Result<()> {
    let all = remote.client()?.get("/rules")?;
    let heads = ["digest", "name", "version", "state", "cases", "brought in by", "signed by"];
    show::list(remote.json, &all, "There is no rule.", &heads, |view| {
        vec![
            show::text(view, "/digest"),
            show::text(view, "/name"),
            show::text(view, "/version"),
            show::text(view, "/state"),
            show::text(view, "/cases"),
            show::text(view, "/by"),
            signers(view),
        ]
    })
}

/// Whose keys signed a rule, and which of them no longer count.
fn signers(view: &Value) -> String {
    let all = view.get("signatures").and_then(Value::as_array).into_iter().flatten();
    let signer = |one: &Value| {
        let in_force = one.get("inForce").and_then(Value::as_bool).unwrap_or_default();
        let (owner, key) = (show::text(one, "/owner"), show::short(one, "/key"));
        format!("{owner} ({key}{})", if in_force { "" } else { ", not in force" })
    };
    let all: Vec<String> = all.map(signer).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_is_told_with_what_no_longer_counts() {
        let key = "ab".repeat(32);
        let view = json!({ "signatures": [
            { "key": key, "owner": "the ministry", "inForce": true },
            { "key": key, "owner": null, "inForce": false },
        ] });
        assert_eq!(signers(&view), "the ministry (abababababab), - (abababababab, not in force)");
        assert_eq!(signers(&json!({ "signatures": [] })), "nobody");
    }
}
