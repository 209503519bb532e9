// SPDX-License-Identifier: Apache-2.0
//! Bodies of this door.

use std::time::Duration;

use axum::body::Body;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Answer, Failed};
use crate::{app::governance::refusal::Refusal, http::body};

/// How long the whole of a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

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
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = format!("/{}", error.path().to_string().replace('.', "/").trim_start_matches('?'));
        Refusal::invalid("body_invalid", place, format!("the body is not what is wanted: {}", error.inner()))
    })?;
    let end =
        json.end().map_err(|_| Refusal::invalid("body_invalid", "/", "there is more after the body's JSON"));
    end?;
    Ok(read)
}
