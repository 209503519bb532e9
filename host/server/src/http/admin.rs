// SPDX-License-Identifier: Apache-2.0
//! The door of those who change governance: `/admin/v1/...`, JSON in and out, a bearer token with every request.
//!
//! Every route stands in one list, [`routes`], with the roles that it needs: there is no way to add one without.
//! Control data holds no personal data, so problems here say which name is wrong.

mod body;
mod changes;
mod guard;
mod keys;
mod policies;
mod proposals;
mod rulebook;
mod rules;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use paasla_store::{
    StoreError,
    governance::token::Role::{self, Auditor, DataManager, Operator, RuleApprover, RuleAuthor},
};
use serde_json::{Value, json};

use super::problem::Document;
use crate::app::{
    App,
    governance::{refusal::Refusal, view::instant},
};

/// One route of this door.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path's template.
    pub path: &'static str,
    /// Any one of these is needed.
    pub roles: &'static [Role],
    /// Whether it changes something: then it leaves a change in the store.
    pub changes: bool,
    handler: MethodRouter<Arc<App>>,
}

const ANYBODY: &[Role] = &Role::ALL;

fn reads(path: &'static str, roles: &'static [Role], handler: MethodRouter<Arc<App>>) -> Route {
    Route { method: "GET", path, roles, changes: false, handler }
}

fn changes(path: &'static str, roles: &'static [Role], handler: MethodRouter<Arc<App>>) -> Route {
    Route { method: "POST", path, roles, changes: true, handler }
}

/// Every route of this door.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        reads("/admin/v1/rules", ANYBODY, get(rules::list)),
        changes("/admin/v1/rules", &[RuleAuthor], post(rules::upload)),
        reads("/admin/v1/rules/{digest}", ANYBODY, get(rules::one)),
        reads("/admin/v1/rules/{digest}/component", ANYBODY, get(rules::component)),
        changes(
            "/admin/v1/rules/{digest}/signatures",
            &[RuleAuthor, RuleApprover, Operator],
            post(rules::sign),
        ),
        reads("/admin/v1/policies", ANYBODY, get(policies::list)),
        changes("/admin/v1/policies", &[RuleAuthor, DataManager], post(policies::create)),
        reads("/admin/v1/policies/{name}", ANYBODY, get(policies::one)),
        reads("/admin/v1/policies/{name}/diff", ANYBODY, get(policies::diff)),
        reads("/admin/v1/policies/{name}/versions/{version}/diff", ANYBODY, get(policies::diff_of_version)),
        changes("/admin/v1/policies/{name}/shadow", &[RuleAuthor, DataManager], post(policies::shadow)),
        changes("/admin/v1/policies/{name}/approve", &[RuleApprover], post(policies::approve)),
        changes("/admin/v1/policies/{name}/reject", &[RuleApprover, DataManager], post(policies::reject)),
        changes("/admin/v1/policies/{name}/activate", &[DataManager], post(policies::activate)),
        changes("/admin/v1/policies/{name}/retire", &[DataManager], post(policies::retire)),
        changes("/admin/v1/policies/{name}/lift", &[Operator], post(policies::lift)),
        reads("/admin/v1/rulebook", ANYBODY, get(rulebook::now)),
        reads("/admin/v1/rulebook/generations", ANYBODY, get(rulebook::generations)),
        changes("/admin/v1/rulebook/rollback", &[DataManager, Operator], post(rulebook::roll_back)),
        reads("/admin/v1/rulebook/diff", ANYBODY, get(rulebook::diff)),
        reads("/admin/v1/proposals", ANYBODY, get(proposals::list)),
        reads("/admin/v1/proposals/{proposal}", ANYBODY, get(proposals::one)),
        changes("/admin/v1/proposals/{proposal}/confirm", &[RuleApprover], post(proposals::confirm)),
        changes(
            "/admin/v1/proposals/{proposal}/reject",
            &[RuleApprover, DataManager, Operator],
            post(proposals::reject),
        ),
        reads("/admin/v1/keys", ANYBODY, get(keys::list)),
        changes("/admin/v1/keys", &[Operator], post(keys::add)),
        changes("/admin/v1/keys/{id}/revoke", &[Operator], post(keys::revoke)),
        reads("/admin/v1/changes", &[Auditor, Operator, DataManager], get(changes::list)),
    ]
}

/// The door. Put it into the same layers as the others.
pub fn router(app: &Arc<App>) -> Router {
    let guarded = |router: Router<Arc<App>>, route: Route| {
        let guard = guard::Guard { app: Arc::clone(app), roles: route.roles };
        router.route(route.path, route.handler.layer(middleware::from_fn_with_state(guard, guard::let_in)))
    };
    routes().into_iter().fold(Router::new(), guarded).with_state(Arc::clone(app))
}

/// What a handler that fails sends.
struct Failed(Refusal);

impl<E: Into<Refusal>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Refusal { status, problems } = self.0;
        if status < 500 {
            return Document::invalid(None, status, &problems).into_response();
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (code, message) = problems.into_iter().next().map_or_else(
            || ("internal", "the host failed; nothing changed".to_owned()),
            |problem| (problem.code, problem.message),
        );
        let document = Document::new(status, code, message);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return document.retry_after(Duration::from_secs(5)).into_response();
        }
        document.into_response()
    }
}

type Answer<T> = Result<T, Failed>;

/// The same with these members as instants (RFC 3339) instead of milliseconds since 1970-01-01T00:00:00Z.
fn with_instants(mut json: Value, members: &[&str]) -> Value {
    for member in members {
        if let Some(place) = json.get_mut(member)
            && let Some(millis) = place.as_i64()
        {
            *place = json!(instant(millis));
        }
    }
    json
}

/// Something that is not there.
fn not_found(what: &str, name: &str) -> Failed {
    Failed(Refusal::not_found(what, name))
}

/// A store that cannot be read.
fn unread(error: StoreError) -> Failed {
    Failed(error.into())
}
