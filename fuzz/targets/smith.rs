// SPDX-License-Identifier: Apache-2.0
//! Random components that are valid, and random modules that export what a rule exports, made into components.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::Unstructured;
use paasla_fuzz::common::guest::{Guest, WIT};
use wasm_smith::{Component, Config, Module};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// What the good guest exports, a random module exports too.
static EXPORTS: LazyLock<Vec<u8>> =
    LazyLock::new(|| wat::parse_str(Guest::default().text()).expect("the guest's text"));

static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("rule.wit", WIT).expect("the interface");
    let world = resolve.select_world(&[package], Some("rule")).expect("the world");
    (resolve, world)
});

libfuzzer_sys::fuzz_target!(init: paasla_fuzz::begin("smith"), |bytes: &[u8]| {
    let mut random = Unstructured::new(bytes);
    let config = Config {
        min_funcs: 4,
        max_imports: 0,
        max_memories: 1,
        max_memory32_bytes: 16 << 16,
        max_table_elements: 1_000,
        allow_start_export: true,
        bulk_memory_enabled: true,
        gc_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let kind: u8 = random.arbitrary().unwrap_or(0);
    if kind & 1 == 0 {
        if let Ok(component) = Component::new(config, &mut random) {
            paasla_fuzz::run(&component.to_bytes());
        }
        return;
    }
    let config = Config { exports: Some(EXPORTS.clone()), ..config };
    let Ok(module) = Module::new(config, &mut random) else { return };
    let mut core = module.to_bytes();
    let (resolve, world) = &*WORLD;
    if embed_component_metadata(&mut core, resolve, *world, StringEncoding::UTF8).is_err() {
        return;
    }
    let made = ComponentEncoder::default().module(&core).and_then(|mut encoder| encoder.encode());
    if let Ok(component) = made {
        paasla_fuzz::run(&component);
    }
});
