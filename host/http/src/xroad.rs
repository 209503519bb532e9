// SPDX-License-Identifier: Apache-2.0
//! The register's own door for institutions behind their security servers: `POST /xroad/{service}/v{n}/query`, and what
//! may be asked.

mod answer;
pub(super) mod query;
pub(super) mod rights;

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use serde::Serialize;

use super::{door, envelope::Envelope, problems::Problems, router::Doors, strict_json::Tree};
use paasla_app::{
    Gatehouse,
    answer::Answer,
    ask::{Ask, Caller},
    problem::Problem,
};

/// The door's name in audit records.
const CHANNEL: &str = "xroad";

/// This door's words, and what the URL says.
struct XRoad {
    service: Option<(String, Option<u32>)>,
}

/// Answers one query.
pub(super) async fn query(
    State(doors): State<Arc<Doors>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let mut problems = Problems::default();
    let service = match path {
        Ok(Path((service, version))) => service_of(service, &version, &mut problems),
        Err(_) => service_of(String::new(), "", &mut problems),
    };
    door::pass(&doors, XRoad { service }, problems, request).await
}

/// Reads the two variable parts of the URL. Whether there is such a service is for the app to say.
fn service_of(name: String, version: &str, problems: &mut Problems) -> Option<(String, Option<u32>)> {
    let name = service_named(name, problems)?;
    let digits = version.strip_prefix('v').unwrap_or_default();
    let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let version = digits.parse().ok().filter(|_| plain);
    if version.is_none() {
        let message = "a version in the address is `v` and a number, e.g. v1";
        problems.decisive(StatusCode::NOT_FOUND, Problem::new("version_unknown", "url", message));
    }
    Some((name, version))
}

/// A service's name, if it can be one.
fn service_named(name: String, problems: &mut Problems) -> Option<String> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 100 || !name.bytes().all(in_name) {
        problems.decisive(
            StatusCode::NOT_FOUND,
            Problem::new("service_unknown", "url", "there is no such service"),
        );
        return None;
    }
    Some(name)
}

impl door::Words for XRoad {
    const CHANNEL: &'static str = CHANNEL;
    const REASON_REQUIRED: bool = false;

    fn service(&self) -> Option<(String, Option<u32>)> {
        self.service.clone()
    }

    fn ask(
        &self,
        gate: &dyn Gatehouse,
        envelope: &Envelope,
        caller: Caller,
        body: &Tree<'_>,
        problems: &mut Problems,
    ) -> Option<Ask> {
        let (service, version) = self.service.clone()?;
        query::ask(gate, envelope, caller, service, version, body, problems)
    }

    fn answer(_: &dyn Gatehouse, answer: &Answer) -> impl Serialize {
        answer::shape(answer)
    }
}
