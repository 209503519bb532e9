// SPDX-License-Identifier: Apache-2.0
//! Bodies of requests: read up to a limit of bytes, within a deadline over the whole of it.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

use paasla_app::problem::Problem;

/// How much of an oversized body is read and thrown away, as a multiple of the limit, so that a caller who is still
/// sending gets to read the answer.
const DRAIN_LIMITS: usize = 8;

/// How long a body is read and thrown away.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Reads the whole body.
///
/// # Errors
/// The status that fits, and the problem.
pub(super) async fn collect(
    body: Body,
    limit: usize,
    deadline: Duration,
) -> Result<Vec<u8>, (StatusCode, Problem)> {
    match timeout(deadline, read(body, limit)).await {
        Ok(read) => read,
        Err(_) => {
            let message = format!("the body did not arrive within {} s", deadline.as_secs().max(1));
            Err((StatusCode::REQUEST_TIMEOUT, Problem::new("body_too_slow", "", message)))
        }
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, (StatusCode, Problem)> {
    let mut bytes = Vec::new();
    // A declared length is an exact hint, so an oversized body is refused before it is read.
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    let mut oversized = usize::try_from(announced).map_or(true, |announced| announced > limit);
    while !oversized {
        let Some(frame) = body.frame().await else { return Ok(bytes) };
        let Ok(frame) = frame else {
            return Err((
                StatusCode::BAD_REQUEST,
                Problem::new("body_broken", "", "the body broke off before its end"),
            ));
        };
        if let Some(data) = frame.data_ref() {
            oversized = bytes.len().saturating_add(data.len()) > limit;
            if !oversized {
                bytes.extend_from_slice(data);
            }
        }
    }
    drop(bytes);
    drain(body, limit.saturating_mul(DRAIN_LIMITS)).await;
    Err((
        StatusCode::PAYLOAD_TOO_LARGE,
        Problem::new("body_too_large", "", format!("the body is larger than {limit} bytes")),
    ))
}

/// Throws away a body that nobody reads, for a moment: so that a caller who is still sending gets to read the answer.
pub(super) async fn discard(body: Body, limit: usize) {
    if !axum::body::HttpBody::is_end_stream(&body) {
        drain(body, limit).await;
    }
}

async fn drain(mut body: Body, most: usize) {
    let swallow = async {
        let mut swallowed = 0_usize;
        while swallowed < most
            && let Some(Ok(frame)) = body.frame().await
        {
            swallowed = swallowed.saturating_add(frame.data_ref().map_or(0, |data| data.len()));
        }
    };
    let _ = timeout(DRAIN_TIME, swallow).await;
}

/// Whether the body is announced as plain JSON in UTF-8.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let place = "Content-Type";
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(first) = values.next() else {
        let message = "the header Content-Type is missing; send application/json";
        return Err(Problem::new("content_type_missing", place, message));
    };
    if values.any(|value| value != first) || !first.to_str().is_ok_and(is_json) {
        let message = "the header Content-Type must be application/json, with charset=utf-8 or none";
        return Err(Problem::new("content_type_unsupported", place, message));
    }
    let plain = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        let message = "the body must not be compressed; leave out Content-Encoding";
        return Err(Problem::new("content_encoding_unsupported", "Content-Encoding", message));
    }
    Ok(())
}

fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    essence
        && parts.filter(|part| !part.is_empty()).all(|part| {
            part.split_once('=').is_some_and(|(name, value)| {
                name.trim_end().eq_ignore_ascii_case("charset")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_read() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json;",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonx",
            "application/json; x=y",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
