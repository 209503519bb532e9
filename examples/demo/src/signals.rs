// SPDX-License-Identifier: Apache-2.0
//! The signals that ask this program to stop.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use anyhow::Result;
use signal_hook::{
    consts::{SIGHUP, TERM_SIGNALS},
    flag,
};

/// The exit status of a program that was interrupted.
const INTERRUPTED_STATUS: i32 = 130;

/// A flag that is up once a signal has asked to stop.
///
/// # Errors
/// When the system does not let this program handle a signal.
pub fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // The first asks to stop, the second does not ask.
        flag::register_conditional_shutdown(*signal, INTERRUPTED_STATUS, Arc::clone(&stop))?;
        flag::register(*signal, Arc::clone(&stop))?;
    }
    if !hangup_is_ignored() {
        // A terminal that closes may send it twice: the second must not cut the stop short.
        flag::register(SIGHUP, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Whether a stop was asked for. To be called when a child has ended: a Ctrl-C reaches it too, maybe sooner.
pub(crate) fn is_stopped(stop: &AtomicBool) -> bool {
    if !stop.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(300));
    }
    stop.load(Ordering::SeqCst)
}

/// Whether this program was started so that it outlives its terminal, as by `nohup`. To handle SIGHUP would undo that.
#[must_use]
pub fn hangup_is_ignored() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Linux shows the ignored signals as a mask in hex, whose lowest bit is signal 1, SIGHUP.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_under_nohup_is_known() {
        let status = |mask: &str| format!("Name:\tpaasla\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")));
        assert!(!ignores_hangup(""));
    }
}
