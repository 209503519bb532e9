// SPDX-License-Identifier: Apache-2.0
//! The phase of a connection: what it waits for, and since when. hyper has one deadline for the head of a request and for
//! the time before it; but a client that keeps a connection for its next request is not slow.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use super::serve::Settings;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The rest of a request's head; at the beginning all of it.
    Head,
    /// The answer: the doors have deadlines of their own.
    Answer,
    /// The next request, or that the peer reads the last answer.
    Next,
}

/// The phase of one connection.
#[derive(Debug, Clone)]
pub(super) struct PhaseTracker(Arc<State>);

#[derive(Debug)]
struct State {
    phase: Mutex<(Phase, Instant)>,
    /// Somebody waits for this connection's slot.
    wanted: Notify,
}

impl PhaseTracker {
    /// A connection that has just been opened.
    pub(super) fn new() -> Self {
        Self(Arc::new(State { phase: Mutex::new((Phase::Head, Instant::now())), wanted: Notify::new() }))
    }

    /// The head of a request is there.
    pub(super) fn asked(&self) {
        self.set(Phase::Answer);
    }

    /// Its answer is ready.
    pub(super) fn answered(&self) {
        self.set(Phase::Next);
    }

    /// Asks for this connection's slot. It is given up unless a whole head has come meanwhile.
    pub(super) fn want(&self) {
        self.0.wanted.notify_one();
    }

    /// For how long this connection has kept its slot beyond what it may when others wait for one; none while it may,
    /// and while a request is under way. Then waiting for a request is no better than a slow head, and the head of a
    /// request has little time.
    pub(super) fn overrun(&self, settings: &Settings) -> Option<Duration> {
        let (phase, since) = *self.lock();
        let most = match phase {
            Phase::Answer => return None,
            Phase::Head => settings.crowded_deadline.min(settings.head_deadline),
            Phase::Next => settings.head_deadline.min(settings.idle_deadline),
        };
        since.elapsed().checked_sub(most)
    }

    /// Ends when the peer has kept the connection for too long: the head of a request does not get to its end, no
    /// request comes, or somebody else wants the slot.
    pub(super) async fn overdue(&self, settings: &Settings) {
        loop {
            let (phase, since) = *self.lock();
            let most = match phase {
                Phase::Answer => Duration::MAX,
                Phase::Head => settings.head_deadline,
                Phase::Next => settings.idle_deadline,
            };
            let left = most.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.0.wanted.notified() => {
                    // Only a whole head that has come meanwhile saves it.
                    if self.overrun(settings).is_some() {
                        return;
                    }
                }
                () = tokio::time::sleep(left.min(settings.head_deadline)) => {}
            }
        }
    }

    fn set(&self, phase: Phase) {
        *self.lock() = (phase, Instant::now());
    }

    fn moved(&self, from: Phase, to: Phase) {
        let mut own = self.lock();
        if own.0 == from {
            *own = (to, Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.0.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that notes in its connection's phase when a head begins, and that an answer is being read.
#[derive(Debug)]
pub(super) struct TrackedIo<S> {
    pub(super) stream: S,
    pub(super) phase: PhaseTracker,
}

impl<S: AsyncRead + Unpin> AsyncRead for TrackedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.phase.moved(Phase::Next, Phase::Head);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TrackedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> TrackedIo<S> {
    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.phase.moved(Phase::Next, Phase::Next);
        }
    }
}
