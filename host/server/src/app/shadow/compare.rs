// SPDX-License-Identifier: Apache-2.0
//! One query, decided by the rulebook and by the rulebook with a policy in shadow in force.
//!
//! Both are run on the same input, after the answer. A query counts as changed when the client would have been told
//! something else about the data: refused instead of allowed or the other way round, more or less of a field, other
//! records. Only other reasons for the same are no change. Where rows matter (conditions, reviews) the register is read
//! for both.

use std::collections::BTreeMap;

use paasla_core::{Decision, FieldDecision, Reason, Visibility};
use paasla_store::governance::shadow::{Difference, ShadowOutcome, ShadowSeen};

use super::{Job, seen};
use crate::app::{
    App,
    active::{Ruler, Shadow},
    answer::{Answer, AnswerRow},
    query::{Stop, decide},
    records::Draft,
    resolve::{Resolved, resolve},
};

/// How a query would end, before rows are looked at.
enum Verdict {
    Allowed(Box<Decision>),
    /// With the codes of the reasons.
    Refused(Vec<String>),
    /// The kind of the fault, and whether it was the rule in shadow that broke.
    Broken(String, bool),
}

impl App {
    /// What every policy in shadow that is concerned would have done with a query.
    pub(super) async fn compare(&self, job: Job) -> Vec<ShadowSeen> {
        let Job { active, query, ask } = job;
        let Some(date) = self.description.date_at(ask.caller.instant) else { return Vec::new() };
        let Ok(mut resolved) = resolve(&active, &self.description, &ask, &query.id, date) else {
            return Vec::new();
        };
        // As the rules were told then: usage has moved on.
        resolved.query = query;
        let rulers = active.rulers(&resolved.query);
        let draft = || Draft::new(&resolved.query.id, active.rulebook.generation, &ask.caller);
        let was = self.verdict(&rulers, None, &resolved, draft());
        let mut all = Vec::new();
        for shadow in active.shadows().iter().filter(|shadow| shadow.concerns(&resolved.query)) {
            let candidates = shadow.rulers(&resolved.query);
            let would_be = self.verdict(&candidates, Some(shadow), &resolved, draft());
            let what = match (&was, &would_be) {
                (_, Verdict::Broken(kind, true)) => ShadowOutcome::Fault(kind.clone()),
                (Verdict::Allowed(was), Verdict::Allowed(would_be)) => {
                    let mut found = fields(&resolved, was, would_be);
                    found.extend(obligations(was, would_be));
                    if matters(was) || matters(would_be) {
                        let was = self.answer_of(&rulers, &resolved, &active, draft()).await;
                        let would_be = self.answer_of(&candidates, &resolved, &active, draft()).await;
                        match (was, would_be) {
                            (Ok(was), Ok(would_be)) => {
                                let mut in_rows = rows(&was, &would_be);
                                // What differs in every row is told already.
                                in_rows.retain(|one| !found.iter().any(|all| all.field == one.field));
                                found.extend(in_rows);
                            }
                            (_, Err(Stop::Faulted(ruler, fault))) if is_own(&ruler, shadow) => {
                                all.push(seen(
                                    shadow,
                                    &resolved.query,
                                    ShadowOutcome::Fault(fault.kind().to_owned()),
                                ));
                                continue;
                            }
                            // The register cannot be read, or another rule broke: nothing can be said of the rows.
                            _ => {
                                all.push(seen(shadow, &resolved.query, ShadowOutcome::Missed));
                                continue;
                            }
                        }
                    }
                    outcome(found)
                }
                (Verdict::Allowed(_), Verdict::Refused(codes)) => {
                    outcome(vec![whole("refused", "allowed", "refused", codes.clone())])
                }
                (Verdict::Allowed(_), Verdict::Broken(..)) => {
                    outcome(vec![whole("refused", "allowed", "refused", Vec::new())])
                }
                (Verdict::Refused(codes), Verdict::Allowed(_)) => {
                    outcome(vec![whole("allowed", "refused", "allowed", codes.clone())])
                }
                (Verdict::Broken(..), Verdict::Allowed(_)) => {
                    outcome(vec![whole("allowed", "failed", "allowed", Vec::new())])
                }
                (Verdict::Refused(_) | Verdict::Broken(..), Verdict::Refused(_) | Verdict::Broken(..)) => {
                    ShadowOutcome::Same
                }
            };
            all.push(seen(shadow, &resolved.query, what));
        }
        all
    }

    fn verdict(
        &self,
        rulers: &[Ruler<'_>],
        shadow: Option<&Shadow>,
        resolved: &Resolved<'_>,
        mut draft: Draft,
    ) -> Verdict {
        let codes = |reasons: &mut dyn Iterator<Item = &Reason>| {
            let mut codes: Vec<String> = reasons.map(|reason| reason.code.clone()).collect();
            codes.sort();
            codes.dedup();
            codes
        };
        match decide(rulers, &resolved.query, &mut draft) {
            Ok(decision) if !decision.is_allowed() => Verdict::Refused(codes(&mut decision.refusals.iter())),
            Ok(decision) => match self.nothing_to_show(resolved, &decision) {
                Some(reasons) => Verdict::Refused(codes(&mut reasons.iter())),
                None => Verdict::Allowed(Box::new(decision)),
            },
            Err(Stop::Faulted(ruler, fault)) => {
                Verdict::Broken(fault.kind().to_owned(), shadow.is_some_and(|shadow| is_own(&ruler, shadow)))
            }
            Err(Stop::Refused(_, reasons)) => Verdict::Refused(codes(&mut reasons.iter())),
            Err(Stop::Failed(code)) => Verdict::Broken(code.to_owned(), false),
        }
    }

    async fn answer_of<'a>(
        &self,
        rulers: &[Ruler<'a>],
        resolved: &Resolved<'_>,
        active: &crate::app::active::Active,
        mut draft: Draft,
    ) -> Result<Answer, Stop<'a>> {
        let (decision, reviewed) = self.decide_and_read(rulers, resolved, &mut draft).await?;
        Ok(self.shape(resolved, active, &decision, reviewed))
    }
}

fn is_own(ruler: &Ruler<'_>, shadow: &Shadow) -> bool {
    ruler.version.is_some_and(|version| std::ptr::eq(version, &*shadow.version))
}

/// Whether more than the decision is needed to know what would be told.
fn matters(decision: &Decision) -> bool {
    !decision.conditions.is_empty() || !decision.reviewers.is_empty()
}

fn outcome(mut differences: Vec<Difference>) -> ShadowOutcome {
    differences.sort();
    differences.dedup();
    if differences.is_empty() { ShadowOutcome::Same } else { ShadowOutcome::Changed(differences) }
}

fn whole(kind: &str, was: &str, would_be: &str, reasons: Vec<String>) -> Difference {
    let text = |text: &str| Some(text.to_owned());
    Difference { kind: kind.to_owned(), field: None, was: text(was), would_be: text(would_be), reasons }
}

/// Fields of which more or less would be seen in every row.
fn fields(resolved: &Resolved<'_>, was: &Decision, would_be: &Decision) -> Vec<Difference> {
    let names = resolved.query.fields.iter().map(|field| field.name.as_str());
    let both = was.fields.iter().zip(&would_be.fields);
    names.zip(both).filter_map(|(name, (was, would_be))| field(name, was, would_be)).collect()
}

fn field(name: &str, was: &FieldDecision, would_be: &FieldDecision) -> Option<Difference> {
    let mut difference = seen_of(name, was.visibility, would_be.visibility)?;
    // Why less is seen: the reasons of the one who shows less.
    let (narrower, wider) = if difference.kind == "widened" { (was, would_be) } else { (would_be, was) };
    let own = narrower.reasons.iter().filter(|reason| !wider.reasons.contains(reason));
    difference.reasons = own.map(|reason| reason.code.clone()).collect();
    difference.reasons.sort();
    difference.reasons.dedup();
    Some(difference)
}

/// The difference between two visibilities of a field; none when they are the same.
fn seen_of(name: &str, was: Visibility, would_be: Visibility) -> Option<Difference> {
    let kind = match was.meet(would_be) {
        _ if was == would_be => return None,
        Visibility::Hide if would_be == Visibility::Hide => "hidden",
        met if met == would_be => "narrowed",
        met if met == was => "widened",
        _ => "masked-otherwise",
    };
    let difference = whole(kind, &was.to_string(), &would_be.to_string(), Vec::new());
    Some(Difference { field: Some(name.to_owned()), ..difference })
}

fn obligations(was: &Decision, would_be: &Decision) -> Vec<Difference> {
    let changed = was.obligations != would_be.obligations;
    let count = |decision: &Decision| decision.obligations.len().to_string();
    changed.then(|| whole("obligations", &count(was), &count(would_be), Vec::new())).into_iter().collect()
}

/// Records that would be there or not, and fields of which more or less would be seen in some rows only.
fn rows(was: &Answer, would_be: &Answer) -> Vec<Difference> {
    let count = |answer: &Answer| {
        let groups = answer.records.iter().flat_map(|record| &record.groups).map(|(_, rows)| rows.len());
        (answer.records.len(), groups.sum::<usize>())
    };
    let told = |(records, rows): (usize, usize)| format!("{records} records, {rows} rows of groups");
    let (before, after) = (count(was), count(would_be));
    if before != after {
        return vec![whole("rows", &told(before), &told(after), Vec::new())];
    }
    let mut found: BTreeMap<(usize, String), Difference> = BTreeMap::new();
    for (was_record, record) in was.records.iter().zip(&would_be.records) {
        let groups = was_record.groups.iter().flat_map(|(_, rows)| rows);
        let were = std::iter::once(&was_record.cells).chain(groups);
        let are = std::iter::once(&record.cells).chain(record.groups.iter().flat_map(|(_, rows)| rows));
        for (was_row, row) in were.zip(are) {
            for (place, difference) in cells(was, was_row, row) {
                found.entry((place, difference.kind.clone())).or_insert(difference);
            }
        }
    }
    found.into_values().collect()
}

fn cells(answer: &Answer, was: &AnswerRow, would_be: &AnswerRow) -> Vec<(usize, Difference)> {
    let told = |row: &AnswerRow| -> BTreeMap<usize, (Visibility, Vec<String>)> {
        let codes = |narrowed: &Option<FieldDecision>| {
            narrowed.iter().flat_map(|own| &own.reasons).map(|reason| reason.code.clone()).collect()
        };
        row.iter().map(|(place, cell)| (*place, (cell.visibility, codes(&cell.narrowed)))).collect()
    };
    let (was, would_be) = (told(was), told(would_be));
    let places: std::collections::BTreeSet<usize> = was.keys().chain(would_be.keys()).copied().collect();
    let hidden = (Visibility::Hide, Vec::new());
    let one = |place: usize| {
        let (before, after) = (was.get(&place).unwrap_or(&hidden), would_be.get(&place).unwrap_or(&hidden));
        let mut difference = seen_of(&answer.fields.get(place)?.name, before.0, after.0)?;
        let narrower = if difference.kind == "widened" { before } else { after };
        difference.reasons.clone_from(&narrower.1);
        Some((place, difference))
    };
    places.into_iter().filter_map(one).collect()
}
