// SPDX-License-Identifier: Apache-2.0
//! What a component must be before it is compiled: cheap checks on its bytes.

use wasmparser::{CanonicalOption, Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::{bindings::WIT, load::LoadError};

/// What guests may use: see the engine's configuration.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features.remove(WasmFeatures::SIMD);
    features
}

/// Refuses what is no rule, naming everything that is wrong where more than one thing can be told at once.
pub(crate) fn check(bytes: &[u8], most: usize) -> Result<(), LoadError> {
    if bytes.len() > most {
        return Err(LoadError::TooLarge { bytes: bytes.len(), most });
    }
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => {}
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => return Err(LoadError::CoreModule),
        _ => return Err(LoadError::NotWasm),
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| LoadError::Invalid {
        offset: error.offset(),
        message: error.message().to_owned(),
    })?;
    let imports = imports(bytes)?;
    if !imports.is_empty() {
        return Err(LoadError::Imports(imports));
    }
    offers_the_interface(bytes)
}

/// Names of the component's own imports, and the string encodings that its exports use.
fn imports(bytes: &[u8]) -> Result<Vec<String>, LoadError> {
    let mut imports = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload
            .map_err(|e| LoadError::Invalid { offset: e.offset(), message: e.message().to_owned() })?;
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.into_iter().flatten() {
                    let options = match &function {
                        wasmparser::CanonicalFunction::Lift { options, .. }
                        | wasmparser::CanonicalFunction::Lower { options, .. } => options,
                        _ => continue,
                    };
                    let foreign = |o: &CanonicalOption| {
                        matches!(o, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16)
                    };
                    if options.iter().any(foreign) {
                        return Err(LoadError::NotUtf8);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(imports)
}

fn offers_the_interface(bytes: &[u8]) -> Result<(), LoadError> {
    let mut resolve = wit_parser::Resolve::default();
    let own = |error: String| LoadError::Host(format!("the interface itself cannot be read: {error}"));
    let package = resolve.push_source("rule.wit", WIT).map_err(|error| own(error.to_string()))?;
    let world = resolve.select_world(&[package], Some("rule")).map_err(|error| own(error.to_string()))?;
    wit_component::targets(&resolve, world, bytes, false)
        .map_err(|error| LoadError::WrongWorld(format!("{error:#}")))
}
