// SPDX-License-Identifier: Apache-2.0
//! Every limit of the engine: what comes up to it passes, and when the limit is lower by one, the same gets the fault
//! that names it. A limit that stands in no table here fails [`every_limit_is_tested`].

use std::collections::BTreeSet;

use paasla_core::Limits;
use paasla_engine::{ActivateError, Engine, EngineConfig, LoadError, RuleFault};
use serde_json::{Value, json};

use crate::common::{
    MEMORY, OUTPUT,
    answer::{exception, narrowing, reviewed, row_ruling},
    guest::{Guest, WIT, component_with},
    limits, policy, query, register, rows,
};

/// Limits that nothing can be counted up to, and the test of each.
const BY_THEMSELVES: &[(&str, fn())] = &[
    ("/instances", crate::run::without_a_free_sandbox_a_query_is_told_so),
    ("/shards", crate::shards::all_shards_together_have_what_was_configured),
    ("/deadline-ms", crate::run::a_loop_with_boundless_fuel_ends_at_the_deadline),
    ("/component/compile-ms", crate::bombs::a_compilation_that_takes_too_long),
    ("/component/compile-bytes", crate::bombs::a_compilation_that_takes_too_much_memory),
    ("/component/code-bytes", crate::bombs::more_machine_code_than_the_host_takes),
];

/// What becomes of a rule when a limit, given with its number, is too low.
pub enum Broken {
    /// It is not loaded, because there is more of this than the limit.
    TooMuch(&'static str),
    /// It is not loaded: its description holds this besides the limit's number.
    Description(&'static str),
    Describe(fn(u64) -> RuleFault),
    Configure(fn(u64) -> RuleFault),
    Decide(fn(u64) -> RuleFault),
    Review(fn(u64) -> RuleFault),
}

/// How a rule came to nothing, wherever that was.
#[derive(Debug)]
enum Outcome {
    Load(LoadError),
    Activate(ActivateError),
    Decide(RuleFault),
    Review(RuleFault),
}

impl Broken {
    fn names(&self, outcome: &Outcome, limit: u64) -> bool {
        match (self, outcome) {
            (Self::TooMuch(this), Outcome::Load(LoadError::TooMuch { what, found, most })) => {
                what == this && *most == limit && *found > limit
            }
            (Self::Description(this), Outcome::Load(LoadError::Description(said))) => {
                said.contains(this) && said.contains(&format!(" {limit} "))
            }
            (Self::Describe(this), Outcome::Load(LoadError::Describe(fault)))
            | (Self::Configure(this), Outcome::Activate(ActivateError::Configure(fault)))
            | (Self::Decide(this), Outcome::Decide(fault))
            | (Self::Review(this), Outcome::Review(fault)) => *fault == this(limit),
            _ => false,
        }
    }
}

/// One limit, and a rule that comes up to it.
pub struct Limit {
    pub place: &'static str,
    /// Other limits that have to be out of the way.
    pub besides: &'static [(&'static str, u64)],
    /// What the policy sets itself.
    pub own: Limits,
    pub bytes: Vec<u8>,
    /// Whether this is what activation comes to when all is well: problems with the settings.
    pub problems: bool,
    pub broken: Broken,
    /// The numbers to be tried: too low, and enough.
    pub between: (u64, u64),
}

impl Limit {
    pub fn new(place: &'static str, bytes: Vec<u8>, between: (u64, u64), broken: Broken) -> Self {
        Self { place, besides: &[], own: Limits::default(), bytes, problems: false, broken, between }
    }

    /// Loads the rule under the limit, activates it, and lets it decide and review.
    fn outcome(&self, number: u64) -> Result<(), Outcome> {
        let config = with(&[self.besides, &[(self.place, number)]].concat());
        let engine = Engine::new(config).unwrap();
        let rule = engine.load(&self.bytes).map_err(Outcome::Load)?;
        let policy = paasla_core::Policy { limits: self.own.clone(), ..policy() };
        let policy = match engine.activate(&rule, &policy, &register()) {
            Err(ActivateError::Settings(_)) if self.problems => return Ok(()),
            activated => activated.map_err(Outcome::Activate)?,
        };
        policy.decide(&query()).0.map_err(Outcome::Decide)?;
        policy.review(&query(), &rows()).0.map_err(Outcome::Review)?;
        Ok(())
    }

    /// The lowest number with which the rule works. By one lower it must break in the way that names the limit.
    pub fn lowest(&self) -> u64 {
        let place = self.place;
        let (mut low, mut high) = self.between;
        while low < high {
            let middle = low + (high - low) / 2;
            if self.outcome(middle).is_ok() { high = middle } else { low = middle + 1 }
        }
        assert!(low > self.between.0, "{place} = {low} is no limit to this rule");
        self.outcome(low).unwrap_or_else(|outcome| panic!("{place} = {low}: {outcome:?}"));
        let outcome = self.outcome(low - 1).expect_err(place);
        assert!(self.broken.names(&outcome, low - 1), "{place} = {}: {outcome:?}", low - 1);
        low
    }
}

/// The usual limits, four sandboxes, and some numbers changed.
fn with(changes: &[(&str, u64)]) -> EngineConfig {
    let mut config = serde_json::to_value(EngineConfig { instances: 4, ..limits() }).unwrap();
    for (place, number) in changes {
        *config.pointer_mut(place).expect(place) = json!(number);
    }
    serde_json::from_value(config).unwrap()
}

fn good() -> Vec<u8> {
    Guest::default().component()
}

/// Takes one page more than the four that it begins with.
const ONE_PAGE_MORE: &str = "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) ";

fn leaked(text: String) -> &'static str {
    text.leak()
}

fn of_setup() -> Vec<Limit> {
    let growing = leaked(format!("{ONE_PAGE_MORE} (i32.const 256)"));
    let growing = Guest { describe: growing, ..Guest::default() }.component();
    // What it declares would count, too.
    let silent = Guest { configure: "i32.const 1024", ..Guest::default() }.component();
    vec![
        Limit::new("/setup/describe-fuel", good(), (0, 1_000), Broken::Describe(out_of_fuel)),
        Limit::new("/setup/configure-fuel", good(), (0, 10_000), Broken::Configure(out_of_fuel)),
        Limit::new("/setup/memory-bytes", growing, (4 << 16, 1 << 20), Broken::Describe(out_of_memory)),
        Limit::new("/setup/output-bytes", silent, (0, 1_000), Broken::Describe(output_too_large)),
        Limit::new("/setup/output-bytes", good(), (0, 1_000), Broken::Configure(output_too_large)),
    ]
}

fn out_of_fuel(limit: u64) -> RuleFault {
    RuleFault::OutOfFuel { limit }
}

fn out_of_memory(limit: u64) -> RuleFault {
    RuleFault::OutOfMemory { limit }
}

fn output_too_large(limit: u64) -> RuleFault {
    RuleFault::OutputTooLarge { limit }
}

/// What a policy may use: as the host gives it, and as the most that a policy may take for itself.
fn of_rulings() -> Vec<Limit> {
    let growing = leaked(format!("{ONE_PAGE_MORE} (i32.const 1024)"));
    let growing = Guest { decide: growing, ..Guest::default() }.component();
    let hiding = narrowing((2500, 1), (0, 0), (0, 0), &[(2500, exception(0, None, 0))]);
    let hiding = Guest { decide: "i32.const 2048", data: hiding, ..Guest::default() }.component();
    let reviewing = reviewed(&[row_ruling(0, (0, 0))], &[]);
    let reviewing = Guest { review: "i32.const 2048", data: reviewing, ..Guest::default() }.component();
    let all = || Some(u64::MAX);
    let own = |limit: Limit, own: Limits| Limit { own, ..limit };
    let besides = |limit: Limit, besides| Limit { besides, ..limit };
    let fuel = |place, broken| Limit::new(place, good(), (0, 1_000_000), broken);
    let memory =
        |place| Limit::new(place, growing.clone(), (1 << 16, 1 << 20), Broken::Decide(out_of_memory));
    let output = |place| Limit::new(place, hiding.clone(), (0, 1_000), Broken::Decide(output_too_large));
    let growing = leaked(format!("{ONE_PAGE_MORE} (i32.const 1024)"));
    let growing_in_review = Guest { review: growing, ..Guest::default() }.component();
    let row_memory = |place| {
        Limit::new(
            place,
            growing_in_review.clone(),
            (0, 1 << 20),
            Broken::Review(|limit| out_of_memory((4 << 16) + limit)),
        )
    };
    let row_output =
        |place| Limit::new(place, reviewing.clone(), (0, 1_000), Broken::Review(output_too_large));
    vec![
        fuel("/ration/fuel", Broken::Decide(out_of_fuel)),
        own(fuel("/most/fuel", Broken::Decide(out_of_fuel)), Limits { fuel: all(), ..Limits::default() }),
        fuel("/ration/review-fuel", Broken::Review(out_of_fuel)),
        own(
            fuel("/most/review-fuel", Broken::Review(out_of_fuel)),
            Limits { review_fuel: all(), ..Limits::default() },
        ),
        besides(
            fuel("/ration/row-fuel", Broken::Review(out_of_fuel)),
            &[("/ration/review-fuel", 0), ("/most/row-fuel", u64::MAX)],
        ),
        besides(
            own(
                fuel("/most/row-fuel", Broken::Review(out_of_fuel)),
                Limits { row_fuel: all(), ..Limits::default() },
            ),
            &[("/ration/review-fuel", 0)],
        ),
        memory("/ration/memory-bytes"),
        own(memory("/most/memory-bytes"), Limits { memory_bytes: all(), ..Limits::default() }),
        besides(
            row_memory("/ration/row-memory-bytes"),
            &[("/ration/memory-bytes", 4 << 16), ("/most/row-memory-bytes", MEMORY)],
        ),
        besides(
            own(
                row_memory("/most/row-memory-bytes"),
                Limits { row_memory_bytes: all(), ..Limits::default() },
            ),
            &[("/ration/memory-bytes", 4 << 16)],
        ),
        output("/ration/output-bytes"),
        own(output("/most/output-bytes"), Limits { output_bytes: all(), ..Limits::default() }),
        besides(
            row_output("/ration/row-output-bytes"),
            &[("/ration/output-bytes", 0), ("/most/row-output-bytes", OUTPUT)],
        ),
        besides(
            own(
                row_output("/most/row-output-bytes"),
                Limits { row_output_bytes: all(), ..Limits::default() },
            ),
            &[("/ration/output-bytes", 0)],
        ),
    ]
}

fn of_tables_and_the_stack() -> Vec<Limit> {
    let growing = Guest {
        decide:
            "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1)) (then unreachable))
                 (i32.const 1024)",
        more: "(table $t 10 funcref)",
        ..Guest::default()
    };
    let deep = Guest {
        decide: "(drop (call $deeper (i32.const 8000))) (i32.const 1024)",
        more: "(func $deeper (param i32) (result i32)
                 (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
                   (else (i32.add (call $deeper (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))))",
        ..Guest::default()
    };
    vec![
        Limit::new("/handles", resourceful(), (0, 100), Broken::Decide(out_of_handles)),
        Limit::new("/table-elements", growing.component(), (9, 1_000), Broken::Decide(out_of_table)),
        Limit::new("/stack-bytes", deep.component(), (64 << 10, 1 << 20), Broken::Decide(out_of_stack)),
    ]
}

/// Makes five handles of a resource of its own, and keeps them.
fn resourceful() -> Vec<u8> {
    let import = r#"(module (import "[export]paasla:rule/things@0.1.0" "[resource-new]thing" (func $new (param i32) (result i32)))"#;
    let decide = "(local $i i32)
                  (loop (drop (call $new (i32.const 0)))
                    (br_if 0 (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
                  (i32.const 1024)";
    let text = Guest { decide, ..Guest::default() }.text().replacen("(module", import, 1);
    let wit = WIT.replace("export ruling;", "export ruling;\n export things;")
        + "\ninterface things { resource thing; }";
    component_with(&text, &wit)
}

fn out_of_handles(most: u64) -> RuleFault {
    RuleFault::OutOfHandles { limit: usize::try_from(most).unwrap() }
}

fn out_of_table(most: u64) -> RuleFault {
    RuleFault::OutOfTable { limit: usize::try_from(most).unwrap() }
}

fn out_of_stack(most: u64) -> RuleFault {
    RuleFault::OutOfStack { limit: usize::try_from(most).unwrap() }
}

fn lowest(all: Vec<Limit>) -> Vec<(&'static str, u64)> {
    all.into_iter().map(|limit| (limit.place, limit.lowest())).collect()
}

#[test]
fn limits_of_setup() {
    let found = lowest(of_setup());
    // Five pages; the texts of the description: its name twice, `1`, and `{"type":"object"}`.
    assert_eq!(found[2..4], [("/setup/memory-bytes", 5 << 16), ("/setup/output-bytes", 7 + 1 + 7 + 17)]);
}

#[test]
fn limits_of_rulings() {
    let found: std::collections::BTreeMap<_, _> = lowest(of_rulings()).into_iter().collect();
    assert_eq!(found["/ration/memory-bytes"], 5 << 16);
    assert_eq!(found["/most/memory-bytes"], 5 << 16);
    assert_eq!(found["/ration/row-memory-bytes"], 1 << 16);
    // What the policy sets itself is worth as much as what the host gives.
    for limit in ["fuel", "review-fuel", "row-fuel", "row-memory-bytes", "output-bytes", "row-output-bytes"] {
        assert_eq!(found[&*format!("/ration/{limit}")], found[&*format!("/most/{limit}")], "{limit}");
    }
    assert_eq!(found["/ration/review-fuel"], found["/ration/row-fuel"], "one row");
}

#[test]
fn limits_of_answers() {
    let found: Vec<_> =
        lowest(crate::limits_of_answers::all()).into_iter().map(|(_, number)| number).collect();
    assert_eq!(found, [2, 2, 2, 2, 2, 7, 2, 7, 2, 300, 7]);
}

#[test]
fn limits_of_tables_and_the_stack() {
    let found = lowest(of_tables_and_the_stack());
    assert_eq!(found[..2], [("/handles", 5), ("/table-elements", 11)]);
}

/// Each with a rule that has three more of it than another: both must fit exactly.
#[test]
fn limits_of_components() {
    for (limit, more) in crate::limits_of_components::all() {
        let (place, lowest) = (limit.place, limit.lowest());
        let three_more = Limit { bytes: more, ..limit };
        assert_eq!(lowest + 3, three_more.lowest(), "{place}");
    }
}

#[test]
fn every_limit_is_tested() {
    let counted = [of_setup(), of_rulings(), crate::limits_of_answers::all(), of_tables_and_the_stack()];
    let components = crate::limits_of_components::all().into_iter().map(|(limit, _)| limit.place);
    let tested: BTreeSet<_> = counted.iter().flatten().map(|limit| limit.place).chain(components).collect();
    let tested: BTreeSet<_> =
        tested.into_iter().chain(BY_THEMSELVES.iter().map(|(place, _)| *place)).collect();
    let mut places = BTreeSet::new();
    collect("", &serde_json::to_value(EngineConfig::default()).unwrap(), &mut places);
    let places: BTreeSet<_> = places.iter().map(String::as_str).collect();
    assert_eq!(tested, places);
}

/// The places of all numbers.
fn collect(place: &str, value: &Value, places: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(&format!("{place}/{name}"), member, places);
            }
        }
        Value::Number(_) => drop(places.insert(place.to_owned())),
        other => panic!("{place} is no number: {other}"),
    }
}

/// Limits that make no sense are refused, each by name.
#[test]
fn senseless_limits_are_refused() {
    for (place, number) in [
        ("/instances", 0),
        ("/instances", 100_001),
        ("/shards", 5),
        ("/shards", 1_001),
        ("/most/memory-bytes", 0),
        ("/setup/memory-bytes", (4 << 30) + 1),
        ("/stack-bytes", 1),
        ("/stack-bytes", (1 << 20) + 1),
        ("/deadline-ms", 0),
        ("/component/compile-ms", 0),
    ] {
        let error = Engine::new(with(&[(place, number)])).unwrap_err().to_string();
        let name = place.rsplit('/').next().unwrap();
        assert!(error.contains(name), "{place} = {number}: {error}");
    }
}
