// SPDX-License-Identifier: Apache-2.0
//! `GET /xroad/{service}/rights`: what a client may ask, for each purpose and legal basis of its access rights.
//!
//! It says what a query with the same headers would be told, so a client sends those that it sends with a query. None but
//! `X-Road-Client` is needed.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use paasla_app::{
    ask::Places,
    problem::NoAnswer,
    rights::{CapLeft, Right, Rights, RightsAsk, StandsOn, Verdict},
};
use paasla_core::{Reason, Window};
use serde::{Serialize, Serializer};

use super::{
    CHANNEL,
    answer::{Fields, ObligationBody},
    service_named, service_of,
};
use crate::{
    admission,
    door::{self, Head},
    envelope::Required,
    legal::{self, Legal},
    problem::Document,
    problems::Problems,
    router::Doors,
};

/// There is no body: what a request may lack is in its address or in this header.
const PLACES: Places = Places {
    select: "url",
    keys: "url",
    context: "X-Road-PDU-Purpose",
    limit: "url",
    case: &[],
    official: &[],
    provision: &[],
    represented: &[],
};

/// Of the newest version of a service.
pub(crate) async fn newest(
    State(doors): State<Arc<Doors>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let mut problems = Problems::default();
    let name = path.map(|Path(name)| name).unwrap_or_default();
    let service = service_named(name, &mut problems).map(|name| (name, None));
    answer(&doors, service, problems, request).await
}

/// Of one version of a service.
pub(crate) async fn of_version(
    State(doors): State<Arc<Doors>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let mut problems = Problems::default();
    let (name, version) = path.map(|Path(parts)| parts).unwrap_or_default();
    let service = service_of(name, &version, &mut problems);
    answer(&doors, service, problems, request).await
}

async fn answer(
    doors: &Arc<Doors>,
    service: Option<(String, Option<u32>)>,
    mut problems: Problems,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let head = door::head(doors, CHANNEL, Required::default(), service.clone(), &parts, &mut problems).await;
    let Head { envelope, caller, share } = match head {
        Ok(head) => head,
        Err(turned) => return turned.response,
    };
    let Legal { purpose, basis: legal_basis, .. } =
        legal::settle(&*doors.gate, &envelope, None, &mut problems);
    let Some(permit) = doors.admission.enter(share) else {
        return admission::overloaded().into_response();
    };
    let work = async {
        match service {
            Some((service, version)) if problems.is_empty() => {
                let (field, places) = (None, PLACES);
                let ask = RightsAsk { caller, service, version, purpose, legal_basis, field, places };
                let gate = Arc::clone(&doors.gate);
                let told = door::detached(async move {
                    let told = gate.rights(ask).await;
                    drop(permit);
                    told
                });
                told.await.map_or_else(door::broken, shape)
            }
            service => {
                let (status, problems) = problems.finish();
                door::reject(doors, Some(permit), caller, service, status, problems).await
            }
        }
    };
    let answered = tokio::time::timeout(doors.settings.request_timeout, work).await;
    answered.unwrap_or_else(|_| admission::timed_out().into_response())
}

fn shape(told: Result<Rights, NoAnswer>) -> Response {
    match told {
        Ok(rights) => Json(Body::of(&rights)).into_response(),
        Err(none) => Document::from(none).into_response(),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    client: &'a str,
    service: &'a str,
    version: u32,
    generation: u64,
    at: String,
    rights: Vec<RightBody<'a>>,
}

impl<'a> Body<'a> {
    fn of(rights: &'a Rights) -> Self {
        Self {
            client: rights.client.as_str(),
            service: &rights.service,
            version: rights.version,
            generation: rights.generation,
            at: jiff::Timestamp::from_millisecond(rights.instant).unwrap_or_default().to_string(),
            rights: rights.rights.iter().map(RightBody::of).collect(),
        }
    }
}

/// What may be asked for one purpose, on one legal basis.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RightBody<'a> {
    purpose: Option<&'a str>,
    legal_basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_right: Option<AccessRight<'a>>,
    #[serde(flatten)]
    verdict: VerdictBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessRight<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    valid_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    may_hide: bool,
}

#[derive(Serialize)]
#[serde(tag = "decision", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum VerdictBody<'a> {
    Allowed {
        fields: Fields<'a>,
        depends_on_rows: bool,
        caps: Vec<CapBody<'a>>,
        obligations: Vec<ObligationBody<'a>>,
    },
    Refused {
        reasons: &'a BTreeSet<Reason>,
    },
    Failed {
        code: &'a str,
    },
}

#[derive(Serialize)]
struct CapBody<'a> {
    #[serde(serialize_with = "name")]
    window: Window,
    persons: u32,
    left: u64,
    reason: &'a Reason,
}

fn name<S: Serializer>(window: &Window, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(window.name())
}

impl<'a> RightBody<'a> {
    pub(crate) fn of(right: &'a Right) -> Self {
        let verdict = match &right.verdict {
            Verdict::Allowed(allowed) => VerdictBody::Allowed {
                fields: Fields(&allowed.fields),
                depends_on_rows: allowed.depends_on_rows,
                caps: allowed.caps.iter().map(CapBody::of).collect(),
                obligations: allowed.obligations.iter().map(ObligationBody::of).collect(),
            },
            Verdict::Refused(reasons) => VerdictBody::Refused { reasons },
            Verdict::Failed(code) => VerdictBody::Failed { code },
        };
        Self {
            purpose: right.purpose.as_deref(),
            legal_basis: right.legal_basis.as_deref(),
            access_right: right.grant.as_ref().map(AccessRight::of),
            verdict,
        }
    }
}

impl<'a> AccessRight<'a> {
    fn of(grant: &'a StandsOn) -> Self {
        Self {
            id: &grant.id,
            reference: grant.reference.as_deref(),
            valid_from: grant.valid_from.to_string(),
            valid_until: grant.valid_until.map(|day| day.to_string()),
            may_hide: grant.may_hide,
        }
    }
}

impl<'a> CapBody<'a> {
    fn of(cap: &'a CapLeft) -> Self {
        Self { window: cap.window, persons: cap.persons, left: cap.left, reason: &cap.reason }
    }
}
