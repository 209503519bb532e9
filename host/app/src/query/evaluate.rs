// SPDX-License-Identifier: Apache-2.0
//! Evaluation of the policies in scope. A sandbox keeps its thread until it is done, and a few rulings that take long
//! would keep every thread that answers; so a long one hands the other tasks of its thread over first.

use paasla_core::{Call, CallOutcome, Decision, Policy, Query, Ruling};
use paasla_engine::{Activated, decide_all};

use super::{Stop, draft::Draft, review::Reviewer};
use crate::{active::Ruler, blocking::inline_blocking, quarantine};

/// The fuel from which on a ruling may take long: it burns in some ten milliseconds.
const LONG_RULING_FUEL: u64 = 20_000_000;

/// Runs a ruling that may use so much fuel.
pub(super) fn run_ruling<T>(fuel: u64, work: impl FnOnce() -> T) -> T {
    if fuel > LONG_RULING_FUEL { inline_blocking(work) } else { work() }
}

/// The policies in scope rule, and the rulings are combined. They are asked in the order of their names, and the first
/// refusal ends it: what is said does not depend on chance, and a refused query costs little. A policy that is out of
/// service refuses before any other is asked.
pub(crate) fn decide<'a>(
    rulers: &[Ruler<'a>],
    query: &Query,
    draft: &mut Draft,
) -> Result<Decision, Stop<'a>> {
    let mut rulings = Vec::new();
    for ruler in rulers.iter().filter(|ruler| ruler.version.is_none()) {
        let Policy { name, rule, .. } = ruler.at_work.policy();
        draft.ruling(name, rule, Call::Decide(CallOutcome::Quarantined), 0);
        rulings.push((name.as_str(), Ruling::Refuse(quarantine::refusal(name))));
    }
    if rulings.is_empty() {
        let versions = || rulers.iter().filter_map(|ruler| ruler.version).map(|version| &version.activated);
        let most = versions().map(Activated::decide_fuel).max().unwrap_or(0);
        let all = run_ruling(most, || decide_all(versions(), query));
        for (ruler, evaluation) in rulers.iter().zip(all) {
            let Policy { name, rule, .. } = &*evaluation.policy.policy;
            match evaluation.ruling {
                Ok(ruling) => {
                    draft.ruling(name, rule, Call::Decide(outcome(&ruling)), evaluation.fuel);
                    rulings.push((name.as_str(), ruling));
                }
                Err(fault) => {
                    draft.ruling(
                        name,
                        rule,
                        Call::Decide(CallOutcome::Faulted(fault.kind().to_owned())),
                        evaluation.fuel,
                    );
                    return Err(Stop::Faulted(*ruler, fault));
                }
            }
        }
    }
    let rulings = rulings.iter().map(|(policy, ruling)| (*policy, ruling));
    let mut decision = Decision::combine(&Decision::widest(query.fields.len()), rulings);
    decision.close(&query.fields);
    Ok(decision)
}

/// The versions that decided and want to see the rows.
pub(super) fn reviewers<'r, 'a>(
    rulers: &'r [Ruler<'a>],
    decision: &Decision,
) -> impl Iterator<Item = Reviewer<'r, 'a>> {
    let by_name = |name: &String| rulers.iter().find(|ruler| ruler.at_work.policy().name == *name);
    let reviewer = |ruler: &'r Ruler<'a>| Some(Reviewer { ruler, version: ruler.version? });
    decision.reviewers.iter().filter_map(by_name).filter_map(reviewer)
}

fn outcome(ruling: &Ruling) -> CallOutcome {
    match ruling {
        Ruling::Abstain => CallOutcome::Abstained,
        Ruling::Refuse(_) => CallOutcome::Refused,
        Ruling::Narrow(_) => CallOutcome::Narrowed,
    }
}
