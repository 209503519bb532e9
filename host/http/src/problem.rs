// SPDX-License-Identifier: Apache-2.0
//! Problem documents: `application/problem+json` (RFC 9457). The one place where errors become responses.
//!
//! Every body has `type` (`urn:paasla:problem:<code>`), `title`, `status`, `code` and `detail`; with a record also
//! `instance` (`urn:uuid:<id>`). A wrong request lists `problems`, a refused one `reasons`. Nothing from inside the
//! host gets here: what went wrong is in the log, under the same id.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use paasla_core::Reason;
use serde_json::{Map, Value, json};

use super::{DECISION, status};
use paasla_app::problem::{Capped, NoAnswer, Problem};

/// One problem document on its way out.
#[derive(Debug)]
pub(super) struct Document {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    id: Option<String>,
    retry_after: Option<Duration>,
    more: Map<String, Value>,
}

impl Document {
    /// A problem that a door, not the app, reports.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = match status.as_u16() {
            401 => "The host does not know who asks",
            403 => "This is not allowed",
            404 => "There is nothing here",
            409 => "This does not fit where things stand",
            400..500 => "The request is wrong",
            _ => "There is no answer now",
        };
        Self { status, code, title, detail: detail.into(), id: None, retry_after: None, more: Map::new() }
    }

    /// Every problem of a request.
    pub(super) fn invalid(id: Option<String>, status: StatusCode, problems: &[Problem]) -> Self {
        let (code, detail) = match problems {
            [problem] => (problem.code, Cow::Owned(problem.message.clone())),
            _ => (
                "request_invalid",
                Cow::Owned(format!("{} problems were found; see `problems`", problems.len())),
            ),
        };
        let list = problems.iter().map(
            |problem| json!({ "code": problem.code, "place": problem.place, "message": problem.message }),
        );
        let mut document = Self::new(status, code, detail);
        document.more.insert("problems".to_owned(), list.collect());
        document.id = id;
        document
    }

    /// A time to wait before trying again.
    pub(super) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn refused(status: StatusCode, id: String, generation: u64, reasons: &BTreeSet<Reason>) -> Self {
        let mut document =
            Self::new(status, "query_refused", "the grant or a rule refuses the query; see `reasons`");
        document.title = "The query is refused";
        document.more.insert("generation".to_owned(), generation.into());
        document.more.insert("reasons".to_owned(), reasons.iter().map(reason).collect());
        document.id = Some(id);
        document
    }

    /// The same, with the cap that is in the way and when it opens.
    fn capped(status: StatusCode, id: String, generation: u64, capped: &Capped) -> Self {
        let mut document = Self::refused(status, id, generation, &capped.reasons);
        let window = capped.window.name();
        document.detail = Cow::Borrowed(match capped.opens {
            Some(_) => "so many persons do not fit under a cap now; see `reasons`, `left` and `opensAt`",
            None => "one query may not name so many persons under a cap; see `reasons`, and ask for fewer",
        });
        document.more.insert("window".to_owned(), window.into());
        document.more.insert("left".to_owned(), capped.left.into());
        if let Some(opens) = capped.opens {
            document.retry_after = Some(opens.after);
            if let Ok(at) = jiff::Timestamp::from_millisecond(opens.at) {
                document.more.insert("opensAt".to_owned(), at.to_string().into());
            }
        }
        document
    }

    fn failed(status: StatusCode, id: String, code: &'static str, retry_after: Option<Duration>) -> Self {
        let mut document = Self::new(status, code, "the host cannot answer; nothing was disclosed");
        document.id = Some(id);
        document.retry_after = retry_after;
        document
    }
}

/// The request could not be recorded, so nothing more may happen.
pub(super) fn unrecorded() -> Document {
    let detail = "the request could not be recorded, so it cannot be answered; try again later";
    Document::new(StatusCode::SERVICE_UNAVAILABLE, "record_unavailable", detail)
        .retry_after(Duration::from_secs(5))
}

/// Refused again, and only counted.
fn too_often(status: StatusCode, retry_after: Duration) -> Document {
    let detail = "this client has no access right, and asks too often; further refusals are counted, not recorded one by one";
    Document::new(status, "refused_too_often", detail).retry_after(retry_after)
}

/// Something broke that should not.
pub(super) fn internal() -> Document {
    Document::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host failed; nothing was disclosed")
}

/// A reason as it stands in answers.
pub(super) fn reason(reason: &Reason) -> Value {
    let mut object = Map::new();
    object.insert("by".to_owned(), (&*reason.by).into());
    object.insert("code".to_owned(), reason.code.as_str().into());
    object.insert("message".to_owned(), reason.message.as_str().into());
    if let Some(provision) = &reason.provision {
        object.insert("provision".to_owned(), (&**provision).into());
    }
    Value::Object(object)
}

/// Puts the record's id into an answer's headers.
pub(super) fn mark(response: &mut Response, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(HeaderName::from_static(DECISION), value);
    }
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("urn:paasla:problem:{}", self.code).into());
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("code".to_owned(), self.code.into());
        body.insert("detail".to_owned(), self.detail.into());
        if let Some(id) = &self.id {
            body.insert("instance".to_owned(), format!("urn:uuid:{id}").into());
        }
        body.extend(self.more);
        let headers =
            [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, Value::Object(body).to_string()).into_response();
        if let Some(wait) = self.retry_after {
            let seconds =
                HeaderValue::from(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Some(id) = &self.id {
            mark(&mut response, id);
        }
        response
    }
}

impl From<NoAnswer> for Document {
    fn from(none: NoAnswer) -> Self {
        let status = status::of_no_answer(&none);
        match none {
            NoAnswer::Invalid { id, problems } => Self::invalid(Some(id), status, &problems),
            NoAnswer::NotFound { id, problem } => Self::invalid(Some(id), status, &[problem]),
            NoAnswer::Refused { id, generation, reasons } => Self::refused(status, id, generation, &reasons),
            NoAnswer::Capped { id, generation, capped } => Self::capped(status, id, generation, &capped),
            NoAnswer::TooOften { retry_after } => too_often(status, retry_after),
            NoAnswer::Failed { id, code, retry_after } => Self::failed(status, id, code, retry_after),
        }
    }
}
