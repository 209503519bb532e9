// SPDX-License-Identifier: Apache-2.0
//! The configuration of WebAssembly, under which the same call always does the same.

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails, WasmFeatures,
};

use crate::config::{ComponentLimits, EngineConfig};

/// Bytes at the beginning of a linear memory that are written anew after a ruling; what is behind them is given back to
/// the kernel, which costs more. It is all the memory of a rule as `paasla rule build` makes it.
const KEPT: usize = 128 << 10;

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
pub(super) fn core_instances(limits: &ComponentLimits) -> u32 {
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
