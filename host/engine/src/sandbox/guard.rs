// SPDX-License-Identifier: Apache-2.0
//! What one sandbox holds, counted, so that it gets no more than its ration.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use wasmtime::ResourceLimiter;

use super::wasm_config::core_instances;
use crate::config::{ComponentLimits, EngineConfig};

/// One of a limited number of places for sandboxes, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicU32>);

impl Place {
    /// A place, if fewer than so many are taken.
    pub(super) fn take(taken: &Arc<AtomicU32>, most: u32) -> Option<Self> {
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
    pub(super) refused_memory: bool,
    pub(super) refused_table: bool,
    /// Whether there is an instance: what is refused before ends it.
    pub(crate) begun: bool,
    _place: Option<Place>,
}

impl Guard {
    pub(super) fn new(memory_bytes: u64, config: &EngineConfig, place: Option<Place>) -> Self {
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
