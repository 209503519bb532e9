// SPDX-License-Identifier: Apache-2.0
//! What only an operating system can do, one function each. A host runs on Linux, where all of it is done. Rule authors
//! work elsewhere, too: there, what makes a host fast and a compiler confined is left out, and rules are the same.

#[cfg(target_os = "linux")]
mod linux;
// In tests on Linux, too, so that it keeps compiling.
#[cfg(any(test, not(target_os = "linux")))]
mod plain;

use std::{fs::DirBuilder, io, path::Path, process::Command};

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    MOST_PROCESSORS, keep_half_free, limit_worker, lower_priority, own_processors, processor, processor_time,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use plain::{
    MOST_PROCESSORS, keep_half_free, limit_worker, lower_priority, own_processors, processor, processor_time,
};

/// Makes a folder, and those that it is in. Where there are permissions, what is made is its owner's alone.
///
/// # Errors
/// When it is not there and cannot be made.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A program that gets nothing of this one's environment, and works in no folder of anybody's.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir("/");
    // Windows loads no library of its own without it.
    #[cfg(windows)]
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    command
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use super::plain;

    #[test]
    fn without_a_system_that_tells_the_processor_each_thread_has_a_number_of_its_own() {
        let own = plain::processor();
        assert_eq!(plain::processor(), own, "a thread keeps its number");
        let others: BTreeSet<_> =
            (0..8).map(|_| thread::spawn(plain::processor).join().unwrap()).chain([own]).collect();
        assert_eq!(others.len(), 9);
        assert!(others.iter().all(|number| *number < plain::MOST_PROCESSORS), "{others:?}");
        assert_eq!(plain::own_processors().len(), plain::MOST_PROCESSORS);
    }

    #[test]
    fn without_such_a_system_nothing_is_limited_and_nothing_fails() {
        plain::lower_priority().unwrap();
        plain::keep_half_free();
        plain::limit_worker(1, 1).unwrap();
        assert_eq!(plain::processor_time(std::process::id()), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_how_long_a_process_has_worked() {
        let own = || super::processor_time(std::process::id()).unwrap();
        let before = own();
        while own() == before {
            std::hint::spin_loop();
        }
        assert!(own() > before);
        assert_eq!(super::processor_time(u32::MAX), None, "there is no such process");
    }

    /// Where there are permissions.
    #[cfg(unix)]
    #[test]
    fn a_private_folder_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("a/b");
        super::make_private_folder(&made).unwrap();
        super::make_private_folder(&made).unwrap();
        assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
