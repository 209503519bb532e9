// SPDX-License-Identifier: Apache-2.0
//! Schemas of settings: what they refuse reaches no code of the rule, and one that is wrong makes no rule.

use paasla_engine::{ActivateError, CaseRunner, LoadError};
use paasla_rule::testing::{failures, read};
use serde_json::{Value, json};

use crate::common::{
    answer::{with_schema, words},
    engine,
    guest::Guest,
    policy_with, refused, register,
};

/// Settings with an age, and nothing else.
fn ages() -> String {
    let age = json!({ "type": "integer", "minimum": 1 });
    json!({
        "type": "object", "additionalProperties": false, "required": ["age"], "properties": { "age": age },
    })
    .to_string()
}

/// Why a policy with these settings is not made.
fn not_made(guest: &Guest, settings: Value) -> ActivateError {
    let engine = engine();
    let rule = engine.load(&guest.component()).unwrap();
    engine.activate(&rule, &policy_with(settings), &register()).expect_err("a policy that cannot be made")
}

#[test]
fn what_a_schema_refuses_reaches_no_code_of_the_rule() {
    let breaking = Guest { configure: "unreachable", ..with_schema(&ages(), &[]) };
    let ActivateError::Settings(problems) = not_made(&breaking, json!({ "age": 0, "colour": "red" })) else {
        panic!("problems")
    };
    let mut places: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["/age", "/colour"]);
    // No settings are an object without members.
    let ActivateError::Settings(problems) = not_made(&breaking, Value::Null) else { panic!("problems") };
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("\"age\" is missing"));
    // What it takes, the rule is asked about.
    assert!(matches!(not_made(&breaking, json!({ "age": 1 })), ActivateError::Configure(_)));
}

#[test]
fn a_rule_whose_schema_is_wrong_is_not_loaded() {
    for (schema, told) in [
        (
            r#"{"type":"object","properties":{"a":{"type":"strin"}}}"#,
            "`settings-schema`, at `/properties/a/type`",
        ),
        (r#"{"$ref":"https://example.org/schema.json"}"#, "nothing is fetched"),
        (r#"{"properties":{"a":{"pattern":"(?=a)"}}}"#, "`/properties/a/pattern`"),
        (r##"{"allOf":[{"$ref":"#"}]}"##, "without end"),
    ] {
        match refused(&with_schema(schema, &[]).component()) {
            LoadError::Description(what) => assert!(what.contains(told), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The cases of a rule that fail, and why.
fn failing(guest: &Guest, cases: &Value) -> Vec<String> {
    let engine = engine();
    let rule = engine.load(&guest.component()).unwrap();
    let cases = read("cases", &json!({ "cases": cases }).to_string()).unwrap();
    failures(&mut CaseRunner::new(&engine, &rule), &cases)
}

#[test]
fn a_case_tells_where_the_schema_is_stricter_than_its_rule() {
    let careless = with_schema(&ages(), &[]);
    let case = |settings: Value| json!([{ "name": "a", "settings": settings, "expect": "abstain" }]);
    assert_eq!(failing(&careless, &case(json!({ "age": 1 }))), Vec::<String>::new());
    let failed = failing(&careless, &case(json!({ "age": 0 })));
    let told = "the schema refuses settings that the rule takes: at `/settings/age`: this is less than the minimum of 1";
    assert!(failed.len() == 1 && failed[0].contains(told), "{failed:?}");
}

#[test]
fn a_case_hears_the_rule_about_settings_that_the_schema_refuses_too() {
    let problem = [words((3100, 4)), words((3200, 3))].concat();
    let data = [
        (2200, vec![1]),
        (2204, words((3000, 1))),
        (3000, problem),
        (3100, b"/say".to_vec()),
        (3200, b"no!".to_vec()),
    ];
    let refusing = Guest { configure: "i32.const 2200", ..with_schema(&ages(), &data) };
    let cases = json!([{ "name": "a", "settings": { "age": 0 }, "expect": { "settings": ["/say"] } }]);
    assert_eq!(failing(&refusing, &cases), Vec::<String>::new());
}
