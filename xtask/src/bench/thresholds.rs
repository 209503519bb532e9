// SPDX-License-Identifier: Apache-2.0
//! What the measurements must show. Nearly all are ratios within one run, so that they hold on any machine.

use super::{
    results::{Line, Results},
    side_channels,
};

/// One of them, and what was measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) what: &'static str,
    pub(crate) wanted: &'static str,
    /// None when something that it needs was not measured.
    pub(crate) measured: Option<Measured>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) value: String,
    /// None when what was measured cannot be true, and so shows nothing.
    pub(crate) met: Option<bool>,
}

/// All thresholds, in order.
pub(crate) fn thresholds(results: &Results) -> Vec<Threshold> {
    let threshold = |what, wanted, measured| Threshold { what, wanted, measured };
    vec![
        threshold(
            "A ruling on 20 fields in a fresh sandbox beside 20 requests to `cedar-policy`, one policy for each purpose",
            "at least 20 times faster",
            faster(results, "cedar-policy", &["cedar-policy-data"], 20.0),
        ),
        threshold(
            "The same beside `regorus` with the same input and the same answer",
            "at least 5 times faster",
            faster(results, "regorus", &["regorus-rvm", "regorus-tailored", "regorus-rvm-tailored"], 5.0),
        ),
        threshold("Rulings a second by two threads beside one", "at least 1.7 times", two_threads(results)),
        threshold("Five policies in scope beside one", "at most 6.5 times the time", five_policies(results)),
        threshold(
            "Governed and recorded queries a second at 64 connections, beside the bare handler's",
            "at least 0.35 times",
            throughput(results),
        ),
        threshold(
            "Median latency that is added at 1 connection",
            "one fsync and at most 450 µs",
            latency(results),
        ),
        threshold(
            "How well the time of an answer tells that it meets a person whom it hides",
            "AUC below 0.55",
            hiding(results),
        ),
    ]
}

const FIELDS: &str = "decide/20-fields";

fn median(results: &Results, scenario: &str, system: &str) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no time is near 2^53 ns")]
    results.find(scenario, system).map(|line| line.median_ns as f64)
}

fn rate(results: &Results, scenario: &str, system: &str) -> Option<f64> {
    results.find(scenario, system).and_then(|line: &Line| line.per_second)
}

/// Against `peer`, by which it is judged. The same peer's other ways are told beside it, so that nobody takes one for all.
fn faster(results: &Results, peer: &str, others: &[&str], wanted: f64) -> Option<Measured> {
    let ours = median(results, FIELDS, "paasla-fresh")?;
    let ratio = |system: &str| Some(median(results, FIELDS, system)? / ours);
    let judged = ratio(peer)?;
    let told = |system: &&str| Some(format!("{:.1} times (`{system}`)", ratio(system)?));
    let others = others.iter().map(told).collect::<Option<Vec<_>>>()?.join(", ");
    let value = format!("{judged:.1} times; not judged, the same peer otherwise: {others}");
    Some(Measured { value, met: Some(judged >= wanted) })
}

fn two_threads(results: &Results) -> Option<Measured> {
    let ratio = rate(results, "threads/2", "paasla-fresh")? / rate(results, "threads/1", "paasla-fresh")?;
    Some(Measured { value: format!("{ratio:.2} times"), met: Some(ratio >= 1.7) })
}

fn five_policies(results: &Results) -> Option<Measured> {
    let ratio =
        median(results, "policies/5", "paasla-fresh")? / median(results, "policies/1", "paasla-fresh")?;
    Some(Measured { value: format!("{ratio:.2} times"), met: Some(ratio <= 6.5) })
}

fn throughput(results: &Results) -> Option<Measured> {
    let scenario = "http/64-connections";
    let ratio = rate(results, scenario, "paasla-governed")? / rate(results, scenario, "bare")?;
    Some(Measured { value: format!("{ratio:.2}"), met: Some(ratio >= 0.35) })
}

fn latency(results: &Results) -> Option<Measured> {
    let scenario = "http/1-connection";
    let added = median(results, scenario, "paasla-governed")? - median(results, scenario, "bare")?;
    let fsync = median(results, "fsync", "disk")?;
    let beyond = (added - fsync) / 1_000.0;
    let value =
        format!("{:.0} µs: an fsync of {:.0} µs and {beyond:.0} µs", added / 1_000.0, fsync / 1_000.0);
    // Every governed query waits for an fsync: one that takes longer than all that is added was disturbed.
    let met = (beyond >= 0.0).then_some(beyond <= 450.0);
    Some(Measured { value, met })
}

/// By the channel that tells most.
fn hiding(results: &Results) -> Option<Measured> {
    let aucs: Option<Vec<f64>> =
        side_channels::SCENARIOS.iter().map(|scenario| results.find(scenario, "met")?.auc).collect();
    let most = aucs?.into_iter().fold(0.5, f64::max);
    Some(Measured { value: format!("{most:.3}"), met: Some(most < 0.55) })
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::line, *};

    fn of(lines: &[String]) -> Vec<Threshold> {
        thresholds(&Results::parse(&lines.join("\n")).unwrap())
    }

    fn with_rate(scenario: &str, system: &str, median_ns: u64, rate: u64) -> String {
        line(scenario, system, median_ns).replace(",\"n\"", &format!(",\"per_second\":{rate}.0,\"n\""))
    }

    #[test]
    fn nothing_measured_nothing_said() {
        assert!(of(&[]).iter().all(|threshold| threshold.measured.is_none()));
    }

    fn with_auc(scenario: &str, auc: f64) -> String {
        line(scenario, "met", 1).replace(",\"n\"", &format!(",\"auc\":{auc},\"n\""))
    }

    #[test]
    fn just_met() {
        let lines = [
            line(FIELDS, "paasla-fresh", 6_000),
            line(FIELDS, "cedar-policy", 120_000),
            line(FIELDS, "cedar-policy-data", 30_000),
            line(FIELDS, "regorus", 30_000),
            line(FIELDS, "regorus-rvm", 20_000),
            line(FIELDS, "regorus-tailored", 9_000),
            line(FIELDS, "regorus-rvm-tailored", 9_000),
            with_rate("threads/1", "paasla-fresh", 1, 100),
            with_rate("threads/2", "paasla-fresh", 1, 170),
            line("policies/1", "paasla-fresh", 1_000),
            line("policies/5", "paasla-fresh", 6_500),
            with_rate("http/64-connections", "paasla-governed", 1, 350),
            with_rate("http/64-connections", "bare", 1, 1_000),
            line("http/1-connection", "paasla-governed", 720_000),
            line("http/1-connection", "bare", 200_000),
            line("fsync", "disk", 70_000),
            with_auc(side_channels::SCENARIOS[0], 0.549),
            with_auc(side_channels::SCENARIOS[1], 0.5),
        ];
        let said = of(&lines);
        assert!(
            said.iter().all(|threshold| threshold.measured.as_ref().unwrap().met == Some(true)),
            "{said:?}"
        );
        let beside = "20.0 times; not judged, the same peer otherwise: 5.0 times (`cedar-policy-data`)";
        assert_eq!(said[0].measured.as_ref().unwrap().value, beside);
        assert_eq!(said[5].measured.as_ref().unwrap().value, "520 µs: an fsync of 70 µs and 450 µs");
    }

    #[test]
    fn just_missed() {
        let lines = [
            line(FIELDS, "paasla-fresh", 6_001),
            line(FIELDS, "cedar-policy", 120_000),
            line(FIELDS, "cedar-policy-data", 300_000),
            line(FIELDS, "regorus", 30_000),
            line(FIELDS, "regorus-rvm", 100_000),
            line(FIELDS, "regorus-tailored", 100_000),
            line(FIELDS, "regorus-rvm-tailored", 100_000),
            with_rate("threads/1", "paasla-fresh", 1, 1_000),
            with_rate("threads/2", "paasla-fresh", 1, 1_699),
            line("policies/1", "paasla-fresh", 1_000),
            line("policies/5", "paasla-fresh", 6_501),
            with_rate("http/64-connections", "paasla-governed", 1, 349),
            with_rate("http/64-connections", "bare", 1, 1_000),
            line("http/1-connection", "paasla-governed", 721_000),
            line("http/1-connection", "bare", 200_000),
            line("fsync", "disk", 70_000),
            with_auc(side_channels::SCENARIOS[0], 0.5),
            with_auc(side_channels::SCENARIOS[1], 0.551),
        ];
        let said = of(&lines);
        assert!(
            said.iter().all(|threshold| threshold.measured.as_ref().unwrap().met == Some(false)),
            "{said:?}"
        );
    }

    #[test]
    fn an_fsync_longer_than_a_whole_query_shows_nothing() {
        let lines = [
            line("http/1-connection", "paasla-governed", 1_360_000),
            line("http/1-connection", "bare", 331_000),
            line("fsync", "disk", 4_000_000),
        ];
        assert_eq!(of(&lines)[5].measured.as_ref().unwrap().met, None);
    }

    /// What was not measured cannot be told beside what was.
    #[test]
    fn a_missing_peer_is_no_result() {
        let said = of(&[line(FIELDS, "paasla-fresh", 1), line(FIELDS, "regorus", 100)]);
        assert!(said[1].measured.is_none());
    }
}
