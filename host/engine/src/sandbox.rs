// SPDX-License-Identifier: Apache-2.0
//! One sandbox per call, in a shard of the engine, with no more than what the call may use.
//!
//! What goes wrong in a sandbox is told apart here.

pub(crate) mod contain;
pub(crate) mod guard;
pub(crate) mod program;
pub(crate) mod shard;
pub(crate) mod wasm_config;

use std::sync::{Arc, atomic::AtomicU32};

use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use self::{
    guard::{Guard, Place},
    shard::{Shards, TICK},
};
use crate::{
    config::{Budget, EngineConfig},
    error::EngineError,
    fault::RuleFault,
};

/// All sandboxes of an engine.
pub(crate) struct Sandboxes {
    pub(crate) shards: Shards,
    pub(crate) config: EngineConfig,
    /// How many are alive, where no pool counts them.
    alive: Option<Arc<AtomicU32>>,
}

impl Sandboxes {
    /// Sets up the shards, each with a pool where the machine's address space allows it.
    ///
    /// # Errors
    /// When a limit makes no sense, when the machine cannot run it, or the backstop clock cannot be started.
    pub(crate) fn new(config: EngineConfig) -> Result<Self, EngineError> {
        config.check().map_err(EngineError)?;
        let broken = |error: wasmtime::Error| EngineError(format!("{error:#}"));
        let (shards, alive) = match Shards::pooled(&config) {
            Ok(shards) => (shards, None),
            Err(error) => {
                tracing::warn!(%error, "no pool of sandboxes on this machine, each is allocated on demand");
                (Shards::on_demand(&config).map_err(broken)?, Some(Arc::default()))
            }
        };
        shards.wind_up().map_err(|error| EngineError(error.to_string()))?;
        Ok(Self { shards, config, alive })
    }

    /// A fresh sandbox for one call, in a shard of this engine.
    pub(crate) fn sandbox(&self, wasm: &wasmtime::Engine, budget: Budget) -> Result<Store<Guard>, RuleFault> {
        let guard = Guard::new(budget.memory_bytes, &self.config, self.place()?);
        let mut store = Store::try_new(wasm, guard).map_err(|_| RuleFault::Host)?;
        store.limiter(|guard| guard);
        store.set_fuel(budget.fuel).map_err(|_| RuleFault::Host)?;
        store.set_hostcall_fuel(usize::try_from(budget.output_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(self.config.handles);
        let ticks = self.config.deadline_ms / u64::try_from(TICK.as_millis()).unwrap_or(1);
        store.set_epoch_deadline(ticks.max(1) + 1);
        Ok(store)
    }

    /// A place for a sandbox, where no pool gives out places.
    fn place(&self) -> Result<Option<Place>, RuleFault> {
        let Some(alive) = &self.alive else { return Ok(None) };
        Place::take(alive, self.config.instances).map(Some).ok_or(RuleFault::Busy)
    }

    /// What went wrong in a sandbox, told apart by type.
    pub(crate) fn fault(&self, store: &Store<Guard>, budget: Budget, error: &wasmtime::Error) -> RuleFault {
        if error.is::<PoolConcurrencyLimitError>() {
            return RuleFault::Busy;
        }
        if let Some(own) = error.downcast_ref::<RuleFault>() {
            return own.clone();
        }
        let Guard { refused_memory, refused_table, begun, .. } = *store.data();
        let out_of_memory = RuleFault::OutOfMemory { limit: budget.memory_bytes };
        let out_of_table = RuleFault::OutOfTable { limit: self.config.table_elements };
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => RuleFault::OutOfFuel { limit: budget.fuel },
            Some(Trap::Interrupt) => RuleFault::Deadline { limit_ms: self.config.deadline_ms },
            Some(Trap::StackOverflow) => RuleFault::OutOfStack { limit: self.config.stack_bytes },
            // What a rule does that cannot go on without: it gives up. Another trap is another matter.
            Some(Trap::UnreachableCodeReached) if refused_memory => out_of_memory,
            Some(Trap::UnreachableCodeReached) if refused_table => out_of_table,
            Some(trap) => RuleFault::Trap(trap.to_string()),
            // Two things that wasmtime tells by their message only; tests hold it to that.
            None if says(error, "too much data is being copied") => {
                RuleFault::OutputTooLarge { limit: budget.output_bytes }
            }
            None if says(error, "store handle limit exceeded") => {
                RuleFault::OutOfHandles { limit: self.config.handles }
            }
            None if !begun && refused_memory => out_of_memory,
            None if !begun && refused_table => out_of_table,
            None => RuleFault::Unreadable,
        }
    }
}

fn says(error: &wasmtime::Error, this: &str) -> bool {
    format!("{error:#}").contains(this)
}
