// SPDX-License-Identifier: Apache-2.0
//! What a component must be before it is compiled: its parts counted first, so that nothing that follows has more
//! to do than the limits allow.

use wasmparser::{
    CanonicalOption, ComponentType, ComponentTypeDeclaration, CoreType, Encoding, InstanceTypeDeclaration,
    Parser, Payload, Validator, WasmFeatures,
};

use super::instances::Tally;
use crate::{
    config::{ComponentLimits, EngineConfig, within},
    error::LoadError,
    interface::bindings::WIT,
};

/// Bytes of a page of linear memory.
const PAGE: u64 = 64 << 10;

/// What guests may use: see the engine's configuration.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features.remove(WasmFeatures::SIMD);
    features
}

/// Refuses what is no rule, naming everything that is wrong where more than one thing can be told at once.
pub(crate) fn check(bytes: &[u8], limits: &EngineConfig) -> Result<(), LoadError> {
    size(bytes, &limits.component)?;
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => {}
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => return Err(LoadError::CoreModule),
        _ => return Err(LoadError::NotWasm),
    }
    let imports = parts(bytes, limits)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
    if !imports.is_empty() {
        return Err(LoadError::Imports(imports));
    }
    offers_the_interface(bytes)
}

/// Refuses what is too large to be looked at.
pub(crate) fn size(bytes: &[u8], limits: &ComponentLimits) -> Result<(), LoadError> {
    within("bytes", u64::try_from(bytes.len()).unwrap_or(u64::MAX), limits.bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid {
        offset: u64::try_from(error.offset()).unwrap_or(u64::MAX),
        message: error.message().to_owned(),
    }
}

/// How much of everything there is, so far.
#[derive(Default)]
struct Counts {
    depth: u64,
    components: u64,
    modules: u64,
    functions: u64,
    types: u64,
    items: u64,
    data_segments: u64,
    element_segments: u64,
    globals: u64,
}

impl Counts {
    fn within(&self, limits: &ComponentLimits) -> Result<(), LoadError> {
        within("levels of components in one another", self.depth, limits.depth)?;
        within("components", self.components, limits.components)?;
        within("core modules", self.modules, limits.modules)?;
        within("functions", self.functions, limits.functions)?;
        within("types", self.types, limits.types)?;
        within("imports, exports, aliases and instances", self.items, limits.items)?;
        within("data segments", self.data_segments, limits.data_segments)?;
        within("element segments", self.element_segments, limits.element_segments)?;
        within("tables, memories and globals", self.globals, limits.globals)
    }
}

/// Counts the parts, without looking into them further than their number. Gives the names of the component's own
/// imports.
fn parts(bytes: &[u8], config: &EngineConfig) -> Result<Vec<String>, LoadError> {
    let limits = &config.component;
    let mut imports = Vec::new();
    let mut counts = Counts::default();
    let mut tally = Tally::default();
    let n = u64::from;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        match &payload {
            Payload::Version { encoding, .. } => {
                counts.depth += 1;
                match encoding {
                    Encoding::Component => counts.components += 1,
                    Encoding::Module => counts.modules += 1,
                }
            }
            Payload::End(_) => counts.depth = counts.depth.saturating_sub(1),
            Payload::TypeSection(section) => counts.types += n(section.count()),
            Payload::CoreTypeSection(section) => {
                counts.types += n(section.count());
                for declared in section.clone().into_iter().flatten() {
                    counts.types = counts.types.saturating_add(core_declarations(&declared));
                }
            }
            Payload::ComponentTypeSection(section) => {
                counts.types += n(section.count());
                for declared in section.clone().into_iter().flatten() {
                    counts.types = counts.types.saturating_add(declarations(&declared));
                }
            }
            Payload::ImportSection(section) => counts.items += n(section.count()),
            Payload::ExportSection(section) => counts.items += n(section.count()),
            Payload::InstanceSection(section) => counts.items += n(section.count()),
            Payload::ComponentInstanceSection(section) => counts.items += n(section.count()),
            Payload::ComponentAliasSection(section) => counts.items += n(section.count()),
            Payload::ComponentExportSection(section) => counts.items += n(section.count()),
            Payload::FunctionSection(section) => counts.functions += n(section.count()),
            Payload::TableSection(section) => {
                counts.globals += n(section.count());
                let most = u64::try_from(config.table_elements).unwrap_or(u64::MAX);
                for table in section.clone().into_iter().flatten() {
                    within("elements of a table from the start", table.ty.initial, most)?;
                }
            }
            Payload::MemorySection(section) => {
                counts.globals += n(section.count());
                for memory in section.clone().into_iter().flatten() {
                    let bytes = memory.initial.saturating_mul(PAGE);
                    within("bytes of memory from the start", bytes, config.setup.memory_bytes)?;
                }
            }
            Payload::GlobalSection(section) => counts.globals += n(section.count()),
            Payload::DataSection(section) => counts.data_segments += n(section.count()),
            Payload::ElementSection(section) => counts.element_segments += n(section.count()),
            Payload::CodeSectionEntry(body) => {
                let size = u64::try_from(body.range().len()).unwrap_or(u64::MAX);
                within("bytes of one function", size, limits.function_bytes)?;
            }
            Payload::ComponentImportSection(section) => {
                counts.items += n(section.count());
                if counts.depth == 1 {
                    imports.extend(
                        section.clone().into_iter().flatten().map(|import| import.name.name.to_owned()),
                    );
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                counts.items += n(section.count());
                for function in section.clone().into_iter().flatten() {
                    only_utf8(&function)?;
                }
            }
            _ => {}
        }
        counts.within(limits)?;
        tally.see(&payload);
    }
    tally.whole.within(limits)?;
    Ok(imports)
}

/// What the type of a component or an instance declares, at every depth: each is as much work as a type that
/// stands by itself.
fn declarations(declared: &ComponentType<'_>) -> u64 {
    match declared {
        ComponentType::Component(inside) => inside
            .iter()
            .map(|one| match one {
                ComponentTypeDeclaration::Type(inside) => 1 + declarations(inside),
                ComponentTypeDeclaration::CoreType(inside) => 1 + core_declarations(inside),
                _ => 1,
            })
            .sum(),
        ComponentType::Instance(inside) => inside
            .iter()
            .map(|one| match one {
                InstanceTypeDeclaration::Type(inside) => 1 + declarations(inside),
                InstanceTypeDeclaration::CoreType(inside) => 1 + core_declarations(inside),
                _ => 1,
            })
            .sum(),
        _ => 0,
    }
}

fn core_declarations(declared: &CoreType<'_>) -> u64 {
    match declared {
        CoreType::Module(inside) => u64::try_from(inside.len()).unwrap_or(u64::MAX),
        CoreType::Rec(_) => 0,
    }
}

fn only_utf8(function: &wasmparser::CanonicalFunction) -> Result<(), LoadError> {
    use wasmparser::CanonicalFunction::{Lift, Lower};
    let (Lift { options, .. } | Lower { options, .. }) = function else { return Ok(()) };
    let foreign = |o: &CanonicalOption| matches!(o, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16);
    if options.iter().any(foreign) { Err(LoadError::NotUtf8) } else { Ok(()) }
}

fn offers_the_interface(bytes: &[u8]) -> Result<(), LoadError> {
    let mut resolve = wit_parser::Resolve::default();
    let own = |error: String| LoadError::Host(format!("the interface itself cannot be read: {error}"));
    let package = resolve.push_source("rule.wit", WIT).map_err(|error| own(error.to_string()))?;
    let world = resolve.select_world(&[package], Some("rule")).map_err(|error| own(error.to_string()))?;
    wit_component::targets(&resolve, world, bytes)
        .map_err(|error| LoadError::WrongWorld(format!("{error:#}")))
}
