// SPDX-License-Identifier: Apache-2.0
//! Work that blocks its thread: long work in the background, and short work that other tasks must not wait for.

use std::thread;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
};

/// Does long work that no query waits for, on a thread of its own with a lower priority: on a busy machine it takes longer,
/// and queries do not. It goes on when nobody waits for it any more. None when it could not be begun, or panicked.
pub(crate) async fn background<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (result, received) = oneshot::channel();
    let thread = thread::Builder::new().name("paasla-background".to_owned()).spawn(move || {
        paasla_engine::give_way();
        // Nobody listens when the caller has given up.
        let _ = result.send(work());
    });
    match thread {
        Ok(_) => received.await.ok(),
        Err(error) => {
            tracing::error!(%error, "a thread could not be started");
            None
        }
    }
}

/// Does work on this thread, which another takes over the other tasks of meanwhile, if the runtime has several.
pub(crate) fn inline_blocking<R>(work: impl FnOnce() -> R) -> R {
    let has_others =
        Handle::try_current().is_ok_and(|own| own.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { tokio::task::block_in_place(work) } else { work() }
}

#[cfg(test)]
mod tests {
    use super::{background, inline_blocking};

    #[tokio::test]
    async fn it_gives_back_what_came_of_it() {
        assert_eq!(background(|| 6 * 7).await, Some(42));
        assert_eq!(background(|| panic!("it breaks")).await, None::<u8>);
    }

    #[test]
    fn it_is_done_where_there_is_no_runtime() {
        assert_eq!(inline_blocking(|| 6 * 7), 42);
    }
}
