// SPDX-License-Identifier: Apache-2.0
//! The same decision in Rego, by regorus: one evaluation for all fields.
//!
//! Policy and data are compiled before; the input is made of each query. `regorus` and `regorus-rvm` do what our rules do:
//! their input is the whole query, as a host must hand it out that does not know what policies look at, and they give a
//! reason for each hidden field. The input of `-tailored` holds only what this policy looks at, and the answer holds no
//! reasons: as fast as Rego can be made by somebody who knows the policy. Both of regorus' ways to evaluate are
//! measured: the interpreter, which its documentation shows, and the virtual machine (`-rvm`), loaded once and given one
//! input after the other, as in its own benchmarks.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use paasla_bench::given::{self, PURPOSES};
use paasla_core::Query;
use regorus::{Engine, Rc, Value, languages::rego::compiler::Compiler, rvm::RegoVM};

/// A purpose needs what any entry for it, or for a broader one, names. A field is shown if every policy needs it; a
/// query is refused if some policy knows nothing of its purpose.
const TAILORED: &str = "
package minimisation
import rego.v1

refused if {
	some policy in data.policies
	count([purpose | some purpose in input.purposes; policy[purpose]]) == 0
}

hidden contains index if {
	some policy in data.policies
	needed := {category | some purpose in input.purposes; some category in policy[purpose]}
	some index, category in input.fields
	not category in needed
}
";

/// The same for an input that is the whole query, as a host hands it out that does not know what policies look at; and
/// with a reason for each hidden field, as our rules give it.
const WHOLE: &str = "
package minimisation
import rego.v1

purposes := array.concat([input.purpose.iri], input.purpose.broader)

hidden contains {\"field\": index, \"code\": \"minimisation.category-not-needed\", \"message\": message} if {
	some policy in data.policies
	needed := {category | some purpose in purposes; some category in policy[purpose]}
	some index, field in input.fields
	not field.category in needed
	message := sprintf(\"The purpose %s does not need data of the category %s.\", [input.purpose.iri, field.category])
}
";

const ROWS: &str = "
package review
import rego.v1

children contains index if {
	some index, born in input.rows
	born > input.latest_adult
}
";

/// How an evaluation is run.
pub(crate) enum Way {
    Interpreter(Box<Engine>, &'static str),
    Machine(Box<RegoVM>),
}

impl Way {
    fn interpreter(policy: &str, data: Value, rule: &'static str) -> Result<Self> {
        let mut engine = Engine::new();
        engine.add_policy("policy.rego".to_owned(), policy.to_owned())?;
        engine.add_data(data)?;
        Ok(Self::Interpreter(Box::new(engine), rule))
    }

    fn machine(policy: &str, data: Value, rule: &'static str) -> Result<Self> {
        let mut engine = Engine::new();
        engine.add_policy("policy.rego".to_owned(), policy.to_owned())?;
        engine.add_data(data.clone())?;
        let compiled = engine.compile_with_entrypoint(&Rc::from(rule))?;
        let program =
            Compiler::compile_from_policy(&compiled, &[rule]).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut machine = RegoVM::new();
        machine.load_program(program);
        // Its usual limit is too little for 10,000 rows; its own benchmarks lift it too.
        machine.set_max_instructions(usize::MAX);
        machine.set_data(data)?;
        Ok(Self::Machine(Box::new(machine)))
    }

    fn eval(&mut self, input: Value) -> Result<Value> {
        match self {
            Self::Interpreter(engine, rule) => {
                engine.set_input(input);
                engine.eval_rule((*rule).to_owned())
            }
            Self::Machine(machine) => {
                machine.set_input(input);
                Ok(machine.execute()?)
            }
        }
    }
}

/// Names of members, made once.
struct Names {
    purposes: Value,
    fields: Value,
}

/// A policy in Rego.
pub(crate) struct Rego {
    way: Way,
    names: Names,
    /// Whether the input is the whole query.
    whole: bool,
}

/// The tables of so many policies, as data: purpose to categories.
fn data(policies: usize) -> Value {
    let table = |policy| {
        let entry = |(nth, (purpose, _)): (usize, &(&str, &[&str]))| {
            let categories: Vec<Value> = given::needed(policy, nth).map(Value::from).collect();
            (Value::from(*purpose), Value::from(categories))
        };
        Value::from(PURPOSES.iter().enumerate().map(entry).collect::<BTreeMap<_, _>>())
    };
    let tables: Vec<Value> = (0..policies).map(table).collect();
    Value::from(BTreeMap::from([(Value::from("policies"), Value::from(tables))]))
}

const HIDDEN: &str = "data.minimisation.hidden";
const REFUSED: &str = "data.minimisation.refused";
const CHILDREN: &str = "data.review.children";

impl Rego {
    fn new(way: Way) -> Self {
        let names = Names { purposes: Value::from("purposes"), fields: Value::from("fields") };
        Self { way, names, whole: false }
    }

    /// What is hidden, from an input made for the policy, by the interpreter.
    pub(crate) fn tailored(policies: usize) -> Result<Self> {
        Ok(Self::new(Way::interpreter(TAILORED, data(policies), HIDDEN)?))
    }

    /// The same by the machine.
    pub(crate) fn tailored_by_machine(policies: usize) -> Result<Self> {
        Ok(Self::new(Way::machine(TAILORED, data(policies), HIDDEN)?))
    }

    /// What is hidden and why, from the whole query, by the interpreter.
    pub(crate) fn whole(policies: usize) -> Result<Self> {
        Ok(Self { whole: true, ..Self::new(Way::interpreter(WHOLE, data(policies), HIDDEN)?) })
    }

    /// What is hidden and why, from the whole query, by the machine.
    pub(crate) fn whole_by_machine(policies: usize) -> Result<Self> {
        Ok(Self { whole: true, ..Self::new(Way::machine(WHOLE, data(policies), HIDDEN)?) })
    }

    /// Whether the query is refused, by the interpreter.
    pub(crate) fn refused(policies: usize) -> Result<Self> {
        Ok(Self::new(Way::interpreter(TAILORED, data(policies), REFUSED)?))
    }

    /// Whether the query is refused, by the machine.
    pub(crate) fn refused_by_machine(policies: usize) -> Result<Self> {
        Ok(Self::new(Way::machine(TAILORED, data(policies), REFUSED)?))
    }

    fn input(&self, query: &Query) -> Value {
        let purposes = std::iter::once(&query.purpose.iri).chain(&query.purpose.broader);
        let purposes: Vec<Value> = purposes.map(|iri| Value::from(iri.as_str())).collect();
        let fields: Vec<Value> =
            query.fields.iter().map(|field| Value::from(field.category.as_str())).collect();
        Value::from(BTreeMap::from([
            (self.names.purposes.clone(), Value::from(purposes)),
            (self.names.fields.clone(), Value::from(fields)),
        ]))
    }

    /// What the policy says of a query.
    pub(crate) fn eval(&mut self, query: &Query) -> Result<Value> {
        let input = if self.whole { Value::from(serde_json::to_value(query)?) } else { self.input(query) };
        self.way.eval(input)
    }

    /// For each field, whether it is shown.
    pub(crate) fn shown(&mut self, query: &Query) -> Result<Vec<bool>> {
        let hidden = self.eval(query)?;
        marked(&hidden, query.fields.len()).map(|hidden| hidden.iter().map(|hidden| !hidden).collect())
    }

    /// Whether the query is refused.
    pub(crate) fn is_refused(&mut self, query: &Query) -> Result<bool> {
        Ok(self.eval(query)? == Value::from(true))
    }
}

/// For each index below `count`, whether it is in the set.
fn marked(set: &Value, count: usize) -> Result<Vec<bool>> {
    let mut marks = vec![false; count];
    for member in set.as_set()?.iter() {
        let index = if matches!(member, Value::Object(_)) { &member["field"] } else { member };
        let index = usize::try_from(index.as_u64()?)?;
        *marks.get_mut(index).context("an index of the query")? = true;
    }
    Ok(marks)
}

/// Rows in Rego: one evaluation for all.
pub(crate) struct Rows(Way);

impl Rows {
    pub(crate) fn interpreter() -> Result<Self> {
        Ok(Self(Way::interpreter(ROWS, Value::new_object(), CHILDREN)?))
    }

    pub(crate) fn machine() -> Result<Self> {
        Ok(Self(Way::machine(ROWS, Value::new_object(), CHILDREN)?))
    }

    /// Which rows are about children.
    pub(crate) fn eval(&mut self, latest_adult: i32, born: &[i32]) -> Result<Value> {
        let rows: Vec<Value> = born.iter().map(|born| Value::from(*born)).collect();
        self.0.eval(Value::from(BTreeMap::from([
            (Value::from("rows"), Value::from(rows)),
            (Value::from("latest_adult"), Value::from(latest_adult)),
        ])))
    }

    /// For each day of birth (days since 1970-01-01), whether the row is about a child.
    pub(crate) fn children(&mut self, latest_adult: i32, born: &[i32]) -> Result<Vec<bool>> {
        marked(&self.eval(latest_adult, born)?, born.len())
    }
}
