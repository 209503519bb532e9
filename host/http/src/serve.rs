// SPDX-License-Identifier: Apache-2.0
//! Sockets: accepts connections, speaks HTTP/1.1 on each, and ends without cutting anybody off.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse as _,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::{
    connection_limit::{ConnectionLimit, ConnectionSlot},
    message,
    phase::TrackedIo,
    router,
};

/// What one listener allows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long the head of a request may take to arrive, from its first byte; on a new connection from the beginning.
    pub head_deadline: Duration,
    /// The same while others wait for a slot.
    pub crowded_deadline: Duration,
    /// How long a connection may wait for its next request, while there are slots for others. Longer than clients keep
    /// one by default, so that they close it, and not the host under a request that is on its way.
    pub idle_deadline: Duration,
    /// How large the head of a request may be, in bytes.
    pub head_limit: usize,
    /// How many connections may be open at once. Further ones wait, all but one in the kernel's queue.
    pub connections: usize,
    /// How long requests under way may go on when the server stops.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            head_deadline: Duration::from_secs(10),
            // A head is sent at once, and has a few round trips.
            crowded_deadline: Duration::from_millis(250),
            // Java's client keeps an idle connection for 20 minutes (`jdk.httpclient.keepalive.timeout`, until Java 19),
            // and asks no server.
            idle_deadline: Duration::from_secs(21 * 60),
            head_limit: 32 * 1024,
            connections: 1024,
            grace: Duration::from_secs(30),
        }
    }
}

/// Serves until `shutdown` ends: then takes no more connections, closes idle ones, and lets requests under way finish.
///
/// Gives back whether all of them did within the grace period; the others were cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let limit = ConnectionLimit::new(settings.connections);
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &limit, settings) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, slot)) => {
                let open = Open { settings: settings.clone(), slot, stopping: stopping.clone() };
                connections.spawn(open.connection(stream, router.clone()));
            }
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let finished = timeout(settings.grace, all).await.is_ok();
    connections.shutdown().await;
    finished
}

/// The next connection, with a slot for it. Whoever drops this closes the connection that waits for its slot.
async fn accept(
    listener: &TcpListener,
    limit: &Arc<ConnectionLimit>,
    settings: &Settings,
) -> io::Result<(TcpStream, ConnectionSlot)> {
    let (stream, _) = listener.accept().await?;
    Ok((stream, limit.take(settings).await?))
}

/// A connection that failed before it was taken is the peer's affair. Anything else (no more file handles) lasts, so
/// trying again at once would only burn time.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What every connection lives by.
struct Open {
    settings: Settings,
    slot: ConnectionSlot,
    stopping: watch::Receiver<bool>,
}

impl Open {
    async fn connection(self, stream: TcpStream, router: Router) {
        // Answers are small and written whole: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        // The error may quote what the peer sent, so only its kind is logged.
        if let Err(error) = self.exchange(stream, router).await {
            let (timeout, parse) = (error.is_timeout(), error.is_parse());
            tracing::debug!(timeout, parse, "a connection ended early");
        }
    }

    /// Requests and answers, one after another, until the peer is done, keeps the connection for too long, or the server
    /// stops.
    async fn exchange(self, stream: TcpStream, router: Router) -> hyper::Result<()> {
        let Self { settings, slot, mut stopping } = self;
        let phase = &slot.phase;
        let (router, own, all) = (TowerToHyperService::new(router), phase.clone(), Arc::clone(&slot.limit));
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            own.asked();
            let answer = match message::fault(&request) {
                None => Ok(router.call(request)),
                Some(fault) => Err(fault),
            };
            let (own, all) = (own.clone(), Arc::clone(&all));
            async move {
                let (mut response, is_last) = match answer {
                    // Where others wait for a slot, a connection is given back after its request.
                    Ok(answer) => (answer.await?, !all.is_any_free()),
                    // Who reads a message otherwise than its sender must not read on.
                    Err(fault) => {
                        let mut refused = fault.into_response();
                        router::date(refused.headers_mut());
                        (refused, true)
                    }
                };
                if is_last {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                own.answered();
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        // hyper wants room for at least 8 KiB.
        let head_limit = settings.head_limit.max(8 * 1024);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(head_limit)
            .max_buf_size(head_limit.max(64 * 1024))
            .keep_alive(true)
            // Who has sent all that they will send still reads.
            .half_close(true)
            // It would panic at a clock before 1970; it is added to what is answered here.
            .auto_date_header(false)
            .serve_connection(TokioIo::new(TrackedIo { stream, phase: phase.clone() }), service);
        let mut connection = pin!(connection);
        let mut overdue = pin!(phase.overdue(&settings));
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended,
                () = &mut overdue => return Ok(()),
                _ = stopping.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
