// SPDX-License-Identifier: Apache-2.0
//! Bodies of the admin door: JSON without duplicate members, read into a type, with every wrong member at its JSON
//! pointer (RFC 6901).

use std::time::Duration;

use axum::body::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::{Answer, Failed};
use crate::{
    body,
    strict_json::{self, Tree},
};
use paasla_app::{
    governance::refusal::{Refusal, RefusalKind},
    problem::Problem,
};

/// How long the whole of a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(60);

/// How deep a body may be nested: settings are as deep as their rule wants, and serde_json reads no deeper.
const MAX_DEPTH: usize = 127;

/// The largest body that holds no component, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How many problems of one body are listed.
const MAX_PROBLEMS: usize = 20;

/// How many members of one body may be `null` for being left out: more than there are that may be left out.
const MAX_NULL_MEMBERS: usize = 100;

/// A body that holds nothing but the reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    #[serde(default)]
    pub(super) reason: String,
}

/// Reads a body without a component.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Answer<T> {
    read_up_to(body, MAX_BODY_BYTES).await
}

/// Reads a body of so many bytes at most.
pub(super) async fn read_up_to<T: DeserializeOwned>(body: Body, limit: usize) -> Answer<T> {
    let bytes = body::collect(body, limit, BODY_DEADLINE)
        .await
        .map_err(|(status, problem)| Failed { status, problems: vec![problem] })?;
    parse(&bytes).map_err(|problems| Refusal { kind: RefusalKind::Invalid, problems }.into())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Vec<Problem>> {
    let tree = strict_json::parse(bytes, MAX_DEPTH).map_err(|problem| vec![problem])?;
    if !matches!(tree, Tree::Object(_)) {
        let message = format!("the body must be a JSON object, and is {}", tree.kind());
        return Err(vec![Problem::new("body_invalid", "", message)]);
    }
    // serde takes the last of two members with one name where it reads into a map.
    let twice = strict_json::duplicates(&tree).into_iter().take(MAX_PROBLEMS).map(|place| {
        Problem::new("member_duplicate", place, "the object has a member of this name already; give it once")
    });
    let twice: Vec<Problem> = twice.collect();
    drop(tree);
    if !twice.is_empty() {
        return Err(twice);
    }
    let bytes = strict_json::without_mark(bytes);
    serde_json::from_slice(bytes).or_else(|_| all_that_is_wrong(bytes))
}

/// Every member that is wrong: serde stops at the first, so it is taken out, and the rest is read again. A known member
/// that is `null` is one that was left out: many serialisers write that for what is not set.
fn all_that_is_wrong<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Vec<Problem>> {
    let mut json: Value = serde_json::from_slice(bytes)
        .map_err(|_| vec![Problem::new("body_invalid", "", "the body is no JSON that can be read")])?;
    let mut problems: Vec<Problem> = Vec::new();
    let mut nulls = 0_usize;
    while problems.len() < MAX_PROBLEMS {
        let error = match serde_path_to_error::deserialize::<_, T>(&json) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => error,
        };
        let parent = pointer(error.path());
        let message = error.inner().to_string();
        let is_unknown = message.starts_with("unknown field");
        if nulls < MAX_NULL_MEMBERS && !is_unknown && leave_out(&mut json, &parent) {
            nulls += 1;
            continue;
        }
        // What is missing stands only in the sentence.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        let missing = missing.map(|(name, _)| member(&parent, name));
        let is_missing = missing.is_some();
        let place = missing.unwrap_or(parent);
        if problems.iter().any(|known| known.place == place) {
            // It is missing because it was taken out.
            break;
        }
        problems.push(Problem::new("body_invalid", place.clone(), message));
        if is_missing || !take_out(&mut json, &place) {
            break;
        }
    }
    Err(problems)
}

/// Takes a member out that is `null`; false when the place is none of such a member.
fn leave_out(json: &mut Value, place: &str) -> bool {
    let is_member =
        place.rsplit_once('/').is_some_and(|(of, _)| json.pointer(of).is_some_and(Value::is_object));
    is_member && json.pointer(place).is_some_and(Value::is_null) && take_out(json, place)
}

/// Takes a value out; false when it is the whole.
fn take_out(json: &mut Value, place: &str) -> bool {
    let Some((parent, name)) = place.rsplit_once('/') else { return false };
    let name = name.replace("~1", "/").replace("~0", "~");
    match json.pointer_mut(parent) {
        Some(Value::Object(members)) => members.shift_remove(&name).is_some(),
        Some(Value::Array(items)) => {
            // And all that follows: the places of what is left must stay.
            let index = name.parse().ok().filter(|index| *index < items.len());
            index.map(|index: usize| items.truncate(index)).is_some()
        }
        _ => false,
    }
}

/// A path as a JSON pointer.
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |place, segment| match segment {
        Segment::Seq { index } => format!("{place}/{index}"),
        Segment::Map { key } => member(&place, key),
        Segment::Enum { variant } => member(&place, variant),
        Segment::Unknown => place,
    })
}

/// The place of a member.
fn member(parent: &str, name: &str) -> String {
    format!("{parent}/{}", strict_json::escaped(name))
}

#[cfg(test)]
mod tests {
    use paasla_core::Scope;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde")]
        settings: Value,
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde")]
        scope: Scope,
        #[serde(default)]
        #[expect(dead_code, reason = "read by serde")]
        number: Option<u32>,
        #[expect(dead_code, reason = "read by serde")]
        reason: String,
    }

    fn places(text: &str) -> Vec<String> {
        let problems = parse::<Wanted>(text.as_bytes()).unwrap_err();
        problems.into_iter().map(|problem| format!("{} {}", problem.code, problem.place)).collect()
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_wherever_it_is() {
        assert_eq!(places(r#"{"reason":"x","reason":"y"}"#), ["member_duplicate /reason"]);
        assert_eq!(
            places(r#"{"reason":"x","settings":{"a":[{"b/c":1,"b/c":2}],"d~":1,"d~":1}}"#),
            ["member_duplicate /settings/a/0/b~1c", "member_duplicate /settings/d~0"]
        );
        assert_eq!(places(r#"{"settings":{},"reason":"x","settings":{}}"#), ["member_duplicate /settings"]);
    }

    #[test]
    fn every_member_that_is_wrong_is_told_at_its_place() {
        assert_eq!(
            places(
                r#"{"reason":1,"number":"x","a/b":1,"scope":{"clients":["EE/GOV/1","nobody","EE"],"x":1}}"#
            ),
            [
                "body_invalid /reason",
                "body_invalid /number",
                "body_invalid /a~1b",
                "body_invalid /scope/clients/1",
                "body_invalid /scope/x"
            ]
        );
        assert_eq!(places("{}"), ["body_invalid /reason"]);
        assert_eq!(places(r#"["x"]"#), ["body_invalid "]);
        assert_eq!(places("7"), ["body_invalid "]);
        assert_eq!(places("{"), ["json_syntax "]);
        parse::<Wanted>(br#"{"reason":"x","settings":{"a":1}}"#).unwrap();
    }

    #[test]
    fn what_may_be_left_out_may_be_null() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase", default)]
        struct All {
            settings: Value,
            scope: Scope,
            limits: paasla_core::Limits,
            dry_run: bool,
            version: Option<u32>,
            bring_back: Vec<String>,
            cases: std::collections::BTreeMap<String, String>,
            reason: String,
        }
        for name in ["settings", "scope", "limits", "dryRun", "version", "bringBack", "cases", "reason"] {
            let body = json!({ name: null }).to_string();
            assert_eq!(parse::<All>(body.as_bytes()), Ok(All::default()), "{name}");
        }
        let body = r#"{"scope":{"clients":null,"services":["x"]},"limits":{"fuel":null},"settings":{"a":null},
            "dryRun":null,"reason":"x"}"#;
        let all: All = parse(body.as_bytes()).unwrap();
        assert_eq!((all.scope.services, all.scope.clients.len()), (vec!["x".to_owned()], 0));
        assert_eq!((all.settings, all.reason.as_str()), (json!({ "a": null }), "x"));
        // What must be there, what is not known and what stands in a list may not.
        assert_eq!(places(r#"{"reason":null,"number":null}"#), ["body_invalid /reason"]);
        assert_eq!(places(r#"{"reason":"x","other":null}"#), ["body_invalid /other"]);
        assert_eq!(
            places(r#"{"reason":"x","scope":{"services":[null],"clients":null,"x":null}}"#),
            ["body_invalid /scope/services/0", "body_invalid /scope/x"]
        );
        assert_eq!(places(r#"{"reason":"x","scope":null,"number":"x"}"#), ["body_invalid /number"]);
    }

    proptest! {
        /// What a pointer names is there, whatever the name of the member.
        #[test]
        fn a_pointer_finds_its_member(name in any::<String>()) {
            let json = json!({ &name: 1 });
            prop_assert_eq!(json.pointer(&member("", &name)), Some(&json!(1)));
            let mut json = json;
            prop_assert!(take_out(&mut json, &member("", &name)));
            prop_assert_eq!(json, json!({}));
        }
    }
}
