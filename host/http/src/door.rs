// SPDX-License-Identifier: Apache-2.0
//! The way of a request through any door: headers and body are read, every problem gathered, then the app is asked or
//! the refusal recorded. Only the words differ from door to door.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use paasla_core::ClientId;
use serde::Serialize;
use tracing::Instrument as _;

use super::{
    admission::{self, Permit, Share},
    body,
    envelope::{self, Envelope, Required},
    problem::{self, Document},
    problems::Problems,
    router::Doors,
    strict_json::{self, Tree},
};
use paasla_app::{
    Gatehouse,
    answer::Answer,
    ask::{Ask, Caller},
    problem::Problem,
};

/// How deep a body may be nested. The deepest that any door reads is 3.
const MAX_DEPTH: usize = 32;

/// Most answers fit, in bytes.
const USUAL_ANSWER_BYTES: usize = 4 << 10;

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// One door's words.
pub(super) trait Words {
    /// The door's name: `xroad` or `rr`.
    const CHANNEL: &'static str;
    /// Whether the door lives by `RR-Request-Reason`.
    const REASON_REQUIRED: bool;

    /// The service asked, as far as the URL says. Notes what is wrong with the URL.
    fn service(&self) -> Option<(String, Option<u32>)>;

    /// What a body asks. Whatever is wrong is noted; if anything is, the ask is not used.
    fn ask(
        &self,
        gate: &dyn Gatehouse,
        envelope: &Envelope,
        caller: Caller,
        body: &Tree<'_>,
        problems: &mut Problems,
    ) -> Option<Ask>;

    /// An answer as the door's clients read it.
    fn answer(gate: &dyn Gatehouse, answer: &Answer) -> impl Serialize;
}

/// Takes one request through a door. `problems` are those of the URL.
///
/// First the head, then the body, and only when it is there a permit.
pub(super) async fn pass<W: Words>(
    doors: &Arc<Doors>,
    words: W,
    mut problems: Problems,
    request: Request,
) -> Response {
    let (parts, sent) = request.into_parts();
    let required = Required { official: true, reason: W::REASON_REQUIRED };
    let head = head(doors, W::CHANNEL, required, words.service(), &parts, &mut problems).await;
    let Head { envelope, caller, share } = match head {
        Ok(head) => head,
        Err(turned) => {
            if turned.is_known {
                body::discard(sent, doors.settings.body_limit).await;
            }
            return turned.response;
        }
    };
    let work = async {
        if let Err(problem) = body::check_type(&parts.headers) {
            problems.decisive(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem);
        }
        let body = read(doors, sent, &mut problems).await;
        let Some(permit) = doors.admission.enter(share) else {
            return admission::overloaded().into_response();
        };
        let ask = body.and_then(|body| {
            let parsed = strict_json::parse(&body, MAX_DEPTH).map_err(|problem| problems.push(problem));
            words.ask(&*doors.gate, &envelope, caller.clone(), &parsed.ok()?, &mut problems)
        });
        match ask {
            Some(ask) if problems.is_empty() => answer::<W>(doors, permit, ask).await,
            None if problems.is_empty() => problem::internal().into_response(),
            understood => {
                if let Some(ask) = understood {
                    problems.extend(doors.gate.check(&ask));
                }
                let (status, problems) = problems.finish();
                reject(doors, Some(permit), caller, words.service(), status, problems).await
            }
        }
    };
    let answered = tokio::time::timeout(doors.settings.request_timeout, work).await;
    answered.unwrap_or_else(|_| admission::timed_out().into_response())
}

/// What the head of a request says, and a place in the share of who sent it.
pub(super) struct Head {
    pub(super) envelope: Envelope,
    pub(super) caller: Caller,
    pub(super) share: Share,
}

/// A request that its head alone turns away.
pub(super) struct TurnedAway {
    pub(super) response: Response,
    /// Whether it is known who sent it.
    is_known: bool,
}

/// Reads the head of a request: whether there is somebody to hold to account, who may ask at all, and whose share of the
/// permits is not used up.
pub(super) async fn head(
    doors: &Arc<Doors>,
    channel: &'static str,
    required: Required,
    service: Option<(String, Option<u32>)>,
    parts: &Parts,
    problems: &mut Problems,
) -> Result<Head, TurnedAway> {
    let (arrived, instant) = (Instant::now(), doors.gate.now());
    let envelope = envelope::read(&parts.headers, required, problems);
    check_query(&parts.uri, problems);
    let Some(client) = envelope.client.clone() else {
        // Nobody to hold to account: no record, and no more of the request is read.
        let (status, problems) = std::mem::take(problems).finish();
        let response = Document::invalid(None, status, &problems).into_response();
        return Err(TurnedAway { response, is_known: false });
    };
    let has_right = doors.gate.has_right(&client);
    let caller = caller(channel, client, &envelope, arrived, instant);
    if !has_right {
        let response = refuse_stranger(doors, caller, service).await;
        return Err(TurnedAway { response, is_known: true });
    }
    match doors.admission.share(caller.client.member()) {
        Some(share) => Ok(Head { envelope, caller, share }),
        None => Err(TurnedAway { response: admission::share_used_up().into_response(), is_known: true }),
    }
}

/// Turns away a request that no route takes. It is recorded when it came to a door from an identified client.
pub(super) async fn turn_away(
    doors: &Arc<Doors>,
    uri: &Uri,
    headers: &HeaderMap,
    status: StatusCode,
    problem: Problem,
) -> Response {
    let (arrived, instant) = (Instant::now(), doors.gate.now());
    let channel = match uri.path() {
        path if path.starts_with("/xroad/") => "xroad",
        path if path.starts_with("/rr/") => "rr",
        _ => return Document::invalid(None, status, &[problem]).into_response(),
    };
    let envelope = envelope::read(headers, Required::default(), &mut Problems::default());
    let Some(client) = envelope.client.clone() else {
        return Document::invalid(None, status, &[problem]).into_response();
    };
    let has_right = doors.gate.has_right(&client);
    let share = doors.admission.share(client.member());
    let caller = caller(channel, client, &envelope, arrived, instant);
    if !has_right {
        return refuse_stranger(doors, caller, None).await;
    }
    if share.is_none() {
        return admission::share_used_up().into_response();
    }
    reject(doors, None, caller, None, status, vec![problem]).await
}

fn caller(
    channel: &'static str,
    client: ClientId,
    envelope: &Envelope,
    arrived: Instant,
    instant: i64,
) -> Caller {
    Caller {
        instant,
        arrived,
        channel,
        client,
        message_id: envelope.message_id.clone(),
        request_id: envelope.request_id.clone(),
        official: envelope.official.clone(),
        represented: envelope.represented.clone(),
        case: envelope.issue.clone(),
        statements: envelope.statements.list.clone(),
    }
}

/// A personal code in a URL ends up in the logs of every machine on the way (X-Road's too: XRDDEV-2840).
fn check_query(uri: &Uri, problems: &mut Problems) {
    if uri.query().is_some() {
        let message = "this address takes no query string; send everything in the body";
        problems.add("query_string", "url", message);
    }
}

async fn read(doors: &Doors, sent: axum::body::Body, problems: &mut Problems) -> Option<Vec<u8>> {
    if problems.is_decided() {
        return None;
    }
    let read = body::collect(sent, doors.settings.body_limit, doors.settings.body_deadline).await;
    read.map_err(|(status, problem)| problems.decisive(status, problem)).ok()
}

/// Runs to completion, also when the client hangs up or the request times out: nothing stops halfway to its record. None
/// when it panicked.
pub(super) async fn detached<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(work.in_current_span()).await.ok()
}

/// Asks the app.
async fn answer<W: Words>(doors: &Arc<Doors>, permit: Permit, ask: Ask) -> Response {
    let gate = Arc::clone(&doors.gate);
    let work = async move {
        let answer = gate.answer(ask).await;
        drop(permit);
        answer
    };
    match detached(work).await {
        Some(Ok(answer)) => {
            let mut body = Vec::with_capacity(USUAL_ANSWER_BYTES);
            let mut response = match serde_json::to_writer(&mut body, &W::answer(&*doors.gate, &answer)) {
                Ok(()) => ([JSON], body).into_response(),
                Err(_) => broken(),
            };
            problem::mark(&mut response, &answer.id);
            response
        }
        Some(Err(none)) => Document::from(none).into_response(),
        None => broken(),
    }
}

/// Refuses a client that has no right to anything, whatever it asks.
async fn refuse_stranger(
    doors: &Arc<Doors>,
    caller: Caller,
    service: Option<(String, Option<u32>)>,
) -> Response {
    let gate = Arc::clone(&doors.gate);
    let work = async move { gate.refuse_stranger(caller, service).await };
    detached(work).await.map_or_else(broken, |none| Document::from(none).into_response())
}

pub(super) async fn reject(
    doors: &Arc<Doors>,
    permit: Option<Permit>,
    caller: Caller,
    service: Option<(String, Option<u32>)>,
    status: StatusCode,
    problems: Vec<Problem>,
) -> Response {
    let gate = Arc::clone(&doors.gate);
    let work = async move {
        let id = gate.reject(caller, service, &problems).await;
        drop(permit);
        (id, problems)
    };
    match detached(work).await {
        Some((Some(id), problems)) => Document::invalid(Some(id), status, &problems).into_response(),
        Some((None, _)) => problem::unrecorded().into_response(),
        None => broken(),
    }
}

pub(super) fn broken() -> Response {
    tracing::error!("a query ended before its end");
    problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::sync::{Notify, oneshot};

    use super::detached;

    #[tokio::test]
    async fn what_is_detached_gives_back_what_came_of_it() {
        assert_eq!(detached(async { 42 }).await, Some(42));
        assert_eq!(detached(async { panic!("it breaks") }).await, None::<()>);
    }

    #[tokio::test]
    async fn what_is_detached_goes_on_when_nobody_waits() {
        let (go, began) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, told) = oneshot::channel();
        let work = {
            let (go, began) = (Arc::clone(&go), Arc::clone(&began));
            async move {
                began.notify_one();
                go.notified().await;
                let _ = tell.send(());
            }
        };
        let waits = tokio::spawn(detached(work));
        began.notified().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        go.notify_one();
        tokio::time::timeout(Duration::from_secs(60), told).await.unwrap().unwrap();
    }
}
