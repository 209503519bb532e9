// SPDX-License-Identifier: Apache-2.0
//! Sockets: accepts connections, speaks HTTP/1.1 on each, and ends without cutting anybody off.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};

use super::{afterwards::Afterwards, repoll::Repoll};

/// What one listener allows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long the head of a request may take to arrive, from the moment the connection is ready for it. An idle
    /// connection is closed after this time too.
    pub head_deadline: Duration,
    /// How large the head of a request may be, in bytes.
    pub head_limit: usize,
    /// How many connections may be open at once. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// How long requests under way may go on when the server stops.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            head_deadline: Duration::from_secs(10),
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
    let places = Arc::new(Semaphore::new(settings.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, place)) => {
                connections.spawn(connection(
                    stream,
                    place,
                    router.clone(),
                    settings.clone(),
                    graceful.watcher(),
                ));
            }
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    let finished = timeout(settings.grace, graceful.shutdown()).await.is_ok();
    connections.shutdown().await;
    finished
}

/// The next connection, once there is a place for it. Safe to drop: no connection gets lost.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
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

async fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    settings: Settings,
    watcher: Watcher,
) {
    // Answers are small and written whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    // hyper wants room for at least 8 KiB.
    let head_limit = settings.head_limit.max(8 * 1024);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_deadline)
        .max_header_size(head_limit)
        .max_buf_size(head_limit.max(64 * 1024))
        .keep_alive(true)
        .half_close(false)
        // It would panic at a clock before 1970; the router adds it to what it answers.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let connection = pin!(watcher.watch(connection));
    let connection = Afterwards(Repoll::new(connection));
    // The error may quote what the peer sent, so only its kind is logged.
    if let Err(error) = connection.await {
        let (timeout, parse) = (error.is_timeout(), error.is_parse());
        tracing::debug!(timeout, parse, "a connection ended early");
    }
    drop(place);
}
