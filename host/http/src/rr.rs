// SPDX-License-Identifier: Apache-2.0
//! `POST /rr/domesticDataExchange/v1/isikud`: today's clients of the population register, unchanged.
//!
//! The register's own description is not public. The shapes here are what two public clients of it send and expect
//! (TulevaEE/onboarding-service and kemit-ee/ljvis-2); where these do not use a name, it is ours, and `words` says so.

mod answer;
pub(super) mod openapi;
mod query;
mod words;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Serialize;

use super::{door, envelope::Envelope, problems::Problems, router::Doors, strict_json::Tree};
use paasla_app::{
    Gatehouse,
    answer::Answer,
    ask::{Ask, Caller},
};

/// The service that stands behind this door.
const SERVICE: &str = "isikud";

/// This door's words.
struct Register;

/// Answers one request for persons.
pub(super) async fn persons(State(doors): State<Arc<Doors>>, request: Request) -> Response {
    door::pass(&doors, Register, Problems::default(), request).await
}

impl door::Words for Register {
    const CHANNEL: &'static str = "rr";
    const REASON_REQUIRED: bool = true;

    fn service(&self) -> Option<(String, Option<u32>)> {
        Some((SERVICE.to_owned(), None))
    }

    fn ask(
        &self,
        gate: &dyn Gatehouse,
        envelope: &Envelope,
        caller: Caller,
        body: &Tree<'_>,
        problems: &mut Problems,
    ) -> Option<Ask> {
        query::ask(gate, envelope, caller, body, problems)
    }

    fn answer(gate: &dyn Gatehouse, answer: &Answer) -> impl Serialize {
        answer::shape(gate, answer)
    }
}
