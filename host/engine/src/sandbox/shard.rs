// SPDX-License-Identifier: Apache-2.0
//! The engine in parts, so that rulings on different processors write to no memory in common.
//!
//! Each shard is an engine of wasmtime's with a pool of its own, and every policy is loaded in each: what is counted and
//! locked to make an instance is then the shard's own. A ruling takes the shard of the processor that it runs on. Where
//! that has no room it takes another: all shards together have the sandboxes that were configured, and a query is told
//! that there is none only when none has one.

use std::{io, iter, thread, time::Duration};

use wasmtime::PoolingAllocatorMetrics;

use super::wasm_config::{base, pooled};
use crate::{
    config::EngineConfig,
    system::{MOST_PROCESSORS, own_processors, processor},
};

/// How often the backstop clock ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// More shards are not made unless they are asked for: each takes memory for every policy.
const MOST: u32 = 8;

/// A shard has no fewer sandboxes unless that is asked for.
const FEWEST: u32 = 16;

/// One of an engine's parts.
pub(crate) struct Shard {
    pub(crate) wasm: wasmtime::Engine,
    pool: Option<PoolingAllocatorMetrics>,
}

/// All parts of an engine.
pub(crate) struct Shards {
    first: Shard,
    others: Vec<Shard>,
    /// The shard of each processor, by the processor's number.
    homes: Vec<usize>,
}

impl Shard {
    fn pooled(config: &EngineConfig, instances: u32) -> wasmtime::Result<Self> {
        let own = EngineConfig { instances, ..config.clone() };
        let wasm = wasmtime::Engine::new(&pooled(&own)?)?;
        Ok(Self { pool: wasm.pooling_allocator_metrics(), wasm })
    }

    /// How many sandboxes of its pool are alive.
    fn alive(&self) -> u64 {
        self.pool.as_ref().map_or(0, PoolingAllocatorMetrics::component_instances)
    }
}

impl Shards {
    /// As many as the limits say, each with its part of the sandboxes.
    pub(crate) fn pooled(config: &EngineConfig) -> wasmtime::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, |count| count.get());
        let count = count(config, u32::try_from(processors).unwrap_or(u32::MAX));
        let mut parts = parts(config.instances, count);
        let first = Shard::pooled(config, parts.next().unwrap_or(config.instances))?;
        let others = parts.map(|part| Shard::pooled(config, part)).collect::<wasmtime::Result<Vec<_>>>()?;
        let homes = homes(&own_processors(), others.len().saturating_add(1));
        Ok(Self { first, others, homes })
    }

    /// One without a pool.
    pub(crate) fn on_demand(config: &EngineConfig) -> wasmtime::Result<Self> {
        let wasm = wasmtime::Engine::new(&base(config)?)?;
        let first = Shard { wasm, pool: None };
        Ok(Self { first, others: Vec::new(), homes: Vec::new() })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shard> {
        iter::once(&self.first).chain(&self.others)
    }

    /// One of the engines of wasmtime: for what is the same with each.
    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.first.wasm
    }

    /// The shard with the fewest sandboxes alive, for work that is not a query's.
    pub(crate) fn emptiest(&self) -> &Shard {
        self.iter().min_by_key(|shard| shard.alive()).unwrap_or(&self.first)
    }

    /// What there is in each shard, beginning with the shard of this processor.
    pub(crate) fn home_first<'t, T>(&self, each: &'t [T]) -> impl Iterator<Item = &'t T> {
        let home = if self.others.is_empty() { None } else { self.homes.get(processor()) };
        let (before, rest) = each.split_at_checked(home.copied().unwrap_or(0)).unwrap_or((&[], each));
        rest.iter().chain(before)
    }

    /// What comes of asking in the first shard that has room, or in the last one where none has. None of nothing.
    pub(crate) fn first_with_room<T, R>(
        &self,
        each: &[T],
        mut ask: impl FnMut(&T) -> R,
        is_busy: impl Fn(&R) -> bool,
    ) -> Option<R> {
        let mut said = None;
        for one in self.home_first(each) {
            if !is_busy(said.insert(ask(one))) {
                break;
            }
        }
        said
    }

    /// Lets the backstop clock tick as long as one of them is there.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(crate) fn wind_up(&self) -> io::Result<()> {
        let weak: Vec<_> = self.iter().map(|shard| shard.wasm.weak()).collect();
        let tick = move || {
            let tick_each =
                || weak.iter().filter_map(|weak| weak.upgrade().map(|engine| engine.increment_epoch()));
            while tick_each().count() > 0 {
                thread::sleep(TICK);
            }
        };
        thread::Builder::new().name("paasla-epoch".to_owned()).spawn(tick).map(drop)
    }
}

/// How many shards there are on so many processors.
fn count(config: &EngineConfig, processors: u32) -> u32 {
    match config.shards {
        0 => processors.min(MOST).min(config.instances / FEWEST).max(1),
        asked => asked,
    }
}

/// So many sandboxes in so many parts, none larger than another by more than one.
fn parts(instances: u32, count: u32) -> impl Iterator<Item = u32> {
    let (each, left) = (instances / count, instances % count);
    (0..count).map(move |number| each + u32::from(number < left))
}

/// The shards of the processors, of which this process may run on some: those one after the other, in turn.
fn homes(own: &[usize], shards: usize) -> Vec<usize> {
    let mut before = 0;
    let of_one = |processor| {
        let home = before % shards;
        before += usize::from(own.binary_search(&processor).is_ok());
        home
    };
    (0..MOST_PROCESSORS).map(of_one).collect()
}

#[cfg(test)]
mod tests;
