// SPDX-License-Identifier: Apache-2.0
//! What makes an entry another one: all that the code depends on, and nothing else.

use std::sync::Arc;

use paasla_core::Register;
use paasla_engine::{AnswerLimits, ComponentLimits, Engine, EngineConfig, LoadError, Setup};

use crate::{
    cached,
    common::{answer::repeating, engine, guest::Guest, limits, register},
    filled, made, made_for, no_compiler,
};

#[test]
fn other_limits_settings_or_components_are_other_entries() {
    let (_home, folder) = filled();
    let usual = limits();
    let components = ComponentLimits { items: usual.component.items - 1, ..usual.component };
    let setup = Setup { configure_fuel: usual.setup.configure_fuel - 1, ..usual.setup };
    let answer = AnswerLimits { described: usual.answer.described - 1, ..usual.answer };
    let fewer_reasons = AnswerLimits { reasons: usual.answer.reasons - 1, ..usual.answer };
    for config in [
        EngineConfig { component: components, ..usual.clone() },
        EngineConfig { setup, ..usual.clone() },
        EngineConfig { answer, ..usual.clone() },
        EngineConfig { answer: fewer_reasons, ..usual.clone() },
        EngineConfig { stack_bytes: usual.stack_bytes / 2, ..usual.clone() },
        EngineConfig { table_elements: usual.table_elements - 1, ..usual },
    ] {
        let engine = cached(Engine::new(config.clone()).unwrap(), &folder);
        let error = made(&engine.clone().with_compiler(no_compiler()), &repeating().component(), "one");
        assert!(error.is_err(), "{config:?}");
        made(&engine, &repeating().component(), "one").unwrap();
    }
    let dry = cached(engine(), &folder).with_compiler(no_compiler());
    assert!(made(&dry, &repeating().component(), "two").is_err(), "other settings");
    let longer = Guest { data: vec![9], ..repeating() }.component();
    assert!(made(&dry, &longer, "one").is_err(), "another component");
    assert!(made(&dry, &repeating().component(), "one").is_ok());
}

/// A rule is configured with what the register holds, so code of another register is other code, however little differs.
#[test]
fn another_register_is_another_entry() {
    let (_home, folder) = filled();
    let dry = cached(engine(), &folder).with_compiler(no_compiler());
    let component = repeating().component();
    let same = Arc::new(Register::new(register().fields().to_vec(), register().row_facts().to_vec()));
    let hit = made_for(&dry, &component, "one", &same).unwrap();
    assert_eq!(hit.reasons(), made(&engine(), &component, "one").unwrap().reasons());
    let mut fields = register().fields().to_vec();
    Arc::make_mut(&mut fields[1].field).special = true;
    let special = Register::new(fields, register().row_facts().to_vec());
    let fewer_facts = Register::new(register().fields().to_vec(), vec![]);
    let wet = cached(engine(), &folder);
    for other in [special, fewer_facts].map(Arc::new) {
        assert_ne!(other.digest(), register().digest());
        let error = made_for(&dry, &component, "one", &other).unwrap_err();
        assert_eq!(error, LoadError::Crashed("crashed".to_owned()));
        let policy = made_for(&wet, &component, "one", &other).unwrap();
        assert_eq!(policy.register().digest(), other.digest());
        made_for(&dry, &component, "one", &other).unwrap();
    }
}

/// What a policy may use at each ruling changes no code.
#[test]
fn other_rations_are_the_same_entries() {
    let (_home, folder) = filled();
    let mut config = limits();
    config.ration.fuel -= 1;
    config.deadline_ms -= 1;
    let engine = cached(Engine::new(config).unwrap(), &folder).with_compiler(no_compiler());
    made(&engine, &repeating().component(), "one").unwrap();
}
