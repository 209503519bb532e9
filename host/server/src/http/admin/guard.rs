// SPDX-License-Identifier: Apache-2.0
//! Who is let in: the holder of a good token with one of the route's roles.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use paasla_store::governance::token::Role;

use super::Failed;
use crate::{app::App, app::governance::refusal::Refusal, http::problem::Document};

/// What one route asks for.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: Arc<App>,
    pub(super) roles: &'static [Role],
}

/// Lets a request in, with its [`crate::app::governance::actor::Actor`] among the extensions.
pub(super) async fn let_in(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match admit(&guard, request).await {
        Ok(request) => next.run(request).await,
        Err(mut response) => {
            // The body was not read, so the connection is of no further use: a client should know.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

/// The request with its actor, or why it is not let in.
async fn admit(guard: &Guard, mut request: Request) -> Result<Request, Response> {
    let Some(token) = bearer(request.headers()) else {
        return Err(unknown("this needs a token: send it as `Authorization: Bearer <token>`"));
    };
    let actor = match guard.app.actor(token).await {
        Ok(actor) => actor,
        Err(error) => return Err(Failed::from(error).into_response()),
    };
    let Some(actor) = actor else {
        return Err(unknown("the token is not known, was revoked, or has expired"));
    };
    if !actor.may(guard.roles) {
        let roles: Vec<&str> = guard.roles.iter().map(|role| role.name()).collect();
        let message =
            format!("this needs one of the roles {}, which your token does not have", roles.join(", "));
        return Err(Failed(Refusal::forbidden("role_missing", message)).into_response());
    }
    request.extensions_mut().insert(actor);
    Ok(request)
}

/// The token of a request (RFC 6750, 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = all.next()?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && all.next().is_none()).then_some(token)
}

fn unknown(detail: &'static str) -> Response {
    let mut response = Document::new(StatusCode::UNAUTHORIZED, "token_missing", detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
