// SPDX-License-Identifier: Apache-2.0
//! What of a ruling nobody has to wait for: making the sandbox before, and wiping it afterwards.
//!
//! A sandbox that stands ready has had no query in it, is used for one, and is then wiped like any other. All that is
//! set aside, what stands ready and what waits to be wiped, has one bound, so that a query still finds a sandbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32};

use wasmtime::{PoolingAllocatorMetrics, Store, component::Instance};

use crate::{
    activate::Activated,
    compiler::contained,
    config::{Budget, EngineConfig},
    program::Program,
    sandbox::{Engine, Guard, Place, PoolSize},
    shard::Shard,
};

/// How many sandboxes may stand ready for one policy where there is one shard: a host with time to spare decides few
/// queries at one time. Where there are more, one in each: they are as many as processors, and who finds none in its own
/// takes another's.
const TWO: usize = 2;

/// The part of all sandboxes that may be set aside: one in so many.
const PART: u32 = 4;

/// Bytes of memory up to which a sandbox that was used may wait to be wiped. What took more gives it back at once.
const LITTLE: usize = 1 << 20;

/// What may be set aside of a shard's pool, and what is.
pub(crate) struct Reserve {
    taken: Arc<AtomicU32>,
    most: u32,
    pool: PoolingAllocatorMetrics,
    size: PoolSize,
}

impl Reserve {
    /// None where there is no pool, or one so small that nothing of it may be set aside.
    pub(crate) fn of(wasm: &wasmtime::Engine, config: &EngineConfig) -> Option<Self> {
        let pool = wasm.pooling_allocator_metrics()?;
        let most = config.instances / PART;
        (most > 0).then(|| Self { taken: Arc::default(), most, pool, size: PoolSize::of(config) })
    }

    fn place(&self) -> Option<Place> {
        Place::take(&self.taken, self.most)
    }

    /// Whether half of the pool is free. A component may have many times the parts that others have: places alone would
    /// let a few of them take all.
    fn is_wide(&self) -> bool {
        let at_most_half = |live: u64, all: u32| live.saturating_mul(2) <= u64::from(all);
        let count = |live: usize| u64::try_from(live).unwrap_or(u64::MAX);
        at_most_half(self.pool.core_instances(), self.size.core_instances)
            && at_most_half(count(self.pool.memories()), self.size.memories)
            && at_most_half(count(self.pool.tables()), self.size.tables)
    }
}

/// A sandbox that nobody was in, with its instance.
pub(crate) struct Ready {
    pub(crate) store: Store<Guard>,
    pub(crate) instance: Instance,
    pub(crate) place: Place,
}

/// Where the sandboxes of one shard stand that are ready for one policy, and what it takes to make one.
pub(crate) struct Shelf {
    engine: Engine,
    reserve: Arc<Reserve>,
    program: Program,
    budget: Budget,
    most: usize,
    ready: Mutex<Vec<Ready>>,
}

impl Shelf {
    /// An empty one; none where the shard sets nothing aside. `program` must be a snapshot: nothing of the rule's runs
    /// when it is instantiated, so that this can be done before there is a query.
    pub(crate) fn new(engine: &Engine, shard: &Shard, program: &Program, budget: Budget) -> Option<Self> {
        let reserve = Arc::clone(shard.reserve.as_ref()?);
        let most = if engine.shards.count() > 1 { 1 } else { TWO };
        let (engine, program) = (engine.clone(), program.clone());
        Some(Self { engine, reserve, program, budget, most, ready: Mutex::default() })
    }

    /// A sandbox that stands ready. The time that its call may take begins now.
    pub(crate) fn take(&self) -> Option<Ready> {
        let mut ready = self.lock().pop()?;
        self.engine.begin(&mut ready.store);
        Some(ready)
    }

    /// Makes one ready, if there may be one more. What goes wrong is not told: the next ruling makes its own, and says.
    fn put(&self, place: Option<Place>) {
        if self.lock().len() >= self.most {
            return;
        }
        let Some(place) = place.or_else(|| self.reserve.place()) else { return };
        let Ok(Some(ready)) = contained(|| self.make(place)) else { return };
        let mut all = self.lock();
        if all.len() < self.most {
            all.push(ready);
        }
    }

    fn make(&self, place: Place) -> Option<Ready> {
        let mut store = self.program.sandbox(&self.engine, self.budget).ok()?;
        let instance = self.program.instantiate(&mut store).ok()?;
        self.reserve.is_wide().then_some(Ready { store, instance, place })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activated {
    /// How many sandboxes stand ready for it.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.shelves().map(|shelf| shelf.lock().len()).sum()
    }

    /// Gives up the sandboxes that stand ready: for a policy that is kept and not asked any more.
    pub fn stand_down(&self) {
        for shelf in self.shelves() {
            let ready = std::mem::take(&mut *shelf.lock());
            drop(ready);
        }
    }

    fn shelves(&self) -> impl Iterator<Item = &Arc<Shelf>> {
        self.posts.iter().filter_map(|post| post.shelf.as_ref())
    }
}

/// What rulings left, to be wiped when nobody waits for it. Dropped, it only is wiped.
#[derive(Default)]
pub struct Spent(Vec<Left>);

/// What one ruling left.
struct Left {
    /// None where it was wiped at once. Before its place, which is given back after it.
    sandbox: Option<(Store<Guard>, Place)>,
    shelf: Arc<Shelf>,
}

impl std::fmt::Debug for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spent").field(&self.0.len()).finish()
    }
}

impl Spent {
    /// Takes what a ruling left. It is wiped at once where no more may be set aside.
    pub(crate) fn leave(&mut self, shelf: &Arc<Shelf>, store: Store<Guard>, place: Option<Place>) {
        let may_wait = store.data().memory_used <= LITTLE && shelf.reserve.is_wide();
        let left = (store, place.or_else(|| shelf.reserve.place()));
        let sandbox = match left {
            (store, Some(place)) if may_wait => Some((store, place)),
            _ => None,
        };
        self.0.push(Left { sandbox, shelf: Arc::clone(shelf) });
    }

    /// Whether there is nothing to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wipes it, and makes a sandbox ready for each policy that ruled, as far as there may be more. Takes some
    /// microseconds for each.
    pub fn renew(self) {
        for Left { sandbox, shelf } in self.0 {
            let place = sandbox.map(|(store, place)| {
                drop(store);
                place
            });
            shelf.put(place);
        }
    }
}
