// SPDX-License-Identifier: Apache-2.0
//! Running a rule's cases against its component: the same cases that `cargo test` runs against the Rust type, by
//! the way that real queries go.

use std::{path::Path, sync::Arc};

use jiff::{Span, civil::Date};
use paasla_core::{
    Attribute, Bundle, Cap, ClientId, Field, GrantView, Policy, Quota, Reason, Ruling, Subjects, Term, Value,
    Visibility, Window,
};
use paasla_rule as sdk;
pub use paasla_rule::testing::Outcome;

use crate::{
    about::{About, FactNeed},
    activate::{ActivateError, Activated},
    fault::RuleFault,
    input::{RowInput, days},
    load::Rule,
    sandbox::Engine,
};

/// Runs a rule in the sandbox, in the words of `paasla_rule::testing`.
#[derive(Debug)]
pub struct CaseRunner {
    engine: Engine,
    rule: Rule,
    activated: Option<(String, Activated)>,
}

/// Why a case could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// The rule broke.
    #[error("{0}")]
    Fault(#[from] RuleFault),
    /// The rule could not be activated.
    #[error("{0}")]
    Activate(ActivateError),
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
        let needs = |list: &[crate::FactNeed]| {
            let need = |n: &crate::FactNeed| sdk::FactNeed {
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
            wants: about.wants.iter().map(|want| want.name().to_owned()).collect(),
            provisions: about.provisions.iter().map(|p| sdk::provision(&p.id, &p.label, &p.source)).collect(),
        })
    }

    fn configure(&mut self, settings: &str) -> Result<Result<(), Vec<sdk::Problem>>, RunnerError> {
        if self.activated.as_ref().is_some_and(|(known, _)| known == settings) {
            return Ok(Ok(()));
        }
        let text = settings.to_owned();
        let settings =
            serde_json::from_str(settings).map_err(|error| RunnerError::Case(error.to_string()))?;
        let policy = Policy {
            name: self.rule.about.name.clone(),
            rule: self.rule.digest.clone(),
            settings,
            scope: paasla_core::Scope::default(),
            mode: paasla_core::Mode::Enforce,
            limits: paasla_core::Limits::default(),
        };
        match self.engine.activate(&self.rule, &policy) {
            Ok(activated) => {
                self.activated = Some((text, activated));
                Ok(Ok(()))
            }
            Err(ActivateError::Settings(problems)) => {
                let problem =
                    |p: crate::SettingsProblem| sdk::Problem { pointer: p.pointer, message: p.message };
                Ok(Err(problems.into_iter().map(problem).collect()))
            }
            Err(error) => Err(RunnerError::Activate(error)),
        }
    }

    fn decide(&mut self, query: &sdk::Query) -> Result<sdk::Decided, RunnerError> {
        let query = core_query(query, &self.rule.about.facts)?;
        let ruling = self.activated()?.decide(&query).0?;
        decided(ruling, self)
    }

    fn review(&mut self, query: &sdk::Query, rows: &[sdk::Row]) -> Result<sdk::Reviewed, RunnerError> {
        let group = |index| query.group(index);
        let needs = &self.rule.about.row_facts;
        let row = |row: &sdk::Row| {
            let facts = needs.iter().zip(&row.facts).map(|(n, v)| Ok((n.name.clone(), core_value(v)?)));
            let place = |field: u32| usize::try_from(field).unwrap_or(usize::MAX);
            let cells = row.cells.iter().map(|cell| Ok((place(cell.field), core_value(&cell.value)?)));
            Ok::<_, RunnerError>(RowInput {
                group: group(row.group).map(str::to_owned),
                parent: row.parent,
                facts: facts.collect::<Result<_, RunnerError>>()?,
                cells: cells.collect::<Result<_, RunnerError>>()?,
            })
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let query = core_query(query, &self.rule.about.facts)?;
        let rulings = self.activated()?.review(&query, &rows).0?;
        let mut reasons = Reasons::new(&self.rule.about);
        let mut rows = Vec::new();
        for ruling in rulings {
            let leave_out = ruling.drop.map(|reason| reasons.place(&reason));
            let exceptions = ruling.exceptions.into_iter().map(|e| exception(&mut reasons, e)).collect();
            let replacements = ruling.replacements.into_iter().map(|replacement| sdk::Replacement {
                field: index(replacement.field),
                value: sdk_value(&replacement.value),
                reason: reasons.place(&replacement.reason),
            });
            let replacements = replacements.collect();
            rows.push(sdk::RowRuling { row: index(ruling.row), leave_out, exceptions, replacements });
        }
        Ok(sdk::Reviewed { reasons: reasons.all, rows })
    }
}

fn decided(ruling: Ruling, runner: &CaseRunner) -> Result<sdk::Decided, RunnerError> {
    let mut reasons = Reasons::new(&runner.rule.about);
    let narrowing = match ruling {
        Ruling::Abstain => return Ok(sdk::Decided::Abstain),
        Ruling::Refuse(reason) => return Ok(sdk::Decided::Refuse(reasons.one(&reason))),
        Ruling::Narrow(narrowing) => narrowing,
    };
    let exceptions = narrowing.exceptions.into_iter().map(|e| exception(&mut reasons, e)).collect();
    let facts = &runner.rule.about.row_facts;
    let conditions = narrowing.conditions.into_iter().map(|condition| {
        let fact = facts.iter().position(|need| need.name == condition.fact);
        Ok(sdk::Condition {
            fact: index(fact.ok_or_else(|| RunnerError::Case("a condition on an unknown fact".to_owned()))?),
            test: sdk_test(condition.test),
            value: sdk_value(&condition.value),
            reason: reasons.place(&condition.reason),
        })
    });
    let conditions = conditions.collect::<Result<_, RunnerError>>()?;
    let obligations = narrowing.obligations.into_iter().map(|obligation| sdk::Obligation {
        code: obligation.code,
        attributes: obligation
            .attributes
            .into_iter()
            .map(|a| sdk::Attribute { name: a.name, value: sdk_value(&a.value) })
            .collect(),
    });
    let mut obligations: Vec<_> = obligations.collect();
    for Cap { window, persons, reason } in narrowing.caps {
        let place = reasons.place(&reason);
        obligations.push(sdk::Obligation::cap_persons(window.name(), persons, place));
    }
    Ok(sdk::Decided::Narrow(sdk::Narrowing {
        reasons: reasons.all,
        exceptions,
        conditions,
        obligations,
        review: narrowing.review,
    }))
}

fn exception(reasons: &mut Reasons<'_>, exception: paasla_core::Exception) -> sdk::Exception {
    let to = match exception.to {
        Visibility::Masked(mask) => sdk::Narrowed::Mask(mask.name().to_owned()),
        Visibility::Show | Visibility::Hide => sdk::Narrowed::Hide,
    };
    sdk::Exception { field: index(exception.field), to, reason: reasons.place(&exception.reason) }
}

fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Reasons of one ruling, each once.
struct Reasons<'a> {
    about: &'a About,
    all: Vec<sdk::Reason>,
}

impl<'a> Reasons<'a> {
    fn new(about: &'a About) -> Self {
        Self { about, all: Vec::new() }
    }

    fn one(&self, reason: &Reason) -> sdk::Reason {
        let place = |id: &Arc<str>| self.about.provisions.iter().position(|provision| provision.id == *id);
        sdk::Reason {
            code: reason.code.clone(),
            message: reason.message.clone(),
            provision: reason.provision.as_ref().and_then(place).map(index),
        }
    }

    fn place(&mut self, reason: &Reason) -> u32 {
        let reason = self.one(reason);
        let known = self.all.iter().position(|earlier| *earlier == reason);
        index(known.unwrap_or_else(|| {
            self.all.push(reason);
            self.all.len() - 1
        }))
    }
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

fn core_term(term: sdk::Term<'_>) -> Term {
    Term { iri: term.iri().to_owned(), broader: term.broader().map(str::to_owned).collect() }
}

fn core_attributes(attributes: &[sdk::Attribute]) -> Result<Vec<Attribute>, RunnerError> {
    let attribute = |a: &sdk::Attribute| Ok(Attribute { name: a.name.clone(), value: core_value(&a.value)? });
    attributes.iter().map(attribute).collect()
}

/// `needs` are the query facts that the rule declares: the case's facts stand in their order.
fn core_query(query: &sdk::Query, needs: &[FactNeed]) -> Result<paasla_core::Query, RunnerError> {
    let client = query.client();
    let client = [client.instance, client.class, client.member].into_iter().chain(client.subsystem);
    let client = ClientId::from_parts(&client.map(str::to_owned).collect::<Vec<_>>());
    let client = client.map_err(|error| RunnerError::Case(format!("`client`: {error}")))?;
    let quota = |(name, persons): (&str, u32)| {
        let window =
            Window::named(name).ok_or_else(|| RunnerError::Case("a quota's window is unknown".to_owned()))?;
        Ok::<_, RunnerError>(Quota { window, persons })
    };
    let text = |text: Option<&str>| text.map(str::to_owned);
    // A case tells a rule no more than it wants to be told; what it is not told can be anything.
    let untold = |field: &sdk::Field<'_>| format!("urn:untold:{}", field.index());
    let field = |field: sdk::Field<'_>| {
        Arc::new(Field {
            name: query.names.as_ref().map_or_else(|| untold(&field), |_| field.name().to_owned()),
            group: text(field.group()),
            iri: query.meanings.as_ref().map_or_else(|| untold(&field), |_| field.meaning().to_owned()),
            category: field.category().to_owned(),
            special: field.special(),
            reveals: field.reveals().map(str::to_owned).collect(),
        })
    };
    let facts = needs.iter().zip(query.facts.iter().flatten());
    let facts =
        facts.map(|(need, value)| Ok(Attribute { name: need.name.clone(), value: core_value(value)? }));
    let grant = query.grant();
    Ok(paasla_core::Query {
        id: query.id().to_owned(),
        instant: query.instant,
        date: core_date(query.date)?,
        channel: query.channel().to_owned(),
        service: query.service().to_owned(),
        version: query.version,
        client,
        represented: text(query.represented()),
        official: text(query.official()),
        agent: text(query.agent()),
        case: text(query.case_reference()),
        purpose: core_term(query.purpose()),
        legal_basis: core_term(query.legal_basis()),
        special_ground: query.special_ground().map(core_term),
        provision: text(query.provision()),
        bundle: query.bundle().map(|bundle| Bundle {
            id: bundle.id().to_owned(),
            action: bundle.action().to_owned(),
            services: bundle.services().map(str::to_owned).collect(),
        }),
        subjects: Subjects { kind: query.subjects_kind().to_owned(), count: query.subjects.count },
        fields: query.fields().map(field).collect(),
        grant: GrantView {
            id: grant.id().to_owned(),
            reference: text(grant.reference()),
            quotas: grant.quotas().map(quota).collect::<Result<_, _>>()?,
            attributes: core_attributes(grant.attributes())?,
        },
        facts: facts.collect::<Result<_, RunnerError>>()?,
    })
}
