// SPDX-License-Identifier: Apache-2.0
//! What is said of cases that are wrong, and of settings that a rule refuses.

use std::{convert::Infallible, fs};

use super::*;

/// A rule that takes the settings `{}` and no others, and has nothing to say.
struct Fussy;

impl Runner for Fussy {
    type Error = Infallible;

    fn describe(&mut self) -> Result<Description, Infallible> {
        Ok(Description {
            name: "fussy".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "It takes no settings.".to_owned(),
            settings_schema: r#"{"type":"object"}"#.to_owned(),
            facts: Vec::new(),
            row_facts: Vec::new(),
            reads: Vec::new(),
            provisions: Vec::new(),
        })
    }

    fn configure(
        &mut self,
        settings: &str,
        _: &Register,
    ) -> Result<Result<Vec<Reason>, Vec<Problem>>, Infallible> {
        let problem = || Problem { pointer: "/opens".to_owned(), message: "It opens too late.".to_owned() };
        Ok(if settings == "{}" { Ok(Vec::new()) } else { Err(vec![problem()]) })
    }

    fn decide(&mut self, _: &Query) -> Result<Decided, Infallible> {
        Ok(Decided::Abstain)
    }

    fn review(&mut self, _: &Query, _: &[Row]) -> Result<Reviewed, Infallible> {
        Ok(Reviewed { rows: Vec::new() })
    }
}

fn wrong(text: &str) -> String {
    read("file", text).unwrap_err().to_string()
}

#[test]
fn a_case_that_is_wrong_is_named_with_its_line() {
    let text = "{\"cases\": [\n  { \"name\": \"good\", \"expect\": \"abstain\" },\n  { \"name\": \"bad\",\n    \
                \"expect\": \"abstain\", \"tme\": 1 }\n]}";
    let told = wrong(text);
    assert!(told.contains("the case `bad` at line 3: unknown field `tme`"), "{told}");
    let told = wrong("{\"cases\": [\n { \"expect\": \"abstain\" } ]}");
    assert!(told.contains("without a name at line 2"), "{told}");
    let told = wrong("{\"cases\": [ 1 ]}");
    assert!(told.contains("line 1"), "{told}");
}

#[test]
fn a_member_that_is_there_twice_is_refused_wherever_it_is() {
    let case = |settings: &str| {
        format!("{{\"cases\": [\n{{ \"name\": \"a\", \"settings\": {settings}, \"expect\": \"abstain\" }}]}}")
    };
    assert!(read("file", &case("{\"a\":1}")).is_ok());
    for twice in ["{\"a\":1,\"a\":2}", "{\"b\":[{\"a\":1,\"a\":1}]}"] {
        let told = wrong(&case(twice));
        assert!(told.contains("twice") && told.contains("line 2"), "{told}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let text = "\u{FEFF}{\"cases\": [{ \"name\": \"a\", \"expect\": \"abstain\" }]}";
    assert_eq!(read("file", text).unwrap().len(), 1);
}

#[test]
fn no_case_passes_nothing() {
    let folder = std::env::temp_dir().join(format!("paasla-no-cases-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let told = || run_all(&mut Fussy, &folder).unwrap_err();
    fs::write(folder.join("cases.JSON"), "{\"cases\": []}").unwrap();
    assert!(told().contains("end with .json"), "{}", told());
    fs::write(folder.join("empty.json"), "{\"cases\": []}").unwrap();
    assert!(told().contains("empty.json: there is no case in it"), "{}", told());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn refused_settings_are_told_once_with_place_and_message() {
    let text = r#"{"defaults": { "settings": { "opens": 9 }, "expect": "abstain" },
        "cases": [{ "name": "a" }, { "name": "b" }, { "name": "c", "expect": { "settings": ["/opens"] } }]}"#;
    let failures = failures(&mut Fussy, &read("file", text).unwrap());
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("refused: at `/settings/opens`: It opens too late."), "{failures:?}");
    assert!(failures[1].ends_with("refused, as those of `file: a`"), "{failures:?}");
}

#[test]
fn a_case_that_does_not_fit_is_not_said_by_the_rule() {
    let text = r#"{"cases": [{ "name": "a", "query": { "fields": ["nothing"] }, "expect": "abstain" }]}"#;
    let failures = failures(&mut Fussy, &read("file", text).unwrap());
    assert_eq!(failures, ["file: a: the case is wrong: the catalogue has no field `nothing`"]);
}

#[test]
fn reasons_that_a_host_would_refuse_are_refused_here() {
    let description = Fussy.describe().unwrap();
    let told = |code: &str, message: &str, provision, count| {
        let reason = Reason { code: code.to_owned(), message: message.to_owned(), provision };
        sound::reasons(&description, &vec![reason; count]).err().unwrap_or_default()
    };
    assert_eq!(told("fussy.no", "No.", None, 1_000), "");
    assert!(told("fussy.no", "No.", None, 1_001).contains("1001 reasons"));
    assert!(told("Fussy", "No.", None, 1).contains("is not 1 to 80 characters"));
    assert!(told("host.no", "No.", None, 1).contains("are the host's"));
    assert!(told("fussy.no", "", None, 1).contains("is not 1 to 500 characters"));
    assert!(told("fussy.no", "No.\nNever.", None, 1).contains("control character"));
    assert!(told("fussy.no", "No.", Some(0), 1).contains("`describe` lists 0"));
}

#[test]
fn a_review_uses_no_more_reasons_than_a_host_lets_it() {
    let rows = |count| Reviewed {
        rows: (0..count)
            .map(|row| crate::RowRuling { row, leave_out: Some(row), exceptions: Vec::new() })
            .collect(),
    };
    assert_eq!(sound::reviewed(&rows(8)), Ok(()));
    assert!(sound::reviewed(&rows(9)).unwrap_err().contains("9 different reasons"));
}
