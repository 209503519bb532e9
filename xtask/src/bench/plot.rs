// SPDX-License-Identifier: Apache-2.0
//! A plot of the medians: bars on a logarithmic scale, grouped by scenario. Readable on light and on dark ground.

use std::fmt::Write as _;

use super::{
    report::time,
    results::{Line, Results, is_ours},
};

const WIDTH: f64 = 960.0;
/// Where bars begin.
const LEFT: f64 = 300.0;
/// What is left free for figures at the right.
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const TOP: f64 = 56.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.scenario{font-weight:600}.small{fill:#57606a;\
    font-size:12px}.grid{stroke:#d0d7de}.ours{fill:#1a7f5a}.other{fill:#8c959f}.ground{fill:#ffffff}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.grid{stroke:#3d444d}.ours{fill:#3fb68b}\
    .other{fill:#656c76}.ground{fill:#0d1117}}";

/// The plot.
pub(crate) fn svg(results: &Results) -> String {
    let scenarios = results.scenarios();
    let medians = || results.lines().iter().map(|line| line.median_ns.max(1));
    let (first, last) = (medians().min().unwrap_or(1).ilog10(), medians().max().unwrap_or(1).ilog10() + 1);
    let bars: usize = scenarios.iter().map(|(_, lines)| lines.len()).sum();
    let height = TOP + rows(bars) * (BAR + 4.0) + rows(scenarios.len()) * 14.0 + 24.0;

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Median times by scenario and system\">\n\
         <!-- SPDX-License-Identifier: Apache-2.0 -->\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text x=\"16\" y=\"24\" class=\"scenario\">Median time of one call; shorter is better; each line is ten \
         times the one before</text>\n"
    );
    let scale = Scale { first, last };
    for decade in first..=last {
        let x = scale.x(10_u64.saturating_pow(decade));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\"/><text class=\"small\" \
             x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            height - 16.0,
            TOP - 8.0,
            round(decade),
        );
    }
    let mut y = TOP + 8.0;
    for (scenario, lines) in &scenarios {
        let _ = writeln!(
            text,
            "<text class=\"scenario\" x=\"16\" y=\"{:.1}\">{}</text>",
            y + 13.0,
            escaped(scenario)
        );
        for line in lines {
            bar(&mut text, &scale, line, y);
            y += BAR + 4.0;
        }
        y += 14.0;
    }
    text.push_str("</svg>\n");
    text
}

#[expect(clippy::cast_precision_loss, reason = "few rows")]
fn rows(count: usize) -> f64 {
    count as f64
}

fn bar(text: &mut String, scale: &Scale, line: &Line, y: f64) {
    let end = scale.x(line.median_ns.max(1));
    let class = if is_ours(line) { "ours" } else { "other" };
    let _ = writeln!(
        text,
        "<text class=\"small\" x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\">{}</text><rect class=\"{class}\" \
         x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/><text class=\"small\" x=\"{:.1}\" \
         y=\"{baseline:.1}\">{}</text>",
        LEFT - 8.0,
        escaped(&line.system),
        (end - LEFT).max(1.0),
        end + 6.0,
        time(line.median_ns),
        baseline = y + 12.5,
    );
}

/// From the decade of the shortest time to the one above the longest.
struct Scale {
    first: u32,
    last: u32,
}

impl Scale {
    fn x(&self, ns: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no time is near 2^53 ns")]
        let place = (ns as f64).log10() - f64::from(self.first);
        LEFT + place / f64::from(self.last - self.first) * (WIDTH - RIGHT - LEFT)
    }
}

/// The name of a power of ten nanoseconds.
fn round(decade: u32) -> String {
    let unit = match decade / 3 {
        0 => "ns",
        1 => "µs",
        2 => "ms",
        _ => "s",
    };
    let above = if decade >= 9 { decade - 9 } else { decade % 3 };
    format!("{} {unit}", 10_u64.pow(above))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::line, *};

    fn plot() -> String {
        let lines = [
            line("decide/20-fields", "paasla-fresh", 5_000),
            line("decide/20-fields", "cedar & <others>", 150_000),
            line("activate/cold", "paasla", 20_000_000),
        ];
        svg(&Results::parse(&lines.join("\n")).unwrap())
    }

    /// Every element is closed, in order, and nothing stands unescaped.
    #[test]
    fn it_is_well_formed() {
        let text = plot();
        let mut open = Vec::new();
        for part in text.split('<').skip(1) {
            let (tag, rest) = part.split_once('>').unwrap();
            assert!(!rest.contains('&') || rest.contains("&amp;") || rest.contains("&lt;"), "{rest}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') && !tag.starts_with("!--") {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(text.contains("cedar &amp; &lt;others&gt;"));
    }

    #[test]
    fn a_bar_ten_times_as_long_is_one_decade_longer() {
        let scale = Scale { first: 3, last: 8 };
        let decade = (WIDTH - RIGHT - LEFT) / 5.0;
        assert!((scale.x(1_000) - LEFT).abs() < 1e-9);
        assert!((scale.x(50_000) - scale.x(5_000) - decade).abs() < 1e-9);
        assert!((scale.x(100_000_000) - (WIDTH - RIGHT)).abs() < 1e-9);
    }

    #[test]
    fn decades_have_names() {
        let names: Vec<String> = (2..=10).map(round).collect();
        assert_eq!(names, ["100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
    }

    #[test]
    fn ours_and_others_are_told_apart() {
        let text = plot();
        assert_eq!(text.matches("class=\"ours\"").count(), 2);
        assert_eq!(text.matches("class=\"other\"").count(), 1);
    }
}
