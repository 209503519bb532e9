// SPDX-License-Identifier: Apache-2.0
//! A configured rule as a component of its own: its memory after `configure`, written back into the binary, so
//! that every fresh instance of it is configured already.

use futures_util::FutureExt as _;
use wasmtime::{
    Store, Trap,
    component::{ComponentNamedList, Instance, Lift, WasmList},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::{
    fault::RuleFault,
    interface::{
        bindings::v0_1::exports::paasla::rule::ruling::{Problem, Reason},
        input::RegisterInput,
    },
    sandbox::{Sandboxes, contain::contained, guard::Guard, program::Program},
};

/// What came of configuring a rule.
pub(crate) enum Configured {
    /// The component of the configured rule.
    Snapshot(Vec<u8>, Vec<Reason>),
    /// `configure` found problems.
    Problems(Vec<Problem>),
    /// The component cannot be snapshotted; why.
    NotPossible(String),
}

/// Runs `configure` once and snapshots the instance that it leaves. `instrumented` is the code of `bytes` with
/// what a snapshot needs.
pub(crate) fn snapshot(
    sandboxes: &Sandboxes,
    bytes: &[u8],
    instrumented: &Program,
    settings: &str,
    register: &RegisterInput<'_>,
) -> Result<Configured, RuleFault> {
    let wizer = Wizer::new();
    // The author's bytes are read here once more, in the host: the snapshot is written into what was parsed, and that
    // cannot be handed from one process to another. They are only read and copied, not compiled, and they are bytes
    // that `check` took: valid, and with no more parts, and no larger ones, than the limits allow. A panic is
    // contained.
    let context = match contained(|| wizer.instrument_component(bytes)) {
        Ok(Ok((context, _))) => context,
        Ok(Err(error)) => return Ok(Configured::NotPossible(format!("{error:#}"))),
        Err(why) => return Ok(Configured::NotPossible(format!("its instrumentation panicked: {why}"))),
    };
    let setup = sandboxes.config.setup;
    let budget = setup.configure();
    let mut store = instrumented.sandbox(sandboxes, budget)?;
    let configured = instrumented.instantiate(&mut store).and_then(|instance| {
        let outcome = instrumented.configure(&mut store, &instance, settings, register)?;
        Ok((instance, outcome))
    });
    let (instance, outcome) = configured.map_err(|error| sandboxes.fault(&store, budget, &error))?;
    let reasons = match outcome {
        Ok(reasons) => reasons,
        Err(problems) => return Ok(Configured::Problems(problems)),
    };
    // The rest is the host's own work, and burns no fuel of the rule's. Reading memory back counts as output, so
    // there must be room for all of it.
    store.set_fuel(u64::MAX).map_err(|_| RuleFault::Host)?;
    store.set_hostcall_fuel(usize::try_from(setup.memory_bytes.saturating_mul(2)).unwrap_or(usize::MAX));
    let mut state = State { store, instance, longest: 0, failed: None };
    let snapshot = contained(|| wizer.snapshot_component(&context, &mut state).now_or_never());
    if let Some(error) = state.failed {
        // Too slow this time is not for ever.
        if error.downcast_ref() == Some(&Trap::Interrupt) {
            return Err(RuleFault::Deadline { limit_ms: sandboxes.config.deadline_ms });
        }
        return Ok(Configured::NotPossible(format!("{error:#}")));
    }
    match snapshot {
        Ok(Some(Ok(bytes))) => Ok(Configured::Snapshot(bytes, reasons)),
        Ok(Some(Err(error))) => Ok(Configured::NotPossible(format!("{error:#}"))),
        Ok(None) => Ok(Configured::NotPossible("the snapshot would have to wait for something".to_owned())),
        Err(why) => Ok(Configured::NotPossible(format!("its snapshot panicked: {why}"))),
    }
}

/// The configured instance, as the snapshot reads it: through functions that the instrumentation exported.
struct State {
    store: Store<Guard>,
    instance: Instance,
    /// Bytes of the largest memory read so far.
    longest: usize,
    /// The first thing that went wrong. Whatever comes of the snapshot then is not used.
    failed: Option<wasmtime::Error>,
}

impl State {
    fn call<R: Lift + 'static>(&mut self, instance: &str, name: &str) -> wasmtime::Result<R>
    where
        (R,): ComponentNamedList,
    {
        let missing = || wasmtime::Error::msg("the instrumented component lacks an accessor");
        let (_, group) = self.instance.get_export(&mut self.store, None, instance).ok_or_else(missing)?;
        let (_, export) =
            self.instance.get_export(&mut self.store, Some(&group), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut self.store, export)?;
        Ok(function.call(&mut self.store, ())?.0)
    }

    fn or_zero<R: Lift + Default + 'static>(&mut self, instance: &str, name: &str) -> R
    where
        (R,): ComponentNamedList,
    {
        self.call(instance, name).unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            R::default()
        })
    }
}

impl ComponentInstanceState for State {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, name) {
            Ok(list) => {
                let memory = list.as_le_slice(&self.store);
                self.longest = self.longest.max(memory.len());
                contents(memory);
            }
            Err(error) => {
                self.failed.get_or_insert(error);
                // A memory is read twice, and the second time it must not be shorter.
                contents(&vec![0; self.longest]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, name: &str) -> i32 {
        self.or_zero(instance, name)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, name: &str) -> i64 {
        self.or_zero(instance, name)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, name: &str) -> u32 {
        self.or_zero::<f32>(instance, name).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, name: &str) -> u64 {
        self.or_zero::<f64>(instance, name).to_bits()
    }
}
