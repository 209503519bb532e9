// SPDX-License-Identifier: Apache-2.0
//! The machine that a run was made on.

use std::{fs, thread};

use anyhow::{Context as _, Result};

use crate::tools::answer;

/// What times depend on.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) compiler: String,
    /// The day of the run.
    pub(crate) date: String,
    /// How many programs wanted to run in the minute before.
    pub(crate) load: String,
}

impl Machine {
    /// Looks at this machine.
    ///
    /// # Errors
    /// When it does not tell what it is.
    pub(crate) fn look() -> Result<Self> {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Ok(Self {
            processor: model
                .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()),
            cores: thread::available_parallelism()?.get(),
            kernel: answer("uname", &["-sr"]).context("`uname` does not answer")?,
            compiler: answer("rustc", &["--version"]).context("`rustc` does not answer")?,
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            date: answer("date", &["-u", "+%F"]).context("`date` does not answer")?,
        })
    }

    /// A run by this command, as the report tells it.
    pub(crate) fn told(&self, command: &str) -> String {
        let Self { processor, cores, kernel, compiler, date, load } = self;
        format!(
            "`{command}` on {date}: {processor}, {cores} cores, {kernel}, {compiler}; the load average before was {load}"
        )
    }
}
