// SPDX-License-Identifier: Apache-2.0
//! `paasla policy create`: a version of a policy, from the command line or from a readable file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use paasla_core::{ClientId, Limits, Scope};
use paasla_toolkit::quick::Consent;
use serde::Deserialize;
use serde_json::{Value, json};

use super::step::stands;
use crate::{
    client::Remote,
    failure::{Kind, of_kind, usage},
    files::read_text,
    names, show,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  paasla policy create minors --rule 1f0c3a5e --settings minors.json --reason 'decision 1-1/27/3'
  paasla policy create --from minors.toml --rule minors@1.0.0 --reason 'decision 1-1/27/3'")]
pub(crate) struct Create {
    /// The policy's name: 1 to 60 characters of `a-z 0-9 -`. A name that is there already gets a new version.
    #[arg(required_unless_present = "from")]
    name: Option<String>,
    /// The rule: SHA-256 of its component, as `paasla rule push` and `paasla rule list` print it; or a unique beginning of it,
    /// of 8 digits or more; or NAME@VERSION.
    #[arg(long, value_name = "RULE", required_unless_present = "from")]
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
    consent: Consent,
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
    let client = arguments.remote.client()?;
    let body = body(arguments, |rule| {
        let digest = names::rule(&client, rule)?;
        // Whoever may not have the component is told by the host what the policy lacks.
        if let Ok(component) = client.bytes(&format!("/rules/{digest}/component")) {
            arguments.consent.check(&component, &format!("the rule {}", show::plain(rule)))?;
        }
        Ok(digest)
    })?;
    let made = client.post("/policies", &body)?;
    show::one(arguments.remote.json, &made, stands)
}

/// What the host is told. `find` gives the digest of the rule that is called so.
fn body(arguments: &Create, find: impl FnOnce(&str) -> Result<String>) -> Result<Value> {
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
        return Err(usage("which policy? The file does not tell its `name`: give it on the command line"));
    }
    if rule.trim().is_empty() {
        return Err(usage("which rule? The file does not tell its `rule`: give it with --rule"));
    }
    let rule = find(&rule)?;
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
    toml::from_str(&text)
        .with_context(|| format!("{} is wrong", file.display()))
        .map_err(of_kind(Kind::Invalid))
}

fn read_settings(file: &Path) -> Result<Value> {
    let text = read_text(file)?;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let read: Result<Value> = if is_toml {
        toml::from_str(&text).map_err(Into::into)
    } else {
        paasla_core::json::parse(&text).map_err(Into::into)
    };
    let kind = if is_toml { "TOML" } else { "JSON" };
    let told = read.with_context(|| format!("the settings {} are not what {kind} is", file.display()));
    told.map_err(of_kind(Kind::Invalid))
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
        let line = Line::try_parse_from(std::iter::once(&"create").chain(arguments).copied())?;
        body(&line.create, |rule| Ok(rule.to_ascii_lowercase()))
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
        assert_eq!(body_of(&["--from", from, "--reason", "r"]).unwrap()["rule"], "minors", "as it is called");
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
        fs::write(&file, "name = \"minors\"\n").unwrap();
        let error = body_of(&["--from", file.to_str().unwrap(), "--reason", "r"]).unwrap_err().to_string();
        assert!(error.contains("which rule?"), "{error}");
    }

    #[test]
    fn settings_with_a_member_twice_are_refused_and_a_byte_order_mark_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            read_settings(&file)
        };
        assert_eq!(read("\u{FEFF}{\"a\":1}").unwrap(), json!({ "a": 1 }));
        let error = format!("{:#}", read("{\"a\":1,\n\"a\":2}").unwrap_err());
        assert!(error.contains("`a` is there twice") && error.contains("line 2"), "{error}");
    }
}
