// SPDX-License-Identifier: Apache-2.0
//! Bytes that are no rule.

use paasla_engine::{ComponentLimits, Engine, LoadError};
use proptest::prelude::*;

use crate::common::{
    engine, engine_for,
    guest::{Guest, WIT, component_with},
    policy, query, refused, refused_by, register,
};

#[test]
fn no_webassembly() {
    for bytes in
        [&b""[..], b"\0", b"\0asm", b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01\0", b"PK\x03\x04", &[0; 64]]
    {
        assert_eq!(refused(bytes), LoadError::NotWasm, "{bytes:?}");
    }
}

/// Neither is a component of another time: the version in its first eight bytes.
#[test]
fn versions_of_webassembly_that_nobody_knows() {
    for head in [b"\0asm\x0e\0\x01\0", b"\0asm\x02\0\0\0", b"\0asm\x0d\0\x02\0"] {
        assert_eq!(refused(head), LoadError::NotWasm, "{head:?}");
    }
}

#[test]
fn a_core_module() {
    let core = wat::parse_str(Guest::default().text()).unwrap();
    assert_eq!(refused(&core), LoadError::CoreModule);
}

/// Machine code that wasmtime wrote is not taken from an author: whoever loads it trusts it.
#[test]
fn machine_code() {
    assert_eq!(refused(b"\x7fELF\x02\x01\x01\xc8\x01\0\0\0\0\0\0\0wasmtime"), LoadError::NotWasm);
}

#[test]
fn text_is_not_taken_for_a_binary() {
    assert_eq!(refused(b"(component)"), LoadError::NotWasm);
}

/// Whatever it is, and whether a rule could do without it or not.
#[test]
fn imports_of_every_kind() {
    for (name, what) in [
        ("wasi:clocks/wall-clock@0.2.0", "(instance)"),
        ("wasi:random/random@0.2.6", r#"(instance (export "get-random-u64" (func (result u64))))"#),
        ("wasi:cli/environment@0.2.0", "(instance)"),
        ("paasla:rule/ruling@0.1.0", "(instance)"),
        ("anything", "(func)"),
        ("a-type", "(type (sub resource))"),
        ("a-component", "(component)"),
        ("a-module", "(core module)"),
    ] {
        let bytes = wat::parse_str(format!(r#"(component (import "{name}" {what}))"#)).unwrap();
        assert_eq!(refused(&bytes), LoadError::Imports(vec![name.to_owned()]), "{name}");
    }
}

#[test]
fn all_imports_are_named() {
    let text = r#"(component (import "wasi:io/poll@0.2.0" (instance)) (import "b" (func)))"#;
    let names = vec!["wasi:io/poll@0.2.0".to_owned(), "b".to_owned()];
    assert_eq!(refused(&wat::parse_str(text).unwrap()), LoadError::Imports(names));
}

#[test]
fn a_component_that_exports_nothing() {
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(refused(&empty), LoadError::WrongWorld(_)));
}

/// A component made against an interface that lacks a function, or has it otherwise.
#[test]
fn interfaces_that_are_not_ours() {
    let without_review = WIT.replace("review: func(query: query, rows: list<row>) -> reviewed;", "");
    let other_answer =
        WIT.replace("decide: func(query: query) -> decided;", "decide: func(query: query) -> u32;");
    let other_settings =
        WIT.replace("-> result<list<reason>, list<problem>>;", "-> result<list<reason>, list<string>>;");
    let no_reasons =
        WIT.replace("-> result<list<reason>, list<problem>>;", "-> result<list<string>, list<problem>>;");
    let one_field_more = WIT.replace("persons: u32,", "persons: u32,\n secret: bool,");
    for wit in [without_review, other_answer, other_settings, no_reasons, one_field_more] {
        assert_ne!(wit, WIT, "the interface has what is to be changed");
        let error = refused(&component_with(&Guest::default().text(), &wit));
        assert!(matches!(error, LoadError::WrongWorld(_)), "{error:?}");
    }
}

#[test]
fn another_version_of_the_interface() {
    for version in ["0.2.0", "0.1.1", "1.0.0"] {
        let text = Guest::default().text().replace("ruling@0.1.0", &format!("ruling@{version}"));
        let wit = WIT.replace("paasla:rule@0.1.0", &format!("paasla:rule@{version}"));
        assert!(matches!(refused(&component_with(&text, &wit)), LoadError::WrongWorld(_)));
    }
}

/// The same functions, under a name of the component's own.
#[test]
fn another_name_of_the_interface() {
    let text = Guest::default().text().replace("paasla:rule/", "paasla:role/");
    let wit = WIT.replace("paasla:rule@", "paasla:role@");
    assert!(matches!(refused(&component_with(&text, &wit)), LoadError::WrongWorld(_)));
}

#[test]
fn features_that_rules_may_not_use() {
    for more in [
        "(func (drop (v128.const i32x4 0 0 0 0)))",
        "(func $tail (return_call $tail))",
        "(memory $wide i64 1)",
        "(memory $second 1)",
        "(memory $shared 1 1 shared)",
        "(tag $thrown)",
        "(type (struct))",
        "(type $f (func)) (func (param (ref $f)))",
        "(func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))",
        "(func (drop (i32.atomic.load (i32.const 0))))",
    ] {
        // As a module that nobody instantiates: also there they are refused.
        let module = wat::parse_str(format!("(module (memory 1) {more})")).unwrap();
        let bytes = crate::bombs::with_section(1, &module);
        let error = refused(&bytes);
        assert!(matches!(error, LoadError::Invalid { .. }), "{more}: {error:?}");
    }
}

/// Strings in UTF-16 would go through code that turns them.
#[test]
fn strings_in_another_encoding() {
    for encoding in ["utf16", "latin1+utf16"] {
        let text = format!(
            r#"(component
                 (core module $m (memory (export "m") 1)
                   (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable)
                   (func (export "f") (param i32 i32)))
                 (core instance $i (instantiate $m))
                 (func (export "f") (param "a" string) (canon lift (core func $i "f")
                   (memory (core memory $i "m")) (realloc (core func $i "r")) string-encoding={encoding})))"#
        );
        assert_eq!(refused(&wat::parse_str(text).unwrap()), LoadError::NotUtf8);
    }
}

#[test]
fn more_bytes_than_the_host_looks_at() {
    let bytes = Guest::default().component();
    let found = u64::try_from(bytes.len()).unwrap();
    let engine = engine_for(ComponentLimits { bytes: found, ..ComponentLimits::default() });
    let larger = Guest { data: vec![1; 100], ..Guest::default() }.component();
    let larger_found = u64::try_from(larger.len()).unwrap();
    let error = LoadError::TooMuch { what: "bytes".to_owned(), found: larger_found, most: found };
    assert_eq!(refused_by(&engine, &larger), error);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Truncated and bit-flipped components are refused or work; nothing crashes.
    #[test]
    fn damaged_bytes(cut in 0_usize..6_000, place in 0_usize..6_000, bit in 0_u8..8) {
        let whole = Guest::default().component();
        let engine = engine_once();
        let truncated = &whole[..cut.min(whole.len() - 1)];
        prop_assert!(engine.load(truncated).is_err());
        let mut flipped = whole.clone();
        let place = place % flipped.len();
        flipped[place] ^= 1 << bit;
        if let Ok(rule) = engine.load(&flipped)
            && let Ok(activated) = engine.activate(&rule, &policy(), &register())
        {
            let _ = activated.decide(&query());
        }
    }
}

fn engine_once() -> &'static Engine {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    ENGINE.get_or_init(engine)
}
