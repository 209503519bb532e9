// SPDX-License-Identifier: Apache-2.0
//! The report: tables in Markdown.

use std::fmt::Write as _;

use super::{
    results::{Line, Results, is_ours},
    thresholds::{Threshold, thresholds as all_thresholds},
};

/// The whole page.
pub(crate) fn page(results: &Results) -> String {
    format!(
        "# Measurements\n\n{}\n\
         On a quiet machine the load average is near 0. Ratios travel, times do not. Where the time goes is in \
         [profile.md](profile.md).\n\n\
         ![Median times](rulings.svg)\n\n\
         ## What they must show\n\n{}\n\
         ## Every scenario\n\n{}\n{HOW}",
        runs(results),
        thresholds(&all_thresholds(results)),
        scenarios(results),
    )
}

/// When, where and by which commands it was measured.
fn runs(results: &Results) -> String {
    let runs = results.runs();
    if let [(run, _)] = runs.as_slice() {
        return format!("Made by {run}.\nEverything on this page is from one run on one machine.");
    }
    let mut text =
        "Made by several runs. What is from different runs is compared only where it must be shown.\n"
            .to_owned();
    for (run, scenarios) in runs {
        let _ = write!(text, "\n- {run}: {}", scenarios.join(", "));
    }
    text + "\n"
}

const HOW: &str = "## How to read this

Every call is timed by itself, what it takes to drop its result included. Before anything is timed, all systems must
give the same answers to 120 queries (every purpose, known and unknown; 1 to 100 fields; 1 to 20 policies).

| system | what is timed |
|---|---|
| `paasla-fresh` | the shipped rule `minimisation` (rows: `minors`), compiled to WebAssembly, in a fresh sandbox for every ruling; reasons included |
| `paasla-reused` | the same, one sandbox used 200 times; no host is offered this: it would carry state from query to query |
| `paasla-decision` | `paasla-fresh`, and the rulings combined to one decision |
| `cedar-policy` | one request for each field (rows: each row), one policy for each purpose; purposes are actions, and what they need are groups of resources, so that policies are decided by their scopes; policies, entities and known ids are ready before |
| `cedar-policy-data` | the same with one policy for all purposes, and everything that is settled in entities |
| `regorus` | one evaluation for all fields by the interpreter; policy and data are compiled before. Its input is the whole query, as a host must give it that does not know what policies look at, and its answer has a reason for each hidden field: what our rules get and give |
| `regorus-rvm` | the same by regorus' virtual machine |
| `regorus-tailored`, `regorus-rvm-tailored` | one evaluation for all fields (rows); the input is made for this policy and holds nothing else, and the answer has no reasons |
| `paasla-governed` | `paasla serve` with seven rules: one person, 20 fields of which two are hidden, each query on disk as a record before its answer leaves |
| `bare` | axum and sqlx: the same SELECT, an answer of the same shape, no rules and no record; built like the host, with its allocator |
| `met`, `not-met` | a query of a client that must not learn of a person, which meets that person, and the same that meets nobody; the answers are the same. AUC: how often the one is the slower one of two, if either is taken by chance |
| `disk`, `sqlite-wal` | what makes one record durable: a write over old bytes and fdatasync; an SQLite commit with `synchronous=FULL` |

What must be shown is judged by two of them: `cedar-policy` with a policy for each purpose, as one writes policies in
Cedar, and `regorus` by its default interpreter, with the input and the answer that our rules have. Somebody who knows
what will be asked can make both faster: Cedar with everything that is settled in data (`cedar-policy-data`), regorus by
its virtual machine (`-rvm`, the same work) or with an input made for the one policy (`-tailored`). They are told beside,
and may be faster than we are. Cedar and `-tailored` do less than our rules: they are told only what the policy looks at,
which a host that does not know its policies cannot do, and give no reasons. For a refused query, and for rows, the peers
tell only that it is refused, and which rows are about children. Load comes from a
process of its own over kept connections, on the same machine; disk, governed and bare take turns, and the
turn counts whose ratio is in the middle of nine. The governed host
reads a row of the register on the query's own thread (rusqlite); the bare handler reads by sqlx, which has a thread for
each connection: what is won there pays for a part of what governance costs. The number of
instructions that one ruling takes is in `instructions.toml` in this folder: `cargo xtask instructions` compares, and
fails when it changes by more than it says there.
";

/// One table of all scenarios: median, 99th percentile, and how many times ours.
pub(crate) fn scenarios(results: &Results) -> String {
    let mut text =
        "| scenario | system | median | p99 | beside ours | calls | |\n|---|---|--:|--:|--:|--:|---|\n"
            .to_owned();
    for (scenario, lines) in results.scenarios() {
        let ours = lines.iter().find(|line| is_ours(line));
        for line in &lines {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {scenario} | `{}` | {} | {} | {} | {} | {} |",
                line.system,
                time(line.median_ns),
                time(line.p99_ns),
                ours.map_or_else(String::new, |ours| ratio(line, ours)),
                line.n,
                besides(line),
            );
        }
    }
    text
}

fn ratio(line: &Line, ours: &Line) -> String {
    if line.system == ours.system || ours.median_ns == 0 {
        return String::new();
    }
    if line.run != ours.run {
        return "another run".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "no time is near 2^53 ns")]
    let ratio = line.median_ns as f64 / ours.median_ns as f64;
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.0} ×") }
}

fn besides(line: &Line) -> String {
    let rate = line.per_second.map(|rate| format!("{rate:.0} a second"));
    #[expect(clippy::cast_precision_loss, reason = "no policy is near 2^53 bytes")]
    let bytes = line.bytes_per_policy.map(|bytes| format!("{:.0} KiB a policy", bytes as f64 / 1024.0));
    let auc = line.auc.map(|auc| format!("AUC {auc:.3}"));
    rate.into_iter().chain(bytes).chain(auc).collect::<Vec<_>>().join(", ")
}

/// A time with three digits or so.
pub(crate) fn time(ns: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "no time is near 2^53 ns")]
    let ns = ns as f64;
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = if unit == "ns" || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

/// The table of thresholds.
pub(crate) fn thresholds(thresholds: &[Threshold]) -> String {
    let mut text = "| | wanted | measured | |\n|---|---|---|---|\n".to_owned();
    for Threshold { what, wanted, measured } in thresholds {
        let (value, met) = match measured {
            Some(measured) => (measured.value.as_str(), verdict(measured.met)),
            None => ("not measured", ""),
        };
        let _ = writeln!(text, "| {what} | {wanted} | {value} | {met} |");
    }
    text
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "**not met**",
        None => "no verdict: the disk was disturbed, measure again",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{machine::Machine, results::tests::line},
        *,
    };

    fn results() -> Results {
        let lines = [
            line("decide/20-fields", "paasla-fresh", 5_000),
            line("decide/20-fields", "cedar-policy", 150_000),
            line("decide/20-fields", "cedar-policy-data", 30_000),
            line("decide/20-fields", "regorus", 24_000),
            line("decide/20-fields", "regorus-rvm", 20_000),
            line("decide/20-fields", "regorus-tailored", 15_000),
            line("decide/20-fields", "regorus-rvm-tailored", 10_000),
        ];
        Results::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn times_are_told_in_their_unit() {
        let told = [
            (999, "999 ns"),
            (1_234, "1.23 µs"),
            (12_345, "12.3 µs"),
            (123_456, "123 µs"),
            (1_000_000, "1.00 ms"),
        ];
        for (ns, text) in told {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn others_are_told_beside_ours() {
        let text = scenarios(&results());
        assert!(
            text.contains("| decide/20-fields | `paasla-fresh` | 5.00 µs | 10.0 µs |  | 100 |  |"),
            "{text}"
        );
        assert!(text.contains("| `cedar-policy` | 150 µs | 300 µs | 30 × |"), "{text}");
        assert!(text.contains("| `regorus-rvm` | 20.0 µs | 40.0 µs | 4.00 × |"), "{text}");
    }

    /// Every row of a table has as many cells as its head.
    #[test]
    fn tables_are_whole() {
        for table in [scenarios(&results()), thresholds(&all_thresholds(&results()))] {
            let cells: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
            assert!(cells.iter().all(|count| Some(count) == cells.first()), "{table}");
        }
    }

    #[test]
    fn the_page_names_the_machine_and_what_was_missed() {
        let machine = Machine {
            processor: "Some Processor".to_owned(),
            cores: 2,
            kernel: "Linux 6.1".to_owned(),
            compiler: "rustc 1.95.0".to_owned(),
            date: "2026-11-22".to_owned(),
            load: "0.05".to_owned(),
        };
        let page = page(&results().over(Results::default(), &machine.told("cargo xtask bench")));
        for part in [
            "Made by `cargo xtask bench` on 2026-11-22",
            "Some Processor, 2 cores",
            "30.0 times",
            "**not met**",
            "not measured",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }

    /// What is from another run is not put beside ours as if it were from one.
    #[test]
    fn several_runs_are_told_apart() {
        let again = Results::parse(&line("decide/20-fields", "regorus", 30_000)).unwrap();
        let both = again.over(results().over(Results::default(), "one"), "two");
        let page = page(&both);
        for part in [
            "\n- one: decide/20-fields\n",
            "\n- two: decide/20-fields\n",
            "| 30.0 µs | 60.0 µs | another run |",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }
}
