// SPDX-License-Identifier: Apache-2.0
//! Running a rule's cases against its component: the same cases that `cargo test` runs against the Rust type, by
//! the way that real queries go.

use std::{path::Path, sync::Arc};

use jiff::{Span, civil::Date};
use paasla_core::{
    Attribute, Bundle, Cap, ClientId, Field, GrantView, Policy, Quota, Reason, Register, RegisterField,
    RowFact, Ruling, Subjects, Term, Value, Visibility, Window,
};
pub use paasla_rule::testing::Outcome;
use paasla_rule::{self as sdk, __ruling as raw};

use crate::{
    engine::Engine,
    error::{ActivateError, SettingsProblem},
    fault::RuleFault,
    interface::{
        about::FactNeed,
        input::{RowInput, days},
    },
    load::rule::Rule,
    policy::Activated,
};

/// Runs a rule in the sandbox, in the words of `paasla_rule::testing`.
#[derive(Debug)]
pub struct CaseRunner {
    engine: Engine,
    rule: Rule,
    /// With the digest of the register and the settings that it was made of.
    activated: Option<(String, Activated)>,
}

/// Why a case could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// The rule broke.
    #[error(transparent)]
    Fault(#[from] RuleFault),
    /// The rule could not be activated.
    #[error("{0}")]
    Activate(ActivateError),
    /// The rule's schema is stricter than the rule: what the case sets would reach no rule at work.
    #[error("the schema refuses settings that the rule takes: {0}")]
    Schema(String),
    /// The case holds what no query holds.
    #[error("the case does not fit: {0}")]
    Case(String),
}

/// Runs every case in a folder against a rule's component; says what came of each.
///
/// # Errors
/// When the folder's files are no files of cases, or hold none.
pub fn run_cases(engine: &Engine, rule: &Rule, folder: &Path) -> Result<Vec<Outcome>, String> {
    let cases = sdk::testing::load(folder).map_err(|error| error.to_string())?;
    Ok(sdk::testing::outcomes(&mut CaseRunner::new(engine, rule), &cases))
}

impl CaseRunner {
    /// A runner without settings yet.
    #[must_use]
    pub fn new(engine: &Engine, rule: &Rule) -> Self {
        Self { engine: engine.clone(), rule: rule.clone(), activated: None }
    }

    fn activated(&self) -> Result<&Activated, RunnerError> {
        let activated = self.activated.as_ref().map(|(_, activated)| activated);
        activated.ok_or_else(|| RunnerError::Case("not configured".to_owned()))
    }
}

impl sdk::testing::Runner for CaseRunner {
    type Error = RunnerError;

    fn describe(&mut self) -> Result<sdk::Description, RunnerError> {
        let about = &self.rule.about;
        let needs = |list: &[FactNeed]| {
            let need = |n: &FactNeed| sdk::FactNeed {
                name: n.name.clone(),
                summary: n.summary.clone(),
                optional: n.optional,
            };
            list.iter().map(need).collect()
        };
        Ok(sdk::Description {
            name: about.name.clone(),
            version: about.version.clone(),
            summary: about.summary.clone(),
            settings_schema: about.settings_schema.to_string(),
            facts: needs(&about.facts),
            row_facts: needs(&about.row_facts),
            reads: about.reads.clone(),
            provisions: about.provisions.iter().map(|p| sdk::provision(&p.id, &p.label, &p.source)).collect(),
        })
    }

    fn configure(
        &mut self,
        settings: &str,
        register: &raw::Register,
    ) -> Result<Result<Vec<raw::Reason>, Vec<sdk::Problem>>, RunnerError> {
        let register = Arc::new(core_register(register)?);
        let known = format!("{} {settings}", register.digest());
        if self.activated.as_ref().is_none_or(|(activated, _)| *activated != known) {
            let settings =
                serde_json::from_str(settings).map_err(|error| RunnerError::Case(error.to_string()))?;
            let policy = Policy {
                name: self.rule.about.name.clone(),
                rule: self.rule.digest.clone(),
                settings,
                scope: paasla_core::Scope::default(),
                mode: paasla_core::Mode::Enforce,
                limits: paasla_core::Limits::default(),
                vouched_by: paasla_core::Vouching::Ministry,
            };
            // A case is about the rule: it says its own word of settings that its schema refuses.
            match self.engine.configure(&self.rule, &policy, &register) {
                Ok(activated) => {
                    let refused = self.engine.refused(&self.rule, &policy).map_err(RunnerError::Activate)?;
                    if !refused.is_empty() {
                        let one = |p: &SettingsProblem| format!("at `/settings{}`: {}", p.pointer, p.message);
                        return Err(RunnerError::Schema(
                            refused.iter().map(one).collect::<Vec<_>>().join("; "),
                        ));
                    }
                    self.activated = Some((known, activated));
                }
                Err(ActivateError::Settings(problems)) => {
                    let problem =
                        |p: SettingsProblem| sdk::Problem { pointer: p.pointer, message: p.message };
                    return Ok(Err(problems.into_iter().map(problem).collect()));
                }
                Err(error) => return Err(RunnerError::Activate(error)),
            }
        }
        let provisions = &self.rule.about.provisions;
        let place = |id: &Arc<str>| provisions.iter().position(|provision| provision.id == *id).map(index);
        let reason = |reason: &Reason| raw::Reason {
            code: reason.code.clone(),
            message: reason.message.clone(),
            provision: reason.provision.as_ref().and_then(place),
        };
        Ok(Ok(self.activated()?.reasons().iter().map(reason).collect()))
    }

    fn decide(&mut self, query: &raw::Query) -> Result<sdk::Decided, RunnerError> {
        let activated = self.activated()?;
        let query = core_query(query, activated.register(), &self.rule.about.facts)?;
        let ruling = activated.decide(&query).0?;
        decided(ruling, activated, &query)
    }

    fn review(&mut self, query: &raw::Query, rows: &[sdk::Row]) -> Result<sdk::Reviewed, RunnerError> {
        let activated = self.activated()?;
        let query = core_query(query, activated.register(), &self.rule.about.facts)?;
        let place = |field: u32| query.fields.iter().position(|own| own.index == field).unwrap_or(usize::MAX);
        let needs = &self.rule.about.row_facts;
        let row = |row: &sdk::Row| {
            let facts = needs.iter().zip(&row.facts).map(|(n, v)| Ok((n.name.clone(), core_value(v)?)));
            let cells = row.cells.iter().map(|cell| Ok((place(cell.field), core_value(&cell.value)?)));
            Ok::<_, RunnerError>(RowInput {
                group: row.group.clone(),
                parent: row.parent,
                facts: facts.collect::<Result<_, RunnerError>>()?,
                cells: cells.collect::<Result<_, RunnerError>>()?,
            })
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let rulings = activated.review(&query, &rows).0?;
        let row = |ruling: paasla_core::RowRuling| sdk::RowRuling {
            row: index(ruling.row),
            leave_out: ruling.drop.map(|reason| reason_of(activated, &reason)),
            exceptions: ruling.exceptions.into_iter().map(|e| exception(activated, &query, e)).collect(),
        };
        Ok(sdk::Reviewed { rows: rulings.into_iter().map(row).collect() })
    }
}

fn decided(
    ruling: Ruling,
    activated: &Activated,
    query: &paasla_core::Query,
) -> Result<sdk::Decided, RunnerError> {
    let narrowing = match ruling {
        Ruling::Abstain => return Ok(sdk::Decided::Abstain),
        Ruling::Refuse(reason) => return Ok(sdk::Decided::Refuse(reason_of(activated, &reason))),
        Ruling::Narrow(narrowing) => narrowing,
    };
    let facts = &activated.about.row_facts;
    let conditions = narrowing.conditions.into_iter().map(|condition| {
        let fact = facts.iter().position(|need| need.name == condition.fact);
        Ok(sdk::Condition {
            fact: index(fact.ok_or_else(|| RunnerError::Case("a condition on an unknown fact".to_owned()))?),
            test: sdk_test(condition.test),
            value: sdk_value(&condition.value),
            reason: reason_of(activated, &condition.reason),
        })
    });
    let mut obligations: Vec<_> =
        narrowing.obligations.into_iter().map(|o| obligation(activated, o)).collect();
    for Cap { window, persons, reason } in narrowing.caps {
        let place = reason_of(activated, &reason);
        obligations.push(sdk::Obligation::cap_persons(window.name(), persons, place));
    }
    Ok(sdk::Decided::Narrow(sdk::Narrowing {
        conditions: conditions.collect::<Result<_, RunnerError>>()?,
        exceptions: narrowing.exceptions.into_iter().map(|e| exception(activated, query, e)).collect(),
        obligations,
        review: narrowing.review,
    }))
}

/// What is to be told is the message of a declared reason.
fn obligation(activated: &Activated, obligation: paasla_core::Obligation) -> sdk::Obligation {
    let attribute = |a: Attribute| match (a.name.as_str(), &a.value) {
        ("message", Value::Text(message)) => {
            let place = activated.reasons().iter().position(|reason| reason.message == *message);
            let place = place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1);
            sdk::Attribute { name: "reason".to_owned(), value: sdk::Value::Integer(place) }
        }
        _ => sdk::Attribute { name: a.name, value: sdk_value(&a.value) },
    };
    sdk::Obligation {
        code: obligation.code,
        attributes: obligation.attributes.into_iter().map(attribute).collect(),
    }
}

fn exception(
    activated: &Activated,
    query: &paasla_core::Query,
    exception: paasla_core::Exception,
) -> sdk::Exception {
    let to = match exception.to {
        Visibility::Masked(mask) => sdk::Narrowed::Mask(mask.name().to_owned()),
        Visibility::Show | Visibility::Hide => sdk::Narrowed::Hide,
    };
    let field = query.fields.get(exception.field).map_or(u32::MAX, |field| field.index);
    sdk::Exception { field, to, reason: reason_of(activated, &exception.reason) }
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The place of a reason among those that the rule declared.
fn reason_of(activated: &Activated, reason: &Reason) -> u32 {
    activated.reasons().iter().position(|declared| declared == reason).map_or(u32::MAX, index)
}

fn sdk_test(test: paasla_core::Test) -> sdk::Test {
    use paasla_core::Test;
    match test {
        Test::Equal => sdk::Test::Equal,
        Test::NotEqual => sdk::Test::NotEqual,
        Test::Less => sdk::Test::Less,
        Test::AtMost => sdk::Test::AtMost,
        Test::Greater => sdk::Test::Greater,
        Test::AtLeast => sdk::Test::AtLeast,
        Test::Absent => sdk::Test::Absent,
        Test::Present => sdk::Test::Present,
    }
}

fn sdk_value(value: &Value) -> sdk::Value {
    match value {
        Value::Absent => sdk::Value::Absent,
        Value::Truth(truth) => sdk::Value::Truth(*truth),
        Value::Integer(number) => sdk::Value::Integer(*number),
        Value::Text(text) => sdk::Value::Text(text.clone()),
        Value::Date(date) => sdk::Value::Date(days(*date)),
        Value::Texts(texts) => sdk::Value::Texts(texts.clone()),
    }
}

fn core_value(value: &sdk::Value) -> Result<Value, RunnerError> {
    Ok(match value {
        sdk::Value::Absent => Value::Absent,
        sdk::Value::Truth(truth) => Value::Truth(*truth),
        sdk::Value::Integer(number) => Value::Integer(*number),
        sdk::Value::Text(text) => Value::Text(text.clone()),
        sdk::Value::Date(days) => Value::Date(core_date(*days)?),
        sdk::Value::Texts(texts) => Value::Texts(texts.clone()),
    })
}

fn core_date(days: i32) -> Result<Date, RunnerError> {
    let date = Span::new().try_days(days).and_then(|span| Date::constant(1970, 1, 1).checked_add(span));
    date.map_err(|error| RunnerError::Case(error.to_string()))
}

fn core_term(term: &raw::Term) -> Term {
    Term { iri: term.iri.clone(), broader: term.broader.clone() }
}

fn core_attributes(attributes: &[sdk::Attribute]) -> Result<Vec<Attribute>, RunnerError> {
    let attribute = |a: &sdk::Attribute| Ok(Attribute { name: a.name.clone(), value: core_value(&a.value)? });
    attributes.iter().map(attribute).collect()
}

fn core_register(told: &raw::Register) -> Result<Register, RunnerError> {
    let field = |(index, field): (u32, &raw::Field)| RegisterField {
        entity: field.entity.clone(),
        field: Arc::new(Field {
            index,
            name: field.name.clone(),
            group: field.group.clone(),
            iri: field.iri.clone(),
            category: field.category.clone(),
            special: field.special,
            reveals: field.reveals.clone(),
        }),
    };
    let kind = |name: &str| ["truth", "integer", "text", "date"].into_iter().find(|known| *known == name);
    let fact = |fact: &raw::RowFact| {
        let kind = kind(&fact.kind);
        let kind = kind.ok_or_else(|| RunnerError::Case(format!("`{}` is of no kind", fact.name)))?;
        Ok(RowFact {
            entity: fact.entity.clone(),
            name: fact.name.clone(),
            kind,
            category: fact.category.clone(),
        })
    };
    let facts = told.row_facts.iter().map(fact).collect::<Result<_, RunnerError>>()?;
    Ok(Register::new((0..).zip(&told.fields).map(field).collect(), facts))
}

/// `needs` are the query facts that the rule declares: the case's facts stand in their order.
fn core_query(
    query: &raw::Query,
    register: &Register,
    needs: &[FactNeed],
) -> Result<paasla_core::Query, RunnerError> {
    let client: ClientId =
        query.client.parse().map_err(|error| RunnerError::Case(format!("`client`: {error}")))?;
    let quota = |quota: &raw::Quota| {
        let window = Window::named(&quota.window)
            .ok_or_else(|| RunnerError::Case("a quota's window is unknown".to_owned()))?;
        Ok::<_, RunnerError>(Quota { window, persons: quota.persons })
    };
    let field = |index: &u32| {
        let known = usize::try_from(*index).ok().and_then(|index| register.fields().get(index));
        let known =
            known.ok_or_else(|| RunnerError::Case("a field that the register does not have".to_owned()));
        known.map(|known| Arc::clone(&known.field))
    };
    let facts = needs.iter().zip(&query.facts);
    let facts =
        facts.map(|(need, value)| Ok(Attribute { name: need.name.clone(), value: core_value(value)? }));
    Ok(paasla_core::Query {
        id: query.id.clone(),
        instant: query.instant,
        utc_offset: query.utc_offset,
        date: core_date(query.date)?,
        channel: query.channel.clone(),
        service: query.service.clone(),
        version: query.version,
        client,
        represented: query.represented.clone(),
        official: query.official.clone(),
        agent: query.agent.clone(),
        case: query.case_reference.clone(),
        purpose: core_term(&query.purpose),
        legal_basis: core_term(&query.legal_basis),
        special_ground: query.special_ground.as_ref().map(core_term),
        provision: query.provision.clone(),
        bundle: query.bundle.as_ref().map(|bundle| Bundle {
            id: bundle.id.clone(),
            action: bundle.action.clone(),
            services: bundle.services.clone(),
        }),
        subjects: Subjects { kind: query.subjects.kind.clone(), count: query.subjects.count },
        fields: query.fields.iter().map(field).collect::<Result<_, _>>()?,
        grant: GrantView {
            id: query.grant.id.clone(),
            reference: query.grant.reference.clone(),
            quotas: query.grant.quotas.iter().map(quota).collect::<Result<_, _>>()?,
            attributes: core_attributes(&query.grant.attributes)?,
        },
        facts: facts.collect::<Result<_, RunnerError>>()?,
    })
}
