// SPDX-License-Identifier: Apache-2.0
//! The doors. They translate HTTP into the register's words and back; they decide nothing and know no SQL.
//!
//! One request, files in order: [`serve`] (sockets) -> [`router`] (every route, every layer) -> `door` (what all
//! doors do) -> `headers` and `strict_json` (what was sent) -> `xroad` or `rr` (one door's words) ->
//! [`Gatehouse`](paasla_app::Gatehouse) (the app) -> `xroad::answer`, `rr::answer` or [`problem`] (what goes back).
//!
//! Nothing that a caller sent is repeated in a problem, a log line or a span: names of members and headers may be
//! personal codes too, so only names that this code knows are ever written.

pub mod admin;
mod admission;
mod body;
mod connection_limit;
mod door;
mod envelope;
mod headers;
mod health;
mod legal;
mod message;
mod openapi;
pub mod panics;
mod pdu;
mod phase;
pub mod problem;
mod problems;
pub mod router;
mod rr;
pub mod serve;
mod shape;
mod status;
pub mod strict_json;
mod trace;
mod xroad;

pub use router::{Doors, Settings, layers, router, routes};

/// The header that names the record of a request, in every answer that has one.
pub const DECISION: &str = "paasla-decision";
