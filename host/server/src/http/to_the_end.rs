// SPDX-License-Identifier: Apache-2.0
//! Work that goes on when nobody waits for it any more.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

/// Does work to its end, in the task that waits for it; if that gives up, in a task of its own. None when it panicked.
///
/// A task of its own from the beginning would do the same, and cost every request two hand-overs: to it and back.
pub(super) fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Option<T>> {
    let work = AssertUnwindSafe(work).catch_unwind().map(Result::ok);
    ToTheEnd { work: Some(Box::pin(work)), span: Span::current() }
}

struct ToTheEnd<F: Future<Output: Send + 'static> + Send + 'static> {
    /// None when it is done.
    work: Option<Pin<Box<F>>>,
    span: Span,
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Future for ToTheEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Drop for ToTheEnd<F> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        // Without a runtime nothing goes on in any case.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(work.instrument(self.span.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn it_gives_back_what_came_of_it() {
        let work = async {
            tokio::task::yield_now().await;
            42
        };
        assert_eq!(to_the_end(work).await, Some(42));
        let broken = to_the_end(async {
            tokio::task::yield_now().await;
            panic!("it breaks");
        });
        assert_eq!(broken.await, None::<()>);
    }

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits() {
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
        let waits = tokio::spawn(to_the_end(work));
        began.notified().await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        go.notify_one();
        tokio::time::timeout(Duration::from_secs(60), told).await.unwrap().unwrap();
    }

    /// It begins even if it was never waited for: what was asked is recorded.
    #[tokio::test]
    async fn it_goes_on_from_its_beginning() {
        let (tell, told) = oneshot::channel();
        drop(to_the_end(async move { tell.send(()) }));
        tokio::time::timeout(Duration::from_secs(60), told).await.unwrap().unwrap();
    }
}
