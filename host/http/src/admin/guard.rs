// SPDX-License-Identifier: Apache-2.0
//! Authentication and authorisation of the admin door: a good token with one of the route's roles, and a permit for what
//! it does. All of that before anything of the body is read.

use std::sync::Arc;

use axum::{
    extract::{RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use paasla_app::governance::{
    Governance,
    actor::{Actor, NobodyKnown},
    admission::Permit,
    refusal::Refusal,
};
use paasla_store::governance::token::Role;

use super::{Failed, Kind, parameters::Parameters};
use crate::problem::Document;

/// What one route asks for.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) governance: Arc<Governance>,
    /// What may stand in the query string.
    pub(super) parameters: &'static [&'static str],
    pub(super) roles: &'static [Role],
    /// What is done there, as changes name it.
    pub(super) action: &'static str,
    pub(super) kind: Kind,
}

/// Lets a request in, with its [`Actor`] and its [`Parameters`] among the extensions, and its [`Permit`] if it changes
/// something.
pub(super) async fn let_in(
    State(guard): State<Guard>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let target = params.ok().and_then(|params| params.iter().next().map(|(_, value)| value.to_owned()));
    let (query, headers) = (request.uri().query(), request.headers());
    let admitted = admit(&guard, query, headers, target.unwrap_or_default()).await;
    let (actor, parameters, permit) = match admitted {
        Ok(admitted) => admitted,
        Err(mut response) => {
            // The body was not read, so the connection is of no further use: a client should know.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
    };
    request.extensions_mut().insert(actor);
    request.extensions_mut().insert(parameters);
    if let Some(permit) = permit.clone() {
        request.extensions_mut().insert(permit);
    }
    let response = next.run(request).await;
    drop(permit);
    as_problem(response)
}

/// What axum itself refuses is a plain text: of this door every error is a problem, and repeats nothing that was sent.
fn as_problem(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || kind.is_some_and(|kind| kind == "application/problem+json") {
        return response;
    }
    if status.is_server_error() {
        tracing::error!(status = status.as_u16(), "a request of the admin door did not reach its handler");
        return Failed::from(Refusal::internal()).into_response();
    }
    Failed::from(Refusal::invalid("url_invalid", "url", "a part of the address is not what stands there"))
        .into_response()
}

/// Who it is and what the query string says, with a permit; or why nobody is let in.
async fn admit(
    guard: &Guard,
    query: Option<&str>,
    headers: &HeaderMap,
    target: String,
) -> Result<(Actor, Parameters, Option<Permit>), Response> {
    let Some(token) = bearer(headers) else {
        let detail = "this needs a token: send it as `Authorization: Bearer <token>`";
        return Err(nobody("token_missing", detail, "Bearer"));
    };
    let failed = |refusal: Refusal| Failed::from(refusal).into_response();
    let actor = match guard.governance.actor(token).await {
        Ok(Ok(actor)) => actor,
        Ok(Err(why)) => return Err(unknown(why)),
        Err(error) => return Err(Failed::from(error).into_response()),
    };
    if !actor.may(guard.roles) {
        return Err(failed(guard.governance.refuse_role(&actor, guard.action, &target, guard.roles).await));
    }
    let parameters = Parameters::read(query, guard.parameters).map_err(failed)?;
    let permit = match guard.kind {
        Kind::Read => None,
        Kind::Act => Some(guard.governance.act_permit(&actor).await.map_err(failed)?),
        Kind::Upload => Some(guard.governance.upload_permit(&actor).await.map_err(failed)?),
    };
    Ok((actor, parameters, permit))
}

/// The token of a request (RFC 6750, 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = all.next()?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && all.next().is_none()).then_some(token)
}

fn unknown(why: NobodyKnown) -> Response {
    let challenge = "Bearer error=\"invalid_token\"";
    let (code, detail) = match why {
        NobodyKnown::Unknown => ("token_unknown", "there is no such token: look whether it was copied whole"),
        NobodyKnown::Revoked => ("token_revoked", "the token was revoked: ask the operator for another"),
        NobodyKnown::Expired => {
            ("token_expired", "the time of the token is up: ask the operator for another")
        }
    };
    nobody(code, detail, challenge)
}

fn nobody(code: &'static str, detail: &'static str, challenge: &'static str) -> Response {
    let mut response = Document::new(StatusCode::UNAUTHORIZED, code, detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

#[cfg(test)]
mod tests {
    use axum::{Extension, Router, body::Body, extract::Path, middleware, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn what_axum_refuses_is_a_problem_without_what_was_sent() {
        let router = Router::new()
            .route("/number/{n}", get(|Path(_): Path<u32>| async {}))
            .route("/pair/{a}/{b}", get(|Path(_): Path<(String, u8)>| async {}))
            .route("/extension", get(|Extension(_): Extension<u128>| async {}))
            .route("/told", get(|| async { Failed::from(Refusal::not_found("policy", "x")).into_response() }))
            .layer(middleware::map_response(|response: Response| async { as_problem(response) }));
        for (path, status, code) in [
            ("/number/marked", 422, "url_invalid"),
            ("/number/%ffmarked", 422, "url_invalid"),
            ("/pair/marked/256", 422, "url_invalid"),
            ("/extension", 500, "internal"),
            ("/told", 404, "not_found"),
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["code"], code, "{path}");
            assert!(!body.to_string().contains("marked"), "{body}");
        }
        let request = Request::builder().uri("/number/7").body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::OK);
    }
}
