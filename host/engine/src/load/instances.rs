// SPDX-License-Identifier: Apache-2.0
//! What one sandbox of a component instantiates: a module counts as often as it is instantiated, also by components
//! within.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef,
    Encoding, Instance, Payload,
};

use crate::{
    config::{ComponentLimits, within},
    error::LoadError,
};

/// What instances take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    core_instances: u64,
    memories: u64,
    tables: u64,
}

impl Taken {
    fn add(&mut self, other: Self) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
    }

    pub(crate) fn within(self, limits: &ComponentLimits) -> Result<(), LoadError> {
        within("core modules instantiated", self.core_instances, limits.core_instances.into())?;
        within("memories instantiated", self.memories, limits.memories.into())?;
        within("tables instantiated", self.tables, limits.tables.into())
    }
}

/// A module or a component that is being read.
#[derive(Debug)]
enum Open {
    Module(Taken),
    Component {
        taken: Taken,
        /// What an instance of each module takes; none where it comes from elsewhere.
        modules: Vec<Option<Taken>>,
        /// The same of components.
        components: Vec<Option<Taken>>,
    },
}

/// Follows the parts of a component in their order.
///
/// A module or component that is given by its name only (an alias, an import) is not followed: the engine counts it when
/// the code is loaded, by the same limits.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    open: Vec<Open>,
    /// What the component takes, when all of it was seen.
    pub(crate) whole: Taken,
}

impl Tally {
    pub(crate) fn see(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => {
                self.open.push(Open::Module(Taken { core_instances: 1, ..Taken::default() }));
            }
            Payload::Version { encoding: Encoding::Component, .. } => {
                let (modules, components) = (Vec::new(), Vec::new());
                self.open.push(Open::Component { taken: Taken::default(), modules, components });
            }
            Payload::End(_) => self.close(),
            _ => match self.open.last_mut() {
                Some(Open::Module(taken)) => match payload {
                    Payload::MemorySection(section) => taken.memories += u64::from(section.count()),
                    Payload::TableSection(section) => taken.tables += u64::from(section.count()),
                    _ => {}
                },
                Some(Open::Component { taken, modules, components }) => {
                    see_component(payload, taken, modules, components);
                }
                None => {}
            },
        }
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        match (closed, self.open.last_mut()) {
            (Open::Module(taken), Some(Open::Component { modules, .. })) => modules.push(Some(taken)),
            (Open::Component { taken, .. }, Some(Open::Component { components, .. })) => {
                components.push(Some(taken));
            }
            (Open::Component { taken, .. }, _) => self.whole = taken,
            (Open::Module(_), _) => {}
        }
    }
}

/// What is read one by one here was counted before: see `parts`.
fn see_component(
    payload: &Payload<'_>,
    taken: &mut Taken,
    modules: &mut Vec<Option<Taken>>,
    components: &mut Vec<Option<Taken>>,
) {
    let at = |list: &[Option<Taken>], index: u32| {
        usize::try_from(index).ok().and_then(|index| list.get(index).copied().flatten()).unwrap_or_default()
    };
    match payload {
        Payload::InstanceSection(section) => {
            for instance in section.clone().into_iter().flatten() {
                if let Instance::Instantiate { module_index, .. } = instance {
                    taken.add(at(modules, module_index));
                }
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone().into_iter().flatten() {
                if let ComponentInstance::Instantiate { component_index, .. } = instance {
                    taken.add(at(components, component_index));
                }
            }
        }
        // Each of these puts one more into the list of modules or of components.
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone().into_iter().flatten() {
                match alias {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
                    | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                        modules.push(None);
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. }
                    | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, .. } => {
                        components.push(None);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section.clone().into_iter().flatten() {
                match import.ty {
                    ComponentTypeRef::Module(_) => modules.push(None),
                    ComponentTypeRef::Component(_) => components.push(None),
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone().into_iter().flatten() {
                match export.kind {
                    ComponentExternalKind::Module => modules.push(Some(at(modules, export.index))),
                    ComponentExternalKind::Component => {
                        components.push(Some(at(components, export.index)));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::Parser;

    use super::*;

    fn taken(text: &str) -> Taken {
        let bytes = wat::parse_str(text).unwrap();
        let mut tally = Tally::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            tally.see(&payload.unwrap());
        }
        tally.whole
    }

    /// Modules and components that come from elsewhere have their place in the lists, and are not taken for others.
    #[test]
    fn each_is_counted_as_often_as_it_is_instantiated() {
        let text = r#"(component
            (core module $a (memory 0))
            (component $inner
              (alias outer 1 $a (core module $m))
              (core module $b (table 0 funcref) (table 0 funcref))
              (core instance (instantiate $b))
              (core instance (instantiate $m)))
            (instance (instantiate $inner))
            (export $again "again" (component $inner))
            (instance (instantiate $again))
            (component $unused (core module $c) (core instance (instantiate $c)))
            (core instance (instantiate $a))
            (core instance (export "of-no-module" (func 0))))"#;
        assert_eq!(taken(text), Taken { core_instances: 3, memories: 1, tables: 4 });
        assert_eq!(
            taken("(component (import \"m\" (core module $m)) (core instance (instantiate $m)))"),
            Taken::default()
        );
        assert_eq!(taken("(module (memory 1))"), Taken::default(), "it is no component");
    }
}
