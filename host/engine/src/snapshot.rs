// SPDX-License-Identifier: Apache-2.0
//! A configured rule as a component of its own: its memory after `configure`, written back into the binary, so
//! that every fresh instance of it is configured already.

use futures_util::FutureExt as _;
use wasmtime::{
    Store,
    component::{Component, ComponentNamedList, Instance, Lift, Linker, WasmList},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::{
    bindings::v0_1,
    config::Ration,
    fault::RuleFault,
    sandbox::{Engine, Guard},
};

/// What came of configuring a rule.
pub(crate) enum Configured {
    /// The component of the configured rule.
    Snapshot(Vec<u8>),
    /// `configure` found problems: pointer and message.
    Problems(Vec<(String, String)>),
    /// The component cannot be snapshotted; why.
    NotPossible(String),
}

impl Engine {
    /// Runs `configure` once and snapshots the instance that it leaves.
    pub(crate) fn snapshot(&self, bytes: &[u8], settings: &str) -> Result<Configured, RuleFault> {
        let wizer = Wizer::new();
        let (context, instrumented) = match wizer.instrument_component(bytes) {
            Ok(both) => both,
            Err(error) => return Ok(Configured::NotPossible(format!("{error:#}"))),
        };
        let component = match Component::from_binary(&self.wasm, &instrumented) {
            Ok(component) => component,
            Err(error) => return Ok(Configured::NotPossible(format!("{error:#}"))),
        };
        // Reading memory back counts as output, so the ration must leave room for all of it.
        let ration = Ration {
            output_bytes: self.config.setup.output_bytes.max(2 * self.config.setup.memory_bytes),
            ..self.config.setup
        };
        let mut store = self.sandbox(ration)?;
        let configured =
            Linker::<Guard>::new(&self.wasm).instantiate(&mut store, &component).and_then(|instance| {
                let rule = v0_1::Rule::new(&mut store, &instance)?;
                let outcome = rule.paasla_rule_ruling().call_configure(&mut store, settings)?;
                Ok((instance, outcome))
            });
        let (instance, outcome) = configured.map_err(|error| self.fault(&store, ration, &error))?;
        if let Err(problems) = outcome {
            let problems = problems.into_iter().map(|problem| (problem.pointer, problem.message));
            return Ok(Configured::Problems(problems.collect()));
        }
        let mut state = State { store, instance, failed: None };
        let snapshot = wizer.snapshot_component(&context, &mut state).now_or_never();
        if let Some(error) = state.failed {
            return Ok(Configured::NotPossible(format!("{error:#}")));
        }
        match snapshot {
            Some(Ok(bytes)) => Ok(Configured::Snapshot(bytes)),
            Some(Err(error)) => Ok(Configured::NotPossible(format!("{error:#}"))),
            None => Ok(Configured::NotPossible("the snapshot would have to wait for something".to_owned())),
        }
    }
}

/// The configured instance, as the snapshot reads it: through functions that the instrumentation exported.
struct State {
    store: Store<Guard>,
    instance: Instance,
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
            Ok(list) => contents(list.as_le_slice(&self.store)),
            Err(error) => {
                self.failed.get_or_insert(error);
                contents(&[]);
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
