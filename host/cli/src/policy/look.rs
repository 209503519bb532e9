// SPDX-License-Identifier: Apache-2.0
//! Looking at policies: their versions, what one in shadow would have changed, and who changed what.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::step::stands;
use crate::{
    client::{Remote, segment},
    names, show,
};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// One policy's name. Without it: all policies.
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The policy's name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The policy's name.
    name: String,
    /// Which version. Without it: the one in shadow, or else the newest.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Of the queries that would have been decided otherwise, only those before the one with this record.
    #[arg(long, value_name = "RECORD")]
    before: Option<String>,
    /// How many of these queries at most: 20 without it, 1000 at most.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Only changes of this: a policy's name, a rule's digest, a key's id, or a unique beginning of these two, of 8 digits or
    /// more.
    #[arg(long)]
    target: Option<String>,
    /// Only changes older than the one with this number.
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// How many at most: 100 without it, 1000 at most.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) fn list(List { name, remote }: &List) -> Result<()> {
    let path =
        name.as_ref().map_or_else(|| "/policies".to_owned(), |name| format!("/policies/{}", segment(name)));
    let all = remote.client()?.get(&path)?;
    let heads = [
        "name",
        "version",
        "life",
        "rule",
        "clients",
        "services",
        "made by",
        "approved by",
        "since or from",
        "until",
    ];
    show::list(remote.json, &all, "There is no policy.", &heads, |view| {
        vec![
            show::text(view, "/name"),
            show::text(view, "/version"),
            life(view),
            show::short(view, "/policy/rule"),
            show::texts(view, "/policy/scope/clients", "all"),
            show::texts(view, "/policy/scope/services", "all"),
            show::text(view, "/by"),
            show::text(view, "/approvedBy"),
            show::instant(view, if view.get("activateAt").is_some() { "/activateAt" } else { "/since/at" }),
            show::instant(view, "/expiresAt"),
        ]
    })
}

/// Where a version stands, and whether its key is revoked.
fn life(view: &Value) -> String {
    let revoked = view.get("keyRevoked").and_then(Value::as_bool).unwrap_or_default();
    let life = show::text(view, "/life");
    if revoked { format!("{life}, key revoked") } else { life }
}

pub(super) fn show(Show { name, remote }: &Show) -> Result<()> {
    let all = remote.client()?.get(&format!("/policies/{}", segment(name)))?;
    let at_work = |view: &&Value| view.get("since").is_some();
    if remote.json {
        return show::list(true, &all, "", &[], |_| Vec::new());
    }
    show::one(false, &all, |all| {
        let views = all.as_array().map_or(&[][..], Vec::as_slice);
        let mut texts: Vec<String> = views.iter().filter(at_work).map(whole).collect();
        if texts.is_empty() {
            texts.push(format!("No version of {} is at work.\n", show::plain(name)));
        }
        let others: Vec<String> = views.iter().filter(|view| !at_work(view)).map(stands).collect();
        if !others.is_empty() {
            texts.push(format!("Other versions:\n  {}\n", others.join("\n  ")));
        }
        texts.join("\n")
    })
}

/// A version that is at work, with all that is known of it.
fn whole(view: &Value) -> String {
    let mut text =
        format!("{} version {}: {}\n", show::text(view, "/name"), show::text(view, "/version"), life(view));
    let mut line = |what: &str, said: String| {
        if said != "-" {
            let _ = writeln!(text, "  {what:<12}{said}");
        }
    };
    line(
        "since",
        format!("{}, generation {}", show::instant(view, "/since/at"), show::text(view, "/since/generation")),
    );
    line("by", show::text(view, "/since/by"));
    line("why", show::text(view, "/since/reason"));
    line("until", show::instant(view, "/expiresAt"));
    line("made by", show::text(view, "/by"));
    line("approved by", show::text(view, "/approvedBy"));
    line("rule", show::text(view, "/policy/rule"));
    line("clients", show::texts(view, "/policy/scope/clients", "all"));
    line("services", show::texts(view, "/policy/scope/services", "all"));
    line("settings", show::text(view, "/policy/settings"));
    text
}

pub(super) fn diff(Diff { name, version, before, limit, remote }: &Diff) -> Result<()> {
    let name = segment(name);
    let path = match version {
        Some(version) => format!("/policies/{name}/versions/{version}/diff"),
        None => format!("/policies/{name}/diff"),
    };
    let path = with_query(
        path,
        [("before", before.as_deref().map(segment)), ("limit", limit.map(|limit| limit.to_string()))],
    );
    let summary = remote.client()?.get(&path)?;
    show::one(remote.json, &summary, told)
}

/// A path with what is asked for.
fn with_query<const N: usize>(path: String, asked: [(&str, Option<String>); N]) -> String {
    let asked = asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let asked: Vec<String> = asked.collect();
    if asked.is_empty() { path } else { format!("{path}?{}", asked.join("&")) }
}

/// The sentence, a table by client, one by difference, and one of queries.
fn told(summary: &Value) -> String {
    let mut text = show::text(summary, "/summary");
    text.push('\n');
    let rows = |place: &str, columns: &'static [&'static str]| {
        let all = summary.pointer(place).and_then(Value::as_array).cloned().unwrap_or_default();
        all.into_iter()
            .map(move |row| columns.iter().map(|place| show::text(&row, place)).collect::<Vec<_>>())
    };
    let mut clients = rows("/clients", &["/client", "/queries", "/changed", "/faults", "/missed"]).peekable();
    if clients.peek().is_some() {
        let heads = ["client", "queries", "would change", "rule broke", "not compared"];
        let _ = write!(text, "\n{}", show::table(&heads, clients));
    }
    let mut differences = rows("/differences", &["/kind", "/field", "/reason", "/queries"]).peekable();
    if differences.peek().is_some() {
        let heads = ["difference", "field", "reason", "queries"];
        let _ = write!(text, "\n{}", show::table(&heads, differences));
    }
    let latest = summary.pointer("/latest").and_then(Value::as_array);
    let queries: Vec<_> = latest.into_iter().flatten().map(query).collect();
    if !queries.is_empty() {
        let heads = ["query", "when", "client", "differences"];
        let _ = write!(text, "\n{}", show::table(&heads, queries.into_iter()));
    }
    text
}

/// A query that would have been decided otherwise.
fn query(change: &Value) -> Vec<String> {
    let differences = change.get("differences").and_then(Value::as_array);
    let one = |difference: &Value| {
        let field = difference.get("field").and_then(Value::as_str).map(|field| format!(" {field}"));
        format!("{}{}", show::text(difference, "/kind"), field.unwrap_or_default())
    };
    let differences: Vec<String> = differences.into_iter().flatten().map(one).collect();
    vec![
        show::text(change, "/record"),
        show::instant(change, "/instant"),
        show::text(change, "/client"),
        differences.join(", "),
    ]
}

pub(super) fn changes(Changes { target, before, limit, remote }: &Changes) -> Result<()> {
    let client = remote.client()?;
    let target = target.as_deref().map(|target| names::any(&client, target)).transpose()?;
    let asked = [
        ("target", target.as_deref().map(segment)),
        ("before", before.map(|before| before.to_string())),
        ("limit", limit.map(|limit| limit.to_string())),
    ];
    let path = with_query("/changes".to_owned(), asked);
    let all = client.get(&path)?;
    let heads = ["id", "when", "who", "action", "target", "outcome", "generation", "reason"];
    show::list(remote.json, &all, "There is no change.", &heads, |change| {
        let who = match change.get("institution") {
            Some(Value::String(_)) => {
                format!("{} of {}", show::text(change, "/who"), show::text(change, "/institution"))
            }
            _ => show::text(change, "/who"),
        };
        let refused = show::texts(change, "/problems", "");
        let outcome = show::text(change, "/outcome");
        vec![
            show::text(change, "/id"),
            show::instant(change, "/instant"),
            who,
            show::text(change, "/action"),
            target_of(change),
            if refused.is_empty() { outcome } else { format!("{outcome}: {refused}") },
            show::text(change, "/generation"),
            show::text(change, "/reason"),
        ]
    })
}

/// What was changed; of a digest its beginning.
fn target_of(change: &Value) -> String {
    let target = show::text(change, "/target");
    let is_digest = target.len() == 64 && target.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { show::short(change, "/target") } else { target }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_told_in_a_sentence_and_two_tables() {
        let summary = json!({
            "summary": "If this had been in force: 1 of 2 queries would change.",
            "clients": [{ "client": "EE/GOV/1/x", "queries": 2, "changed": 1, "faults": 0, "missed": 0 }],
            "differences": [{ "client": "", "kind": "hidden", "field": "birthDate", "reason": "", "queries": 1 }],
        });
        let text = told(&summary);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7, "{text}");
        assert!(lines[3].starts_with("EE/GOV/1/x  2"), "{text}");
        assert_eq!(lines[6], "hidden      birthDate  -       1");
        let mut with_query = summary.clone();
        with_query["latest"] = json!([{
            "record": "0196a0b0", "instant": 0, "client": "EE/GOV/1/x",
            "differences": [{ "kind": "rows" }, { "kind": "hidden", "field": "birthDate" }],
        }]);
        let text = super::told(&with_query);
        assert!(text.lines().last().unwrap().ends_with("rows, hidden birthDate"), "{text}");
        let nothing = json!({ "summary": "If.", "clients": [], "differences": [] });
        assert_eq!(told(&nothing), "If.\n");
    }
}
