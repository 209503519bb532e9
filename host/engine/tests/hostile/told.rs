// SPDX-License-Identifier: Apache-2.0
//! What a rule is told: of the register when it is configured, and of a query afterwards.

use std::sync::Arc;

use paasla_core::{Query, Register, RegisterField, RowFact, Ruling, Value};

use crate::common::{
    activate,
    answer::{condition, image, narrowing, value, words},
    engine,
    guest::Guest,
    policy, query, register,
};

/// A rule that declares everything that it was told of the register, each text a reason's message.
fn repeating() -> Guest {
    Guest {
        configure: "
            (local $field i32) (local $end i32) (local $text i32) (local $texts i32)
            (local.set $field (local.get 2))
            (local.set $end (i32.add (local.get 2) (i32.mul (local.get 3) (i32.const 56))))
            (block $done (loop $next
              (br_if $done (i32.ge_u (local.get $field) (local.get $end)))
              (call $say (local.get $field))
              (if (i32.load8_u offset=8 (local.get $field))
                (then (call $say (i32.add (local.get $field) (i32.const 12)))))
              (call $say (i32.add (local.get $field) (i32.const 20)))
              (call $say (i32.add (local.get $field) (i32.const 28)))
              (call $say (i32.add (local.get $field) (i32.const 36)))
              (local.set $text (i32.load offset=44 (local.get $field)))
              (local.set $texts (i32.add (local.get $text)
                (i32.mul (i32.load offset=48 (local.get $field)) (i32.const 8))))
              (block $last (loop $more
                (br_if $last (i32.ge_u (local.get $text) (local.get $texts)))
                (call $say (local.get $text))
                (local.set $text (i32.add (local.get $text) (i32.const 8)))
                (br $more)))
              (if (i32.load8_u offset=52 (local.get $field)) (then (call $say (i32.const 2100))))
              (local.set $field (i32.add (local.get $field) (i32.const 56)))
              (br $next)))
            (local.set $field (local.get 4))
            (local.set $end (i32.add (local.get 4) (i32.mul (local.get 5) (i32.const 36))))
            (block $done (loop $next
              (br_if $done (i32.ge_u (local.get $field) (local.get $end)))
              (call $say (local.get $field))
              (call $say (i32.add (local.get $field) (i32.const 8)))
              (call $say (i32.add (local.get $field) (i32.const 16)))
              (if (i32.load8_u offset=24 (local.get $field))
                (then (call $say (i32.add (local.get $field) (i32.const 28)))))
              (local.set $field (i32.add (local.get $field) (i32.const 36)))
              (br $next)))
            (i32.store (i32.const 2056) (global.get $said))
            (i32.const 2048)",
        more: "(global $said (mut i32) (i32.const 0))
               (func $say (param $text i32)
                 (local $at i32)
                 (local.set $at (i32.add (i32.const 8192) (i32.mul (global.get $said) (i32.const 24))))
                 (i32.store (local.get $at) (i32.const 512))
                 (i32.store offset=4 (local.get $at) (i32.const 7))
                 (i32.store offset=8 (local.get $at) (i32.load (local.get $text)))
                 (i32.store offset=12 (local.get $at) (i32.load offset=4 (local.get $text)))
                 (global.set $said (i32.add (global.get $said) (i32.const 1))))",
        data: image(&[
            (2048, [vec![0; 4], words((8192, 0))].concat()),
            (2100, words((2108, 7))),
            (2108, b"special".to_vec()),
        ]),
        ..Guest::default()
    }
}

/// The texts that [`repeating`] should say.
fn texts(register: &Register) -> Vec<String> {
    let field = |known: &RegisterField| {
        let RegisterField { entity, field } = known;
        let mut texts = vec![entity.clone()];
        texts.extend(field.group.clone());
        texts.extend([field.name.clone(), field.iri.clone(), field.category.clone()]);
        texts.extend(field.reveals.iter().cloned());
        texts.extend(field.special.then(|| "special".to_owned()));
        texts
    };
    let fact = |fact: &RowFact| {
        let mut texts = vec![fact.entity.clone(), fact.name.clone(), fact.kind.to_owned()];
        texts.extend(fact.category.clone());
        texts
    };
    register.fields().iter().flat_map(field).chain(register.row_facts().iter().flat_map(fact)).collect()
}

fn said_of(register: &Arc<Register>) -> Vec<String> {
    let engine = engine();
    let rule = engine.load(&repeating().component()).unwrap();
    let policy = engine.activate(&rule, &policy(), register).unwrap();
    assert_eq!(policy.register(), register);
    policy.reasons().iter().map(|reason| reason.message.clone()).collect()
}

/// All of it, in its order, and nothing else.
#[test]
fn a_rule_is_told_the_register_when_it_is_configured() {
    assert_eq!(said_of(&register()), texts(&register()));
    let mut fields = register().fields().to_vec();
    fields[1].entity = "car".to_owned();
    let field = Arc::make_mut(&mut fields[1].field);
    field.special = true;
    field.reveals = vec!["urn:one".to_owned(), "urn:two".to_owned()];
    Arc::make_mut(&mut fields[2].field).reveals.clear();
    let none = RowFact { category: None, ..register().row_facts()[0].clone() };
    let other = Arc::new(Register::new(fields, vec![none, register().row_facts()[0].clone()]));
    assert_eq!(said_of(&other), texts(&other));
    assert_eq!(said_of(&Arc::new(Register::new(vec![], vec![]))), Vec::<String>::new());
}

/// Fields by their index in the register, and how far ahead of UTC the clocks are: from where they lie in memory.
#[test]
fn a_query_names_fields_by_their_index_in_the_register() {
    // The offset stands at 16, pointer and length of the fields at 204.
    let decide = "(i64.store (i32.const 2520)
                    (i64.add (i64.mul (i64.load32_s offset=16 (local.get 0)) (i64.const 1000000))
                      (i64.add (i64.mul (i64.extend_i32_u (i32.load offset=208 (local.get 0))) (i64.const 1000))
                        (i64.load32_u offset=4 (i32.load offset=204 (local.get 0))))))
                  (i32.const 2048)";
    let number = condition(0, 0, &value(2, &[]), 0);
    let data = narrowing((0, 0), (2504, 1), (0, 0), &[(2504, number)]);
    let guest = Guest { decide, data, row_facts: 1, ..Guest::default() };
    let engine = engine();
    let policy = activate(&engine, &guest);
    let said = |query: &Query| match policy.decide(query).0 {
        Ok(Ruling::Narrow(narrowing)) => narrowing.conditions[0].value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(&query()), Value::Integer(120_003_001));
    let field = |place: usize| Arc::clone(&register().fields()[place].field);
    let other = Query { fields: vec![field(0), field(2)], utc_offset: -180, ..query() };
    assert_eq!(said(&other), Value::Integer(-180_000_000 + 2_002));
}
