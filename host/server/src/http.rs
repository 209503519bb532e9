// SPDX-License-Identifier: Apache-2.0
//! The doors. They translate HTTP into the register's words and back; they decide nothing and know no SQL.
//!
//! One request, files in order: [`serve`] (sockets) -> [`router`] (every route, every layer) -> `door` (what all
//! doors do) -> `headers` and `strict_json` (what was sent) -> `xroad` or `rr` (one door's words) ->
//! [`Gatehouse`] (the app) -> `xroad::answer`, `rr::answer` or [`problem`] (what goes back).
//!
//! Nothing that a caller sent is repeated in a problem, a log line or a span: names of members and headers may be
//! personal codes too, so only names that this code knows are ever written.

pub mod admin;
mod admission;
mod afterwards;
mod body;
mod door;
mod envelope;
mod headers;
mod health;
mod legal;
mod message;
mod openapi;
pub mod panics;
mod pdu;
pub mod problem;
mod problems;
mod pulse;
mod repoll;
pub mod router;
mod rr;
pub mod serve;
mod shape;
pub mod strict_json;
mod to_the_end;
mod trace;
mod xroad;

use async_trait::async_trait;
use paasla_core::ClientId;

use crate::app::{
    answer::Answer,
    ask::{Ask, Caller},
    health::Readiness,
    openapi::{FieldText, Publisher},
    problem::{NoAnswer, Problem},
};

pub use router::{Doors, Settings, layers, router, routes};

/// The header that names the record of a request, in every answer that has one.
pub const DECISION: &str = "paasla-decision";

/// Puts an answer into a door's words, as JSON.
pub type Put = fn(&dyn Gatehouse, &Answer<'_>) -> serde_json::Result<Vec<u8>>;

/// An answer as it goes out.
#[derive(Debug)]
pub struct Sent {
    /// The decision's id, also the record's.
    pub id: String,
    /// The answer in the door's words.
    pub body: serde_json::Result<Vec<u8>>,
}

/// What the doors ask of the app.
#[async_trait]
pub trait Gatehouse: Send + Sync + 'static {
    /// Decides and answers one query. A record is durable before this returns, whatever it returns. The answer is put
    /// into the door's words before that, where possible: what waits for a disk is bytes, and little else.
    ///
    /// Doors see to it that it goes on to its end when the caller hangs up.
    async fn answer(&self, ask: Ask, put: Put) -> Result<Sent, NoAnswer>;

    /// Records a request of an identified client that could not be understood. Gives back the record's id, or
    /// none when it could not be written; the door then answers 503. `service` is what the URL says, unchecked.
    async fn reject(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
        status: u16,
        problems: &[Problem],
    ) -> Option<String>;

    /// Whether a client has any right to ask. One that has none is refused before anything is read of what it asks.
    fn has_right(&self, client: &ClientId) -> bool;

    /// Refuses a client that has no right to anything. A few of these refusals are recorded each by itself; the others
    /// of a minute as their number.
    async fn refuse_stranger(&self, caller: Caller, service: Option<(String, Option<u32>)>) -> NoAnswer;

    /// What is wrong with an ask in the register's own terms: unknown fields, invalid codes, unknown purposes. Doors
    /// add it to what they found themselves, so that a caller sees every problem at once.
    fn check(&self, ask: &Ask) -> Vec<Problem>;

    /// Whether the register knows a field by this name. Only such a name may be repeated to who sent it.
    fn is_field(&self, name: &str) -> bool;

    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// The full form of a compact IRI (`dpv:Query`); anything else comes back as it is. Doors compare statements
    /// with it.
    fn expand(&self, iri: &str) -> String;

    /// The code list and the label of a code that a field holds: `("status", "E")` gives
    /// `("ISIKU_STAATUS", "ELUS")`.
    fn code_label(&self, field: &str, code: &str) -> Option<(String, String)>;

    /// Whether queries can be answered.
    fn readiness(&self) -> Readiness;

    /// What people are told of a field of a service.
    fn about(&self, service: &str, field: &str) -> Option<FieldText>;

    /// Who answers for a service; none when there is no such service.
    fn publisher(&self, service: &str) -> Option<Publisher>;

    /// The OpenAPI description of a service, exactly version 3.1.0 or 3.0.x.
    fn openapi(&self, service: &str) -> Option<serde_json::Value>;
}
