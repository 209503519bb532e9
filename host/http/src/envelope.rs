// SPDX-License-Identifier: Apache-2.0
//! The envelope: everything that the headers of a request say (PR-REST 1.0.4 §4.3), read before the body.

use axum::http::HeaderMap;
use paasla_core::{ClientId, text};
use uuid::Uuid;

use super::{
    headers::{self, MAX_VALUE_CHARACTERS},
    legal::Reason,
    pdu,
    problems::Problems,
};

const CLIENT: &str = "X-Road-Client";
pub(super) const USER: &str = "X-Road-UserId";
const REQUEST: &str = "X-Road-Request-Id";
pub(super) const PARTY: &str = "X-Road-Represented-Party";
pub(super) const ISSUE: &str = "X-Road-Issue";
pub(super) const REASON: &str = "RR-Request-Reason";

/// What the headers say. Each part that is faulty is left out, and noted as a problem.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) client: Option<ClientId>,
    pub(super) message_id: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) official: Option<String>,
    pub(super) represented: Option<String>,
    pub(super) issue: Option<String>,
    pub(super) reason: Option<Reason>,
    pub(super) statements: pdu::Statements,
}

/// What a request of a door must say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Required {
    /// `X-Road-UserId`: an answer holds personal data.
    pub(super) official: bool,
    /// `RR-Request-Reason`: the door lives by it.
    pub(super) reason: bool,
}

/// Reads all headers.
///
/// An inbound `X-Road-Service` is the client's own invention (a security server sends none), and
/// `X-Road-Security-Server` is for the security servers: both are ignored.
pub(super) fn read(headers: &HeaderMap, required: Required, problems: &mut Problems) -> Envelope {
    let client = client(headers, problems);
    let message_id = headers::single(headers, "X-Road-Id", MAX_VALUE_CHARACTERS, problems);
    let request_id = request_id(headers, problems);
    let official = official(headers, required.official, problems);
    let represented = represented(headers, problems);
    let issue = headers::single(headers, ISSUE, MAX_VALUE_CHARACTERS, problems);
    let reason = reason(headers, required.reason, problems);
    let statements = pdu::read(headers, problems);
    let mut read = vec![CLIENT, "X-Road-Id", REQUEST, USER, PARTY, ISSUE, REASON];
    read.extend(pdu::NAMES);
    headers::check_others(headers, &read, problems);
    Envelope { client, message_id, request_id, official, represented, issue, reason, statements }
}

/// The client. None when the header is missing or wrong.
fn client(headers: &HeaderMap, problems: &mut Problems) -> Option<ClientId> {
    if is_blank(headers, CLIENT) {
        let message = "the header X-Road-Client is required; the security server must send it";
        problems.add("client_missing", CLIENT, message);
        return None;
    }
    let parts = identifier(headers, CLIENT, problems)?;
    match ClientId::from_parts(&parts) {
        Ok(client) => Some(client),
        Err(error) => {
            problems.add("client_invalid", CLIENT, error.to_string());
            None
        }
    }
}

/// The parts of an identifier, each percent-decoded by itself.
fn identifier(headers: &HeaderMap, name: &'static str, problems: &mut Problems) -> Option<Vec<String>> {
    let sent = headers::single(headers, name, MAX_VALUE_CHARACTERS, problems)?;
    sent.split('/').map(|part| headers::decode(part, name, problems)).collect()
}

fn request_id(headers: &HeaderMap, problems: &mut Problems) -> Option<String> {
    let id = headers::single_or_empty(headers, REQUEST, MAX_VALUE_CHARACTERS, problems)?;
    if id.len() != 36 || Uuid::try_parse(&id).is_err() {
        problems.add("header_invalid", REQUEST, "the header X-Road-Request-Id must be a UUID with hyphens");
        return None;
    }
    Some(id)
}

/// The official is required for personal data, and kept as given: X-Road sets no form, only a custom (`EE` and the
/// personal code).
fn official(headers: &HeaderMap, required: bool, problems: &mut Problems) -> Option<String> {
    if required && is_blank(headers, USER) {
        let message = "the header X-Road-UserId is required; name the official who asks";
        problems.add("user_missing", USER, message);
        return None;
    }
    headers::single(headers, USER, 255, problems)
}

fn represented(headers: &HeaderMap, problems: &mut Problems) -> Option<String> {
    let parts = identifier(headers, PARTY, problems)?;
    let fits =
        |part: &String| !text::is_blank(part) && !part.chars().any(|c| c == '/' || text::is_invisible(c));
    if parts.len() > 2 || !parts.iter().all(fits) {
        let message = "the header X-Road-Represented-Party must be [partyClass/]partyCode";
        problems.add("header_invalid", PARTY, message);
        return None;
    }
    Some(parts.join("/"))
}

fn reason(headers: &HeaderMap, required: bool, problems: &mut Problems) -> Option<Reason> {
    if is_blank(headers, REASON) {
        if required {
            let message = "the header RR-Request-Reason is required: `oigustatud` or `avalik`";
            problems.add("reason_missing", REASON, message);
            return None;
        }
        if !headers.contains_key(REASON) {
            return None;
        }
    }
    match headers::single_or_empty(headers, REASON, MAX_VALUE_CHARACTERS, problems)?.as_str() {
        "avalik" => Some(Reason::PublicTask),
        "oigustatud" => Some(Reason::LegitimateInterest),
        _ => {
            let message = "the header RR-Request-Reason must be `oigustatud` or `avalik`";
            problems.add("reason_invalid", REASON, message);
            None
        }
    }
}

/// Whether a header was not sent, or there is nothing to see in it.
fn is_blank(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(name).iter().all(|value| std::str::from_utf8(value.as_bytes()).is_ok_and(text::is_blank))
}
