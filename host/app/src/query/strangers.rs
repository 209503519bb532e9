// SPDX-License-Identifier: Apache-2.0
//! Refusals of clients without any access right, rate-limited. Each could be a record as large as a request's head, as
//! fast as anybody sends: so in a minute a few of each member are recorded by themselves, and the others as one record
//! with their number.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use paasla_core::{Outcome, Reason};

use super::{Queries, ask::Caller, draft::Draft};
use crate::{clock, problem::NoAnswer};

/// How long refusals are counted together.
const COUNTING_WINDOW: Duration = Duration::from_secs(60);

/// How many refusals of one member are recorded by themselves in that time.
const MAX_RECORDED_OF_A_MEMBER: u32 = 10;

/// How many are of all such members together.
const MAX_RECORDED: u32 = 200;

/// How many members are counted separately in that time. Refusals of further ones are counted together.
const MAX_COUNTED_MEMBERS: usize = 1000;

/// The code of every such refusal.
const REFUSED_CODE: &str = "grant.none";
/// The code that a record has besides when it stands for several.
const COUNTED_CODE: &str = "host.refusals-counted";

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    /// None while nobody was refused.
    began: Option<Instant>,
    recorded: u32,
    /// By member.
    members: HashMap<String, Refused>,
    /// Of those for whom there was no room.
    others: Option<Refused>,
}

/// The refusals of a member.
#[derive(Debug)]
struct Refused {
    recorded: u32,
    counted: u64,
    /// The last that was counted.
    last: Caller,
}

/// What becomes of a refusal.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Recorded,
    /// Counted; the count ends in this time.
    Counted(Duration),
}

impl Strangers {
    fn note(&self, caller: &Caller, now: Instant) -> Fate {
        let mut count = self.lock();
        let began = *count.began.get_or_insert(now);
        let Count { recorded, members, others, .. } = &mut *count;
        let fresh = || Refused { recorded: 0, counted: 0, last: bare(caller) };
        let member = caller.client.member();
        let is_told_apart = members.contains_key(member) || members.len() < MAX_COUNTED_MEMBERS;
        let refused = if is_told_apart {
            members.entry(member.to_owned()).or_insert_with(fresh)
        } else {
            others.get_or_insert_with(fresh)
        };
        if is_told_apart && refused.recorded < MAX_RECORDED_OF_A_MEMBER && *recorded < MAX_RECORDED {
            refused.recorded += 1;
            *recorded += 1;
            return Fate::Recorded;
        }
        refused.counted = refused.counted.saturating_add(1);
        refused.last = bare(caller);
        Fate::Counted(COUNTING_WINDOW.saturating_sub(now.saturating_duration_since(began)))
    }

    /// What was counted until now, if its time is over. The next refusal begins a new count.
    fn take(&self, now: Instant, is_last: bool) -> Vec<Refused> {
        let mut count = self.lock();
        let is_over =
            count.began.is_some_and(|began| now.saturating_duration_since(began) >= COUNTING_WINDOW);
        if !is_over && !is_last {
            return Vec::new();
        }
        let Count { members, others, .. } = mem::take(&mut *count);
        members.into_values().chain(others).filter(|refused| refused.counted > 0).collect()
    }

    /// Counts again what could not be recorded.
    fn give_back(&self, refused: Refused) {
        let mut count = self.lock();
        count.began.get_or_insert_with(Instant::now);
        match count.members.get_mut(refused.last.client.member()) {
            Some(known) => known.counted = known.counted.saturating_add(refused.counted),
            None => {
                count.members.insert(refused.last.client.member().to_owned(), refused);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was refused when, and nothing else that was sent.
fn bare(caller: &Caller) -> Caller {
    Caller {
        message_id: None,
        request_id: None,
        official: None,
        represented: None,
        case: None,
        statements: Vec::new(),
        ..caller.clone()
    }
}

impl Queries {
    pub(super) async fn refuse_unknown(
        &self,
        caller: Caller,
        service: Option<(String, Option<u32>)>,
    ) -> NoAnswer {
        if let Fate::Counted(retry_after) = self.strangers.note(&caller, Instant::now()) {
            return NoAnswer::TooOften { retry_after };
        }
        let active = self.active.load_full();
        let id = clock::id().to_string();
        let mut draft = Draft::new(&id, active.rulebook.generation, &caller);
        if let Some((name, version)) = service {
            draft.service_if_known(&active.rulebook, &name, version);
        }
        let reason = Reason::new("grant", REFUSED_CODE, "The client has no access right.");
        let refused = self.refuse(draft, id, &active, BTreeSet::from([reason])).await;
        refused.map_or_else(|none| none, |never: Infallible| match never {})
    }

    /// Records how many refusals were counted, when their minute is over or the host stops. To be called every few
    /// seconds.
    pub async fn record_counted_refusals(&self, is_last: bool) {
        for refused in self.strangers.take(Instant::now(), is_last) {
            let id = clock::id().to_string();
            let mut draft = Draft::new(&id, self.active.load().rulebook.generation, &refused.last);
            draft.stands_for(refused.counted);
            let codes = vec![REFUSED_CODE.to_owned(), COUNTED_CODE.to_owned()];
            let written = self.write(draft.end(Outcome::Refused, codes), &id).await;
            if written.is_err() && !is_last {
                self.strangers.give_back(refused);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(client: &str) -> Caller {
        Caller {
            instant: 0,
            arrived: Instant::now(),
            channel: "xroad",
            client: client.parse().unwrap(),
            message_id: Some("x".repeat(2000)),
            request_id: None,
            official: None,
            represented: None,
            case: None,
            statements: Vec::new(),
        }
    }

    /// Every refusal is recorded or counted, and what one sends costs a few records however much it is.
    #[test]
    fn every_refusal_is_recorded_or_counted() {
        let strangers = Strangers::default();
        let now = Instant::now();
        let mut recorded = 0;
        for n in 0..1000 {
            let client = format!("EE/COM/1/{n}");
            recorded += u64::from(strangers.note(&caller(&client), now) == Fate::Recorded);
        }
        assert_eq!(strangers.note(&caller("EE/COM/2"), now), Fate::Recorded, "others have their own");
        assert!(strangers.take(now, false).is_empty(), "the minute is not over");
        let counts = strangers.take(now + COUNTING_WINDOW, false);
        let [refused] = counts.as_slice() else { panic!("{counts:?}") };
        assert_eq!((recorded, refused.counted), (u64::from(MAX_RECORDED_OF_A_MEMBER), 1000 - recorded));
        assert_eq!(refused.last.message_id, None);
        assert_eq!(strangers.note(&caller("EE/COM/1"), now + COUNTING_WINDOW), Fate::Recorded);
    }

    #[test]
    fn invented_members_do_not_help() {
        let strangers = Strangers::default();
        let now = Instant::now();
        let fates = (0..20_000).map(|n| strangers.note(&caller(&format!("EE/COM/{n}")), now));
        let recorded = fates.filter(|fate| *fate == Fate::Recorded).count();
        assert_eq!(recorded, 200);
        assert_eq!(strangers.lock().members.len(), MAX_COUNTED_MEMBERS);
        let counted: u64 = strangers.take(now, true).iter().map(|refused| refused.counted).sum();
        assert_eq!(counted, 20_000 - 200);
    }
}
