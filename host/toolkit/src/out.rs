// SPDX-License-Identifier: Apache-2.0
//! Standard output. A reader that has gone is no failure: what was asked for is done, and nobody is left to be told.

use std::io::{self, ErrorKind, StdoutLock, Write};

/// Standard output, locked.
#[derive(Debug)]
pub struct Out(StdoutLock<'static>);

/// Takes it.
pub fn out() -> Out {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that knows what a reader that has gone means"
    )]
    let out = io::stdout();
    Out(out.lock())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        without_reader(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        without_reader(self.0.flush(), ())
    }
}

fn without_reader<T>(done: io::Result<T>, otherwise: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(otherwise),
        done => done,
    }
}

/// Writes what is shown this once, and so must arrive: here a reader that has gone is a failure.
///
/// # Errors
/// When it was not written.
pub fn hand_over(text: &str) -> io::Result<()> {
    let mut out = out();
    writeln!(out.0, "{text}")?;
    out.0.flush()
}
