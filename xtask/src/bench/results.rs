// SPDX-License-Identifier: Apache-2.0
//! The results of a run, as they stand in its file.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// One system in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) scenario: String,
    pub(crate) system: String,
    /// Half of the calls took at most so many nanoseconds.
    pub(crate) median_ns: u64,
    /// 99 of 100 calls took at most so many nanoseconds.
    pub(crate) p99_ns: u64,
    /// How many calls.
    pub(crate) n: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_per_policy: Option<u64>,
    /// How well its times are told from those of the system that it is compared with; 0.5 is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auc: Option<f64>,
    /// The run that it is from, where results of several are kept together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
}

impl Line {
    /// What `--only` looks at.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.scenario, self.system)
    }
}

/// All lines, in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Results(Vec<Line>);

impl Results {
    /// Reads a file of results.
    ///
    /// # Errors
    /// When it cannot be read, or a line is no result.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let line = |(nth, line): (usize, &str)| {
            serde_json::from_str(line).with_context(|| format!("line {} is no result", nth + 1))
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        Ok(Self(lines.map(line).collect::<Result<_>>()?))
    }

    /// Takes the place of what was kept of the same systems in the same scenarios; what was not measured stays. `run` says
    /// which run it was.
    #[must_use]
    pub(crate) fn over(self, mut kept: Self, run: &str) -> Self {
        for line in self.0 {
            let line = Line { run: Some(run.to_owned()), ..line };
            match kept.0.iter_mut().find(|old| old.name() == line.name()) {
                Some(old) => *old = line,
                None => kept.0.push(line),
            }
        }
        kept
    }

    /// The runs, in the order of their first lines, each with its scenarios.
    pub(crate) fn runs(&self) -> Vec<(&str, Vec<&str>)> {
        let mut runs: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in &self.0 {
            let run = line.run.as_deref().unwrap_or_default();
            let scenario = line.scenario.as_str();
            match runs.iter_mut().find(|(known, _)| *known == run) {
                Some((_, scenarios)) if scenarios.contains(&scenario) => {}
                Some((_, scenarios)) => scenarios.push(scenario),
                None => runs.push((run, vec![scenario])),
            }
        }
        runs
    }

    /// All lines as they stand in a file.
    ///
    /// # Errors
    /// When a line cannot be written as JSON.
    pub(crate) fn text(&self) -> Result<String> {
        self.0.iter().map(|line| Ok(serde_json::to_string(line)? + "\n")).collect()
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.0
    }

    /// One system in one scenario.
    pub(crate) fn find(&self, scenario: &str, system: &str) -> Option<&Line> {
        self.0.iter().find(|line| line.scenario == scenario && line.system == system)
    }

    /// Every scenario, with its systems: ours first, as it is what the others are compared with.
    pub(crate) fn scenarios(&self) -> Vec<(&str, Vec<&Line>)> {
        let mut scenarios: Vec<(&str, Vec<&Line>)> = Vec::new();
        for line in &self.0 {
            match scenarios.iter_mut().find(|(scenario, _)| *scenario == line.scenario) {
                Some((_, lines)) => lines.push(line),
                None => scenarios.push((&line.scenario, vec![line])),
            }
        }
        for (_, lines) in &mut scenarios {
            lines.sort_by_key(|line| !is_ours(line));
        }
        scenarios
    }
}

/// Whether it is what the others of its scenario are compared with.
pub(crate) fn is_ours(line: &Line) -> bool {
    matches!(line.system.as_str(), "paasla" | "paasla-fresh" | "paasla-governed" | "met")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line without rates.
    pub(in crate::bench) fn line(scenario: &str, system: &str, median_ns: u64) -> String {
        format!(
            r#"{{"scenario":"{scenario}","system":"{system}","median_ns":{median_ns},"p99_ns":{},"n":100}}"#,
            median_ns * 2
        )
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let text = r#"{"scenario":"threads/2","system":"paasla-fresh","median_ns":5000,"p99_ns":9000,"n":7,"per_second":350000.5}"#;
        let results = Results::parse(&format!("{text}\n\n{}\n", line("fsync", "disk", 70_000))).unwrap();
        assert_eq!(results.lines().len(), 2);
        assert_eq!(serde_json::to_string(&results.lines()[0]).unwrap(), text);
        assert_eq!(results.find("fsync", "disk").unwrap().p99_ns, 140_000);
        assert!(results.find("fsync", "paasla").is_none());
    }

    /// A part that is measured again takes the place of that part only.
    #[test]
    fn what_was_not_measured_again_stays() {
        let kept =
            [line("decide/1", "paasla-fresh", 5), line("decide/1", "regorus", 50), line("fsync", "disk", 7)];
        let kept = Results::parse(&kept.join("\n")).unwrap().over(Results::default(), "all of it");
        let new = [line("decide/1", "regorus", 40), line("review/1", "paasla-fresh", 9)];
        let both = Results::parse(&new.join("\n")).unwrap().over(kept, "a part");
        let told: Vec<_> = both.lines().iter().map(|line| (line.name(), line.median_ns)).collect();
        let name = |name: &str, ns| (name.to_owned(), ns);
        let expected = [
            name("decide/1/paasla-fresh", 5),
            name("decide/1/regorus", 40),
            name("fsync/disk", 7),
            name("review/1/paasla-fresh", 9),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            both.runs(),
            [("all of it", vec!["decide/1", "fsync"]), ("a part", vec!["decide/1", "review/1"])]
        );
        assert_eq!(Results::parse(&both.text().unwrap()).unwrap().lines(), both.lines());
    }

    #[test]
    fn a_line_that_is_no_result_is_named() {
        let text = format!("{}\nnonsense\n", line("a", "b", 1));
        assert!(Results::parse(&text).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn ours_stands_first() {
        let text = [line("x", "regorus", 2), line("x", "paasla-fresh", 1), line("y", "bare", 1)].join("\n");
        let results = Results::parse(&text).unwrap();
        let scenarios = results.scenarios();
        assert_eq!(scenarios.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(scenarios[0].1[0].system, "paasla-fresh");
    }
}
