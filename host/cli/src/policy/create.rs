// SPDX-License-Identifier: Apache-2.0
//! `paasla policy create`: a version of a policy, from the command line or from a readable file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use paasla_core::{ClientId, Limits, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::step::stands;
use crate::{client::Remote, files::read_text, show};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  paasla policy create minors --rule 1f0c… --settings minors.json --reason 'decision 1-1/27/3'
  paasla policy create --from minors.toml --rule 1f0c… --reason 'decision 1-1/27/3'")]
pub(crate) struct Create {
    /// The policy's name: 1 to 60 characters of `a-z 0-9 -`. A name that is there already gets a new version.
    #[arg(required_unless_present = "from")]
    name: Option<String>,
    /// The rule: SHA-256 of its component, as `paasla rule push` and `paasla rule list` print it.
    #[arg(long, value_name = "DIGEST", required_unless_present = "from")]
    rule: Option<String>,
    /// The settings, in JSON, or in TOML if the file's name ends with `.toml`. Without it: none.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The policy speaks to queries of this client only: a member such as `EE/GOV/70008440`, or a subsystem. Give it once
    /// for each client. Without it: of all clients.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<ClientId>,
    /// The policy speaks to queries of this service only. Give it once for each service. Without it: of all services.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// Take all of it from this TOML file: `name`, `rule`, `[settings]`, `[scope]` with `clients` and `services`,
    /// `[limits]`. What else is given on the command line takes the place of what the file says.
    #[arg(long, value_name = "FILE.toml")]
    from: Option<PathBuf>,
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

/// A policy as a file tells it. `mode` is not in it: a new version is not at work.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    limits: Limits,
}

pub(super) fn run(arguments: &Create) -> Result<()> {
    let body = body(arguments)?;
    let made = arguments.remote.client()?.post("/policies", &body)?;
    show::one(arguments.remote.json, &made, stands)
}

fn body(arguments: &Create) -> Result<Value> {
    let Create { name, rule, settings, clients, services, from, reason, .. } = arguments;
    let mut told = from.as_deref().map(read).transpose()?.unwrap_or_default();
    if let Some(name) = name {
        told.name.clone_from(name);
    }
    if let Some(rule) = rule {
        told.rule.clone_from(rule);
    }
    if let Some(file) = settings {
        told.settings = read_settings(file)?;
    }
    if !clients.is_empty() {
        told.scope.clients.clone_from(clients);
    }
    if !services.is_empty() {
        told.scope.services.clone_from(services);
    }
    let Told { name, rule, settings, scope, limits } = told;
    if name.is_empty() {
        bail!("which policy? The file does not tell its `name`: give it on the command line");
    }
    let rule = rule.trim().to_ascii_lowercase();
    let is_digest = rule.len() == 64 && rule.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_digest {
        bail!(
            "`{}` is no digest of a rule, which has 64 hexadecimal digits: give it with --rule, as `paasla rule list` \
             prints it",
            show::plain(&rule)
        );
    }
    Ok(json!({
        "name": name,
        "rule": rule,
        "settings": settings,
        "scope": scope,
        "limits": limits,
        "reason": reason,
    }))
}

fn read(file: &Path) -> Result<Told> {
    let text = read_text(file)?;
    toml::from_str(&text).with_context(|| format!("{} is wrong", file.display()))
}

fn read_settings(file: &Path) -> Result<Value> {
    let text = read_text(file)?;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let read: Result<Value> = if is_toml {
        toml::from_str(&text).map_err(|error| anyhow!(error))
    } else {
        serde_json::from_str(&text).map_err(|error| anyhow!(error))
    };
    let kind = if is_toml { "TOML" } else { "JSON" };
    read.with_context(|| format!("the settings {} are no {kind}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn body_of(arguments: &[&str]) -> Result<Value> {
        body(&Line::try_parse_from(std::iter::once(&"create").chain(arguments).copied())?.create)
    }

    #[test]
    fn the_command_line_takes_the_place_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("minors.toml");
        let text = "name = \"minors\"\nrule = \"minors\"\n[settings]\nadultAge = 18\n\
                    [scope]\nclients = [\"EE/GOV/1\"]\nservices = [\"person\"]\n[limits]\nfuel = 7\n";
        fs::write(&file, text).unwrap();
        let from = file.to_str().unwrap();
        let digest = "AB".repeat(32);
        let wanted = ["--from", from, "--rule", &digest, "--service", "family", "--reason", "r"];
        let body = body_of(&wanted).unwrap();
        let expected = json!({
            "name": "minors",
            "rule": "ab".repeat(32),
            "settings": { "adultAge": 18 },
            "scope": { "services": ["family"], "clients": ["EE/GOV/1"] },
            "limits": { "fuel": 7 },
            "reason": "r",
        });
        assert_eq!(body, expected);
        let error = body_of(&["--from", from, "--reason", "r"]).unwrap_err().to_string();
        assert!(error.contains("`minors` is no digest"), "{error}");
        let settings = folder.path().join("settings.json");
        fs::write(&settings, "{\"a\":1}").unwrap();
        let settings = settings.to_str().unwrap();
        let wanted = ["other", "--from", from, "--rule", &digest, "--settings", settings, "--reason", "r"];
        let body = body_of(&wanted).unwrap();
        assert_eq!((&body["name"], &body["settings"]), (&json!("other"), &json!({ "a": 1 })));
    }

    #[test]
    fn what_a_new_version_cannot_have_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("minors.toml");
        fs::write(&file, "name = \"minors\"\nmode = \"enforce\"\n").unwrap();
        let error =
            format!("{:#}", body_of(&["--from", file.to_str().unwrap(), "--reason", "r"]).unwrap_err());
        assert!(error.contains("mode") && error.contains("minors.toml"), "{error}");
        assert!(body_of(&["minors", "--reason", "r"]).is_err(), "a rule is needed");
    }
}
