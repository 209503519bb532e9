// SPDX-License-Identifier: Apache-2.0
//! What people call a rule, a key or a token: its whole digest or id, a unique beginning of it, as lists print it, or of a
//! rule `name@version`.

use anyhow::Result;
use serde_json::Value;

use crate::{
    client::Client,
    failure::{Failure, Kind, invalid, not_found},
    show,
};

/// The fewest digits of a beginning: as few as nobody takes for a name, and enough that one seldom stands for two.
const FEWEST: usize = 8;

/// How many digits a digest and a key's id have.
const WHOLE: usize = 64;

/// Something that can be called by a beginning of its id.
pub(crate) struct Named {
    pub(crate) id: String,
    /// How it is told from others, for people.
    pub(crate) shown: String,
    /// `name@version`, of a rule.
    pub(crate) name: Option<String>,
}

/// The digest of the rule that is called so. A whole digest is not looked up.
///
/// # Errors
/// When the host has no such rule, or several.
pub(crate) fn rule(client: &Client, text: &str) -> Result<String> {
    find("rule", text, || rules(client))
}

/// The id of the key that is called so. A whole id is not looked up.
///
/// # Errors
/// When the trust list has no such key, or several.
pub(crate) fn key(client: &Client, text: &str) -> Result<String> {
    find("key", text, || keys(client))
}

/// The digest of a rule or the id of a key, where a text is the beginning of one; otherwise the text: it names something else.
///
/// # Errors
/// When it is the beginning of several, or the host does not tell.
pub(crate) fn any(client: &Client, text: &str) -> Result<String> {
    let is_name = text.contains('@');
    if !(is_beginning(text) || is_name) {
        return Ok(text.to_owned());
    }
    let mut all = rules(client)?;
    all.extend(keys(client)?);
    match pick("rule or key", text, all) {
        Err(error) if Failure::of(&error).kind == Kind::NotFound => Ok(text.to_owned()),
        found => found,
    }
}

fn rules(client: &Client) -> Result<Vec<Named>> {
    let named = |rule: &Value| {
        let name = format!("{}@{}", show::text(rule, "/name"), show::text(rule, "/version"));
        Named { id: show::text(rule, "/digest"), shown: name.clone(), name: Some(name) }
    };
    Ok(client.get("/rules")?.as_array().into_iter().flatten().map(named).collect())
}

fn keys(client: &Client) -> Result<Vec<Named>> {
    let named =
        |key: &Value| Named { id: show::text(key, "/id"), shown: show::text(key, "/owner"), name: None };
    Ok(client.get("/keys")?.as_array().into_iter().flatten().map(named).collect())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_beginning(text: &str) -> bool {
    (FEWEST..WHOLE).contains(&text.len()) && is_hex(text)
}

fn find(what: &str, text: &str, all: impl FnOnce() -> Result<Vec<Named>>) -> Result<String> {
    let text = text.trim();
    if text.len() == WHOLE && is_hex(text) {
        return Ok(text.to_ascii_lowercase());
    }
    pick(what, text, all()?)
}

/// The one that is called so.
///
/// # Errors
/// When none is, or several are: these are listed.
pub(crate) fn pick(what: &str, text: &str, all: Vec<Named>) -> Result<String> {
    let shown = show::plain(text);
    let of_name = text.contains('@');
    if !(of_name || is_hex(text) && text.len() >= FEWEST) {
        let name = if what.starts_with("rule") { ", or name@version" } else { "" };
        return Err(invalid(format!(
            "`{shown}` names no {what}: give its id whole, or the first {FEWEST} digits of it or more{name}, as it is listed"
        )));
    }
    let lower = text.to_ascii_lowercase();
    let is_meant = |one: &Named| {
        if of_name { one.name.as_deref() == Some(text) } else { one.id.starts_with(&lower) }
    };
    let mut found: Vec<Named> = all.into_iter().filter(is_meant).collect();
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(not_found(format!("there is no {what} `{shown}`"))),
        (Some(one), true) => Ok(one.id),
        (Some(last), false) => {
            found.push(last);
            let each = found.iter().map(|Named { id, shown, .. }| format!("\n  {id}  {shown}"));
            let why = format!("`{shown}` is the beginning of several:{}", each.collect::<String>());
            Err(Failure::new(Kind::Invalid, why).remedy("give more digits").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<Named> {
        let named = |id: &str, name: &str| Named {
            id: id.repeat(8),
            shown: name.to_owned(),
            name: Some(name.to_owned()),
        };
        vec![named("abcdef01", "a@1.0.0"), named("abcdef02", "b@1.0.0"), named("12345678", "b@1.0.0")]
    }

    fn kind(text: &str) -> (Kind, String) {
        let failure = Failure::of(&pick("rule", text, two()).unwrap_err());
        (failure.kind, failure.message)
    }

    #[test]
    fn a_unique_beginning_and_a_name_with_its_version_are_enough() {
        assert_eq!(pick("rule", "12345678", two()).unwrap(), "12345678".repeat(8));
        assert_eq!(pick("rule", "ABCDEF01A", two()).unwrap(), "abcdef01".repeat(8));
        assert_eq!(pick("rule", "a@1.0.0", two()).unwrap(), "abcdef01".repeat(8));
        let whole = "AB".repeat(32);
        assert_eq!(find("rule", &whole, || panic!("not looked up")).unwrap(), whole.to_ascii_lowercase());
    }

    #[test]
    fn what_is_none_or_several_is_told() {
        assert_eq!(kind("99999999").0, Kind::NotFound);
        assert_eq!(kind("c@1.0.0").0, Kind::NotFound);
        for wrong in ["1234567", "minors", "", "../../x"] {
            let (kind, told) = kind(wrong);
            assert!(kind == Kind::Invalid && told.contains("first 8 digits"), "{wrong}: {told}");
        }
        let (of, told) = kind("b@1.0.0");
        assert!(of == Kind::Invalid && told.lines().count() == 3, "{told}");
        for id in ["abcdef02", "12345678"] {
            assert!(told.contains(&id.repeat(8)), "every candidate is listed: {told}");
        }
    }
}
