// SPDX-License-Identifier: Apache-2.0
//! Sections of a binary: a component again, with other modules in it.

use std::ops::Range;

use wasm_encoder::{Component, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

/// Ids of sections (component model, Binary.md).
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// The same component, with what `change` makes of each of its own modules. Components within are left as they are.
///
/// # Errors
/// When it is no component, and those of `change`.
pub(crate) fn with_modules(
    component: &[u8],
    change: impl Fn(&[u8]) -> Result<Vec<u8>, BinaryReaderError>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut whole = Component::new();
    // What is within a section comes after it, by itself, and is behind where the section begins.
    let mut seen = 0;
    for payload in Parser::new(0).parse_all(component) {
        let section = match payload? {
            Payload::ModuleSection { unchecked_range, .. } => Some((CORE_MODULE, unchecked_range)),
            Payload::ComponentSection { unchecked_range, .. } => Some((COMPONENT, unchecked_range)),
            other => other.as_section(),
        };
        let Some((id, range)) = section.filter(|(_, range)| range.start >= seen) else { continue };
        seen = range.end;
        let data = part(component, &range);
        if id == CORE_MODULE {
            whole.section(&RawSection { id, data: &change(data)? });
        } else {
            whole.section(&RawSection { id, data });
        }
    }
    Ok(whole.finish())
}

/// The same module, with other sections where `change` puts one, and says so.
///
/// # Errors
/// When it is no module.
pub(crate) fn with_sections(
    module: &[u8],
    change: impl Fn(&Payload<'_>, &mut Module) -> bool,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut whole = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if change(&payload, &mut whole) {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            whole.section(&RawSection { id, data: part(module, &range) });
        }
    }
    Ok(whole.finish())
}

/// The bytes of a part; none where there is no such part.
pub(crate) fn part<'b>(bytes: &'b [u8], range: &Range<usize>) -> &'b [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}
