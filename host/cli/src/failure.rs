// SPDX-License-Identifier: Apache-2.0
//! How a command fails: as the toolkit's commands do, so that all have the same exit statuses.

pub(crate) use paasla_toolkit::failure::{
    Failure, Kind, Problem, asks_for_json, end_without_command, invalid, not_found, of_kind, usage,
};

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    /// What has no output for programs: a service, the demo (which leaves `demo.json`), a script for a shell, and what clap adds.
    const WITHOUT: [&str; 4] = ["serve", "demo", "completions", "help"];

    fn lacking(command: &Command, path: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|sub| !WITHOUT.contains(&sub.get_name())) {
            let path = format!("{path} {}", sub.get_name());
            if sub.has_subcommands() {
                lacking(sub, &path, found);
            } else if !sub.get_arguments().any(|argument| argument.get_long() == Some("json")) {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_command_speaks_to_programs_too() {
        let mut found = Vec::new();
        lacking(&crate::Arguments::command(), "paasla", &mut found);
        assert!(found.is_empty(), "these have no --json: {found:?}");
    }
}
