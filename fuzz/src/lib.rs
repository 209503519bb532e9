// SPDX-License-Identifier: Apache-2.0
//! What the fuzz targets share: an engine with small limits, seeds, and what must hold of every outcome.

#[path = "../../host/engine/tests/common/mod.rs"]
#[allow(missing_docs, reason = "the engine's tests describe it")]
pub mod common;

use std::{env, fs, path::Path, sync::LazyLock, time::Duration};

use paasla_engine::{
    ActivateError, Activated, Engine, EngineConfig, LoadError, Ration, Rule, RuleFault, Setup, Start,
    travelling::{CaseFiles, cases_in, run_case_files, with_cases},
};

/// One engine for all inputs, as in a host: what one input leaves behind, the next would meet.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let usual = common::limits();
    let ration = Ration { fuel: 500_000, review_fuel: 500_000, ..usual.ration };
    let setup = Setup { describe_fuel: 500_000, configure_fuel: 500_000, ..usual.setup };
    Engine::new(EngineConfig { ration, most: ration, setup, ..usual }).expect("an engine")
});

/// Makes a target ready, before the first input: its seeds are made, and a panic that the engine contains is told and
/// is no crash. One that it does not contain is.
pub fn begin(target: &str) {
    std::panic::set_hook(Box::new(|panic| eprintln!("contained, if this goes on: {panic}")));
    if let Some(folder) = env::var_os("PAASLA_FUZZ_SEEDS") {
        make_seeds(target, Path::new(&folder)).expect("seeds");
    }
}

/// Turns the texts in `seeds/<target>` into inputs: WebAssembly text (a module becomes a rule's component, a component is
/// taken as it is), hexadecimal bytes with remarks, or an input kept as it was found.
fn make_seeds(target: &str, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let texts = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    for entry in fs::read_dir(texts).into_iter().flatten() {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        let text = || String::from_utf8_lossy(&bytes);
        let seed = match path.extension().and_then(|extension| extension.to_str()) {
            Some("wat") if text().contains("(component") => {
                wat::parse_str(text()).expect("a component's text")
            }
            Some("wat") => common::guest::component_of(&text()),
            Some("hex") => from_hex(&text()),
            _ => bytes.clone(),
        };
        fs::write(folder.join(path.file_stem().unwrap_or_default()), seed)?;
    }
    match target {
        "load" => fs::write(folder.join("good"), common::guest::Guest::default().component()),
        // The good rule with the cases of a seed in it.
        "cases" => {
            let good = common::guest::Guest::default().component();
            let text = include_str!("../seeds/cases/good.json").to_owned();
            let files = CaseFiles::from([("good.json".to_owned(), text)]);
            fs::write(folder.join("component"), with_cases(&good, &files))
        }
        // What a generator of modules makes something of: much, and without order.
        "smith" => (0..64).try_for_each(|number| fs::write(folder.join(number.to_string()), noise(number))),
        _ => Ok(()),
    }
}

/// Four thousand bytes without order, the same each time for a number; the first is the number's own.
fn noise(number: u8) -> Vec<u8> {
    let mut state = u64::from(number);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::once(number).chain(std::iter::repeat_with(&mut next).take(4_000)).collect()
}

/// Bytes as pairs of hexadecimal digits; what follows a `#` is a remark.
fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.lines().flat_map(|line| line.split('#').next()).collect();
    let digits: Vec<_> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

/// Panics of the compiler that are known and contained, by a part of what each says. Any other is a finding.
const KNOWN_PANICS: &[&str] = &[];

fn is_known(panic: &str) {
    assert!(KNOWN_PANICS.iter().any(|known| panic.contains(known)), "a panic that was contained: {panic}");
}

/// Loads bytes as a rule, and lets it rule on everything if it is one.
pub fn run(bytes: &[u8]) {
    match ENGINE.load(bytes) {
        Ok(rule) => match ENGINE.activate(&rule, &common::policy(), &common::register()) {
            Ok(policy) => {
                if let Start::ConfigureEachTime(why) = &policy.start
                    && why.contains("panicked")
                {
                    is_known(why);
                }
                rules(&policy);
            }
            Err(ActivateError::Configure(fault)) => is_the_rules(&fault),
            Err(ActivateError::Load(error)) => is_the_bytes(&error),
            Err(_) => {}
        },
        Err(LoadError::Describe(fault)) => is_the_rules(&fault),
        Err(error) => is_the_bytes(&error),
    }
}

fn is_the_bytes(error: &LoadError) {
    match error {
        LoadError::Crashed(how) => is_known(how),
        error => assert!(!matches!(error, LoadError::Host(_)), "{error}"),
    }
}

/// Lets a policy rule, twice: it must say the same at the same price.
fn rules(policy: &Activated) {
    let (query, rows) = (common::query(), common::rows());
    let decided = policy.decide(&query);
    assert_eq!(decided, policy.decide(&query));
    let reviewed = policy.review(&query, &rows);
    assert_eq!(reviewed, policy.review(&query, &rows));
    for fault in decided.0.err().iter().chain(reviewed.0.err().iter()) {
        is_the_rules(fault);
    }
}

/// Whatever a rule does, the host is not at fault and does not panic, and no sandbox is lost.
pub fn is_the_rules(fault: &RuleFault) {
    assert!(fault.is_the_rules() && *fault != RuleFault::Panic, "{fault}");
}

/// How long the cases of one input may take together.
const CASES: Duration = Duration::from_secs(5);

/// Takes bytes for a component with cases in it, and runs the cases if there are any: whatever they are, they pass or are
/// told to be wrong.
pub fn cases(bytes: &[u8]) {
    static RULE: LazyLock<Rule> =
        LazyLock::new(|| ENGINE.load(&common::guest::Guest::default().component()).expect("a rule"));
    if let Ok(files) = cases_in(bytes) {
        // Written anew they may be longer, and too long.
        if let Ok(again) = cases_in(&with_cases(&common::guest::Guest::default().component(), &files)) {
            assert_eq!(again, files, "what is found can be put in and found again");
        }
        let _ = run_case_files(&ENGINE, &RULE, &files, CASES);
    }
    // The same bytes as what stands in one file of cases, which is where there is most to read.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let files = CaseFiles::from([("fuzz.json".to_owned(), text.to_owned())]);
        let _ = run_case_files(&ENGINE, &RULE, &files, CASES);
    }
}
