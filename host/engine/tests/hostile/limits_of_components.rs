// SPDX-License-Identifier: Apache-2.0
//! What a component may be, limit by limit: each with a component, and one that has three more of it.

use crate::{
    bombs::{
        COMPONENT, CORE_INSTANCE, CORE_TYPE, MODULE, TYPE, core_declaring, declaring, instantiating, list,
        nest, section, with_module, with_section,
    },
    common::guest::Guest,
    limits::{Broken, Limit},
};

fn good() -> Vec<u8> {
    Guest::default().component()
}

/// The good guest and some sections.
fn and(sections: &[u8]) -> Vec<u8> {
    [&good()[..], sections].concat()
}

/// The good guest and a module with so many of these.
fn fields(field: &str, count: usize) -> Vec<u8> {
    with_module(&format!("(module {})", field.repeat(count)))
}

pub fn all() -> Vec<(Limit, Vec<u8>)> {
    let of = |place, what, bytes, three_more| {
        (Limit::new(place, bytes, (0, 10_000), Broken::TooMuch(what)), three_more)
    };
    // Each costs address space, so that no more than some are tried. The good guest has no table of its own.
    let few = |place, what, module| {
        let count = if place == "/component/memories" { 0 } else { 1 };
        let limit = Limit::new(place, instantiating(module, count), (0, 100), Broken::TooMuch(what));
        (limit, instantiating(module, count + 3))
    };
    let items = "imports, exports, aliases and instances";
    let globals = "tables, memories and globals";
    let nops = |count: usize| with_module(&format!("(module (func {}))", "nop ".repeat(count)));
    // A section of three bytes: its number, its length, and a name of no bytes.
    let three_bytes = section(0, &[0]);
    vec![
        of("/component/bytes", "bytes", good(), and(&three_bytes)),
        of(
            "/component/depth",
            "levels of components in one another",
            good(),
            with_section(COMPONENT, &nest(4)),
        ),
        of("/component/components", "components", good(), and(&section(COMPONENT, &nest(1)).repeat(3))),
        of("/component/modules", "core modules", good(), and(&section(MODULE, b"\0asm\x01\0\0\0").repeat(3))),
        of("/component/types", "types", good(), with_section(TYPE, &list(3, &[0x7f]))),
        of("/component/types", "types", with_section(TYPE, &declaring(1)), with_section(TYPE, &declaring(4))),
        of(
            "/component/types",
            "types",
            with_section(CORE_TYPE, &core_declaring(1)),
            with_section(CORE_TYPE, &core_declaring(4)),
        ),
        of("/component/items", items, good(), with_section(CORE_INSTANCE, &list(3, &[1, 0]))),
        of("/component/functions", "functions", fields("(func)", 1), fields("(func)", 4)),
        of("/component/function-bytes", "bytes of one function", nops(1_000), nops(1_003)),
        of("/component/data-segments", "data segments", fields("(data \"\")", 1), fields("(data \"\")", 4)),
        of(
            "/component/element-segments",
            "element segments",
            fields("(elem func)", 1),
            fields("(elem func)", 4),
        ),
        few("/component/core-instances", "core modules instantiated", "(module)"),
        few("/component/memories", "memories instantiated", "(module (memory 0))"),
        few("/component/tables", "tables instantiated", "(module (table 0 funcref))"),
        of("/component/globals", globals, good(), fields("(global i32 (i32.const 0))", 3)),
    ]
}
