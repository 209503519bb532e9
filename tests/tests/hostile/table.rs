// SPDX-License-Identifier: Apache-2.0
//! Hostile components, one in a row, and what the host says of each.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a row that cannot be made fails the test")]

use crate::guests::{
    answer::{
        CONFIGURE, condition, declared, exception, image, narrowing, obligation, reason, refusal, row_ruling,
        value, words,
    },
    guest::{BUMP, Guest, WIT, component_of, component_with},
};

/// A component, by what it does.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) component: Vec<u8>,
    /// What stands of it in the record (a ruling that breaks), or the code of the problem (one that does not get in).
    pub(crate) expected: &'static str,
}

fn row(name: &'static str, guest: &Guest, expected: &'static str) -> Row {
    Row { name, component: guest.component(), expected }
}

/// A field that the query asks for, by its place in the register's description: a rule may narrow no other.
const FAMILY_NAME: u32 = 2;

const LOOP: &str = "(loop (br 0)) unreachable";
const FUEL: &str = "fault: out-of-fuel";
const MEMORY: &str = "fault: out-of-memory";
const TRAP: &str = "fault: trap";
const UNREADABLE: &str = "fault: unreadable-output";
const FORBIDDEN: &str = "fault: forbidden-output";
const AFTER_DECIDE: &str = "cabi_post_paasla:rule/ruling@0.1.0#decide";
const AFTER_REVIEW: &str = "cabi_post_paasla:rule/ruling@0.1.0#review";

fn deciding(decide: &'static str) -> Guest {
    Guest { decide, ..Guest::default() }
}

fn returning(data: Vec<u8>) -> Guest {
    Guest { decide: "i32.const 2048", data, ..Guest::default() }
}

fn exceptions(list: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(list.len()).unwrap_or(0);
    narrowing((2500, count), (0, 0), (0, 0), &[(2500, list.concat())])
}

/// A narrowing with a list that is no list of exceptions.
fn list(at: u32, length: u32) -> Vec<u8> {
    narrowing((at, length), (0, 0), (0, 0), &[])
}

/// Asks for a review of what it narrows, and answers it with row rulings.
fn reviewing(exceptions: &[Vec<u8>], rows: &[Vec<u8>], more: &[(usize, Vec<u8>)]) -> Guest {
    let (many, count) = (u32::try_from(exceptions.len()).unwrap(), u32::try_from(rows.len()).unwrap());
    let answer = words((3100, count));
    let parts = [(2076, vec![1]), (2500, exceptions.concat()), (3000, answer), (3100, rows.concat())];
    let data = narrowing((2500, many), (0, 0), (0, 0), &[&parts[..], more].concat());
    Guest { review: "i32.const 3000", ..returning(data) }
}

/// What gets in, and breaks over a query.
pub(crate) fn rulings() -> Vec<Row> {
    let all = [endless(), of_memory(), traps(), unreadable(), forbidden(), of_reviews()];
    all.into_iter().flatten().collect()
}

fn endless() -> Vec<Row> {
    let deeper = "(func $f (result i32) (i32.add (call $f) (i32.const 1)))";
    let copies =
        "(loop (memory.copy (i32.const 0) (i32.const 131072) (i32.const 131072)) (br 0)) unreachable";
    let table = "(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable";
    let table = Guest { more: "(table $t 1 funcref)", ..deciding(table) };
    let after = |body: &str| {
        let more = format!(r#"(func (export "{AFTER_DECIDE}") (param i32) {body})"#).leak();
        Guest { more, ..Guest::default() }
    };
    vec![
        row("a loop", &deciding(LOOP), FUEL),
        row("a loop of large copies", &deciding(copies), FUEL),
        row("recursion", &Guest { more: deeper, ..deciding("(call $f)") }, "fault: out-of-stack"),
        row("a loop after the answer", &after("(loop (br 0))"), FUEL),
        row("a trap after the answer", &after("unreachable"), TRAP),
        row("a table without end", &table, "fault: out-of-table"),
        Row { name: "handles without end", component: resourceful(), expected: "fault: out-of-handles" },
    ]
}

/// Makes handles of a resource of its own, and keeps them.
fn resourceful() -> Vec<u8> {
    let import = r#"(module (import "[export]paasla:rule/things@0.1.0" "[resource-new]thing"
                      (func $new (param i32) (result i32)))"#;
    let text = deciding("(loop (drop (call $new (i32.const 0))) (br 0)) unreachable").text();
    let wit = WIT.replace("export ruling;", "export ruling;\n export things;");
    component_with(&text.replacen("(module", import, 1), &(wit + "\ninterface things { resource thing; }"))
}

fn of_memory() -> Vec<Row> {
    let growing = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let used = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                (memory.fill (i32.const 262144) (i32.const 7) (i32.const 100000)) unreachable";
    let looking = "(if (i32.ne (i32.load8_u (i32.load (local.get 0))) (i32.const 48)) (then unreachable))
                   (i32.const 1024)";
    // It breaks once it is configured: over the query only.
    let configure = "(i32.store (i32.const 8000) (i32.const 1)) (i32.const 1024)";
    let realloc = |text: &str| {
        let realloc = format!("(if (i32.load (i32.const 8000)) (then {text})) {BUMP}").leak();
        Guest { realloc, configure, ..Guest::default() }
    };
    let same_place =
        format!("(if (i32.load (i32.const 8000)) (then (return (i32.const 65536)))) {BUMP}").leak();
    let same_place = Guest { realloc: same_place, configure, ..deciding(looking) };
    vec![
        row("all memory at once", &deciding("(drop (memory.grow (i32.const 60000))) unreachable"), MEMORY),
        row("memory page by page", &deciding(growing), MEMORY),
        row("all memory, and written to", &deciding(used), MEMORY),
        row("realloc beyond memory", &realloc("(return (i32.const -65536))"), UNREADABLE),
        row("realloc that is not aligned", &realloc("(return (i32.const 65537))"), UNREADABLE),
        row("realloc that traps", &realloc("unreachable"), TRAP),
        row("realloc that loops", &realloc(LOOP), FUEL),
        row("realloc that gives the same place twice, and a look at what is there", &same_place, TRAP),
    ]
}

fn traps() -> Vec<Row> {
    let more = "(table 2 funcref) (elem (i32.const 1) $none) (func $none)";
    let trap = |name, decide| row(name, &Guest { more, ..deciding(decide) }, TRAP);
    let other_type = "(call_indirect (param i64) (result i32) (i64.const 0) (i32.const 1))";
    let write = "(memory.fill (i32.const 262143) (i32.const 0) (i32.const 2)) (i32.const 1024)";
    vec![
        trap("unreachable", "unreachable"),
        trap("a division by zero", "(i32.div_u (i32.const 1) (i32.const 0))"),
        trap("an overflow", "(i32.div_s (i32.const -2147483648) (i32.const -1))"),
        trap("no number as a number", "(i32.trunc_f32_s (f32.const nan))"),
        trap("a read beyond memory", "(i32.load (i32.const -4))"),
        trap("a write beyond memory", write),
        trap("a call of nothing", "(call_indirect (result i32) (i32.const 0))"),
        trap("a call beyond the table", "(call_indirect (result i32) (i32.const 7))"),
        trap("a call of another type", other_type),
    ]
}

fn unreadable() -> Vec<Row> {
    let mut text = exceptions(&[exception(FAMILY_NAME, Some((2330, 7)), 0)]);
    text[2330 - 2048..2332 - 2048].copy_from_slice(&[0xff, 0xfe]);
    let grown = "(drop (memory.grow (i32.const 60))) (i32.const 2048)";
    let many = Guest { decide: grown, ..returning(list(262_144, 100_000)) };
    vec![
        row("an answer beyond memory", &deciding("i32.const -16"), UNREADABLE),
        row("an answer that is not aligned", &deciding("i32.const 2049"), UNREADABLE),
        row("a case that does not exist", &returning(vec![9]), UNREADABLE),
        row("a list beyond memory", &returning(list(0xffff_0000, 1)), UNREADABLE),
        row("a list of absurd length", &returning(list(2500, 0x0fff_ffff)), UNREADABLE),
        row("a text that is no UTF-8", &returning(text), UNREADABLE),
        row("a list of many", &many, "fault: output-too-large"),
    ]
}

fn forbidden() -> Vec<Row> {
    let good = || exception(FAMILY_NAME, None, 0);
    let absent = condition(0, 6, &value(0, &[]), 0);
    let condition = narrowing((0, 0), (2504, 1), (0, 0), &[(2504, absent)]);
    let mut show = exceptions(&[exception(FAMILY_NAME, Some((2330, 4)), 0)]);
    show[2330 - 2048..2334 - 2048].copy_from_slice(b"show");
    let obligation = narrowing((0, 0), (0, 0), (2500, 1), &[(2500, obligation((2330, 7), (0, 0)))]);
    let forbidden = |name, data| row(name, &returning(data), FORBIDDEN);
    vec![
        forbidden("a field that does not exist", exceptions(&[exception(77, None, 0)])),
        forbidden("two exceptions for one field", exceptions(&[good(), good()])),
        forbidden("a mask that nobody knows", exceptions(&[exception(FAMILY_NAME, Some((2330, 7)), 0)])),
        forbidden("a ruling that tries to widen", show),
        forbidden("a reason that does not exist", exceptions(&[exception(FAMILY_NAME, None, 5)])),
        forbidden("a condition on what was not declared", condition),
        forbidden("an obligation that nobody knows", obligation),
        forbidden("a refusal for a reason that was not declared", refusal(5)),
    ]
}

fn of_reviews() -> Vec<Row> {
    let body = |review| Guest { review, ..reviewing(&[], &[], &[]) };
    let after = |body: &str| {
        let more = format!(r#"(func (export "{AFTER_REVIEW}") (param i32) {body})"#).leak();
        Guest { more, ..reviewing(&[], &[], &[]) }
    };
    let beyond = reviewing(&[], &[row_ruling(9, (0, 0))], &[]);
    // What `decide` hid, `review` would give an exception that says "show".
    let hidden = [exception(FAMILY_NAME, None, 0)];
    let shown = [(3304, exception(FAMILY_NAME, Some((2330, 4)), 0)), (2330, b"show".to_vec())];
    let widening = reviewing(&hidden, &[row_ruling(0, (3304, 1))], &shown);
    vec![
        row("a loop in the review", &body(LOOP), "narrow, review: fault: out-of-fuel"),
        row("a trap in the review", &body("unreachable"), "narrow, review: fault: trap"),
        row("a review beyond memory", &body("i32.const -16"), "narrow, review: fault: unreadable-output"),
        row("a loop after the review", &after("(loop (br 0))"), "narrow, review: fault: out-of-fuel"),
        row("a trap after the review", &after("unreachable"), "narrow, review: fault: trap"),
        row("a row that does not exist", &beyond, "narrow, review: fault: forbidden-output"),
        row("a review that tries to widen", &widening, "narrow, review: fault: forbidden-output"),
    ]
}

/// What does not get in, by the code of its problem.
pub(crate) fn refused() -> Vec<Row> {
    let raw = |name, component: Vec<u8>, expected| Row { name, component, expected };
    let good = Guest::default();
    let half = good.component();
    let half = half[..half.len() / 2].to_vec();
    let head = b"\0asm\x0d\0\x01\0".to_vec();
    let nested = [head.clone(), [&[4, 8][..], &head].concat().repeat(10_000)].concat();
    let within = |text: String| wat::parse_str(format!("(component {text})")).unwrap();
    let instances = format!("(core module $m) {}", "(core instance (instantiate $m)) ".repeat(100));
    let import = r#"(import "wasi:io/poll@0.2.0" (instance))"#.to_owned();
    let without_review = component_with(
        &good.text(),
        &WIT.replace("review: func(query: query, rows: list<row>) -> reviewed;", ""),
    );
    let large = good.text().replace("\"memory\") 4)", "\"memory\") 60000)");
    // A section that nobody reads: its number, its length, and an empty name.
    let padding = [&[0, 0xc0, 0xa8, 0xa5, 4, 0][..], &vec![0; 8_999_999]].concat();
    let describing = |name, describe, expected| row(name, &Guest { describe, ..Guest::default() }, expected);
    let starting = |name, body: &str, expected| {
        let more = format!("(func $start {body}) (start $start)").leak();
        row(name, &Guest { more, ..Guest::default() }, expected)
    };
    vec![
        raw("a script", b"#!/bin/sh\n".to_vec(), "component_invalid"),
        raw("machine code", b"\x7fELF\x02\x01\x01\0".to_vec(), "component_invalid"),
        raw("text", b"(component)".to_vec(), "component_invalid"),
        raw("half of a rule", half, "component_invalid"),
        raw("a core module", wat::parse_str(good.text()).unwrap(), "core_module"),
        raw("an import", within(import), "imports"),
        raw("nothing", within(String::new()), "wrong_world"),
        raw("without a review", without_review, "wrong_world"),
        raw("ten thousand components", nested, "component_unfit"),
        raw("many types", within("(type u8) ".repeat(100_000)), "component_unfit"),
        raw("many instances", within(instances), "component_unfit"),
        raw("a memory that is too large from the start", component_of(&large), "component_unfit"),
        raw("nine megabytes", [good.component(), padding].concat(), "component_unfit"),
        describing("a loop in `describe`", LOOP, "description_invalid"),
        describing("a trap in `describe`", "unreachable", "describe_fault"),
        describing("a description beyond memory", "i32.const -16", "description_invalid"),
        starting("a loop at the start", "(loop (br 0))", "description_invalid"),
        starting("a trap at the start", "unreachable", "describe_fault"),
    ]
}

/// What gets in, and of which no policy can be made.
pub(crate) fn not_activated() -> Vec<Row> {
    let configuring = |name, configure| row(name, &Guest { configure, ..Guest::default() }, "settings_fault");
    let declaring = |name, reasons: &[Vec<u8>]| {
        let texts = [(2300, b"hostile".to_vec()), (2310, b"because".to_vec()), (2320, b"host.ok".to_vec())];
        let data = image(&[texts.to_vec(), declared(reasons)].concat());
        row(name, &Guest { configure: CONFIGURE, data, ..Guest::default() }, "settings_fault")
    };
    let most =
        "(if (i32.eq (memory.grow (i32.const 300)) (i32.const -1)) (then unreachable)) (i32.const 1024)";
    vec![
        configuring("a loop in `configure`", LOOP),
        configuring("a trap in `configure`", "unreachable"),
        configuring("problems beyond memory", "i32.const -16"),
        configuring("more memory than a ruling gets", most),
        declaring("too many reasons", &vec![reason((2300, 7), (2310, 7), None); 1_001]),
        declaring("a reason without a code", &[reason((2300, 0), (2310, 7), None)]),
        declaring("a reason of the host's", &[reason((2320, 7), (2310, 7), None)]),
        declaring("a reason under a provision that is not there", &[reason((2300, 7), (2310, 7), Some(0))]),
    ]
}

/// One that hides the first field, and one that would have it masked only.
pub(crate) fn hiding_and_masking() -> [Vec<u8>; 2] {
    let mut masking = exceptions(&[exception(FAMILY_NAME, Some((2330, 7)), 0)]);
    masking[2330 - 2048..2337 - 2048].copy_from_slice(b"initial");
    [exceptions(&[exception(FAMILY_NAME, None, 0)]), masking].map(|data| returning(data).component())
}
