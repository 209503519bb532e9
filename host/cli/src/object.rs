// SPDX-License-Identifier: Apache-2.0
//! `paasla service`, `paasla grant`, `paasla purpose`: the objects that say who may ask what, and why. The same verbs for
//! each.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    client::{Remote, segment},
    effect,
    failure::{Kind, of_kind, usage},
    files::read_text,
    policy::How,
    show, when,
};

/// Commands for one kind of object.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectCommand {
    /// List what is at work.
    List(List),
    /// Show one: what it says, and what stood under its name before, since when, by whom and why.
    Show(Show),
    /// Put one in, in the place of the one of its name. What lets more be seen waits for a second person.
    Put(Put),
    /// Take one out.
    Retire(Retire),
}

/// Commands for services.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    #[command(flatten)]
    Object(ObjectCommand),
    /// Show who may see a field of a service, for what purpose, and why: by the same evaluator that decides queries.
    Who(Who),
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The service's name.
    name: String,
    /// The field, as the service names it.
    #[arg(long)]
    field: String,
    /// Which version of the service. Without it: the newest.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Begin after this client.
    #[arg(long, value_name = "CLIENT")]
    after: Option<String>,
    /// How many clients at most.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name: an access right's id; a term's IRI, full or as `dpv:AgeVerification`; a service as `person/v1`.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Put {
    /// A file that says it, in TOML as `paasla seed` reads it, or in JSON.
    file: PathBuf,
    #[command(flatten)]
    act: Act,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Its name: an access right's id; a term's IRI, full or as `dpv:AgeVerification`; a service as `person/v1`.
    name: String,
    #[command(flatten)]
    act: Act,
}

/// What is said with every act.
#[derive(Debug, Args)]
struct Act {
    /// Why. Kept in the list of changes, with your name and the time.
    #[arg(long)]
    reason: String,
    /// When, as RFC 3339 with an offset: `2027-01-01T00:00:00+02:00`. Without it: at once.
    #[arg(long, value_name = "INSTANT", value_parser = when::read, conflicts_with = "emergency")]
    at: Option<Timestamp>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    remote: Remote,
}

impl Act {
    /// Does it; `more` is what the body says besides.
    fn post(&self, path: &str, mut more: Value) -> Result<()> {
        if let Some(members) = more.as_object_mut() {
            members.insert("at".to_owned(), json!(self.at));
            members.insert("reason".to_owned(), self.reason.as_str().into());
        }
        let answer = self.remote.client()?.post(path, &self.how.with(more))?;
        show::one(self.remote.json, &answer, |answer| effect::outcome(answer, at_work))
    }
}

/// Of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Service,
    Grant,
    Purpose,
}

impl ObjectKind {
    fn path(self) -> &'static str {
        match self {
            Self::Service => "/services",
            Self::Grant => "/grants",
            Self::Purpose => "/purposes",
        }
    }

    /// The address of one.
    fn of(self, name: &str) -> Result<String> {
        if self != Self::Service {
            return Ok(format!("{}/{}", self.path(), segment(name)));
        }
        let parts = name.rsplit_once("/v").filter(|(_, version)| version.parse::<u32>().is_ok());
        let (name, version) = parts.ok_or_else(|| {
            usage(format!("`{name}` names no version of a service: `person/v1` is the first of `person`"))
        })?;
        Ok(format!("{}/{}/versions/{version}", self.path(), segment(name)))
    }
}

pub(crate) fn service(command: ServiceCommand) -> Result<()> {
    let Who { name, field, version, after, limit, remote } = match command {
        ServiceCommand::Object(command) => return run(ObjectKind::Service, command),
        ServiceCommand::Who(who) => who,
    };
    let mut path = format!("/services/{}/who?field={}&limit={limit}", segment(&name), segment(&field));
    if let Some(version) = version {
        path += &format!("&version={version}");
    }
    if let Some(after) = &after {
        path += &format!("&after={}", segment(after));
    }
    show::one(remote.json, &remote.client()?.get(&path)?, who_may)
}

/// Who may see a field: a line for each client, purpose and legal basis.
fn who_may(told: &Value) -> String {
    let list = |value: &Value, name: &str| -> Vec<Value> {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let field = show::text(told, "/field");
    let rows = list(told, "clients").into_iter().flat_map(|client| {
        let name = show::text(&client, "/client");
        list(&client, "rights").into_iter().map(move |right| (name.clone(), right)).collect::<Vec<_>>()
    });
    let rows = rows.map(|(client, right)| {
        let seen = right.get("fields").and_then(|fields| fields.get(&field));
        let visibility =
            seen.map_or_else(|| show::text(&right, "/decision"), |seen| show::text(seen, "/visibility"));
        let reasons = seen.and_then(|seen| seen.get("reasons")).or_else(|| right.get("reasons"));
        let reasons = reasons.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let why: Vec<String> = reasons.iter().map(|reason| show::text(reason, "/code")).collect();
        let depends = right.get("dependsOnRows").and_then(Value::as_bool).unwrap_or_default();
        vec![
            client,
            local(&show::text(&right, "/purpose")),
            local(&show::text(&right, "/legalBasis")),
            show::text(&right, "/accessRight/id"),
            format!("{visibility}{}", if depends { " or less" } else { "" }),
            if why.is_empty() { "-".to_owned() } else { why.join(", ") },
        ]
    });
    let heads = ["client", "purpose", "legal basis", "access right", "sees", "why not more"];
    let mut text = show::table(&heads, rows);
    if told.get("more").and_then(Value::as_bool).unwrap_or_default() {
        text += "There are more clients: --after CLIENT, or a larger --limit, shows them.\n";
    }
    text
}

/// The last part of an IRI: the whole is in the JSON.
fn local(iri: &str) -> String {
    iri.rsplit(['#', '/', ':']).next().unwrap_or(iri).to_owned()
}

pub(crate) fn run(kind: ObjectKind, command: ObjectCommand) -> Result<()> {
    match command {
        ObjectCommand::List(List { remote }) => {
            let all = remote.client()?.get(kind.path())?;
            let (heads, places): (&[&str], &[&str]) = match kind {
                ObjectKind::Service => (
                    &["service", "title", "entity", "looked up by"],
                    &["/name", "/content/title", "/content/entity", "/content/keys"],
                ),
                ObjectKind::Grant => (
                    &["access right", "client", "service", "from", "until"],
                    &[
                        "/name",
                        "/content/client",
                        "/content/service",
                        "/content/valid-from",
                        "/content/valid-until",
                    ],
                ),
                ObjectKind::Purpose => (
                    &["term", "kind", "label", "broader"],
                    &["/name", "/kind", "/content/label", "/content/broader"],
                ),
            };
            show::list(remote.json, &all, "There is none.", heads, |object| {
                places.iter().map(|place| cell(object, place)).collect()
            })
        }
        ObjectCommand::Show(Show { name, remote }) => {
            let object = remote.client()?.get(&kind.of(&name)?)?;
            show::one(remote.json, &object, told)
        }
        ObjectCommand::Put(Put { file, act }) => act.post(kind.path(), json!({ "content": content(&file)? })),
        ObjectCommand::Retire(Retire { name, act }) => {
            act.post(&format!("{}/retire", kind.of(&name)?), json!({}))
        }
    }
}

/// What a file says.
fn content(file: &Path) -> Result<Value> {
    let text = read_text(file)?;
    let is_json = file.extension().is_some_and(|extension| extension == "json");
    let read: Result<Value> = if is_json {
        serde_json::from_str(&text).map_err(anyhow::Error::from)
    } else {
        toml::from_str(&text).map_err(anyhow::Error::from)
    };
    read.with_context(|| format!("{} is wrong", file.display())).map_err(of_kind(Kind::Invalid))
}

fn cell(object: &Value, place: &str) -> String {
    match object.pointer(place) {
        Some(Value::Array(_)) => show::texts(object, place, "-"),
        _ => show::text(object, place),
    }
}

fn at_work(done: &Value) -> String {
    let at = |place: &str| show::text(done, place);
    format!("Generation {} is at work: {} {}.", at("/generation"), at("/kind"), at("/name"))
}

/// What an object says, and its history.
fn told(object: &Value) -> String {
    let content = object.get("content").filter(|content| !content.is_null());
    let mut text = match content {
        Some(content) => format!("{}\n", serde_json::to_string_pretty(content).unwrap_or_default()),
        None => "It was taken out.\n".to_owned(),
    };
    let history = object.get("history").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if history.is_empty() {
        return text;
    }
    let rows = history.iter().map(|past| {
        let is_out = past.get("content").is_none_or(Value::is_null);
        vec![
            show::text(past, "/generation"),
            show::instant(past, "/at"),
            show::text(past, "/by"),
            if is_out { "taken out" } else { "put in" }.to_owned(),
            show::text(past, "/reason"),
        ]
    });
    text += &format!("\n{}", show::table(&["generation", "since", "by", "what", "why"], rows));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_with_its_version() {
        assert_eq!(ObjectKind::Service.of("person/v12").unwrap(), "/services/person/versions/12");
        for wrong in ["person", "person/1", "person/v", "person/vx"] {
            assert!(ObjectKind::Service.of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ObjectKind::Purpose.of("dpv:AgeVerification").unwrap(), "/purposes/dpv%3AAgeVerification");
        assert_eq!(ObjectKind::Grant.of("a b").unwrap(), "/grants/a%20b");
    }
}
