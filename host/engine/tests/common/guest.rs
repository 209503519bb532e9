// SPDX-License-Identifier: Apache-2.0
//! Small guests in WebAssembly text, made components the way any compiler's output is.

use super::answer::words;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface that rules export.
pub const WIT: &str = include_str!("../../../../wit/rule-0.1/rule.wit");

/// An allocator that never frees.
pub const BUMP: &str = "(local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
     (global.set $top (i32.add (local.get $at) (local.get $size)))
     (local.get $at)";

/// What `configure` answers that declares the good reason.
pub const DECLARED: &str = "i32.const 1100";

/// A guest. Every part can be replaced; as it is, it is a well-behaved rule that declares one reason and abstains.
///
/// Memory: 256 the description, 512 its texts, 1024 an empty answer (abstain, nothing declared), 1100 the answer that
/// declares one reason, 2048 on for tests.
pub struct Guest {
    pub describe: &'static str,
    pub configure: &'static str,
    pub decide: &'static str,
    pub review: &'static str,
    /// The body of `cabi_realloc`, after `(local $at i32)`.
    pub realloc: &'static str,
    /// Any further fields of the module.
    pub more: &'static str,
    /// Data at 2048.
    pub data: Vec<u8>,
    /// How many row facts it declares (named `i`): 0 or 1.
    pub row_facts: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            describe: "i32.const 256",
            configure: DECLARED,
            decide: "i32.const 1024",
            review: "i32.const 1024",
            realloc: BUMP,
            more: "",
            data: Vec::new(),
            row_facts: 0,
        }
    }
}

impl Guest {
    /// The core module's text.
    pub fn text(&self) -> String {
        let row_fact_list = if self.row_facts == 0 { (0, 0) } else { (700, 1) };
        let description = description(row_fact_list);
        // One fact need: name, summary, optional.
        let row_fact = [words((516, 1)), words((512, 7)), vec![0; 4]].concat();
        let row_fact = escaped(&row_fact);
        // The case, the list of one, and the reason: code, message, no provision.
        let reason = [words((512, 7)), words((1136, 7)), vec![0; 8]].concat();
        let declared = escaped(&[vec![0; 4], words((1112, 1)), reason, b"because".to_vec()].concat());
        let (description, data) = (escaped(&description), escaped(&self.data));
        let Self { describe, configure, decide, review, realloc, more, .. } = self;
        format!(
            r#"(module
              (memory (export "memory") 4)
              (data (i32.const 256) "{description}")
              (data (i32.const 512) "hostile ")
              (data (i32.const 520) "1 {{\22type\22:\22object\22}}")
              (data (i32.const 700) "{row_fact}")
              (data (i32.const 1100) "{declared}")
              (data (i32.const 2048) "{data}")
              (global $top (mut i32) (i32.const 65536))
              (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
                (local $at i32)
                {realloc})
              (func (export "paasla:rule/ruling@0.1.0#describe") (result i32) {describe})
              (func (export "paasla:rule/ruling@0.1.0#configure") (param i32 i32 i32 i32 i32 i32) (result i32) {configure})
              (func (export "paasla:rule/ruling@0.1.0#decide") (param i32) (result i32) {decide})
              (func (export "paasla:rule/ruling@0.1.0#review") (param i32) (result i32) {review})
              {more})"#
        )
    }

    /// The component's bytes.
    pub fn component(&self) -> Vec<u8> {
        component_of(&self.text())
    }
}

/// The description at 256: name, version, summary, settings schema, facts, row facts, reads, provisions, pointer and
/// length each.
pub fn description(row_facts: (u32, u32)) -> Vec<u8> {
    let none = (0, 0);
    [(512, 7), (520, 1), (512, 7), (522, 17), none, row_facts, none, none].map(words).concat()
}

/// A component from a core module's text.
pub fn component_of(text: &str) -> Vec<u8> {
    component_with(text, WIT)
}

/// A component from a core module's text that offers another interface.
pub fn component_with(text: &str, wit: &str) -> Vec<u8> {
    let mut core = wat::parse_str(text).expect("the guest's text");
    let mut resolve = Resolve::default();
    let package = resolve.push_source("rule.wit", wit).expect("the interface");
    let world = resolve.select_world(&[package], Some("rule")).expect("the world");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&core).expect("a module").validate(true).encode().expect("a component")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
