// SPDX-License-Identifier: Apache-2.0
//! Limits of the sandbox.

use paasla_core::Limits;

/// What one call into a rule may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ration {
    /// Fuel: wasmtime's deterministic count, about one per instruction.
    pub fuel: u64,
    /// Linear memory in bytes, summed over the component's memories.
    pub memory_bytes: u64,
    /// Bytes of all strings and lists that one call may return.
    pub output_bytes: u64,
}

/// Limits of the engine. Every one of them fails closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// The largest component that is looked at, in bytes.
    pub component_bytes: usize,
    /// How many sandboxes may be alive at one time.
    pub instances: u32,
    /// What a call gets when a policy sets nothing else.
    pub ration: Ration,
    /// What no policy may exceed.
    pub most: Ration,
    /// What `describe` and `configure` get: once per policy, not per query.
    pub setup: Ration,
    /// How many reasons, exceptions, conditions, obligations or row rulings one answer may hold, each.
    pub list_length: usize,
    /// A backstop in wall time, for calls that burn no fuel; in milliseconds. Fuel ends a call long before.
    pub deadline_ms: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            component_bytes: 8 << 20,
            instances: 256,
            ration: Ration { fuel: 10_000_000, memory_bytes: 16 * MIB, output_bytes: MIB },
            most: Ration { fuel: 1_000_000_000, memory_bytes: 32 * MIB, output_bytes: 16 * MIB },
            setup: Ration { fuel: 1_000_000_000, memory_bytes: 32 * MIB, output_bytes: 16 * MIB },
            list_length: 20_000,
            deadline_ms: 5_000,
        }
    }
}

impl EngineConfig {
    /// The ration of a policy: its own limits where it sets them, never above the host's maxima.
    #[must_use]
    pub fn ration_for(&self, limits: &Limits) -> Ration {
        let pick = |own: Option<u64>, usual: u64, most: u64| own.unwrap_or(usual).min(most);
        Ration {
            fuel: pick(limits.fuel, self.ration.fuel, self.most.fuel),
            memory_bytes: pick(limits.memory_bytes, self.ration.memory_bytes, self.most.memory_bytes),
            output_bytes: pick(limits.output_bytes, self.ration.output_bytes, self.most.output_bytes),
        }
    }
}
