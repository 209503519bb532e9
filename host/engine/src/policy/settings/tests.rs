// SPDX-License-Identifier: Apache-2.0
//! What a schema finds in settings, and schemas that a host must not be harmed by.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Map, Value, json};

use super::*;

/// Problems of settings, each as place and message.
fn told(schema: &Value, settings: &Value) -> Vec<(String, String)> {
    let problems = Schema::new(schema).unwrap().problems(settings, &AnswerLimits::default());
    problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
}

fn places(schema: &Value, settings: &Value) -> Vec<String> {
    told(schema, settings).into_iter().map(|(place, _)| place).collect()
}

fn refused(schema: &Value) -> String {
    Schema::new(schema).expect_err("a schema that is not taken")
}

/// On a thread with a stack like those that activate policies, and not for ever.
fn soon<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, waits) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(move || done.send(work())).unwrap();
    waits.recv_timeout(Duration::from_secs(60)).expect("it comes to an end")
}

/// `$defs` by name, and a schema that is the first of them.
fn definitions(count: usize, one: impl Fn(usize, Value) -> Value) -> Value {
    let next = |nth: usize| json!({ "$ref": format!("#/$defs/d{}", nth + 1) });
    let mut all: Map<String, Value> =
        (0..count).map(|nth| (format!("d{nth}"), one(nth, next(nth)))).collect();
    all.insert(format!("d{count}"), json!({ "type": "string" }));
    json!({ "$defs": all, "$ref": "#/$defs/d0" })
}

#[test]
fn every_problem_is_told_at_its_place() {
    let schema = json!({
        "$schema": DIALECT, "$id": "https://example.org/settings",
        "type": "object", "additionalProperties": false, "required": ["allow", "until"],
        "properties": {
            "allow": { "type": "array", "items": { "$ref": "#/$defs/entry" } },
            "age": { "type": "integer", "minimum": 1 },
            "a/b~": { "type": "string", "pattern": "^pd:" },
        },
        "$defs": { "entry": { "type": "object", "additionalProperties": false, "properties": { "way": { "enum": ["hide"] } } } },
    });
    let settings = json!({
        "allow": [{ "way": "hide" }, { "way": "SHOWN" }, { "c/~": 1, "colour": 2 }],
        "age": 0, "a/b~": "x", "Ünknown": 1,
    });
    let mut all = told(&schema, &settings);
    all.sort();
    let found: Vec<&str> = all.iter().map(|(place, _)| place.as_str()).collect();
    let expected = ["", "/age", "/allow/1/way", "/allow/2/colour", "/allow/2/c~1~0", "/a~1b~0", "/Ünknown"];
    assert_eq!(found, expected);
    assert_eq!(all[0].1, "\"until\" is missing");
    assert_eq!(all[1].1, "this is less than the minimum of 1");
    assert!(all.iter().all(|(_, message)| !message.contains("SHOWN")), "{all:?}");
    assert_eq!(places(&schema, &json!({ "allow": [], "until": 1 })), ["/until"]);
}

#[test]
fn what_may_be_set_is_told_and_a_wrong_name_at_its_member() {
    let schema = json!({ "propertyNames": { "pattern": "^[a-z]+:" }, "additionalProperties": { "enum": ["show", "hide"] } });
    let mut all = told(&schema, &json!({ "pd:Name": "SHOWN", "na/me": "show" }));
    all.sort();
    let told = |place: &str, message: &str| (place.to_owned(), message.to_owned());
    let name = told("/na~1me", "this name does not match \"^[a-z]+:\"");
    assert_eq!(all, [name, told("/pd:Name", "this is none of \"show\", \"hide\"")]);
}

#[test]
fn what_a_format_means_is_not_checked() {
    assert!(told(&json!({ "format": "email" }), &json!("x")).is_empty());
}

#[test]
fn no_more_is_told_than_an_answer_may_hold() {
    let schema = json!({ "items": { "type": "string" }, "$defs": {} });
    let limits = AnswerLimits { problems: 3, text_bytes: 10, ..AnswerLimits::default() };
    let numbers: Vec<usize> = (0..50).collect();
    let problems = Schema::new(&schema).unwrap().problems(&json!(numbers), &limits);
    assert_eq!(problems.len(), 3);
    assert!(problems.iter().all(|problem| problem.message.len() <= 10));
}

#[test]
fn a_schema_that_is_wrong_is_refused_with_its_place() {
    for (schema, place) in [
        (json!({ "properties": { "a": { "type": "strin" } } }), "/properties/a/type"),
        (json!({ "properties": { "a": { "pattern": "(" } } }), "/properties/a/pattern"),
        (json!({ "patternProperties": { "(": {} } }), "/patternProperties/("),
        (json!({ "properties": { "a": { "minimum": "1" } } }), "/properties/a/minimum"),
        (json!({ "$schema": "http://json-schema.org/draft-07/schema#" }), "/$schema"),
        (json!({ "items": { "$id": "https://example.org/other" } }), "/items/$id"),
        (json!({ "$defs": { "a": { "$anchor": "b" } } }), "/$defs/a/$anchor"),
        (json!({ "allOf": [{ "$dynamicRef": "#a" }] }), "/allOf/0/$dynamicRef"),
        (json!({ "required": vec!["a"; 1_000] }), "/required"),
    ] {
        let what = refused(&schema);
        assert!(what.starts_with(&format!("at `{place}`: ")) && what.len() < 600, "{what}");
    }
}

/// A part in another dialect would find its references elsewhere, or pass over what stands beside one.
#[test]
fn a_part_is_in_the_dialect_of_the_whole() {
    for dialect in
        ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#", DIALECT]
    {
        let part = json!({ "$schema": dialect, "$ref": "#/$defs/any", "type": "string" });
        for schema in [
            json!({ "properties": { "a": part }, "$defs": { "any": {} } }),
            json!({ "$ref": "#/$defs/other", "$defs": { "any": {}, "other": part } }),
        ] {
            let what = refused(&schema);
            assert!(what.contains("/$schema`: ") && what.contains("at the top"), "{what}");
        }
    }
}

/// What checks nothing would be believed to check something; of what is not taken the work doubles with each level.
#[test]
fn a_keyword_that_is_not_known_is_refused_with_its_place() {
    for keyword in [
        "requried",
        "id",
        "contains",
        "dependentSchemas",
        "dependencies",
        "unevaluatedItems",
        "unevaluatedProperties",
        "additionalItems",
        "definitions",
        "nullable",
        "extends",
    ] {
        for (schema, place) in [
            (json!({ keyword: {} }), ""),
            (json!({ "properties": { "a": { "items": { keyword: {} } } } }), "/properties/a/items"),
            (json!({ "$defs": { "a": { keyword: {} } } }), "/$defs/a"),
            (json!({ "$ref": "#/default/a", "default": { "a": { keyword: {} } } }), "/default/a"),
        ] {
            let what = refused(&schema);
            assert!(what.starts_with(&format!("at `{place}`: `{keyword}` is no keyword")), "{what}");
        }
    }
    // Settings may be called anything.
    let schema = json!({ "properties": { "contains": { "type": "string" }, "id": true } });
    assert_eq!(places(&schema, &json!({ "contains": 1, "id": 1 })), ["/contains"]);
}

#[test]
fn nothing_is_fetched() {
    let elsewhere = [
        "https://example.org/schema.json",
        "file:///etc/passwd",
        "other.json#/$defs/a",
        "#a",
        "",
        "#/$defs/none",
        "#/$defs/a%62",
        "https://json-schema.org/draft/2020-12/schema",
    ];
    for reference in elsewhere {
        for schema in [
            json!({ "$ref": reference }),
            json!({ "properties": { "x": { "items": { "$ref": reference } } } }),
            json!({ "$defs": { "never": { "$ref": reference } } }),
            json!({ "then": { "$ref": reference } }),
        ] {
            let what = refused(&schema);
            assert!(what.contains("/$ref`: ") && what.contains("nothing is fetched"), "{what}");
        }
    }
    // A setting of that name, and data, are no references.
    let schema = json!({ "properties": { "$ref": { "const": { "$ref": "#/none" } } } });
    assert!(places(&schema, &json!({ "$ref": { "$ref": "#/none" } })).is_empty());
}

#[test]
fn patterns_are_matched_in_linear_time() {
    for pattern in ["(?=a)b", "(?!a)b", "(a)\\1", "((a{1000}){1000}){1000}", "\\p{L}{5000}"] {
        let what = refused(&json!({ "properties": { "a": { "pattern": pattern } } }));
        assert!(what.contains("`/properties/a/pattern`") && what.contains("look-around"), "{what}");
    }
    let catastrophic = json!({ "items": { "pattern": "^(a+)+$" } });
    let texts = vec!["a".repeat(5_000) + "b"; 8];
    assert_eq!(soon(move || places(&catastrophic, &json!(texts))).len(), 8);
    // A pattern of many states looks at each byte many times: how much is matched has an end.
    for levels in [0, 60] {
        let many_states =
            (0..levels).fold(json!({ "pattern": "a[ab]{300}c" }), |inner, _| json!({ "anyOf": [inner] }));
        let long = "ab".repeat(95_000);
        let problems = soon(move || told(&many_states, &json!(long)));
        assert!(problems.len() == 1 && problems[0].1.contains("too large"), "{problems:?}");
    }
    let many: Map<String, Value> =
        (0..300).map(|nth| (format!("a{nth}"), json!({ "pattern": format!("^.{{{nth}}}$") }))).collect();
    assert!(refused(&json!({ "properties": many })).contains("patterns"));
}

#[test]
fn a_schema_that_applies_itself_to_the_same_value_is_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "properties": { "a": { "not": { "anyOf": [{ "$ref": "#/properties/a" }] } } } }),
        json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "if": { "$ref": "#/$defs/a" } } } }),
    ] {
        assert!(refused(&schema).contains("without end"), "{schema}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_for_what_a_value_holds_works() {
    let tree = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "all": { "type": "array", "items": { "$ref": "#" } }, "age": { "type": "integer" } },
    });
    let settings = json!({ "all": [{ "age": 1 }, { "all": [{ "age": "x" }, { "ages": 1 }] }] });
    assert_eq!(places(&tree, &settings), ["/all/1/all/0/age", "/all/1/all/1/ages"]);
}

#[test]
fn settings_that_are_deep_are_checked_or_refused() {
    let schema = json!({ "type": "object", "properties": { "a": { "anyOf": [{ "$ref": "#" }, { "type": "string" }] } } });
    for (levels, ok) in [(20, true), (40, true), (120, false)] {
        let settings = (0..levels).fold(json!("x"), |inner, _| json!({ "a": inner }));
        let schema = schema.clone();
        assert_eq!(soon(move || told(&schema, &settings)).is_empty(), ok, "{levels}");
    }
    // Each level twice: what would be checked doubles with each.
    let twice = json!({ "properties": { "a": { "allOf": [{ "$ref": "#" }, { "$ref": "#" }] } } });
    let settings = (0..60).fold(json!({}), |inner, _| json!({ "a": inner }));
    let problems = soon(move || told(&twice, &settings));
    assert!(problems.len() == 1 && problems[0].1.contains("too large, or too deep"), "{problems:?}");
}

#[test]
fn a_short_schema_that_becomes_long_is_refused() {
    let doubling = definitions(60, |_, next| json!({ "allOf": [next, next] }));
    assert!(soon(move || refused(&doubling)).contains("too many times"));
    let items = definitions(40, |_, next| json!({ "properties": { "a": { "allOf": [next, next] } } }));
    let settings = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert!(soon(move || told(&items, &settings))[0].1.contains("too large"));
}

#[test]
fn long_chains_and_deep_nesting_overflow_no_stack() {
    let bare = definitions(5_000, |_, next| next);
    assert!(soon(move || refused(&bare)).contains("without end"));
    let properties = definitions(3_000, |_, next| json!({ "properties": { "a": next } }));
    assert!(soon(move || told(&properties, &json!({ "a": { "a": 1 } }))).is_empty());
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let deep = (0..55).fold(json!({ "type": "string" }), |inner, _| json!({ keyword: [inner] }));
        assert_eq!(soon(move || told(&deep, &json!(1))).len(), 1);
    }
    let mut nested = String::new();
    for _ in 0..100 {
        write!(nested, "{{\"not\":").unwrap();
    }
    let nested: Value = serde_json::from_str(&format!("{nested}{{}}{}", "}".repeat(100))).unwrap();
    assert!(soon(move || told(&nested, &json!(1))).len() <= 1);
    // As deep as parts may be applied, through every kind of part that has much on the stack.
    let mixed = definitions(45, |nth, next| match nth % 3 {
        0 => json!({ "anyOf": [next, { "type": "null" }] }),
        1 => json!({ "oneOf": [{ "if": { "type": "object" }, "then": next, "else": next }] }),
        _ => json!({ "properties": { "a": next }, "additionalProperties": false }),
    });
    let settings = (0..15).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert!(!soon(move || told(&mixed, &settings)).is_empty());
}

fn options_of_a_schema() -> Vec<usize> {
    (0..10_000).collect()
}

#[test]
fn long_lists_are_checked_or_refused_soon() {
    let options = options_of_a_schema();
    let schema = json!({ "items": { "enum": options } });
    let settings: Vec<usize> = (0..200).map(|nth| nth + 50_000).collect();
    assert_eq!(soon(move || told(&schema, &json!(settings))).len(), 100);
    let alike: Vec<Value> = (0..400).map(|nth| json!({ "a": [vec![0; 200], nth] })).collect();
    let unlike: Vec<Value> = (0..700).map(|nth| json!({ "a": [vec![0; 200], nth + 1_000] })).collect();
    let problems = soon(move || told(&json!({ "items": { "enum": alike } }), &json!(unlike)));
    assert!(problems.len() == 1 && problems[0].1.contains("too large"), "{problems:?}");
    let branches = vec![json!({ "type": "object" }); 5_000];
    let numbers: Vec<usize> = (0..20_000).collect();
    let numbers = json!(numbers);
    // What would be told with copies of the whole.
    for schema in [
        json!({ "anyOf": branches }),
        json!({ "oneOf": [{ "allOf": branches }] }),
        json!({ "anyOf": [{ "items": { "required": (0..1_000).map(|nth| nth.to_string()).collect::<Vec<_>>() } }] }),
        json!({ "items": { "not": { "enum": options_of_a_schema() } } }),
    ] {
        let numbers = numbers.clone();
        let problems = soon(move || told(&schema, &numbers));
        assert!(problems.len() == 1 && problems[0].1.contains("too large"), "{problems:?}");
    }
}

/// What a value looks like is no business of a log's or an answer's: the place says which it is.
#[test]
fn no_message_repeats_a_value() {
    const VALUE: &str = "OF-SOMEBODY";
    for schema in [
        json!({ "type": "integer" }),
        json!({ "enum": [1] }),
        json!({ "const": 1 }),
        json!({ "pattern": "^x" }),
        json!({ "maxLength": 1 }),
        json!({ "minLength": 99 }),
        json!({ "not": {} }),
        json!({ "anyOf": [{ "type": "integer" }, false] }),
        json!({ "oneOf": [true, true] }),
        json!({ "allOf": [false] }),
    ] {
        let all = told(&schema, &json!(VALUE));
        assert!(!all.is_empty() && all.iter().all(|(_, message)| !message.contains(VALUE)), "{all:?}");
    }
    for schema in
        [json!({ "uniqueItems": true }), json!({ "maxItems": 1 }), json!({ "items": { "const": 1 } })]
    {
        let all = told(&schema, &json!([VALUE, VALUE]));
        assert!(!all.is_empty() && all.iter().all(|(_, message)| !message.contains(VALUE)), "{all:?}");
    }
}
