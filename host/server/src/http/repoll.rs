// SPDX-License-Identifier: Apache-2.0
//! A connection that wakes itself goes on at once.
//!
//! hyper wakes its own task with nearly every request that has a body: whoever takes a piece of the body tells the
//! connection that there is room for the next one, and is polled by the connection itself. The runtime would put the task
//! into its queue, and wake another thread to fetch it, which finds nothing to do and keeps the processor from the client.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// Nobody polls: who wakes the future wakes its task.
const IDLE: u8 = 0;
/// The future is polled.
const POLLED: u8 = 1;
/// The future is polled, and was woken meanwhile.
const WOKEN: u8 = 2;

/// A future that is polled once more at once when it was woken while it was polled. Its task is woken for it only when that
/// happens again.
#[derive(Debug)]
pub(super) struct Repoll<F> {
    future: F,
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl<F: Future + Unpin> Repoll<F> {
    pub(super) fn new(future: F) -> Self {
        let shared = Arc::new(Shared::default());
        Self { future, waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Polls the future, and says whether it was woken meanwhile.
    fn poll_once(&mut self) -> (Poll<F::Output>, bool) {
        self.shared.state.store(POLLED, Ordering::Release);
        let polled = Pin::new(&mut self.future).poll(&mut Context::from_waker(&self.waker));
        let is_woken = self.shared.state.swap(IDLE, Ordering::AcqRel) == WOKEN;
        (polled, is_woken)
    }
}

impl<F: Future + Unpin> Future for Repoll<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.shared.task.register(context.waker());
        let (mut polled, mut is_woken) = self.poll_once();
        if polled.is_pending() && is_woken {
            (polled, is_woken) = self.poll_once();
        }
        if polled.is_pending() && is_woken {
            context.waker().wake_by_ref();
        }
        polled
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = |state| (state != IDLE).then_some(WOKEN);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, noted).is_err() {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicUsize, thread, time::Duration};

    use tokio::sync::mpsc;

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often a future is polled, and its task woken, when the future wakes itself in its first polls and never ends.
    fn after_one_poll(wakes: usize) -> (usize, usize) {
        let mut polls = 0;
        let task = Arc::new(Task::default());
        let future = poll_fn(|context| {
            polls += 1;
            if polls <= wakes {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        let waker = Waker::from(Arc::clone(&task));
        let polled = Pin::new(&mut Repoll::new(future)).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        (polls, task.0.load(Ordering::Relaxed))
    }

    #[test]
    fn who_wakes_itself_is_polled_again_and_its_task_is_not_woken() {
        assert_eq!(after_one_poll(0), (1, 0));
        assert_eq!(after_one_poll(1), (2, 0));
        assert_eq!(after_one_poll(2), (2, 1), "others have their turn, too");
    }

    /// Whatever moment others choose to wake it, before, while or after it is polled, it is polled afterwards.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_wakes_it_in_vain() {
        const MANY: u32 = 20_000;
        let (send, mut receive) = mpsc::channel(1);
        let sends = thread::spawn(move || (0..MANY).try_for_each(|n| send.blocking_send(n)));
        let all = async move {
            let mut sum = 0;
            while let Some(n) = receive.recv().await {
                sum += u64::from(n);
            }
            sum
        };
        let task = tokio::spawn(Repoll::new(Box::pin(all)));
        let sum = tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
        assert_eq!(sum, u64::from(MANY) * u64::from(MANY - 1) / 2);
        sends.join().unwrap().unwrap();
    }
}
