// SPDX-License-Identifier: Apache-2.0
//! Whether the time of an answer tells what the answer hides: two queries that differ only in whether a hidden person is
//! met, asked in turns, and compared by rank.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{
    World,
    ask::{Ask, agent},
};
use serde_json::{Value, json};

use super::results::Line;
use crate::out::step;

/// How many pairs of queries are compared.
const PAIRS: usize = 5_000;
const WARM_UP_PAIRS: usize = 300;

/// One thing that an answer hides, and the two queries that would tell it apart.
struct Channel {
    scenario: &'static str,
    /// Meets the hidden person.
    met: Ask,
    /// The same query, and nobody is met.
    not_met: Ask,
}

/// The names under which the results stand.
pub(super) const SCENARIOS: [&str; 2] =
    ["side-channels/child-by-birth-date", "side-channels/restricted-by-code"];
pub(super) const SYSTEMS: [&str; 2] = ["met", "not-met"];

/// Measures all channels that are wanted.
///
/// # Errors
/// When an answer is not what it must be: both queries of a pair have to find nobody.
pub(super) fn run(
    base_url: &str,
    world: &World,
    pairs: Option<usize>,
    wants: impl Fn(&str) -> bool,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for channel in channels(base_url, world)? {
        if wants(channel.scenario) {
            step("side channels", format_args!("{}, two queries in turns", channel.scenario));
            lines.extend(channel.measure(base_url, pairs.unwrap_or(PAIRS))?);
        }
    }
    Ok(lines)
}

fn channels(base_url: &str, world: &World) -> Result<[Channel; 2]> {
    let company = world.client("legitimate_interest");
    let fields = ["givenName", "familyName", "birthDate"];
    // An authority that sees children tells what the company must not learn.
    let known = Ask::service(
        "person",
        world.client("public_task"),
        &fields,
        json!({ "personalCode": world.persons.child }),
    );
    let known = known.send(&agent(), base_url)?;
    let child = known.first();
    let text = |name: &str| child.get(name).and_then(Value::as_str).context("the authority sees the child");
    let [given_name, family_name, day] = [text(fields[0])?, text(fields[1])?, text(fields[2])?];
    // Thirteen years later nobody of that name was born.
    let year: u16 = day.get(..4).context("a day has a year")?.parse()?;
    let another = format!("{}{}", year - 13, day.get(4..).unwrap_or_default());
    let by_day = |day: &str| {
        let keys = json!({ "givenName": given_name, "familyName": family_name, "birthDate": day });
        Ask::service("person", company, &fields, keys)
    };
    let by_code = |code: &str| Ask::service("person", company, &fields, json!({ "personalCode": code }));
    let [by_birth_date, by_personal_code] = SCENARIOS;
    Ok([
        Channel { scenario: by_birth_date, met: by_day(day), not_met: by_day(&another) },
        Channel {
            scenario: by_personal_code,
            met: by_code(&world.persons.restricted),
            not_met: by_code(&world.persons.absent),
        },
    ])
}

impl Channel {
    fn measure(&self, base_url: &str, pairs: usize) -> Result<[Line; 2]> {
        let agent = agent();
        let time = |ask: &Ask| -> Result<u64> {
            let began = Instant::now();
            let got = ask.send(&agent, base_url)?;
            let took = began.elapsed();
            ensure!(
                got.status == 200 && got.records().is_empty(),
                "{}: status {}, and {} records where nobody may be told of",
                self.scenario,
                got.status,
                got.records().len()
            );
            Ok(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))
        };
        let (mut met, mut not_met) = (Vec::new(), Vec::new());
        for nth in 0..WARM_UP_PAIRS.min(pairs) + pairs {
            // Which comes first changes in the order of Thue and Morse, so that no rhythm of the machine falls on one.
            let (first, second) = if nth.count_ones().is_multiple_of(2) {
                let first = time(&self.met)?;
                (first, time(&self.not_met)?)
            } else {
                let second = time(&self.not_met)?;
                (time(&self.met)?, second)
            };
            if nth >= WARM_UP_PAIRS.min(pairs) {
                met.push(first);
                not_met.push(second);
            }
        }
        let auc = told_by_time(&met, &not_met);
        let [name, other] = SYSTEMS;
        Ok([self.line(name, met, Some(auc)), self.line(other, not_met, None)])
    }

    fn line(&self, system: &str, mut times: Vec<u64>, auc: Option<f64>) -> Line {
        times.sort_unstable();
        let at = |percent: usize| {
            times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
        };
        Line {
            scenario: self.scenario.to_owned(),
            system: system.to_owned(),
            median_ns: at(50),
            p99_ns: at(99),
            n: times.len().try_into().unwrap_or(u64::MAX),
            per_second: None,
            bytes_per_policy: None,
            auc,
            run: None,
        }
    }
}

/// How often the one of two times is the longer one, of all pairs that can be made: the area under the curve (AUC) of
/// whoever guesses by time alone. 0.5 is a coin, 1 is certainty; whichever way round the times lie.
///
/// Source: the statistic U of Mann and Whitney (1947), by ranks, with the mean rank for what is equal.
#[expect(clippy::cast_precision_loss, reason = "counts and ranks of some thousands")]
fn told_by_time(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> =
        one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort_unstable();
    let (mut ranks, mut before) = (0.0, 0);
    for equal in all.chunk_by(|(one, _), (other, _)| one == other) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        ranks += rank * equal.iter().filter(|(_, is_one)| *is_one).count() as f64;
        before += equal.len();
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    if n * m == 0.0 {
        return 0.5;
    }
    let auc = (ranks - n * (n + 1.0) / 2.0) / (n * m);
    auc.max(1.0 - auc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_and_certainty() {
        let same: Vec<u64> = (0..100).collect();
        let later: Vec<u64> = (1_000..1_100).collect();
        let close = |auc: f64, wanted: f64| (auc - wanted).abs() < 1e-9;
        assert!(close(told_by_time(&same, &same), 0.5));
        assert!(close(told_by_time(&same, &later), 1.0) && close(told_by_time(&later, &same), 1.0));
        assert!(close(told_by_time(&[1, 3], &[2, 4]), 0.75));
        assert!(close(told_by_time(&[7, 7], &[7, 7, 7]), 0.5));
        assert!(close(told_by_time(&[], &[1]), 0.5));
    }
}
