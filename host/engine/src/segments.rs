// SPDX-License-Identifier: Apache-2.0
//! The data segments of a snapshot, if they are small: as few as possible, and copied into each fresh instance.
//!
//! By itself the engine maps them into a place of the pool, copy-on-write, and that place is then the policy's: several
//! policies in scope go through as many memories, and out of the processor's cache. Copied, they share one.
//!
//! A snapshot leaves out every few zeros of a memory, and so falls into a hundred segments and more, each of which would
//! be copied by itself. That takes longer than to copy the zeros between them.

use wasm_encoder::{ConstExpr, DataCountSection, DataSection};
use wasmparser::{
    BinaryReaderError, ConstExpr as Expression, DataKind, DataSectionReader, Operator, Parser, Payload,
};

use crate::sections::{with_modules, with_sections};

/// Segments with no more bytes between them become one.
const GAP: usize = 1 << 10;

/// Bytes up to which segments are copied. More are better mapped: copying would take longer than what it saves.
const SMALL: usize = 64 << 10;

/// The same component, with small segments of its modules merged and to be copied. Components within are left as they
/// are, as is what is not as a snapshot has it.
///
/// # Errors
/// When it is no component.
pub(crate) fn copied(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    with_modules(component, copied_in_module)
}

fn copied_in_module(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut segments = None;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::DataSection(section) = payload? {
            segments = merged_segments(section)?;
        }
    }
    let size = |segments: &Vec<Segment<'_>>| segments.iter().map(Segment::size).sum::<usize>();
    let Some(segments) = segments.filter(|segments| size(segments) <= SMALL) else {
        return Ok(module.to_owned());
    };
    with_sections(module, |payload, whole| {
        match payload {
            Payload::DataSection(_) => whole.section(&encoded(&segments)),
            Payload::DataCountSection { .. } => {
                let count = u32::try_from(segments.len()).unwrap_or(u32::MAX);
                whole.section(&DataCountSection { count })
            }
            _ => return false,
        };
        true
    })
}

enum Segment<'m> {
    Passive(&'m [u8]),
    Active { memory: u32, start: u32, data: Vec<u8> },
}

impl Segment<'_> {
    fn size(&self) -> usize {
        match self {
            Self::Passive(_) => 0,
            Self::Active { data, .. } => data.len(),
        }
    }
}

fn encoded(segments: &[Segment<'_>]) -> DataSection {
    let mut section = DataSection::new();
    for segment in segments {
        match segment {
            Segment::Passive(data) => section.passive(data.iter().copied()),
            Segment::Active { memory, start, data } => {
                // A sum, though of nothing: what has to be worked out, the engine does not map.
                let start = ConstExpr::i32_const(start.cast_signed()).with_i32_const(0).with_i32_add();
                section.active(*memory, &start, data.iter().copied())
            }
        };
    }
    section
}

/// None where they are not as a snapshot has them: passive ones first, since code names them by their numbers, then
/// active ones in ascending order.
fn merged_segments(section: DataSectionReader<'_>) -> Result<Option<Vec<Segment<'_>>>, BinaryReaderError> {
    let mut segments: Vec<Segment<'_>> = Vec::new();
    for segment in section {
        let segment = segment?;
        match (segment.kind, segments.last_mut()) {
            (DataKind::Passive, Some(Segment::Active { .. })) => return Ok(None),
            (DataKind::Passive, _) => segments.push(Segment::Passive(segment.data)),
            (DataKind::Active { memory_index, offset_expr }, last) => {
                let Some(start) = constant(&offset_expr)? else { return Ok(None) };
                if let Some(Segment::Active { memory, start: first, data }) = last
                    && *memory == memory_index
                {
                    let Some(gap) = gap(*first, data.len(), start) else { return Ok(None) };
                    if gap <= GAP {
                        data.resize(data.len() + gap, 0);
                        data.extend_from_slice(segment.data);
                        continue;
                    }
                }
                let data = segment.data.to_owned();
                segments.push(Segment::Active { memory: memory_index, start, data });
            }
        }
    }
    Ok(Some(segments))
}

/// How many bytes are between a segment and a later one; none if they overlap.
fn gap(first: u32, length: usize, start: u32) -> Option<usize> {
    usize::try_from(start).ok()?.checked_sub(usize::try_from(first).ok()?.checked_add(length)?)
}

fn constant(expression: &Expression<'_>) -> Result<Option<u32>, BinaryReaderError> {
    let mut operators = expression.get_operators_reader();
    Ok(match (operators.read()?, operators.read()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value.cast_unsigned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_encoder::{Component, MemorySection, MemoryType, Module, ModuleSection, RawSection};

    use super::*;

    const MEMORY: usize = 1 << 16;

    /// Segments as a snapshot has them, each with what is before it.
    fn segments() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
        let gap = prop_oneof![0..20_usize, (GAP - 2)..(GAP + 3), 0..3 * GAP];
        prop::collection::vec((gap, prop::collection::vec(any::<u8>(), 0..40)), 0..12)
    }

    fn component(passive: &[Vec<u8>], active: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut data = DataSection::new();
        for bytes in passive {
            data.passive(bytes.iter().copied());
        }
        for (start, bytes) in active {
            data.active(0, &ConstExpr::i32_const(start.cast_signed()), bytes.iter().copied());
        }
        let mut memories = MemorySection::new();
        let (minimum, maximum) = (1, None);
        memories.memory(MemoryType {
            minimum,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut module = Module::new();
        let count = u32::try_from(passive.len() + active.len()).unwrap();
        module.section(&memories).section(&DataCountSection { count }).section(&data);
        let mut component = Component::new();
        component.section(&RawSection { id: 0, data: b"\x04note before" });
        component.section(&ModuleSection(&module)).section(&ModuleSection(&Module::new()));
        component.finish()
    }

    /// The passive segments, how many are active, and the memory that these make.
    fn read(component: &[u8]) -> (Vec<Vec<u8>>, usize, Vec<u8>) {
        let (mut passive, mut count, mut memory) = (Vec::new(), 0, vec![0; MEMORY]);
        for payload in Parser::new(0).parse_all(component) {
            let Payload::DataSection(section) = payload.unwrap() else { continue };
            for segment in section {
                let segment = segment.unwrap();
                match segment.kind {
                    DataKind::Passive => passive.push(segment.data.to_owned()),
                    DataKind::Active { offset_expr, .. } => {
                        let first = offset_expr.get_operators_reader().read().unwrap();
                        let Operator::I32Const { value } = first else { panic!("{first:?}") };
                        let start = usize::try_from(value).unwrap();
                        memory[start..start + segment.data.len()].copy_from_slice(segment.data);
                        count += 1;
                    }
                }
            }
        }
        (passive, count, memory)
    }

    fn placed(segments: &[(usize, Vec<u8>)]) -> Vec<(u32, Vec<u8>)> {
        let mut next = 0;
        let place = |(gap, bytes): &(usize, Vec<u8>)| {
            let start = next + gap;
            next = start + bytes.len();
            (u32::try_from(start).unwrap(), bytes.clone())
        };
        segments.iter().map(place).collect()
    }

    proptest! {
        #[test]
        fn the_memory_is_the_same_and_no_small_gap_is_left(
            passive in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..3),
            active in segments(),
        ) {
            let wide = active.iter().skip(1).filter(|(gap, _)| *gap > GAP).count();
            let before = component(&passive, &placed(&active));
            let after = copied(&before).unwrap();
            let wanted = if active.is_empty() { 0 } else { wide + 1 };
            prop_assert_eq!(&read(&after), &(passive, wanted, read(&before).2));
            wasmparser::Validator::new().validate_all(&after).unwrap();
            prop_assert_eq!(copied(&after).unwrap(), after);
        }
    }

    #[test]
    fn what_is_large_or_no_snapshot_has_is_left_as_it_is() {
        let overlapping = component(&[], &[(8, vec![1, 2, 3]), (10, vec![4])]);
        let descending = component(&[], &[(8, vec![1]), (2, vec![4])]);
        let computed = wat::parse_str(
            r#"(component (core module (memory 1)
                (data (offset (i32.add (i32.const 2) (i32.const 3))) "a") (data (i32.const 6) "b")))"#,
        )
        .unwrap();
        let passive_last = wat::parse_str(
            r#"(component (core module (memory 1) (data (i32.const 2) "a") (data (i32.const 3) "b") (data "c")))"#,
        )
        .unwrap();
        let within = wat::parse_str(
            r#"(component (component (core module (memory 1) (data (i32.const 2) "a") (data (i32.const 3) "b"))))"#,
        )
        .unwrap();
        let large = component(&[], &[(8, vec![1; SMALL]), (70_000, vec![1])]);
        for component in [overlapping, descending, computed, passive_last, within, large] {
            assert_eq!(copied(&component).unwrap(), component);
        }
        assert!(copied(b"no component").is_err());
    }
}
