// SPDX-License-Identifier: Apache-2.0
//! Limits of the sandbox. Every one is explicit, can be set, and fails closed.

use paasla_core::Limits;
use serde::{Deserialize, Serialize};

use crate::error::LoadError;

const MIB: u64 = 1 << 20;

/// What rulings of one policy may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ration {
    /// Fuel for `decide`: wasmtime's deterministic count, about one per instruction.
    pub fuel: u64,
    /// Fuel for `review`, whatever the number of rows.
    pub review_fuel: u64,
    /// Fuel for `review`, besides, for each row.
    pub row_fuel: u64,
    /// Linear memory in bytes, summed over the component's memories.
    pub memory_bytes: u64,
    /// Linear memory in bytes, besides, that `review` may have for each row. With all its rows it gets no more than
    /// `memory-bytes` of what no policy may exceed.
    pub row_memory_bytes: u64,
    /// Bytes of all strings and lists that one call may return.
    pub output_bytes: u64,
    /// Bytes, besides, that `review` may return for each row.
    pub row_output_bytes: u64,
}

impl Default for Ration {
    fn default() -> Self {
        Self {
            fuel: 10_000_000,
            review_fuel: 10_000_000,
            row_fuel: 100_000,
            memory_bytes: 16 * MIB,
            row_memory_bytes: 2048,
            output_bytes: MIB,
            row_output_bytes: 1024,
        }
    }
}

/// What `describe` and `configure` may use: once per rule and policy, not per query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setup {
    /// Fuel for `describe`.
    pub describe_fuel: u64,
    /// Fuel for `configure`.
    pub configure_fuel: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Bytes of all strings and lists that one call may return.
    pub output_bytes: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            describe_fuel: 1_000_000_000,
            configure_fuel: 1_000_000_000,
            memory_bytes: 32 * MIB,
            output_bytes: 16 * MIB,
        }
    }
}

/// What a component may be, before anything of it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComponentLimits {
    /// Bytes of the whole component.
    pub bytes: u64,
    /// How deep components and modules may stand in one another; 2 is a module in a component.
    pub depth: u64,
    /// Components in it, itself included.
    pub components: u64,
    /// Core modules.
    pub modules: u64,
    /// Functions, over all its modules.
    pub functions: u64,
    /// Bytes of the largest function.
    pub function_bytes: u64,
    /// Types, core types and component types together.
    pub types: u64,
    /// Imports, exports, aliases and instances together.
    pub items: u64,
    /// Data segments.
    pub data_segments: u64,
    /// Element segments.
    pub element_segments: u64,
    /// Tables, memories and globals together.
    pub globals: u64,
    /// Core modules that one sandbox instantiates: one module counts as often as it is instantiated.
    pub core_instances: u32,
    /// Linear memories of one sandbox.
    pub memories: u32,
    /// Tables of one sandbox.
    pub tables: u32,
    /// Bytes of machine code that it is compiled to.
    pub code_bytes: u64,
    /// How long checking and compiling may take, in milliseconds.
    pub compile_ms: u64,
    /// Bytes of address space that the compiler may have. Kept only where the compiler is a process of its own.
    pub compile_bytes: u64,
}

impl Default for ComponentLimits {
    fn default() -> Self {
        Self {
            bytes: 8 * MIB,
            depth: 4,
            components: 16,
            modules: 64,
            functions: 20_000,
            function_bytes: 256 << 10,
            types: 5_000,
            items: 20_000,
            data_segments: 10_000,
            element_segments: 1_000,
            globals: 2_000,
            core_instances: 64,
            memories: 4,
            tables: 16,
            code_bytes: 256 * MIB,
            compile_ms: 20_000,
            compile_bytes: 2048 * MIB,
        }
    }
}

/// How much one answer of a rule may hold, each list by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AnswerLimits {
    /// Reasons that `configure` declares.
    pub reasons: usize,
    /// Different reasons that one review may use. Which of them stands in which row is the one thing that a review can
    /// tell of rows besides visibilities.
    pub review_reasons: usize,
    /// Conditions on rows.
    pub conditions: usize,
    /// Obligations.
    pub obligations: usize,
    /// Texts in a value that is a list.
    pub texts: usize,
    /// Bytes of one text in a value, and of a problem that settings have.
    pub text_bytes: usize,
    /// Problems that settings have.
    pub problems: usize,
    /// Facts, categories and provisions of a description, together.
    pub described: usize,
    /// Characters of one text of a description.
    pub described_chars: usize,
    /// Bytes of the JSON Schema of the settings.
    pub schema_bytes: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self {
            reasons: 1_000,
            review_reasons: 8,
            conditions: 100,
            obligations: 20,
            texts: 1_000,
            text_bytes: 10_000,
            problems: 100,
            described: 200,
            described_chars: 1_000,
            schema_bytes: 256 << 10,
        }
    }
}

/// Limits of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineConfig {
    /// How many sandboxes may be alive at one time. A quarter of them may stand ready for rulings to come, or wait to be
    /// wiped.
    pub instances: u32,
    /// How many shards the sandboxes are divided among. Rulings in different ones do not disturb each other; each holds
    /// every policy once. 0: one for each processor, but 8 at most, and none with fewer than 16 sandboxes.
    pub shards: u32,
    /// What a component may be.
    pub component: ComponentLimits,
    /// What `describe` and `configure` get.
    pub setup: Setup,
    /// What a policy gets that sets nothing else.
    pub ration: Ration,
    /// What no policy may exceed.
    pub most: Ration,
    /// What an answer may hold.
    pub answer: AnswerLimits,
    /// Elements of one table.
    pub table_elements: usize,
    /// Handles of a component's own resources that may be alive at one time in a sandbox.
    pub handles: usize,
    /// Bytes of the call stack, which is not in linear memory.
    pub stack_bytes: usize,
    /// A backstop in wall time, for calls that burn no fuel; in milliseconds. Fuel ends a call long before.
    pub deadline_ms: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            instances: 256,
            shards: 0,
            component: ComponentLimits::default(),
            setup: Setup::default(),
            ration: Ration::default(),
            most: Ration {
                fuel: 1_000_000_000,
                review_fuel: 1_000_000_000,
                row_fuel: 10_000_000,
                memory_bytes: 32 * MIB,
                row_memory_bytes: MIB,
                output_bytes: 16 * MIB,
                row_output_bytes: 64 << 10,
            },
            answer: AnswerLimits::default(),
            table_elements: 20_000,
            handles: 16,
            stack_bytes: 256 << 10,
            deadline_ms: 5_000,
        }
    }
}

impl EngineConfig {
    /// The ration of a policy: its own limits where it sets them, never above the host's maxima.
    #[must_use]
    pub fn ration_for(&self, limits: &Limits) -> Ration {
        let pick = |own: Option<u64>, usual: u64, most: u64| own.unwrap_or(usual).min(most);
        let (usual, most) = (&self.ration, &self.most);
        Ration {
            fuel: pick(limits.fuel, usual.fuel, most.fuel),
            review_fuel: pick(limits.review_fuel, usual.review_fuel, most.review_fuel),
            row_fuel: pick(limits.row_fuel, usual.row_fuel, most.row_fuel),
            memory_bytes: pick(limits.memory_bytes, usual.memory_bytes, most.memory_bytes),
            row_memory_bytes: pick(limits.row_memory_bytes, usual.row_memory_bytes, most.row_memory_bytes),
            output_bytes: pick(limits.output_bytes, usual.output_bytes, most.output_bytes),
            row_output_bytes: pick(limits.row_output_bytes, usual.row_output_bytes, most.row_output_bytes),
        }
    }

    /// The limits of a policy that are above what none may exceed, each with that.
    pub fn beyond_most(&self, limits: &Limits) -> impl Iterator<Item = (&'static str, u64)> {
        let most = &self.most;
        [
            ("fuel", limits.fuel, most.fuel),
            ("review-fuel", limits.review_fuel, most.review_fuel),
            ("row-fuel", limits.row_fuel, most.row_fuel),
            ("memory-bytes", limits.memory_bytes, most.memory_bytes),
            ("row-memory-bytes", limits.row_memory_bytes, most.row_memory_bytes),
            ("output-bytes", limits.output_bytes, most.output_bytes),
            ("row-output-bytes", limits.row_output_bytes, most.row_output_bytes),
        ]
        .into_iter()
        .filter_map(|(name, own, most)| own.is_some_and(|own| own > most).then_some((name, most)))
    }

    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// A sentence that names the limit.
    pub fn check(&self) -> Result<(), String> {
        const PAGE: u64 = 64 << 10;
        let wrong = |what: &str| Err(format!("the engine's limits: {what}"));
        if self.instances == 0 || self.instances > 100_000 {
            return wrong("`instances` must be 1 to 100,000");
        }
        if self.shards > self.instances.min(1_000) {
            return wrong("`shards` must be at most 1,000, and no more than `instances`");
        }
        if self.most.memory_bytes < PAGE || self.most.memory_bytes.max(self.setup.memory_bytes) > 4 << 30 {
            return wrong("`memory-bytes` must be 64 KiB (one page of WebAssembly) to 4 GiB");
        }
        // A rule's calls stand on the stack of the thread that asks it, which usually has 2 MiB.
        if !(64 << 10..=1 << 20).contains(&self.stack_bytes) {
            return wrong("`stack-bytes` must be 64 KiB to 1 MiB");
        }
        if self.deadline_ms == 0 || self.component.compile_ms == 0 {
            return wrong("`deadline-ms` and `compile-ms` must be at least 1");
        }
        Ok(())
    }
}

impl EngineConfig {
    /// What is wrong with it for a host in service: besides what no engine takes, every limit under which no rule could ever
    /// rule, and a usual ration that is above what no policy may exceed.
    ///
    /// # Errors
    /// A sentence that names every such limit.
    pub fn check_for_service(&self) -> Result<(), String> {
        self.check()?;
        let (setup, part, answer) = (&self.setup, &self.component, &self.answer);
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let rations =
            [("ration", &self.ration), ("most", &self.most)].into_iter().flat_map(|(of, ration)| {
                ration.limits().into_iter().map(move |(name, value)| (format!("{of}.{name}"), value))
            });
        let others = [
            ("setup.describe-fuel", setup.describe_fuel),
            ("setup.configure-fuel", setup.configure_fuel),
            ("setup.memory-bytes", setup.memory_bytes),
            ("setup.output-bytes", setup.output_bytes),
            ("component.bytes", part.bytes),
            ("component.depth", part.depth),
            ("component.components", part.components),
            ("component.modules", part.modules),
            ("component.functions", part.functions),
            ("component.function-bytes", part.function_bytes),
            ("component.types", part.types),
            ("component.items", part.items),
            ("component.core-instances", part.core_instances.into()),
            ("component.memories", part.memories.into()),
            ("component.code-bytes", part.code_bytes),
            ("component.compile-bytes", part.compile_bytes),
            ("answer.reasons", number(answer.reasons)),
            ("answer.text-bytes", number(answer.text_bytes)),
            ("answer.problems", number(answer.problems)),
            ("answer.described", number(answer.described)),
            ("answer.described-chars", number(answer.described_chars)),
            ("answer.schema-bytes", number(answer.schema_bytes)),
            ("table-elements", number(self.table_elements)),
        ];
        let zero = rations
            .chain(others.map(|(name, value)| (name.to_owned(), value)))
            .filter(|(name, value)| *value == 0 && !name.contains(".row-"))
            .map(|(name, _)| format!("`{name}` must be at least 1: under 0 no rule could ever rule"));
        let above = self.ration.limits().into_iter().zip(self.most.limits());
        let above = above
            .filter(|((_, usual), (_, most))| usual > most)
            .map(|((name, _), _)| format!("`ration.{name}` must be no more than `most.{name}`"));
        let wrong: Vec<String> = zero.chain(above).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("the engine's limits: {}", wrong.join("; "))) }
    }
}

/// Refuses a component that has more of something than the host takes.
pub(crate) fn within(what: &str, found: u64, most: u64) -> Result<(), LoadError> {
    if found > most { Err(LoadError::TooMuch { what: what.to_owned(), found, most }) } else { Ok(()) }
}

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) output_bytes: u64,
}

impl Setup {
    pub(crate) fn describe(&self) -> Budget {
        Budget { fuel: self.describe_fuel, memory_bytes: self.memory_bytes, output_bytes: self.output_bytes }
    }

    pub(crate) fn configure(&self) -> Budget {
        Budget { fuel: self.configure_fuel, ..self.describe() }
    }
}

impl Ration {
    /// Every limit, with its name.
    fn limits(&self) -> [(&'static str, u64); 7] {
        [
            ("fuel", self.fuel),
            ("review-fuel", self.review_fuel),
            ("row-fuel", self.row_fuel),
            ("memory-bytes", self.memory_bytes),
            ("row-memory-bytes", self.row_memory_bytes),
            ("output-bytes", self.output_bytes),
            ("row-output-bytes", self.row_output_bytes),
        ]
    }

    pub(crate) fn decide(&self) -> Budget {
        Budget { fuel: self.fuel, memory_bytes: self.memory_bytes, output_bytes: self.output_bytes }
    }

    /// `most` is what no sandbox may exceed.
    pub(crate) fn review(&self, rows: usize, most: &Self) -> Budget {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let grown = |base: u64, each: u64| base.saturating_add(each.saturating_mul(rows));
        Budget {
            fuel: grown(self.review_fuel, self.row_fuel),
            memory_bytes: grown(self.memory_bytes, self.row_memory_bytes).min(most.memory_bytes),
            output_bytes: grown(self.output_bytes, self.row_output_bytes),
        }
    }
}
