// SPDX-License-Identifier: Apache-2.0
//! The WebAssembly engine, set up so that the same call always does the same, and one sandbox per call.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolConcurrencyLimitError,
    PoolingAllocationConfig, ResourceLimiter, Store, Strategy, Trap, WasmBacktraceDetails, WasmFeatures,
};

use crate::{
    cache::CodeCache,
    compiler::Compiler,
    config::{Budget, ComponentLimits, EngineConfig},
    fault::RuleFault,
    shard::{Shards, TICK},
};

/// Bytes at the beginning of a linear memory that are written anew after a ruling; what is behind them is given back to
/// the kernel, which costs more. It is all the memory of a rule as `paasla rule build` makes it.
const KEPT: usize = 128 << 10;

/// The engine: compiles rules and runs them.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shards: Arc<Shards>,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) cache: Option<Arc<CodeCache>>,
    /// How many sandboxes are alive, where no pool counts them.
    alive: Option<Arc<AtomicU32>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The engine could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be set up: {0}")]
pub struct EngineError(String);

impl Engine {
    /// Sets up the engine, with a pool of sandboxes where the machine's address space allows it.
    ///
    /// # Errors
    /// When a limit makes no sense, when the machine cannot run it, or the backstop clock cannot be started.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
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
        let compiler = Arc::new(Compiler::InProcess);
        Ok(Self { shards: Arc::new(shards), config: Arc::new(config), compiler, cache: None, alive })
    }

    /// The same engine with another compiler.
    #[must_use]
    pub fn with_compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Arc::new(compiler);
        self
    }

    /// The same engine with a cache of compiled code.
    #[must_use]
    pub fn with_cache(mut self, cache: CodeCache) -> Self {
        self.cache = Some(Arc::new(cache));
        self
    }

    /// The same engine without a cache: what it compiles is gone with what it was compiled for.
    #[must_use]
    pub fn without_cache(&self) -> Self {
        Self { cache: None, ..self.clone() }
    }

    /// The limits it was set up with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.config
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

/// One of a limited number of places for sandboxes, given back when it is dropped.
#[derive(Debug)]
struct Place(Arc<AtomicU32>);

impl Place {
    /// A place, if fewer than so many are taken.
    fn take(taken: &Arc<AtomicU32>, most: u32) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        (taken.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts what a sandbox holds, and refuses more than its ration.
#[derive(Debug)]
pub(crate) struct Guard {
    memory_limit: usize,
    memory_used: usize,
    table_limit: usize,
    component: ComponentLimits,
    refused_memory: bool,
    refused_table: bool,
    /// Whether there is an instance: what is refused before ends it.
    pub(crate) begun: bool,
    _place: Option<Place>,
}

impl Guard {
    fn new(memory_bytes: u64, config: &EngineConfig, place: Option<Place>) -> Self {
        Self {
            memory_limit: usize::try_from(memory_bytes).unwrap_or(usize::MAX),
            memory_used: 0,
            table_limit: config.table_elements,
            component: config.component,
            refused_memory: false,
            refused_table: false,
            begun: false,
            _place: place,
        }
    }
}

impl ResourceLimiter for Guard {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_used.saturating_sub(current).saturating_add(desired);
        if total > self.memory_limit {
            self.refused_memory = true;
            return Ok(false);
        }
        self.memory_used = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_limit;
        self.refused_table |= !fits;
        Ok(fits)
    }

    fn instances(&self) -> usize {
        usize::try_from(core_instances(&self.component)).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        usize::try_from(self.component.tables).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        usize::try_from(self.component.memories).unwrap_or(usize::MAX)
    }
}

/// WebAssembly 2.0 without SIMD, plus extended constants: enough for every compiler tried, and nothing whose
/// result could differ between machines. Multiple memories stay on for adapters that the engine makes itself;
/// guests are refused them by `check`.
pub(crate) fn base(limits: &EngineConfig) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    config.cranelift_nan_canonicalization(true);
    config.consume_fuel(true).epoch_interruption(true);
    config.wasm_component_model(true).concurrency_support(false);
    config.wasm_simd(false).wasm_relaxed_simd(false).relaxed_simd_deterministic(true);
    config.wasm_memory64(false).wasm_multi_memory(true).wasm_tail_call(false);
    config.wasm_wide_arithmetic(false).wasm_custom_page_sizes(false).wasm_stack_switching(false);
    config.gc_support(false);
    let off = WasmFeatures::THREADS
        | WasmFeatures::GC
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::EXCEPTIONS;
    config.wasm_features(off, false);
    config.shared_memory(false);
    config.max_wasm_stack(limits.stack_bytes);
    // Only for futures, which are not used; it may not be smaller than the other.
    config.async_stack_size(limits.stack_bytes.max(2 << 20));
    // What is known of a trap is its kind: names and places in the code would be in memory for nothing.
    config.wasm_backtrace_max_frames(None).wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.native_unwind_info(false).generate_address_map(false).debug_symbols(false);
    config.memory_init_cow(true).memory_may_move(false).guard_before_linear_memory(true);
    config.memory_reservation(4 << 30).memory_guard_size(32 << 20);
    config.memory_guaranteed_dense_image_size(64 << 20);
    Ok(config)
}

/// One more than a component may have: what reads its state for a snapshot is an instance, too.
fn core_instances(limits: &ComponentLimits) -> u32 {
    limits.core_instances.saturating_add(1)
}

/// How much of everything a pool has.
#[derive(Debug, Clone, Copy)]
struct PoolSize {
    core_instances: u32,
    memories: u32,
    tables: u32,
}

impl PoolSize {
    /// Most rules have one memory and few tables; but one that has as much as it may must find room alone.
    fn of(limits: &EngineConfig) -> Self {
        let (count, component) = (limits.instances, &limits.component);
        Self {
            core_instances: count.saturating_mul(4).max(core_instances(component)),
            memories: count.saturating_mul(2).max(component.memories),
            tables: count.saturating_mul(4).max(component.tables),
        }
    }
}

/// The same with a pool.
pub(crate) fn pooled(limits: &EngineConfig) -> wasmtime::Result<Config> {
    let mut config = base(limits)?;
    let memory = limits.most.memory_bytes.max(limits.setup.memory_bytes);
    let ComponentLimits { memories, tables, .. } = limits.component;
    let size = PoolSize::of(limits);
    let mut pool = PoolingAllocationConfig::new();
    // Writing so little anew costs less than asking the kernel which pages were written to.
    pool.total_component_instances(limits.instances)
        .total_core_instances(size.core_instances)
        .total_memories(size.memories)
        .total_tables(size.tables)
        .max_core_instances_per_component(core_instances(&limits.component))
        .max_memories_per_component(memories)
        .max_tables_per_component(tables)
        .max_memories_per_module(1)
        .max_tables_per_module(tables)
        .max_memory_size(usize::try_from(memory).unwrap_or(usize::MAX))
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(64 << 10)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::No);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(config)
}
