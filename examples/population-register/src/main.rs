// SPDX-License-Identifier: Apache-2.0
//! The `population-register` program.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use population_register::{Plan, Progress, build};

/// Writes a synthetic Estonian population register as an SQLite file.
///
/// Everything in it is synthetic: people, names, personal codes, documents, addresses and contacts are made from
/// chance, and nobody is real. Real are only the names and codes of counties and municipalities. The same number of
/// people, seed and date give the same register. Beside the file, `persons.json` names a cast of people to try
/// things with.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How many people, the dead included
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    people: u32,

    /// The seed of all chance
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// The day on which the register is as it is
    #[arg(long, value_name = "YYYY-MM-DD", default_value_t = Date::constant(2026, 1, 1))]
    as_of: Date,

    /// Overwrite FILE and persons.json
    #[arg(long)]
    force: bool,

    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            let _ = writeln!(io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { people, seed, as_of, .. } = arguments;
    let plan = Plan { people, seed, as_of };
    let bar = bar(&arguments)?;
    let built = build(&plan, &arguments.out, arguments.force, |progress| match progress {
        Progress::People(done) => bar.set_position(done),
        Progress::Indexes => bar.set_message("making indexes"),
        Progress::Closing => bar.set_message("gathering statistics"),
    })
    .await;
    bar.finish_and_clear();
    built.with_context(|| format!("no register in `{}`", arguments.out.display()))?;
    if !arguments.quiet {
        let file = arguments.out.display();
        writeln!(io::stderr(), "A synthetic register of {people} people is in {file}.")?;
    }
    Ok(())
}

fn bar(arguments: &Arguments) -> anyhow::Result<ProgressBar> {
    let hidden = arguments.quiet || !io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} people  {elapsed}  {msg}")?;
    let bar = ProgressBar::with_draw_target(Some(u64::from(arguments.people)), target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_says_that_nobody_is_real() {
        assert!(Arguments::command().render_long_help().to_string().contains("synthetic"));
    }
}
