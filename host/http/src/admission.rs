// SPDX-License-Identifier: Apache-2.0
//! Admission control: how many queries may be under way at once, of all clients and of one member. One more is turned
//! away at once: a queue would only make every caller wait, until all time out together.
//!
//! A member's share is taken with the head of a request and a permit when its body is there. So a body that does not come
//! holds no permit, and whoever sends many of them is in nobody's way but their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Document;

/// The part of the permits that one member may have, its subsystems together.
const SHARE_OF_A_MEMBER: u32 = 4;

/// The permits there are, and who has how many.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    permits: Arc<Semaphore>,
    all: u32,
    /// Requests under way by member; who has none is not in it.
    members: Arc<Mutex<HashMap<String, u32>>>,
}

/// One request of a member's share, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    member: String,
    members: Arc<Mutex<HashMap<String, u32>>>,
}

/// One permit, held until the request and the work on it are both done.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    #[expect(dead_code, reason = "it is held, not read: dropping the last clone releases the permit")]
    held: Arc<(OwnedSemaphorePermit, Share)>,
}

impl Admission {
    pub(super) fn new(permits: u32) -> Self {
        let count = usize::try_from(permits).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(count)), all: permits, members: Arc::default() }
    }

    /// One more request of a member; none when its share is used up.
    pub(super) fn share(&self, member: &str) -> Option<Share> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        match members.get_mut(member) {
            Some(count) if *count >= self.all.div_ceil(SHARE_OF_A_MEMBER) => return None,
            Some(count) => *count += 1,
            None => {
                members.insert(member.to_owned(), 1);
            }
        }
        Some(Share { member: member.to_owned(), members: Arc::clone(&self.members) })
    }

    /// A permit for a request; none when all are taken.
    pub(super) fn enter(&self, share: Share) -> Option<Permit> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        Some(Permit { held: Arc::new((permit, share)) })
    }

    /// Waits until nothing is under way; false when that took longer than `grace`.
    pub(super) async fn idle(&self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.permits.acquire_many(self.all)).await.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        match members.get_mut(&self.member) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                members.remove(&self.member);
            }
        }
    }
}

/// No permit is free. A request turned away so is not recorded: it was not understood.
pub(super) fn overloaded() -> Document {
    let detail = "too many queries are under way; try again in a moment";
    unavailable("overloaded", detail, Duration::from_secs(1))
}

/// The member's share of the permits is used up.
pub(super) fn share_used_up() -> Document {
    let detail =
        "too many queries of this member are under way; wait for the answers to some, then try again";
    unavailable("overloaded", detail, Duration::from_secs(1))
}

/// The time for a request is over.
pub(super) fn timed_out() -> Document {
    let detail = "no answer was ready in time; nothing was disclosed";
    unavailable("timed_out", detail, Duration::from_secs(5))
}

fn unavailable(code: &'static str, detail: &'static str, after: Duration) -> Document {
    Document::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_a_quarter_of_the_permits_at_most() {
        let admission = Admission::new(16);
        let held: Vec<_> = (0..4).map(|_| admission.share("EE/COM/1").unwrap()).collect();
        assert!(admission.share("EE/COM/1").is_none());
        let other = admission.share("EE/COM/2").unwrap();
        drop(held);
        assert!(admission.share("EE/COM/1").is_some());
        drop(other);
        assert!(admission.members.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn a_request_gives_its_share_back_with_its_permit() {
        let admission = Admission::new(1);
        let permit = admission.enter(admission.share("EE/COM/1").unwrap()).unwrap();
        assert!(admission.enter(admission.share("EE/COM/2").unwrap()).is_none());
        let kept = permit.clone();
        drop(permit);
        assert!(admission.share("EE/COM/1").is_none());
        drop(kept);
        assert!(admission.enter(admission.share("EE/COM/1").unwrap()).is_some());
    }
}
