// SPDX-License-Identifier: Apache-2.0
//! The router: every route in one list, every layer in one place.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::FutureExt as _;
use percent_encoding::percent_decode_str;

use super::{admission::Admission, door, health, openapi, problem, rr, trace, xroad};
use paasla_app::{Gatehouse, clock, problem::Problem};

/// What the doors allow.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How long the whole of a body may take to arrive.
    pub body_deadline: Duration,
    /// How long one request may take. A security server gives up after 60 s, so the answer comes a little earlier.
    pub request_timeout: Duration,
    /// How many queries may be under way at once.
    pub concurrency: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: 1024 * 1024,
            body_deadline: Duration::from_secs(10),
            request_timeout: Duration::from_secs(55),
            concurrency: 256,
        }
    }
}

/// All doors, and what stands behind them.
pub struct Doors {
    pub(super) gate: Arc<dyn Gatehouse>,
    pub(super) settings: Settings,
    pub(super) admission: Admission,
}

impl Doors {
    /// Doors to a gatehouse.
    pub fn new(gate: Arc<dyn Gatehouse>, settings: Settings) -> Arc<Self> {
        let admission = Admission::new(settings.concurrency);
        Arc::new(Self { gate, settings, admission })
    }

    /// Waits until no query is under way any more, also none whose caller has hung up; false when that took longer
    /// than `grace`. For the end of a shutdown: after it no door asks the gatehouse for anything.
    pub async fn idle(&self, grace: Duration) -> bool {
        self.admission.idle(grace).await
    }
}

/// Everything: [`routes`] in [`layers`].
pub fn router(doors: &Arc<Doors>) -> Router {
    layers(doors, routes(doors))
}

/// Every route of the doors that institutions use.
pub fn routes(doors: &Arc<Doors>) -> Router {
    Router::new()
        .route("/xroad/{service}/{version}/query", post(xroad::query))
        .route("/rr/domesticDataExchange/v1/isikud", post(rr::persons))
        .route("/rr/domesticDataExchange/v1/openapi.json", get(rr::openapi::description))
        .route("/xroad/{service}/rights", get(xroad::rights::newest))
        .route("/xroad/{service}/{version}/rights", get(xroad::rights::of_version))
        .route("/xroad/{service}/openapi.json", get(openapi::description))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(Arc::clone(doors))
}

/// What every request goes through, whatever its route: outside in a span, headers of every answer, a net for panics,
/// and a look at the path. Limits on bodies are the doors' own work, since what they refuse must be recorded.
pub fn layers(doors: &Arc<Doors>, routes: Router) -> Router {
    let (unknown, wrong) = (Arc::clone(doors), Arc::clone(doors));
    // One layer for all of it: each costs every request some allocations.
    routes
        .fallback(move |request| no_route(unknown, request))
        .method_not_allowed_fallback(move |request| wrong_method(wrong, request))
        .layer(middleware::from_fn_with_state(Arc::clone(doors), outermost))
}

async fn outermost(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    let mut response = trace::trace(request, |request| catch(plain_path(doors, request, next))).await;
    let headers = response.headers_mut();
    date(headers);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Other doors may say otherwise of what is nobody's data: style sheets, pictures.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Adds when it is answered.
pub(super) fn date(headers: &mut HeaderMap) {
    if let Ok(date) = HeaderValue::from_str(&imf_fixdate()) {
        headers.insert(header::DATE, date);
    }
}

/// The time as HTTP writes it (RFC 9110, 5.6.7).
fn imf_fixdate() -> String {
    let now = jiff::Timestamp::from_millisecond(clock::now()).unwrap_or_default();
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn no_route(doors: Arc<Doors>, request: Request) -> Response {
    let problem = Problem::new("path_unknown", "url", "there is nothing at this address");
    let (parts, _) = request.into_parts();
    door::turn_away(&doors, &parts.uri, &parts.headers, StatusCode::NOT_FOUND, problem).await
}

async fn wrong_method(doors: Arc<Doors>, request: Request) -> Response {
    let message = "this address does not take that method; the header Allow names those it takes";
    let problem = Problem::new("method_not_allowed", "method", message);
    let (parts, _) = request.into_parts();
    door::turn_away(&doors, &parts.uri, &parts.headers, StatusCode::METHOD_NOT_ALLOWED, problem).await
}

/// Refuses a path that two readers could read differently. A security server checks access on the normalised path
/// but passes on the raw one (XRDDEV-3054).
async fn plain_path(doors: Arc<Doors>, request: Request, next: Next) -> Response {
    if is_plain(request.uri().path()) {
        return next.run(request).await;
    }
    let message = "the path holds `.` or `..` as a part, an empty part, or an encoded `/`, `\\`, `.` or `%`";
    let problem = Problem::new("path_invalid", "url", message);
    let (parts, _) = request.into_parts();
    door::turn_away(&doors, &parts.uri, &parts.headers, StatusCode::BAD_REQUEST, problem).await
}

fn is_plain(path: &str) -> bool {
    let Ok(decoded) = percent_decode_str(path).decode_utf8() else { return false };
    let odd = |c: char| c.is_control() || matches!(c, '\\' | '%');
    let same_parts = |mark| path.matches(mark).count() == decoded.matches(mark).count();
    path.starts_with('/')
        && !path.contains("//")
        && !path.split('/').any(|part| matches!(part, "." | ".."))
        && !decoded.chars().any(odd)
        && same_parts('/')
        && same_parts('.')
}

/// The payload of a panic may hold anything, so only that it happened is logged (and where, by [`super::panics`]).
async fn catch(work: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        problem::internal().into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::{imf_fixdate, is_plain};

    #[test]
    fn dates_are_those_of_http() {
        let date = imf_fixdate();
        let read = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", &date);
        assert!(read.is_ok() && date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
    }

    #[test]
    fn only_paths_with_one_reading_are_plain() {
        for plain in ["/", "/xroad/isikud/v1/query", "/xroad/a%C3%A4/openapi.json", "/a.b/c..d"] {
            assert!(is_plain(plain), "{plain}");
        }
        let odd = [
            "*",
            "//",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%2e%2e/b",
            "/a%252fb",
            "/a%00",
            "/a%ff",
            "/a%",
            "/a%zz",
        ];
        for odd in odd {
            assert!(!is_plain(odd), "{odd}");
        }
    }
}
