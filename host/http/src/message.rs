// SPDX-License-Identifier: Apache-2.0
//! Checks of a message's head that RFC 9110 and RFC 9112 ask for and hyper does not make, against request smuggling.
//! Done before any route: two readers of one message must not disagree about where it goes and where it ends.
//!
//! Two things are gone before anybody can look: a fragment in the request target, and whether a line of the head ended
//! with LF alone, which RFC 9112 §2.2 lets a recipient accept.

use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header, uri::Authority};

use super::problem::Document;

/// What is wrong with a message's head, as the answer to it.
pub(super) fn fault<B>(request: &Request<B>) -> Option<Document> {
    let headers = request.headers();
    let wrong = |status, code, detail| Some(Document::new(status, code, detail));
    if !has_one_host(headers, request.version()) {
        let detail = "a request has exactly one header Host, with a host and maybe a port (RFC 9112 §3.2)";
        return wrong(StatusCode::BAD_REQUEST, "host_invalid", detail);
    }
    let codings: Vec<&str> = members(headers, header::TRANSFER_ENCODING).collect();
    let is_chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    if codings.iter().filter(|coding| is_chunked(coding)).count() > 1 {
        let detail = "Transfer-Encoding names chunked more than once (RFC 9112 §6.1)";
        return wrong(StatusCode::BAD_REQUEST, "transfer_encoding_invalid", detail);
    }
    if !codings.iter().all(is_chunked) {
        let detail = "the only Transfer-Encoding taken is chunked; send the body as it is";
        return wrong(StatusCode::NOT_IMPLEMENTED, "transfer_encoding_unsupported", detail);
    }
    if members(headers, header::EXPECT).any(|expected| !expected.eq_ignore_ascii_case("100-continue")) {
        let detail = "the only expectation that can be met is 100-continue (RFC 9110 §10.1.1)";
        return wrong(StatusCode::EXPECTATION_FAILED, "expectation_failed", detail);
    }
    None
}

/// HTTP/1.0 knows no Host: there it may be missing.
fn has_one_host(headers: &HeaderMap, version: Version) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

fn is_host(host: &HeaderValue) -> bool {
    let is_authority = |text: &[u8]| Authority::try_from(text).is_ok_and(|host| !host.as_str().contains('@'));
    host.is_empty() || is_authority(host.as_bytes())
}

/// The members of a header that is a list. What is no text is a member that nobody knows.
fn members(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"));
    texts.flat_map(|text| text.split(',')).map(str::trim).filter(|member| !member.is_empty())
}
