// SPDX-License-Identifier: Apache-2.0
//! Components that are too much of something, under the usual limits and under boundless ones.

use std::time::{Duration, Instant};

use paasla_core::Ruling;
use paasla_engine::{ComponentLimits, Engine, EngineConfig, LoadError, RuleFault};

use crate::common::{
    MEMORY, engine, engine_for, guest::Guest, is_well, limits, policy, query, refused, refused_by, register,
};
use crate::worker::worker;

/// Sections of a component, by their number in the binary format.
pub const MODULE: u8 = 1;
pub const CORE_INSTANCE: u8 = 2;
pub const CORE_TYPE: u8 = 3;
pub const COMPONENT: u8 = 4;
pub const COMPONENT_INSTANCE: u8 = 5;
pub const TYPE: u8 = 7;

pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// One section.
pub fn section(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number][..], &leb(content.len()), content].concat()
}

/// A list: its length, and its items one after the other.
pub fn list(count: usize, item: &[u8]) -> Vec<u8> {
    [leb(count), item.repeat(count)].concat()
}

/// The good guest with one section more, which does nothing.
pub fn with_section(number: u8, content: &[u8]) -> Vec<u8> {
    [Guest::default().component(), section(number, content)].concat()
}

/// The good guest with a module in it that nobody instantiates.
pub fn with_module(text: &str) -> Vec<u8> {
    with_section(MODULE, &wat::parse_str(text).unwrap())
}

/// An empty component in an empty component, so many times: as many levels.
pub fn nest(levels: usize) -> Vec<u8> {
    let head = b"\0asm\x0d\0\x01\0".to_vec();
    (1..levels).fold(head.clone(), |inner, _| [&head[..], &section(COMPONENT, &inner)].concat())
}

/// A type of an instance that declares so many types.
pub fn declaring(types: usize) -> Vec<u8> {
    // One type: 0x42 an instance type; each declaration 0x01 a type, 0x7f a truth value.
    [vec![1, 0x42], list(types, &[0x01, 0x7f])].concat()
}

/// A core type of a module that declares so many types.
pub fn core_declaring(types: usize) -> Vec<u8> {
    // One core type: 0x50 a module type; each declaration 0x01 a type, a function without parameters and results.
    [vec![1, 0x50], list(types, &[0x01, 0x60, 0, 0])].concat()
}

/// A function that takes a compiler long: so many loops in one another, each of which changes so many locals.
fn slow_function(loops: usize, locals: usize) -> String {
    let declared = "(local i64) ".repeat(locals);
    let change: String = (0..locals)
        .map(|local| {
            let next = (local + 1) % locals;
            format!("(local.set {local} (i64.xor (local.get {next}) (i64.const {local})))")
        })
        .collect();
    let body = format!("{}{change}{}", "(loop ".repeat(loops), ")".repeat(loops));
    format!("(func {declared} {body})")
}

/// The good guest, and so many instances of one more module.
pub fn instantiating(text: &str, count: usize) -> Vec<u8> {
    let module = section(MODULE, &wat::parse_str(text).unwrap());
    // The good guest's own module is number 0. Each instance: 0x00 of a module, its number, no arguments.
    [Guest::default().component(), module, section(CORE_INSTANCE, &list(count, &[0, 1, 0]))].concat()
}

/// A component that instantiates one within so many times, and that one a module so many times: few parts, and many
/// instances.
fn multiplied(times: usize) -> Vec<u8> {
    let head = b"\0asm\x0d\0\x01\0";
    let module = section(MODULE, b"\0asm\x01\0\0\0");
    let inner = [&head[..], &module, &section(CORE_INSTANCE, &list(times, &[0, 0, 0]))].concat();
    let instances = section(COMPONENT_INSTANCE, &list(times, &[0, 0, 0]));
    let outer = [&head[..], &section(COMPONENT, &inner), &instances].concat();
    // The good guest has a component of its own, number 0.
    let one = section(COMPONENT_INSTANCE, &[1, 0, 1, 0]);
    [Guest::default().component(), section(COMPONENT, &outer), one].concat()
}

/// Everything that is too much, and what the host says of it under the usual limits.
fn bombs() -> Vec<(Vec<u8>, &'static str)> {
    let module = |field: &str, count: usize| with_module(&format!("(module {})", field.repeat(count)));
    vec![
        (with_section(COMPONENT, &nest(10_000)), "levels of components in one another"),
        ([nest(1), section(COMPONENT, &nest(1)).repeat(10_000)].concat(), "components"),
        ([nest(1), section(MODULE, b"\0asm\x01\0\0\0").repeat(10_000)].concat(), "core modules"),
        (with_section(TYPE, &list(100_000, &[0x7f])), "types"),
        (with_section(TYPE, &declaring(100_000)), "types"),
        (with_section(TYPE, &list(1_000, &declaring(100)[1..])), "types"),
        (with_section(CORE_TYPE, &core_declaring(100_000)), "types"),
        (with_section(CORE_TYPE, &list(1_000, &core_declaring(100)[1..])), "types"),
        // A core type in a type of a component, and in one of an instance.
        (with_section(TYPE, &[&[1, 0x41, 1, 0][..], &core_declaring(100_000)[1..]].concat()), "types"),
        (with_section(TYPE, &[&[1, 0x42, 1, 0][..], &core_declaring(100_000)[1..]].concat()), "types"),
        (module("(type (func))", 100_000), "types"),
        (with_section(CORE_INSTANCE, &list(100_000, &[1, 0])), "imports, exports, aliases and instances"),
        (module("(func)", 100_000), "functions"),
        (module("(global i32 (i32.const 0))", 100_000), "tables, memories and globals"),
        (module("(table 1 funcref)", 50_000), "tables, memories and globals"),
        (with_module(&format!("(module (memory 1) {})", "(data \"\")".repeat(50_000))), "data segments"),
        (module("(elem func)", 50_000), "element segments"),
        (with_module(&format!("(module (func {}))", "nop ".repeat(1 << 20))), "bytes of one function"),
        (with_module("(module (memory 65536))"), "bytes of memory from the start"),
        (with_module("(module (table 10000000 funcref))"), "elements of a table from the start"),
        (instantiating("(module)", 1_000), "core modules instantiated"),
        (instantiating("(module (memory 0))", 60), "memories instantiated"),
        (instantiating("(module (table 0 funcref))", 60), "tables instantiated"),
        (multiplied(10), "core modules instantiated"),
        (with_section(0, &[&leb(0)[..], &vec![0; 60_000_000]].concat()), "bytes"),
    ]
}

#[test]
fn bombs_are_refused_by_the_limit_they_break() {
    let engine = engine();
    for (bytes, limit) in bombs() {
        match engine.load(&bytes) {
            Err(LoadError::TooMuch { what, found, most }) => {
                assert_eq!(what, limit);
                assert!(found > most, "{limit}: {found} > {most}");
            }
            other => panic!("{limit}: {other:?}"),
        }
    }
    is_well(&engine);
}

/// Limits that let everything through to the compiler.
pub fn boundless() -> ComponentLimits {
    let most = 1 << 30;
    ComponentLimits {
        bytes: most,
        depth: most,
        components: most,
        modules: most,
        functions: most,
        function_bytes: most,
        types: most,
        items: most,
        data_segments: most,
        element_segments: most,
        globals: most,
        ..ComponentLimits::default()
    }
}

/// Without the limits the compiler has to deal with them, in a process of its own: the host gets an answer in time,
/// whatever that process comes to.
#[test]
fn bombs_without_limits_end_in_time() {
    let component = ComponentLimits { compile_ms: 1_000, ..boundless() };
    let config = EngineConfig { component, table_elements: 1 << 24, ..limits() };
    let engine = Engine::new(config).unwrap().with_compiler(worker());
    for (bytes, limit) in bombs() {
        let began = Instant::now();
        let loaded = engine.load(&bytes);
        assert!(began.elapsed() < Duration::from_secs(60), "{limit} took {:?}", began.elapsed());
        if let Ok(rule) = loaded {
            let began = Instant::now();
            let _ = engine.activate(&rule, &policy(), &register());
            assert!(began.elapsed() < Duration::from_secs(60), "{limit} took {:?}", began.elapsed());
        }
    }
    is_well(&engine);
}

/// Sixty megabytes that the host may look at are looked at, and what they ask for is refused.
#[test]
fn sixty_megabytes_under_raised_limits() {
    let engine = engine_for(ComponentLimits { bytes: 64 << 20, ..ComponentLimits::default() });
    let harmless = with_section(0, &[&leb(0)[..], &vec![0; 60_000_000]].concat());
    let rule = engine.load(&harmless).unwrap();
    engine.activate(&rule, &policy(), &register()).unwrap();
    // As code: no function of it is larger than it may be. What is never reached is read, and costs little to compile.
    let constant = "i64.const -9223372036854775808 drop ";
    let function = format!("(func unreachable {})", constant.repeat(20_000));
    let code = with_module(&format!("(module {})", function.repeat(255)));
    assert!((60_000_000..64 << 20).contains(&code.len()), "{}", code.len());
    let rule = engine.load(&code).unwrap();
    assert_eq!(
        engine.activate(&rule, &policy(), &register()).unwrap().decide(&query()).0,
        Ok(Ruling::Abstain)
    );
    // As data that nobody uses, in segments.
    let segment = format!("(data \"{}\")", "x".repeat(1 << 20));
    let data = with_module(&format!("(module {})", segment.repeat(58)));
    assert!((60_000_000..64 << 20).contains(&data.len()), "{}", data.len());
    let rule = engine.load(&data).unwrap();
    assert_eq!(
        engine.activate(&rule, &policy(), &register()).unwrap().decide(&query()).0,
        Ok(Ruling::Abstain)
    );
    // As data of a memory that is larger than a rule may have.
    let guest = Guest { data: vec![7; 5_000_000], ..Guest::default() };
    let text = guest.text().replace(r#"(memory (export "memory") 4)"#, r#"(memory (export "memory") 1000)"#);
    let error = refused_by(&engine, &crate::common::guest::component_of(&text));
    let (found, most) = (1000 << 16, MEMORY);
    let what = "bytes of memory from the start".to_owned();
    assert_eq!(error, LoadError::TooMuch { what, found, most });
}

/// Machine code that is more than the host keeps, wherever it is compiled.
#[test]
pub fn more_machine_code_than_the_host_takes() {
    let most = 1_000;
    let component = ComponentLimits { code_bytes: most, ..ComponentLimits::default() };
    for engine in [engine_for(component), engine_for(component).with_compiler(worker())] {
        match engine.load(&Guest::default().component()).unwrap_err() {
            LoadError::TooMuch { what, found, most: limit } => {
                assert_eq!((what.as_str(), limit), ("bytes of machine code", most));
                assert!(found > most);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Several memories count together.
#[test]
fn memories_that_are_too_much_together() {
    let module = section(MODULE, &wat::parse_str("(module (memory 40))").unwrap());
    // The good guest has one module: these are number 1 and 2, each instantiated without arguments.
    let instances = section(CORE_INSTANCE, &[2, 0, 1, 0, 0, 2, 0]);
    let bytes = [Guest::default().component(), module.repeat(2), instances].concat();
    let most = LoadError::Describe(RuleFault::OutOfMemory { limit: MEMORY });
    assert_eq!(refused(&bytes), most);
}

/// A function within its bytes that is a lot of work: in the end it is compiled, or the time is over.
#[test]
pub fn a_compilation_that_takes_too_long() {
    let component = ComponentLimits { compile_ms: 400, ..boundless() };
    let text = format!("(module {})", slow_function(1_000, 1_000).repeat(20));
    let program = crate::worker::unmistakable("paasla-slow");
    let engine = engine_for(component)
        .with_compiler(paasla_engine::Compiler::Worker { program: program.clone(), arguments: vec![] });
    let bytes = with_module(&text);
    let began = Instant::now();
    assert_eq!(engine.load(&bytes).unwrap_err(), LoadError::CompileTime { limit_ms: 400 });
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(!crate::worker::is_running(&program), "the worker is gone");
    std::fs::remove_file(&program).unwrap();
    let engine = engine_for(ComponentLimits { compile_ms: 20_000, ..component }).with_compiler(worker());
    is_well(&engine);
}

/// A compiler that may not have the memory that it needs.
#[test]
pub fn a_compilation_that_takes_too_much_memory() {
    let text = format!("(module {})", slow_function(100, 2_000).repeat(20));
    let bytes = with_module(&text);
    let limit = 64 << 20;
    let component = ComponentLimits { compile_bytes: limit, ..boundless() };
    let engine = engine_for(component).with_compiler(worker());
    assert_eq!(engine.load(&bytes).unwrap_err(), LoadError::CompileMemory { limit });
    // What a good rule needs is less.
    is_well(&engine);
}
