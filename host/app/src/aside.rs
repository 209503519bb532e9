// SPDX-License-Identifier: Apache-2.0
//! Long work that no query waits for.

use std::thread;

use tokio::sync::oneshot;

/// Does work on a thread of its own that gives way to all others: on a busy machine it takes longer, and queries do not.
/// It goes on when nobody waits for it any more. None when it could not be begun, or broke.
pub(crate) async fn aside<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new().name("paasla-aside".to_owned()).spawn(move || {
        paasla_engine::give_way();
        // Nobody listens when the caller has given up.
        let _ = tell.send(work());
    });
    match thread {
        Ok(_) => told.await.ok(),
        Err(error) => {
            tracing::error!(%error, "a thread could not be started");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::aside;

    #[tokio::test]
    async fn it_gives_back_what_came_of_it() {
        assert_eq!(aside(|| 6 * 7).await, Some(42));
        assert_eq!(aside(|| panic!("it breaks")).await, None::<u8>);
    }
}
