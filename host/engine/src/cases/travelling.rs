// SPDX-License-Identifier: Apache-2.0
//! Cases that travel with a rule: files of cases in a custom section of its component, so that whoever gets the rule can
//! run them, and a signature on the rule covers them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

pub use paasla_rule::testing::Bounds;
use paasla_rule::testing::{Case, failures, read_within};
use wasmparser::{Parser, Payload};

use super::runner::CaseRunner;
use crate::{engine::Engine, load::rule::Rule};

/// The name of the custom section. It holds a JSON object: the text of each file of cases by its name.
pub const SECTION: &str = "paasla:cases";

/// How many failures are told.
const TOLD: usize = 100;

/// Files of cases by name.
pub type CaseFiles = BTreeMap<String, String>;

/// Puts files of cases into a component, besides those that it travels with already.
#[must_use]
pub fn with_cases(component: &[u8], files: &CaseFiles) -> Vec<u8> {
    let mut bytes = component.to_vec();
    if files.is_empty() {
        return bytes;
    }
    let content = serde_json::to_vec(files).unwrap_or_default();
    let mut section = Vec::new();
    leb128(&mut section, SECTION.len());
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(&content);
    // A custom section: id 0, its length, its name, its content (WebAssembly core specification, 5.5.3).
    bytes.push(0);
    leb128(&mut bytes, section.len());
    bytes.extend_from_slice(&section);
    bytes
}

/// The files of cases that a component travels with, all sections together; none when it has none.
///
/// # Errors
/// When a section holds something else, when two hold a file of the same name, or when the bytes cannot be read up to it.
pub fn cases_in(component: &[u8]) -> Result<CaseFiles, String> {
    let (mut depth, mut files) = (0_u32, CaseFiles::new());
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| error.message().to_owned())? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth = depth.saturating_add(1)
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                let own: CaseFiles = serde_json::from_slice(section.data())
                    .map_err(|_| format!("the section `{SECTION}` is no JSON object of texts"))?;
                for (name, text) in own {
                    if files.insert(name.clone(), text).is_some() {
                        return Err(format!("two sections `{SECTION}` hold a file `{name}`"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(files)
}

/// Runs cases in the sandbox, for so long at most; gives back how many there were. What is compiled for them goes into no
/// cache: it would take the place of what is at work.
///
/// # Errors
/// One text for each file that is no file of cases or holds too much, and for each case that failed, with what was
/// expected and what the rule said; the first ones, if there are many.
pub fn run_case_files(
    engine: &Engine,
    rule: &Rule,
    files: &CaseFiles,
    longest: Duration,
) -> Result<usize, Vec<String>> {
    let (mut cases, mut wrong): (Vec<Case>, _) = (Vec::new(), Vec::new());
    let (began, mut left) = (Instant::now(), Bounds::default());
    for (name, text) in files {
        match read_within(name.trim_end_matches(".json"), text, &mut left) {
            Ok(read) => cases.extend(read),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut runner = CaseRunner::new(&engine.without_cache(), rule);
    for (number, case) in cases.iter().enumerate() {
        if began.elapsed() >= longest {
            let (all, seconds) = (cases.len(), longest.as_secs());
            wrong.push(format!(
                "{number} of {all} cases ran in {seconds} s, which is as long as all may take"
            ));
            break;
        }
        if wrong.len() >= TOLD {
            wrong.push(format!("there may be more: of {} cases {number} ran", cases.len()));
            break;
        }
        wrong.extend(failures(&mut runner, std::slice::from_ref(case)));
    }
    if wrong.is_empty() { Ok(cases.len()) } else { Err(wrong) }
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7F).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_again() {
        let component =
            wat::parse_str("(component (core module (@custom \"paasla:cases\" \"{}\")))").unwrap();
        assert_eq!(
            cases_in(&component),
            Ok(CaseFiles::new()),
            "a section of a module inside is none of ours"
        );
        let files = CaseFiles::from([
            ("a.json".to_owned(), "x".repeat(300)),
            ("ä.json".to_owned(), "{\"cases\": []}".to_owned()),
        ]);
        let with = with_cases(&component, &files);
        assert_eq!(cases_in(&with), Ok(files.clone()));
        let more = CaseFiles::from([("b.json".to_owned(), "y".to_owned())]);
        let both: CaseFiles = files.into_iter().chain(more.clone()).collect();
        let with = with_cases(&with, &more);
        assert_eq!(cases_in(&with), Ok(both), "none is passed over");
        assert!(cases_in(&with_cases(&with, &more)).unwrap_err().contains("two sections"));
        assert_eq!(with_cases(&component, &CaseFiles::new()), component);
    }

    #[test]
    fn a_section_of_something_else_is_told() {
        let component = wat::parse_str("(component (@custom \"paasla:cases\" \"[1]\"))").unwrap();
        assert!(cases_in(&component).unwrap_err().contains("no JSON object"));
    }
}
