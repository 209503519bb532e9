// SPDX-License-Identifier: Apache-2.0
//! What a request leaves to be done when its answer is on its way.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

type Work = Box<dyn FnOnce() + Send>;

tokio::task_local! {
    static LEFT: RefCell<Vec<Work>>;
}

/// Does this when the connection that is polled has written what it can; at once where none is polled.
pub(super) fn afterwards(work: impl FnOnce() + Send + 'static) {
    let is_polled = LEFT.try_with(|_| ()).is_ok();
    if is_polled {
        LEFT.with(|left| left.borrow_mut().push(Box::new(work)));
    } else {
        work();
    }
}

/// A connection whose requests may leave something for afterwards. It is done on the same thread, before the connection
/// is polled again.
#[derive(Debug)]
pub(super) struct Afterwards<F>(pub(super) F);

impl<F: Future + Unpin> Future for Afterwards<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let connection = Pin::new(&mut self.0);
        let (polled, left) =
            LEFT.sync_scope(RefCell::default(), || (connection.poll(context), LEFT.with(RefCell::take)));
        for work in left {
            work();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[tokio::test]
    async fn it_is_done_after_the_connection_had_its_turn() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let done = Arc::clone(&done);
            move || done.lock().unwrap().push(what)
        };
        let mut turns = 0;
        let connection = poll_fn(|context| {
            turns += 1;
            afterwards(note("left"));
            afterwards(note("left, too"));
            note("turn")();
            context.waker().wake_by_ref();
            if turns == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        Afterwards(connection).await;
        let turn = ["turn", "left", "left, too"];
        assert_eq!(*done.lock().unwrap(), [turn, turn].concat());
    }

    #[test]
    fn without_a_connection_it_is_done_at_once() {
        let (tell, told) = std::sync::mpsc::channel();
        afterwards(move || tell.send(()).unwrap());
        told.try_recv().unwrap();
    }
}
