// SPDX-License-Identifier: Apache-2.0
//! The door of those who change governance: `/admin/v1/...`, JSON in and out, a bearer token with every request.
//!
//! Every route stands in one list, [`routes`], with the roles that it needs: there is no way to add one without.
//! Control data holds no personal data, so problems here say which name is wrong. What somebody sees is decided by
//! [`App`], which every handler tells who asks.

mod body;
mod changes;
mod guard;
mod json;
mod keys;
mod objects;
mod parameters;
mod policies;
mod proposals;
mod rulebook;
mod rules;
mod who;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use paasla_store::{
    StoreError,
    governance::token::Role::{self, Auditor, DataManager, Operator, RuleApprover, RuleAuthor},
};

use super::{problem::Document, status};
use paasla_app::{
    Gatehouse,
    governance::{Governance, refusal::Refusal},
    problem::Problem,
};

use objects::{Grants, Purposes, Services};

/// One route of this door.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path's template.
    pub path: &'static str,
    /// What may stand in the query string.
    pub parameters: &'static [&'static str],
    /// Any one of these is needed.
    pub roles: &'static [Role],
    /// Whether it changes something: then it leaves a change in the store.
    pub changes: bool,
    /// What is done there, as changes name it.
    pub action: &'static str,
    kind: Kind,
    handler: MethodRouter<Arc<Governance>>,
}

/// What a request takes of what all share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It looks at something.
    Read,
    /// It changes something.
    Act,
    /// It brings a component in.
    Upload,
}

const ANY_ROLE: &[Role] = &Role::ALL;

fn reads(
    path: &'static str,
    action: &'static str,
    roles: &'static [Role],
    handler: MethodRouter<Arc<Governance>>,
) -> Route {
    Route { method: "GET", path, parameters: &[], roles, changes: false, action, kind: Kind::Read, handler }
}

fn changes(
    path: &'static str,
    action: &'static str,
    roles: &'static [Role],
    handler: MethodRouter<Arc<Governance>>,
) -> Route {
    Route { method: "POST", path, parameters: &[], roles, changes: true, action, kind: Kind::Act, handler }
}

fn uploads(
    path: &'static str,
    action: &'static str,
    roles: &'static [Role],
    handler: MethodRouter<Arc<Governance>>,
) -> Route {
    Route { kind: Kind::Upload, ..changes(path, action, roles, handler) }
}

impl Route {
    fn with(self, parameters: &'static [&'static str]) -> Self {
        Self { parameters, ..self }
    }
}

/// Every route of this door.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        reads("/admin/v1/rules", "rule.read", ANY_ROLE, get(rules::list)),
        uploads("/admin/v1/rules", "rule.upload", &[RuleAuthor], post(rules::upload)),
        reads("/admin/v1/rules/{digest}", "rule.read", ANY_ROLE, get(rules::one)),
        reads("/admin/v1/rules/{digest}/component", "rule.read", ANY_ROLE, get(rules::component)),
        changes(
            "/admin/v1/rules/{digest}/signatures",
            "rule.sign",
            &[RuleAuthor, RuleApprover, Operator],
            post(rules::sign),
        ),
        reads("/admin/v1/policies", "policy.read", ANY_ROLE, get(policies::list)),
        changes("/admin/v1/policies", "policy.create", &[RuleAuthor, DataManager], post(policies::create)),
        reads("/admin/v1/policies/{name}", "policy.read", ANY_ROLE, get(policies::one)),
        reads("/admin/v1/policies/{name}/diff", "policy.read", ANY_ROLE, get(policies::diff))
            .with(policies::PAGE_PARAMETERS),
        reads(
            "/admin/v1/policies/{name}/versions/{version}/diff",
            "policy.read",
            ANY_ROLE,
            get(policies::diff_of_version),
        )
        .with(policies::PAGE_PARAMETERS),
        changes(
            "/admin/v1/policies/{name}/shadow",
            "policy.shadow",
            &[RuleAuthor, DataManager],
            post(policies::shadow),
        ),
        changes(
            "/admin/v1/policies/{name}/approve",
            "policy.approve",
            &[RuleApprover],
            post(policies::approve),
        ),
        changes(
            "/admin/v1/policies/{name}/reject",
            "policy.reject",
            &[RuleApprover, DataManager],
            post(policies::reject),
        ),
        changes(
            "/admin/v1/policies/{name}/activate",
            "policy.activate",
            &[DataManager],
            post(policies::activate),
        ),
        changes("/admin/v1/policies/{name}/retire", "policy.retire", &[DataManager], post(policies::retire)),
        changes("/admin/v1/policies/{name}/lift", "policy.lift", &[Operator], post(policies::lift)),
        reads("/admin/v1/services", "service.read", ANY_ROLE, get(objects::list::<Services>)),
        changes("/admin/v1/services", "service.put", &[DataManager], post(objects::put::<Services>)),
        reads(
            "/admin/v1/services/{name}/versions/{version}",
            "service.read",
            ANY_ROLE,
            get(objects::one_service),
        ),
        changes(
            "/admin/v1/services/{name}/versions/{version}/retire",
            "service.retire",
            &[DataManager],
            post(objects::retire_service),
        ),
        reads("/admin/v1/services/{name}/who", "service.read", ANY_ROLE, get(who::who)).with(who::PARAMETERS),
        reads("/admin/v1/grants", "grant.read", ANY_ROLE, get(objects::list::<Grants>)),
        changes("/admin/v1/grants", "grant.put", &[DataManager], post(objects::put::<Grants>)),
        reads("/admin/v1/grants/{id}", "grant.read", ANY_ROLE, get(objects::one::<Grants>)),
        changes(
            "/admin/v1/grants/{id}/retire",
            "grant.retire",
            &[DataManager],
            post(objects::retire::<Grants>),
        ),
        reads("/admin/v1/purposes", "term.read", ANY_ROLE, get(objects::list::<Purposes>)),
        changes("/admin/v1/purposes", "term.put", &[DataManager], post(objects::put::<Purposes>)),
        reads("/admin/v1/purposes/{iri}", "term.read", ANY_ROLE, get(objects::one::<Purposes>)),
        changes(
            "/admin/v1/purposes/{iri}/retire",
            "term.retire",
            &[DataManager],
            post(objects::retire::<Purposes>),
        ),
        reads("/admin/v1/rulebook", "rulebook.read", ANY_ROLE, get(rulebook::now)).with(&["at"]),
        reads("/admin/v1/rulebook/generations", "rulebook.read", ANY_ROLE, get(rulebook::generations)),
        changes(
            "/admin/v1/rulebook/rollback",
            "rulebook.rollback",
            &[DataManager, Operator],
            post(rulebook::roll_back),
        ),
        uploads("/admin/v1/rulebook/apply", "rulebook.edit", &[DataManager], post(rulebook::apply)),
        reads("/admin/v1/rulebook/diff", "rulebook.read", ANY_ROLE, get(rulebook::diff))
            .with(&["from", "to"]),
        reads("/admin/v1/proposals", "proposal.read", ANY_ROLE, get(proposals::list)).with(&["waiting"]),
        reads("/admin/v1/proposals/{proposal}", "proposal.read", ANY_ROLE, get(proposals::one)),
        changes(
            "/admin/v1/proposals/{proposal}/confirm",
            "proposal.confirm",
            &[RuleApprover],
            post(proposals::confirm),
        ),
        changes(
            "/admin/v1/proposals/{proposal}/reject",
            "proposal.reject",
            &[RuleApprover, DataManager, Operator],
            post(proposals::reject),
        ),
        reads("/admin/v1/keys", "key.read", ANY_ROLE, get(keys::list)),
        changes("/admin/v1/keys", "key.add", &[Operator], post(keys::add)),
        changes("/admin/v1/keys/{id}/revoke", "key.revoke", &[Operator], post(keys::revoke)),
        reads("/admin/v1/changes", "change.read", &[Auditor, Operator, DataManager], get(changes::list))
            .with(&["target", "before", "limit"]),
    ]
}

/// The door. Put it into the same layers as the others.
pub fn router(governance: &Arc<Governance>, gate: Arc<dyn Gatehouse>) -> Router {
    let guarded = |router: Router<Arc<Governance>>, route: Route| {
        let Route { parameters, roles, action, kind, .. } = route;
        let guard = guard::Guard { governance: Arc::clone(governance), parameters, roles, action, kind };
        router.route(route.path, route.handler.layer(middleware::from_fn_with_state(guard, guard::let_in)))
    };
    let router = routes().into_iter().fold(Router::new(), guarded);
    router.layer(Extension(gate)).with_state(Arc::clone(governance))
}

/// What a handler that fails sends.
struct Failed {
    status: StatusCode,
    problems: Vec<Problem>,
}

impl<E: Into<Refusal>> From<E> for Failed {
    fn from(error: E) -> Self {
        let Refusal { kind, problems } = error.into();
        Self { status: status::of_refusal(kind), problems }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self { status, problems } = self;
        if status.is_client_error() {
            return Document::invalid(None, status, &problems).into_response();
        }
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

/// Something that is not there.
fn not_found(what: &str, name: &str) -> Failed {
    Refusal::not_found(what, name).into()
}

/// A store that cannot be read.
fn unread(error: StoreError) -> Failed {
    error.into()
}
