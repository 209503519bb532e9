// SPDX-License-Identifier: Apache-2.0
//! Small guests in WebAssembly text, made components the way any compiler's output is.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface that rules export.
pub const WIT: &str = include_str!("../../../../wit/rule-0.1/rule.wit");

/// A guest. Every part can be replaced; as it is, it is a well-behaved rule that abstains.
///
/// Memory: 256 the description, 512 its texts, 1024 an empty answer (abstain, ok), 2048 on for tests.
pub struct Guest {
    pub describe: &'static str,
    pub configure: &'static str,
    pub decide: &'static str,
    pub review: &'static str,
    /// Any further fields of the module.
    pub more: &'static str,
    /// Data at 2048.
    pub data: Vec<u8>,
    /// How many row facts it declares (named `f`): 0 or 1.
    pub row_facts: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            describe: "i32.const 256",
            configure: "i32.const 1024",
            decide: "i32.const 1024",
            review: "i32.const 1024",
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
        // name, version, summary, settings schema, facts, row facts, reads, provisions: pointer and length each.
        let description = [(512, 7), (520, 1), (512, 7), (522, 2), (0, 0), row_fact_list, (0, 0), (0, 0)]
            .map(words)
            .concat();
        // One fact need: name, summary, optional.
        let row_fact = [words((516, 1)), words((512, 7)), vec![0; 4]].concat();
        let row_fact = escaped(&row_fact);
        let (description, data) = (escaped(&description), escaped(&self.data));
        let Self { describe, configure, decide, review, more, .. } = self;
        format!(
            r#"(module
              (memory (export "memory") 4)
              (data (i32.const 256) "{description}")
              (data (i32.const 512) "hostile ")
              (data (i32.const 520) "1 {{}}")
              (data (i32.const 700) "{row_fact}")
              (data (i32.const 2048) "{data}")
              (global $top (mut i32) (i32.const 65536))
              (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                (global.set $top (i32.add (local.get $at) (local.get $size)))
                (local.get $at))
              (func (export "paasla:rule/ruling@0.1.0#describe") (result i32) {describe})
              (func (export "paasla:rule/ruling@0.1.0#configure") (param i32 i32) (result i32) {configure})
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

/// A component from a core module's text.
pub fn component_of(text: &str) -> Vec<u8> {
    let mut core = wat::parse_str(text).expect("the guest's text");
    let mut resolve = Resolve::default();
    let package = resolve.push_source("rule.wit", WIT).expect("the interface");
    let world = resolve.select_world(&[package], Some("rule")).expect("the world");
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).expect("metadata");
    ComponentEncoder::default().module(&core).expect("a module").validate(true).encode().expect("a component")
}

/// Pointer and length as bytes.
pub fn words((pointer, length): (u32, u32)) -> Vec<u8> {
    [pointer.to_le_bytes(), length.to_le_bytes()].concat()
}

/// `decided::narrow` at 2048 whose narrowing starts at 2052: reasons, exceptions, conditions, obligations (pointer
/// and length each), review. One good reason stands at 2200, its texts at 2300.
pub fn narrowing(
    exceptions: (u32, u32),
    conditions: (u32, u32),
    obligations: (u32, u32),
    more: &[(usize, Vec<u8>)],
) -> Vec<u8> {
    let mut data = vec![0_u8; 2048];
    let mut put = |at: usize, bytes: &[u8]| data[at - 2048..at - 2048 + bytes.len()].copy_from_slice(bytes);
    put(2048, &[2]);
    put(2052, &[words((2200, 1)), words(exceptions), words(conditions), words(obligations)].concat());
    put(2200, &[words((2300, 7)), words((2310, 7)), vec![0; 12]].concat());
    put(2300, b"hostile");
    put(2310, b"because");
    put(2320, b"month");
    put(2330, b"no-such");
    for (at, bytes) in more {
        put(*at, bytes);
    }
    data
}

/// An exception: field, visibility (hide, or a mask by its text), reason.
pub fn exception(field: u32, mask: Option<(u32, u32)>, reason: u32) -> Vec<u8> {
    let to = match mask {
        None => [vec![0, 0, 0, 0], vec![0; 8]].concat(),
        Some(text) => [vec![1, 0, 0, 0], words(text)].concat(),
    };
    [field.to_le_bytes().to_vec(), to, reason.to_le_bytes().to_vec()].concat()
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
