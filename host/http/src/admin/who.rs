// SPDX-License-Identifier: Apache-2.0
//! `GET /admin/v1/services/{name}/who?field=NAME`: who may see a field, and why.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
};
use paasla_app::{
    Gatehouse,
    governance::{
        Governance,
        actor::Actor,
        refusal::{Refusal, RefusalKind},
    },
    who::WhoAsk,
};
use serde_json::{Value, json};

use super::{
    Answer,
    json::Json,
    parameters::{Parameters, wrong},
};
use crate::xroad::rights::RightBody;

/// What may stand in the query string.
pub(super) const PARAMETERS: &[&str] = &["field", "version", "after", "limit"];

/// How many clients are told of where `limit` is not given.
const DEFAULT_LIMIT: u32 = 100;

pub(super) async fn who(
    State(governance): State<Arc<Governance>>,
    Extension(gate): Extension<Arc<dyn Gatehouse>>,
    Extension(actor): Extension<Actor>,
    Extension(parameters): Extension<Parameters>,
    Path(service): Path<String>,
) -> Answer<Json<Value>> {
    let field = parameters.text("field").ok_or_else(|| wrong("field", "a field of the service"))?.to_owned();
    let version = parameters.parsed("version", "the number of a version")?;
    let limit = usize::try_from(parameters.limit(DEFAULT_LIMIT)?).unwrap_or(usize::MAX);
    let after = parameters.text("after").map(str::to_owned);
    // What nobody of theirs may ask is not there for them, whatever is asked of it.
    if !governance.sees_service(&actor, &service) {
        return Err(Refusal::not_found("service", &service).into());
    }
    let of = actor.institution.clone();
    let ask = WhoAsk { service, version, field, of, after, limit };
    let may = gate.who(&ask).await.map_err(|problem| {
        let kind = match problem.code {
            "service_unknown" | "version_unknown" => RefusalKind::NotFound,
            "overloaded" => RefusalKind::Unavailable,
            _ => RefusalKind::Invalid,
        };
        Refusal { kind, problems: vec![problem] }
    })?;
    let clients: Vec<Value> = may
        .clients
        .iter()
        .map(|(client, rights)| {
            let rights: Vec<RightBody<'_>> = rights.iter().map(RightBody::of).collect();
            json!({ "client": client.as_str(), "rights": rights })
        })
        .collect();
    Ok(Json(json!({
        "service": ask.service,
        "version": may.version,
        "field": ask.field,
        "generation": may.generation,
        "clients": clients,
        "more": may.more,
    })))
}
