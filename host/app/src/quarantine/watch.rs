// SPDX-License-Identifier: Apache-2.0
//! Fault counter of one version of a policy: faults in a sliding window, and whether it is out of service.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use paasla_core::Policy;
use paasla_store::{Action, NewQuarantine, Quarantine};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::QuarantineSettings;

/// A policy as it is at work. With another rule, other settings or other limits it is another version; its scope makes
/// no difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionId {
    pub(crate) policy: String,
    /// SHA-256 of the rule's bytes.
    pub(crate) rule: String,
    /// SHA-256 of settings and limits, as JSON with sorted members.
    pub(crate) settings: String,
}

/// One fault of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// When, by a clock that only goes forward.
    pub(crate) at: Duration,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) instant: i64,
    /// Its kind, as records name it.
    pub(crate) kind: &'static str,
    /// What is done instead, if it is one too many.
    pub(crate) action: Action,
}

/// Watches one version of a policy.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) version: VersionId,
    /// All that a query which does not fault looks at.
    out: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// When the rule broke lately.
    InService(Window),
    /// Out of service, with the entry's number in the store once it is there.
    Out { entry: NewQuarantine, id: Option<i64> },
}

/// The latest faults, oldest first.
#[derive(Debug, Default)]
struct Window {
    bursts: VecDeque<Burst>,
    /// In all of them.
    faults: u64,
}

/// Faults that came so soon after each other that they are kept as one, and all count as long as the latest does. So a
/// rule that breaks with every query takes no more memory than one that breaks now and then, however many faults are
/// too many.
#[derive(Debug)]
struct Burst {
    first: Duration,
    latest: Duration,
    faults: u64,
}

/// How many bursts there may be in the time that counts.
const MAX_BURSTS: u32 = 1_000;

impl VersionId {
    pub(crate) fn of(policy: &Policy) -> Self {
        let settings = match &policy.settings {
            // As rules are configured: none are empty ones.
            Value::Null => json!({}),
            settings => settings.clone(),
        };
        let mut configured = json!({ "settings": settings, "limits": policy.limits });
        configured.sort_all_objects();
        let settings = hex::encode(Sha256::digest(configured.to_string()));
        Self { policy: policy.name.clone(), rule: policy.rule.clone(), settings }
    }

    /// Whether an entry of the store is about this version.
    pub(crate) fn names(&self, entry: &NewQuarantine) -> bool {
        (&self.policy, &self.rule, &self.settings) == (&entry.policy, &entry.rule, &entry.settings)
    }
}

impl Watch {
    pub(crate) fn new(version: VersionId) -> Self {
        let state = Mutex::new(State::InService(Window::default()));
        Self { version, out: AtomicBool::new(false), state }
    }

    /// Whether the version is out of service.
    pub(crate) fn is_out(&self) -> bool {
        self.out.load(Ordering::Acquire)
    }

    /// Whether the version is out of service so that every query in its scope is refused, also where another version
    /// could stand in.
    pub(crate) fn refuses(&self) -> bool {
        matches!(&*self.state(), State::Out { entry, .. } if entry.action == Action::Refuse)
    }

    /// Counts a fault. If it is one too many the version is out of service from now on; that is returned to one caller
    /// only. Faults of queries that were under way then count no more.
    pub(crate) fn note(&self, settings: &QuarantineSettings, fault: &Fault) -> Option<NewQuarantine> {
        let mut state = self.state();
        let State::InService(window) = &mut *state else { return None };
        let faults = u32::try_from(window.add(fault.at, settings.within)).unwrap_or(u32::MAX);
        if faults < settings.faults.get() {
            return None;
        }
        let VersionId { policy, rule, settings } = self.version.clone();
        let entry = NewQuarantine {
            policy,
            rule,
            settings,
            since: fault.instant,
            faults,
            kind: fault.kind.to_owned(),
            action: fault.action,
        };
        *state = State::Out { entry: entry.clone(), id: None };
        self.out.store(true, Ordering::Release);
        Some(entry)
    }

    /// Takes the version out of service, as the store says. True if it was in service.
    pub(crate) fn take_out(&self, kept: &Quarantine) -> bool {
        let mut state = self.state();
        let was_in_service = matches!(*state, State::InService(_));
        *state = State::Out { entry: kept.entry.clone(), id: Some(kept.id) };
        self.out.store(true, Ordering::Release);
        was_in_service
    }

    /// Puts the version back, with no fault counted, if it is out of service by this entry of the store. True if so.
    pub(crate) fn put_back(&self, lifted: i64) -> bool {
        let mut state = self.state();
        let is_it = matches!(*state, State::Out { id: Some(id), .. } if id == lifted);
        if is_it {
            *state = State::InService(Window::default());
            self.out.store(false, Ordering::Release);
        }
        is_it
    }

    /// The number of the entry in the store, if the version is out of service and that is written.
    pub(crate) fn entry_id(&self) -> Option<i64> {
        match *self.state() {
            State::Out { id, .. } => id,
            State::InService(_) => None,
        }
    }

    /// What must be written: the version is out of service, and the store does not know it.
    pub(crate) fn unwritten(&self) -> Option<NewQuarantine> {
        match &*self.state() {
            State::Out { entry, id: None } => Some(entry.clone()),
            _ => None,
        }
    }

    /// Notes that it is written.
    pub(crate) fn written(&self, number: i64) {
        if let State::Out { id, .. } = &mut *self.state() {
            *id = Some(number);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Adds a fault, and gives how many there are that are younger than `within`, or came in one burst with such a one.
    /// Of two threads the later may come with the earlier instant: it counts as if it came now.
    fn add(&mut self, at: Duration, within: Duration) -> u64 {
        let now = self.bursts.back().map_or(at, |burst| at.max(burst.latest));
        while let Some(past) = self.bursts.pop_front_if(|burst| now.saturating_sub(burst.latest) >= within) {
            self.faults -= past.faults;
        }
        self.faults += 1;
        match self.bursts.back_mut().filter(|burst| now.saturating_sub(burst.first) < within / MAX_BURSTS) {
            Some(burst) => {
                burst.latest = now;
                burst.faults += 1;
            }
            None => self.bursts.push_back(Burst { first: now, latest: now, faults: 1 }),
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::{super::QuarantineFallback, *};

    const MINUTE: Duration = Duration::from_secs(60);

    fn settings(faults: u32, minutes: u32) -> QuarantineSettings {
        let number = |number| NonZeroU32::new(number).unwrap();
        QuarantineSettings::new(number(faults), number(minutes), QuarantineFallback::Refuse)
    }

    fn fault(at: Duration) -> Fault {
        Fault { at, instant: 1_790_000_000_000, kind: "trap", action: Action::Refuse }
    }

    fn policy(settings: &str, limits: &str) -> Policy {
        let text = format!(r#"{{"name":"p","rule":"00","settings":{settings},"limits":{limits}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn watch() -> Watch {
        Watch::new(VersionId::of(&policy("{}", "{}")))
    }

    #[test]
    fn the_last_of_too_many_faults_takes_it_out_of_service() {
        let watch = watch();
        let settings = settings(3, 10);
        assert_eq!(watch.note(&settings, &fault(MINUTE)), None);
        assert_eq!(watch.note(&settings, &fault(2 * MINUTE)), None);
        assert!(!watch.is_out() && watch.unwritten().is_none());
        let entry = watch.note(&settings, &fault(3 * MINUTE)).unwrap();
        assert_eq!((entry.faults, entry.kind.as_str(), entry.since), (3, "trap", 1_790_000_000_000));
        assert!(watch.version.names(&entry) && watch.is_out());
        assert_eq!(watch.note(&settings, &fault(3 * MINUTE)), None, "it is told once");
    }

    #[test]
    fn faults_spread_over_more_than_the_time_do_not_count() {
        let watch = watch();
        for number in 0..100 {
            assert_eq!(watch.note(&settings(3, 10), &fault(5 * MINUTE * number)), None);
        }
        let just_within = 5 * MINUTE * 100 - Duration::from_nanos(1);
        assert!(watch.note(&settings(3, 10), &fault(just_within)).is_some());
    }

    #[test]
    fn one_fault_can_be_too_many() {
        assert!(watch().note(&settings(1, 1), &fault(Duration::ZERO)).is_some());
    }

    #[test]
    fn threads_that_fault_at_once_take_it_out_once() {
        for _ in 0..50 {
            let watch = watch();
            let told = std::thread::scope(|scope| {
                let work = || watch.note(&settings(4, 1), &fault(MINUTE)).is_some();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
                threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum::<usize>()
            });
            assert_eq!((told, watch.is_out()), (1, true));
        }
    }

    #[test]
    fn it_comes_back_only_by_the_entry_that_was_lifted() {
        let watch = watch();
        let entry = watch.note(&settings(1, 10), &fault(MINUTE)).unwrap();
        assert!(!watch.put_back(7), "an entry that was never written cannot have been lifted");
        assert_eq!((watch.entry_id(), watch.unwritten()), (None, Some(entry.clone())));
        watch.written(7);
        assert_eq!((watch.entry_id(), watch.unwritten()), (Some(7), None));
        assert!(!watch.put_back(6) && watch.is_out());
        assert!(watch.put_back(7) && !watch.is_out());
        assert!(!watch.put_back(7), "it is told once");
        assert!(
            watch.take_out(&Quarantine { id: 8, entry: entry.clone(), lifted: None }),
            "it was in service"
        );
        assert!(!watch.take_out(&Quarantine { id: 9, entry, lifted: None }), "it was not");
        assert_eq!((watch.is_out(), watch.entry_id()), (true, Some(9)));
    }

    #[test]
    fn what_comes_back_begins_with_no_fault_counted() {
        let watch = watch();
        watch.note(&settings(2, 10), &fault(MINUTE));
        watch.note(&settings(2, 10), &fault(MINUTE)).unwrap();
        watch.written(1);
        watch.put_back(1);
        assert_eq!(watch.note(&settings(2, 10), &fault(MINUTE)), None);
    }

    #[test]
    fn another_rule_other_settings_and_other_limits_are_another_version() {
        let of = |settings, limits| VersionId::of(&policy(settings, limits));
        let one = of(r#"{"a":1,"b":{"c":[1],"d":2}}"#, r#"{"fuel":5}"#);
        assert_eq!(one, of(r#"{"b":{"d":2,"c":[1]},"a":1}"#, r#"{"fuel":5}"#));
        assert_ne!(one, of(r#"{"a":2,"b":{"c":[1],"d":2}}"#, r#"{"fuel":5}"#));
        assert_ne!(one, of(r#"{"a":1,"b":{"c":[1],"d":2}}"#, r#"{"fuel":6}"#));
        assert_eq!(of("null", "{}"), of("{}", "{}"), "rules are told no difference");
        let (mut scoped, mut ruled, mut named) = (policy("{}", "{}"), policy("{}", "{}"), policy("{}", "{}"));
        scoped.scope.services.push("person".into());
        ruled.rule = "11".into();
        named.name = "q".into();
        let plain = of("{}", "{}");
        assert_eq!(VersionId::of(&scoped), plain);
        assert!(VersionId::of(&ruled) != plain && VersionId::of(&named) != plain);
    }

    proptest! {
        /// The window against a model that keeps every fault and counts those that are young enough.
        #[test]
        fn the_window_counts_as_the_model_does(
            steps in proptest::collection::vec(0_u64..400, 1..200),
            faults in 1_u32..12,
            minutes in 1_u32..8,
        ) {
            let (watch, settings) = (watch(), settings(faults, minutes));
            let (mut now, mut all) = (Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_secs(step);
                all.push(now);
                let young = all.iter().filter(|at| now - **at < settings.within).count();
                let too_many = young >= usize::try_from(faults).unwrap();
                let told = watch.note(&settings, &fault(now));
                prop_assert_eq!(told.is_some(), too_many);
                prop_assert_eq!(watch.is_out(), too_many);
                if let Some(entry) = told {
                    prop_assert_eq!(usize::try_from(entry.faults).unwrap(), young);
                    watch.written(1);
                    prop_assert!(watch.put_back(1));
                    all.clear();
                }
            }
        }

        /// Instants that come out of order never make the window forget a fault that is young enough.
        #[test]
        fn a_late_fault_counts(at in proptest::collection::vec(0_u64..59, 1..20)) {
            let mut window = Window::default();
            for (before, second) in at.into_iter().enumerate() {
                prop_assert_eq!(window.add(Duration::from_secs(second), MINUTE), before as u64 + 1);
            }
        }

        /// However often a rule breaks, the window stays small, counts every fault that is young enough, and none for
        /// more than a thousandth longer.
        #[test]
        fn a_rule_that_breaks_all_the_time_takes_no_more_memory(
            most in 2_000_u64..200_000,
            steps in proptest::collection::vec(0_u64..1_000_000, 1_500..2_000),
        ) {
            let (mut window, mut now, mut all) = (Window::default(), Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_micros(step % most);
                all.push(now);
                let counted = window.add(now, MINUTE);
                let younger = |than: Duration| all.iter().rev().take_while(|at| now - **at < than).count() as u64;
                prop_assert!((younger(MINUTE)..=younger(MINUTE + MINUTE / 1_000)).contains(&counted));
                prop_assert!(window.bursts.len() <= 1_002, "{}", window.bursts.len());
            }
        }
    }
}
