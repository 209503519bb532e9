// SPDX-License-Identifier: Apache-2.0
//! The code of a snapshot that a ruling can reach. The rest, which read the settings and described the rule, is half and
//! more of a component: it would be compiled, kept and loaded for each policy, and never run.
//!
//! Which functions the host will call is told from their types: `describe` takes nothing, and what `configure` takes begins
//! with a text; no such function can be `decide` or `review`. What those two do not reach keeps its number and its type, and a
//! body that traps. Reached is more than what can happen, never less: a call through a table may go to every function of
//! the type called that is in some table, or could be put there.

use std::collections::{HashMap, HashSet};

use wasm_encoder::CodeSection;
use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ConstExpr, ElementItems,
    ExternalKind, FuncType, FunctionBody, Instance, Operator, Parser, Payload, PrimitiveValType, Validator,
    component_types::{ComponentAnyTypeId, ComponentValType},
    types::Types,
};

use super::sections::{with_modules, with_sections};

/// A body without locals: `unreachable`, `end`.
const UNREACHABLE: [u8; 3] = [0x00, 0x00, 0x0b];

/// The same component, with no more code than `decide` and `review` reach, if it has one module and the host calls
/// straight into it. Otherwise as it is.
///
/// # Errors
/// When it is no valid component.
pub(crate) fn pruned(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    match called(component)? {
        Some(names) => with_modules(component, |module| pruned_module(module, &names)),
        None => Ok(component.to_owned()),
    }
}

/// What a module exports and the host may yet call; none where the component is not as simple as that.
fn called(component: &[u8]) -> Result<Option<HashSet<&str>>, BinaryReaderError> {
    let mut validator = Validator::new();
    let (mut depth, mut modules, mut instances) = (0_u32, 0_u32, 0_u32);
    let (mut functions, mut lifts, mut types) = (Vec::new(), Vec::new(), None);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if let wasmparser::ValidPayload::End(of) = validator.payload(&payload)? {
            types = Some(of);
        }
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection { .. } => modules += 1,
            Payload::ComponentStartSection { .. } | Payload::CoreTypeSection(_) => return Ok(None),
            Payload::InstanceSection(section) => {
                for instance in section {
                    instances += 1;
                    let Instance::Instantiate { args, .. } = instance? else { return Ok(None) };
                    if depth != 1 || !args.is_empty() {
                        return Ok(None);
                    }
                }
            }
            Payload::ComponentAliasSection(section) if depth == 1 => {
                for alias in section {
                    if let ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, name, .. } = alias?
                    {
                        functions.push(name);
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let CanonicalFunction::Lift { core_func_index, type_index, options } = function? else {
                        return Ok(None);
                    };
                    lifts.push((core_func_index, type_index, options));
                }
            }
            _ => {}
        }
    }
    let Some(types) = types.filter(|_| modules == 1 && instances == 1) else { return Ok(None) };
    let mut names = HashSet::new();
    for (function, of_type, options) in lifts {
        if !may_rule(&types, of_type) {
            continue;
        }
        let also = options.iter().filter_map(|option| match option {
            CanonicalOption::Realloc(function)
            | CanonicalOption::PostReturn(function)
            | CanonicalOption::Callback(function) => Some(*function),
            _ => None,
        });
        for function in also.chain([function]) {
            let Some(name) = functions.get(index(function)) else { return Ok(None) };
            names.insert(*name);
        }
    }
    Ok(Some(names))
}

/// Whether a function of this type could be `decide` or `review`.
fn may_rule(types: &Types, of_type: u32) -> bool {
    let ComponentAnyTypeId::Func(id) = types.component_any_type_at(of_type) else { return true };
    let parameters = &types[id].params;
    !matches!(&**parameters, [] | [(_, ComponentValType::Primitive(PrimitiveValType::String)), ..])
}

/// A module, as far as it says what may call what.
#[derive(Default)]
struct Calls<'m> {
    types: Vec<FuncType>,
    /// The type of each function.
    functions: Vec<u32>,
    exports: HashMap<&'m str, u32>,
    start: Option<u32>,
    bodies: Vec<FunctionBody<'m>>,
    /// Functions that a table holds, or could be given.
    held: Vec<u32>,
}

impl<'m> Calls<'m> {
    /// None where it imports something: then its own functions have other numbers.
    fn of(module: &'m [u8]) -> Result<Option<Self>, BinaryReaderError> {
        let mut calls = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) if section.count() > 0 => return Ok(None),
                Payload::TypeSection(section) => {
                    for declared in section.into_iter_err_on_gc_types() {
                        calls.types.push(declared?);
                    }
                }
                Payload::FunctionSection(section) => {
                    calls.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            calls.exports.insert(export.name, export.index);
                        }
                    }
                }
                Payload::StartSection { func, .. } => calls.start = Some(func),
                Payload::GlobalSection(section) => {
                    for global in section {
                        calls.hold(&global?.init_expr)?;
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        if let wasmparser::TableInit::Expr(element) = table?.init {
                            calls.hold(&element)?;
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        match element?.items {
                            ElementItems::Functions(functions) => {
                                for function in functions {
                                    calls.held.push(function?);
                                }
                            }
                            ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    calls.hold(&expression?)?;
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => calls.bodies.push(body),
                _ => {}
            }
        }
        Ok(Some(calls))
    }

    fn hold(&mut self, expression: &ConstExpr<'_>) -> Result<(), BinaryReaderError> {
        for operator in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } = operator? {
                self.held.push(function_index);
            }
        }
        Ok(())
    }

    fn held_by_type(&self) -> HashMap<&FuncType, Vec<u32>> {
        let mut by_type: HashMap<_, Vec<_>> = HashMap::new();
        for function in &self.held {
            let of_type =
                self.functions.get(index(*function)).and_then(|number| self.types.get(index(*number)));
            if let Some(of_type) = of_type {
                by_type.entry(of_type).or_default().push(*function);
            }
        }
        by_type
    }

    /// Whether each function is reached from what the host calls.
    fn reached(&self, names: &HashSet<&str>) -> Result<Vec<bool>, BinaryReaderError> {
        let mut reached = vec![false; self.bodies.len()];
        let called = names.iter().filter_map(|name| self.exports.get(name).copied());
        let mut next: Vec<u32> = called.chain(self.start).collect();
        let mut held = self.held_by_type();
        while let Some(function) = next.pop() {
            let (Some(reached), Some(body)) =
                (reached.get_mut(index(function)), self.bodies.get(index(function)))
            else {
                continue;
            };
            if std::mem::replace(reached, true) {
                continue;
            }
            for operator in body.get_operators_reader()? {
                match operator? {
                    Operator::Call { function_index }
                    | Operator::ReturnCall { function_index }
                    | Operator::RefFunc { function_index } => next.push(function_index),
                    Operator::CallIndirect { type_index, .. }
                    | Operator::ReturnCallIndirect { type_index, .. } => {
                        let of_type = self.types.get(index(type_index));
                        next.extend(of_type.and_then(|of_type| held.remove(of_type)).unwrap_or_default());
                    }
                    _ => {}
                }
            }
        }
        Ok(reached)
    }
}

fn pruned_module(module: &[u8], names: &HashSet<&str>) -> Result<Vec<u8>, BinaryReaderError> {
    let Some(calls) = Calls::of(module)? else { return Ok(module.to_owned()) };
    let mut code = CodeSection::new();
    for (body, is_reached) in calls.bodies.iter().zip(calls.reached(names)?) {
        code.raw(if is_reached { body.as_bytes() } else { &UNREACHABLE });
    }
    with_sections(module, |payload, whole| {
        let is_code = matches!(payload, Payload::CodeSectionStart { .. });
        if is_code {
            whole.section(&code);
        }
        is_code
    })
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
