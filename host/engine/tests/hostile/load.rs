// SPDX-License-Identifier: Apache-2.0
//! Bytes that are no rule.

use paasla_engine::{Engine, EngineConfig, LoadError};
use proptest::prelude::*;

use crate::{
    engine,
    guest::{Guest, component_of},
};

fn refused(bytes: &[u8]) -> LoadError {
    engine().load(bytes).expect_err("no rule")
}

#[test]
fn no_webassembly() {
    assert_eq!(refused(b""), LoadError::NotWasm);
    assert_eq!(refused(b"#!/bin/sh\n"), LoadError::NotWasm);
    assert_eq!(refused(b"\x7fELF\x02\x01\x01\0"), LoadError::NotWasm);
}

#[test]
fn a_core_module() {
    let core = wat::parse_str(Guest::default().text()).unwrap();
    assert_eq!(refused(&core), LoadError::CoreModule);
}

#[test]
fn text_is_not_taken_for_a_binary() {
    assert_eq!(refused(b"(component)"), LoadError::NotWasm);
}

#[test]
fn imports() {
    let wasi = wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap();
    assert_eq!(refused(&wasi), LoadError::Imports(vec!["wasi:clocks/wall-clock@0.2.0".to_owned()]));
}

#[test]
fn a_component_that_exports_nothing() {
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(refused(&empty), LoadError::WrongWorld(_)));
}

#[test]
fn another_version_of_the_interface() {
    let text = Guest::default().text().replace("ruling@0.1.0", "ruling@0.2.0");
    let wit = crate::guest::WIT.replace("paasla:rule@0.1.0", "paasla:rule@0.2.0");
    let mut core = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("rule.wit", &wit).unwrap();
    let world = resolve.select_world(&[package], Some("rule")).unwrap();
    wit_component::embed_component_metadata(
        &mut core,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
        false,
    )
    .unwrap();
    let component = wit_component::ComponentEncoder::default().module(&core).unwrap().encode().unwrap();
    assert!(matches!(refused(&component), LoadError::WrongWorld(_)));
}

#[test]
fn features_that_rules_may_not_use() {
    for more in
        ["(func (drop (v128.const i32x4 0 0 0 0)))", "(memory $second 1)", "(func $tail (return_call $tail))"]
    {
        let core_with = |guest: &Guest| std::panic::catch_unwind(|| component_of(&guest.text()));
        let guest = Guest { more, ..Guest::default() };
        // What cannot even be made a component is no danger.
        let Ok(component) = core_with(&guest) else { continue };
        assert!(matches!(refused(&component), LoadError::Invalid { .. }), "{more}");
    }
}

#[test]
fn more_bytes_than_the_host_looks_at() {
    let config = EngineConfig { component_bytes: 100, ..EngineConfig::default() };
    let bytes = Guest::default().component();
    let error = Engine::new(config).unwrap().load(&bytes).unwrap_err();
    assert_eq!(error, LoadError::TooLarge { bytes: bytes.len(), most: 100 });
}

#[test]
fn a_description_that_names_nothing() {
    let guest = Guest { describe: "i32.const 1024", ..Guest::default() };
    assert!(matches!(refused(&guest.component()), LoadError::Description(_)));
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
            && let Ok(activated) = engine.activate(&rule, &crate::policy())
        {
            let _ = activated.decide(&crate::query());
        }
    }
}

fn engine_once() -> &'static Engine {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    ENGINE.get_or_init(engine)
}
