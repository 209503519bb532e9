// SPDX-License-Identifier: Apache-2.0

use std::fmt::Write as _;

use proptest::prelude::*;
use wasmtime::{Engine, Instance as Running, Module as Code, Store, Trap, Val};

use super::*;

/// Functions of the only module that still have a body.
fn left(component: &[u8]) -> Vec<u32> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            functions.push(body);
        }
    }
    let bodies = (0_u32..).zip(functions);
    bodies.filter(|(_, body)| body.as_bytes() != UNREACHABLE).map(|(number, _)| number).collect()
}

fn of(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Four functions of a rule's types, the rest of a module and of a component given.
fn rule(module: &str, component: &str) -> Vec<u8> {
    of(&format!(
        r#"(component
            (core module $m
                (type $plain (func))
                (type $two (func (param i32 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "describe") (result i32) (call 6) (i32.const 0))
                (func (export "configure") (param i32 i32 i32) (result i32) (call 6) (i32.const 0))
                (func (export "decide") (param i32 i32) (result i32) (call 7) (i32.const 0))
                (func (export "review") (param i32 i32) (result i32) (i32.const 0))
                (func (export "post") (param i32) (call 8))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                (func (call 9))
                (func)
                (func)
                (func)
                {module})
            (core instance $i (instantiate $m))
            (type $query (record (field "client" string)))
            (export $q "query" (type $query))
            (alias core export $i "memory" (core memory $memory))
            (alias core export $i "realloc" (core func $realloc))
            (alias core export $i "post" (core func $post))
            (func (export "describe") (result string)
                (canon lift (core func $i "describe") (memory $memory)))
            (func (export "configure") (param "settings" string) (param "register" u32) (result string)
                (canon lift (core func $i "configure") (memory $memory) (realloc $realloc)))
            (func (export "decide") (param "query" $q) (result string)
                (canon lift (core func $i "decide") (memory $memory) (realloc $realloc)
                    (post-return $post)))
            (func (export "review") (param "query" u32) (param "rows" u32) (result string)
                (canon lift (core func $i "review") (memory $memory) (realloc $realloc)))
            {component})"#
    ))
}

#[test]
fn what_only_reads_settings_and_describes_is_left_out() {
    let before = rule("", "");
    let after = pruned(&before).unwrap();
    assert_eq!(left(&before), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(left(&after), [2, 3, 4, 5, 7, 8]);
    Validator::new().validate_all(&after).unwrap();
    assert_eq!(pruned(&after).unwrap(), after);
}

#[test]
fn what_may_be_called_through_a_table_or_at_the_start_stays() {
    // 10 calls through a table a type that 9 and 1 are not of; 11 and 12 are, and 12 is only in a global.
    let more = r"
        (table $t 8 funcref)
        (func $ten (param i32 i32) (result i32) (call 13))
        (func $eleven (param f32) (call 14))
        (func $twelve (param f32))
        (func)
        (func)
        (func $caller (call_indirect $t (type $taking) (f32.const 1) (i32.const 0)))
        (func $lonely (param f32) (call $ten (i32.const 1) (i32.const 1)) drop)
        (type $taking (func (param f32)))
        (elem (table $t) (i32.const 0) func $ten $eleven 9)
        (global funcref (ref.func $twelve))
        (start $caller)";
    assert_eq!(left(&pruned(&rule(more, "")).unwrap()), [2, 3, 4, 5, 7, 8, 11, 12, 14, 15]);
    let named = r#"
        (table $t 8 funcref)
        (elem declare func $given)
        (func $ten (param f32) (table.set $t (i32.const 0) (ref.func $given)))
        (func $given)
        (func $caller (call $ten (f32.const 1)))
        (start $caller)"#;
    assert_eq!(left(&pruned(&rule(named, "")).unwrap()), [2, 3, 4, 5, 7, 8, 10, 11, 12]);
}

#[test]
fn a_component_that_is_not_simple_is_left_as_it_is() {
    let modules = [
        "(core module $other)",
        "(core instance (instantiate $m))",
        r#"(core instance (export "again" (func $post)))"#,
        "(core type (func))",
        "(component (core module))",
        "(component (core module $o) (core instance (instantiate $o)))",
        "(component $c (import \"m\" (core module $o)) (core instance (instantiate $o)))
         (instance (instantiate $c (with \"m\" (core module $m))))",
    ];
    for more in modules {
        let component = rule("", more);
        assert!(pruned(&component).unwrap() == component, "{more}");
    }
    let importing = of(r#"(component (core module (import "a" "b" (func)) (func)))"#);
    assert_eq!(pruned(&importing).unwrap(), importing);
    assert!(pruned(b"no component").is_err());
}

/// What a function does, one after another.
#[derive(Debug, Clone)]
enum Step {
    Call(usize),
    CallAt { of_type: usize, place: usize },
    Put { place: usize, function: usize },
}

/// Functions, each with the number of its type; which of them the table begins with, and which are called.
#[derive(Debug, Clone)]
struct Drawn {
    functions: Vec<(usize, Vec<Step>)>,
    table: Vec<usize>,
    called: Vec<bool>,
}

const FUNCTIONS: usize = 9;
const PLACES: usize = 6;
/// The first and the last are the same type.
const TYPES: [&str; 3] = ["", "(param i32)", ""];

fn drawn() -> impl Strategy<Value = Drawn> {
    let step = || {
        prop_oneof![
            3 => (0..FUNCTIONS).prop_map(Step::Call),
            3 => (0..TYPES.len(), 0..PLACES).prop_map(|(of_type, place)| Step::CallAt { of_type, place }),
            1 => (0..PLACES, 0..FUNCTIONS).prop_map(|(place, function)| Step::Put { place, function }),
        ]
    };
    let function = (0..TYPES.len(), prop::collection::vec(step(), 0..3));
    let functions = prop::collection::vec(function, FUNCTIONS);
    let table = prop::collection::vec(0..FUNCTIONS, 0..PLACES);
    let called = prop::collection::vec(prop::bool::weighted(0.3), FUNCTIONS);
    (functions, table, called).prop_map(|(functions, table, called)| Drawn { functions, table, called })
}

impl Drawn {
    /// Each function notes that it ran.
    fn module(&self) -> Vec<u8> {
        let given = |of_type: usize| if TYPES[of_type].is_empty() { "" } else { "(i32.const 1)" };
        let mut text = format!(
            "(module (table {PLACES} funcref) (global $ran (export \"ran\") (mut i64) (i64.const 0))"
        );
        for (number, of_type) in TYPES.iter().enumerate() {
            write!(text, "(type $t{number} (func {of_type}))").unwrap();
        }
        for (number, (of_type, steps)) in self.functions.iter().enumerate() {
            write!(text, "(func $f{number} (export \"f{number}\") (type $t{of_type})").unwrap();
            write!(
                text,
                "(global.set $ran (i64.add (i64.mul (global.get $ran) (i64.const 31)) (i64.const {number})))"
            )
            .unwrap();
            for step in steps {
                match step {
                    Step::Call(to) => write!(text, "(call $f{to} {})", given(self.functions[*to].0)),
                    Step::CallAt { of_type, place } => {
                        write!(
                            text,
                            "(call_indirect (type $t{of_type}) {} (i32.const {place}))",
                            given(*of_type)
                        )
                    }
                    Step::Put { place, function } => {
                        write!(text, "(table.set (i32.const {place}) (ref.func $f{function}))")
                    }
                }
                .unwrap();
            }
            text.push(')');
        }
        let names = |of: &mut dyn Iterator<Item = usize>| of.map(|f| format!("$f{f} ")).collect::<String>();
        write!(text, "(elem (i32.const 0) func {})", names(&mut self.table.iter().copied())).unwrap();
        let named = self.functions.iter().flat_map(|(_, steps)| steps);
        let mut named = named.filter_map(|step| match step {
            Step::Put { function, .. } => Some(*function),
            _ => None,
        });
        write!(text, "(elem declare func {}))", names(&mut named)).unwrap();
        of(&text)
    }

    fn names(&self) -> Vec<String> {
        let called = self.called.iter().enumerate().filter(|(_, is_called)| **is_called);
        called.map(|(number, _)| format!("f{number}")).collect()
    }
}

/// What comes of calling each of the functions, one after another in one instance: the fuel that it took, what ran, and
/// how it ended.
fn outcomes(engine: &Engine, module: &[u8], names: &[String]) -> Vec<(u64, i64, Option<Trap>)> {
    let mut store = Store::new(engine, ());
    store.set_fuel(2_000).unwrap();
    let instance = Running::new(&mut store, &Code::new(engine, module).unwrap(), &[]).unwrap();
    let ran = instance.get_global(&mut store, "ran").unwrap();
    let mut outcome = |name: &String| {
        store.set_fuel(2_000).unwrap();
        let function = instance.get_func(&mut store, name).unwrap();
        let given = vec![Val::I32(1); function.ty(&store).params().len()];
        let trap =
            function.call(&mut store, &given, &mut []).err().map(|error| *error.downcast_ref().unwrap());
        (store.get_fuel().unwrap(), ran.get(&mut store).unwrap_i64(), trap)
    };
    names.iter().map(&mut outcome).collect()
}

proptest! {
    #[test]
    fn functions_that_are_called_do_the_same_with_the_same_fuel(drawn in drawn()) {
        let mut settings = wasmtime::Config::new();
        settings.consume_fuel(true);
        let engine = Engine::new(&settings).unwrap();
        let (before, names) = (drawn.module(), drawn.names());
        let after = pruned_module(&before, &names.iter().map(String::as_str).collect()).unwrap();
        prop_assert_eq!(outcomes(&engine, &before, &names), outcomes(&engine, &after, &names));
    }
}
