// SPDX-License-Identifier: Apache-2.0
//! Compiled code that is known to be a rule: its four functions, found and checked once.
#![expect(
    unsafe_code,
    reason = "loading machine code, and calling what was checked once, without asking again"
)]

use std::ptr;

use wasmtime::{
    Store,
    component::{Component, ComponentExportIndex, Func, Instance, InstancePre, Linker, TypedFunc},
};

use super::{Sandboxes, guard::Guard, shard::Shard};
use crate::{
    config::Budget,
    fault::RuleFault,
    interface::{
        bindings::v0_1::{Rule as Checked, exports::paasla::rule::ruling as wit},
        input::RegisterInput,
    },
};

/// The interface's name among a component's exports.
const RULING: &str = "paasla:rule/ruling@0.1.0";

type Configured = (Result<Vec<wit::Reason>, Vec<wit::Problem>>,);

/// A rule's code in a shard, ready to be instantiated there. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Program {
    pre: InstancePre<Guard>,
    describe: ComponentExportIndex,
    configure: ComponentExportIndex,
    decide: ComponentExportIndex,
    review: ComponentExportIndex,
    /// Fuel that it takes to write a snapshot's memory, the same each time.
    begin_fuel: u64,
}

/// Why compiled code is no program.
#[derive(Debug)]
pub(crate) enum ProgramError {
    /// It cannot be loaded.
    Load(String),
    /// It broke when it was instantiated for the first time.
    Fault(RuleFault),
}

fn broken(error: wasmtime::Error) -> ProgramError {
    ProgramError::Load(format!("{error:#}"))
}

impl Program {
    /// The same program in each shard, in their order. For `code` holds what [`new`](Self::new) says.
    pub(crate) fn in_each(
        sandboxes: &Sandboxes,
        code: &[u8],
        is_snapshot: bool,
        budget: Budget,
    ) -> Result<Vec<Self>, ProgramError> {
        let emptiest = sandboxes.shards.emptiest();
        let tried = Self::new(sandboxes, emptiest, code, is_snapshot, budget)?;
        let in_each = sandboxes.shards.iter().map(|shard| {
            if ptr::eq(shard, emptiest) {
                return Ok(tried.clone());
            }
            let begin_fuel = tried.begin_fuel;
            Self::load(shard, code).map(|same| Self { begin_fuel, ..same })
        });
        in_each.collect()
    }

    /// Loads code, instantiates it once, and checks the types of its functions.
    ///
    /// `code` must be what wasmtime wrote: it comes from this engine's own compiler, or from its cache, which proves
    /// that. A snapshot does nothing when it is instantiated but have its memory written: that is the host's work, and
    /// burns no fuel of the rule's.
    pub(crate) fn new(
        sandboxes: &Sandboxes,
        shard: &Shard,
        code: &[u8],
        is_snapshot: bool,
        budget: Budget,
    ) -> Result<Self, ProgramError> {
        let program = Self::load(shard, code)?;
        let fuel = if is_snapshot { u64::MAX } else { budget.fuel };
        let mut store = program.sandbox(sandboxes, Budget { fuel, ..budget }).map_err(ProgramError::Fault)?;
        let instance = program.pre.instantiate(&mut store);
        let instance =
            instance.map_err(|error| ProgramError::Fault(sandboxes.fault(&store, budget, &error)))?;
        // Finds the same four functions, and checks their types against the interface's.
        Checked::new(&mut store, &instance).map_err(broken)?;
        let left = store.get_fuel().map_err(broken)?;
        let begin_fuel = if is_snapshot { fuel.saturating_sub(left) } else { 0 };
        Ok(Self { begin_fuel, ..program })
    }

    /// Loads code, which must be what `new` says, and tested there or to be tested.
    fn load(shard: &Shard, code: &[u8]) -> Result<Self, ProgramError> {
        // SAFETY: see `new`; that the code was made for this engine and this machine is checked by wasmtime.
        let component = unsafe { Component::deserialize(&shard.wasm, code) };
        let component = component.map_err(broken)?;
        component.initialize_copy_on_write_image().map_err(broken)?;
        let missing = |what: &str| ProgramError::Load(format!("it does not export {what}"));
        let ruling = component.get_export_index(None, RULING).ok_or_else(|| missing(RULING))?;
        let function =
            |name: &str| component.get_export_index(Some(&ruling), name).ok_or_else(|| missing(name));
        let (describe, configure) = (function("describe")?, function("configure")?);
        let (decide, review) = (function("decide")?, function("review")?);
        let pre = Linker::<Guard>::new(&shard.wasm).instantiate_pre(&component).map_err(broken)?;
        Ok(Self { pre, describe, configure, decide, review, begin_fuel: 0 })
    }

    /// A fresh sandbox for it: when it is instantiated there, it has what the budget says.
    pub(crate) fn sandbox(&self, sandboxes: &Sandboxes, budget: Budget) -> Result<Store<Guard>, RuleFault> {
        let fuel = budget.fuel.saturating_add(self.begin_fuel);
        sandboxes.sandbox(self.pre.engine(), Budget { fuel, ..budget })
    }

    /// A fresh instance.
    pub(crate) fn instantiate(&self, store: &mut Store<Guard>) -> wasmtime::Result<Instance> {
        let instance = self.pre.instantiate(&mut *store)?;
        store.data_mut().begun = true;
        Ok(instance)
    }

    fn function(
        store: &mut Store<Guard>,
        instance: &Instance,
        index: &ComponentExportIndex,
    ) -> wasmtime::Result<Func> {
        let function = instance.get_func(store, index);
        function.ok_or_else(|| RuleFault::Host.into())
    }

    pub(crate) fn describe(
        &self,
        store: &mut Store<Guard>,
        instance: &Instance,
    ) -> wasmtime::Result<wit::Description> {
        let function = Self::function(store, instance, &self.describe)?;
        // SAFETY: `new` checked the type of this function; it is the same in every instance.
        let function = unsafe { TypedFunc::<(), (wit::Description,)>::new_unchecked(function) };
        Ok(function.call(store, ())?.0)
    }

    pub(crate) fn configure(
        &self,
        store: &mut Store<Guard>,
        instance: &Instance,
        settings: &str,
        register: &RegisterInput<'_>,
    ) -> wasmtime::Result<Result<Vec<wit::Reason>, Vec<wit::Problem>>> {
        let function = Self::function(store, instance, &self.configure)?;
        // SAFETY: as above.
        let function = unsafe { TypedFunc::<(&str, wit::Register<'_>), Configured>::new_unchecked(function) };
        register.with(|register| Ok(function.call(store, (settings, register))?.0))
    }

    pub(crate) fn decide(
        &self,
        store: &mut Store<Guard>,
        instance: &Instance,
        query: wit::Query<'_>,
    ) -> wasmtime::Result<wit::Decided> {
        let function = Self::function(store, instance, &self.decide)?;
        // SAFETY: as above.
        let function = unsafe { TypedFunc::<(wit::Query<'_>,), (wit::Decided,)>::new_unchecked(function) };
        Ok(function.call(store, (query,))?.0)
    }

    pub(crate) fn review(
        &self,
        store: &mut Store<Guard>,
        instance: &Instance,
        query: wit::Query<'_>,
        rows: &[wit::Row<'_>],
    ) -> wasmtime::Result<wit::Reviewed> {
        type Asked<'a> = (wit::Query<'a>, &'a [wit::Row<'a>]);
        let function = Self::function(store, instance, &self.review)?;
        // SAFETY: as above.
        let function = unsafe { TypedFunc::<Asked<'_>, (wit::Reviewed,)>::new_unchecked(function) };
        Ok(function.call(store, (query, rows))?.0)
    }
}
