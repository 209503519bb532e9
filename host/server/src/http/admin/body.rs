// SPDX-License-Identifier: Apache-2.0
//! Bodies of this door.

use std::time::Duration;

use axum::body::Body;
use serde::{Deserialize, de::DeserializeOwned};
use serde_path_to_error::{Path, Segment};

use super::{Answer, Failed};
use crate::{
    app::{governance::refusal::Refusal, problem::Problem},
    http::{body, strict_json},
};

/// How long the whole of a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

/// How deep a body may be nested: settings are as deep as their rule wants, and serde_json reads no deeper.
const DEPTH: usize = 127;

/// The largest body that holds no component, in bytes.
const SMALL: usize = 1 << 20;

/// A body that holds nothing but the reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    #[serde(default)]
    pub(super) reason: String,
}

/// Something, and the reason for it.
#[derive(Debug, Deserialize)]
pub(super) struct Because<T> {
    #[serde(default)]
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) what: T,
}

/// Reads a body without a component.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Answer<T> {
    read_up_to(body, SMALL).await
}

/// Reads a body of so many bytes at most.
pub(super) async fn read_up_to<T: DeserializeOwned>(body: Body, limit: usize) -> Answer<T> {
    let bytes = body::collect(body, limit, DEADLINE)
        .await
        .map_err(|(status, problem)| Failed(Refusal { status, problems: vec![problem] }))?;
    let problems = |problems| Failed(Refusal { status: 422, problems });
    let tree = strict_json::parse(&bytes, DEPTH).map_err(|problem| problems(vec![problem]))?;
    // serde takes the last of two members with one name where it reads into a map.
    let twice = strict_json::duplicates(&tree).into_iter().map(|place| {
        Problem::new("member_duplicate", place, "the object has a member of this name already; give it once")
    });
    let twice: Vec<Problem> = twice.collect();
    if !twice.is_empty() {
        return Err(problems(twice));
    }
    drop(tree);
    let mut json = serde_json::Deserializer::from_slice(strict_json::without_mark(&bytes));
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let message = format!("the body is not what is wanted: {}", error.inner());
        Refusal::invalid("body_invalid", pointer(error.path()), message)
    })?;
    Ok(read)
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", strict_json::escaped(key)),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}
