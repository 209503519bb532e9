// SPDX-License-Identifier: Apache-2.0
//! The program's log on standard error, which is no condition of its service.
//!
//! Whoever reads the log may go away, stop reading, or have a full disk. So the host hands its lines to a thread of their
//! own by a bounded queue: what finds no place in it, or cannot be written, is counted as lost, and the log says how many
//! as soon as it can be written again.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd as _,
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use paasla_app::LostLines;
use paasla_toolkit::log;

/// What may wait for whoever reads the log.
const MAX_QUEUED_LINES: usize = 8_192;

/// How long the last lines of a program that ends may take to be written.
const GRACE: Duration = Duration::from_secs(1);

/// The queue of a host that serves.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Begins to log. A host's lines are `queued`; a command's are written at once, between what it prints.
///
/// # Errors
/// When `PAASLA_LOG` is wrong, or there is no thread for the log.
pub(crate) fn start(queued: bool) -> Result<()> {
    let filter = log::filter()?;
    let stderr = Stderr::open();
    if queued {
        let queue = Queue::start(stderr).context("no thread could be started that writes the log")?;
        let queue = QUEUE.get_or_init(|| queue);
        log::start(filter, move || queue.line());
    } else {
        log::start(filter, move || stderr.clone());
    }
    Ok(())
}

/// How many lines were lost since the start.
pub(crate) fn lost() -> LostLines {
    QUEUE.get().map(|queue| queue.lost.clone()).unwrap_or_default()
}

/// The last words of a program: behind everything that was logged, and waited for as long as the log is written.
pub(crate) fn end(words: &str) {
    match QUEUE.get() {
        Some(queue) => queue.end(words),
        None => {
            let _ = Stderr::open().write_all(words.as_bytes());
        }
    }
}

/// Standard error without the lock that `std` has all threads take for it: a line is written in one call, and the kernel
/// keeps lines apart.
#[derive(Debug, Clone)]
struct Stderr(Option<Arc<File>>);

impl Stderr {
    fn open() -> Self {
        let file = io::stderr().as_fd().try_clone_to_owned();
        Self(file.ok().map(|file| Arc::new(File::from(file))))
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(file) => (&**file).write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What goes to the thread that writes.
enum Message {
    Line(Vec<u8>),
    /// Whoever sends it waits until all before it is written.
    End(Sender<()>),
}

/// Where lines wait to be written.
#[derive(Debug)]
struct Queue {
    messages: SyncSender<Message>,
    lost: LostLines,
}

impl Queue {
    fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (messages, queued) = sync_channel(MAX_QUEUED_LINES);
        let lost = LostLines::default();
        let counted = lost.clone();
        thread::Builder::new()
            .name("paasla-log".to_owned())
            .spawn(move || write_all(&queued, to, &counted))?;
        Ok(Self { messages, lost })
    }

    fn line(&self) -> Line<'_> {
        Line { bytes: Vec::new(), queue: self }
    }

    fn end(&self, words: &str) {
        let until = Instant::now() + GRACE;
        let (ended, end) = channel();
        for message in [Message::Line(words.into()), Message::End(ended)] {
            let mut message = Some(message);
            while let Some(waiting) = message.take() {
                if let Err(full) = self.messages.try_send(waiting) {
                    if Instant::now() >= until {
                        return;
                    }
                    thread::sleep(Duration::from_millis(10));
                    message = Some(match full {
                        std::sync::mpsc::TrySendError::Full(message) => message,
                        std::sync::mpsc::TrySendError::Disconnected(_) => return,
                    });
                }
            }
        }
        let _: Result<(), RecvTimeoutError> =
            end.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// Writes what is queued, until nobody can queue any more.
fn write_all(queued: &Receiver<Message>, mut to: impl Write, lost: &LostLines) {
    // Whether the last line is cut off.
    let mut is_cut = false;
    for message in queued {
        let line = match message {
            Message::Line(line) => line,
            Message::End(ended) => {
                drop(ended);
                continue;
            }
        };
        let told = lost.unreported();
        let mut text = Vec::new();
        if is_cut {
            text.push(b'\n');
        }
        if told > 0 {
            let now = jiff::Timestamp::now();
            text.extend(format!("{now:.6}  WARN lines of the log were lost lines={told}\n").into_bytes());
        }
        text.extend(line);
        match write_line(&mut to, &text) {
            Ok(()) => {
                lost.report(told);
                is_cut = false;
            }
            Err(written) => {
                lost.add();
                is_cut |= written > 0;
            }
        }
    }
}

/// Writes all, or says how much was written.
fn write_line(to: &mut impl Write, mut text: &[u8]) -> Result<(), usize> {
    let whole = text.len();
    while !text.is_empty() {
        match to.write(text) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(written) if written > 0 => text = text.get(written..).unwrap_or_default(),
            _ => return Err(whole - text.len()),
        }
    }
    Ok(())
}

/// A line as it is made; queued when it is dropped.
#[derive(Debug)]
struct Line<'q> {
    bytes: Vec<u8>,
    queue: &'q Queue,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.queue.messages.try_send(Message::Line(line)).is_err() {
            self.queue.lost.add();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Takes so many bytes, and then none until it is given room.
    #[derive(Clone, Default)]
    struct Disk {
        room: Arc<AtomicUsize>,
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room.load(Ordering::SeqCst));
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room.fetch_sub(taken, Ordering::SeqCst);
            self.text.lock().unwrap().extend_from_slice(bytes.get(..taken).unwrap());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lost_lines_are_counted_and_told_when_there_is_room_again() {
        let disk = Disk::default();
        let queue = Queue::start(disk.clone()).unwrap();
        disk.room.store(8, Ordering::SeqCst);
        for line in ["one\n", "two, cut off\n", "three\n"] {
            queue.line().write_all(line.as_bytes()).unwrap();
        }
        queue.end("four\n");
        assert_eq!((queue.lost.count(), queue.lost.unreported()), (3, 3));
        disk.room.store(1_000, Ordering::SeqCst);
        queue.end("five\n");
        let text = String::from_utf8(disk.text.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            matches!(lines[..], ["one", "two,", told, "five"] if told.ends_with("lost lines=3")),
            "{text}"
        );
        assert_eq!((queue.lost.count(), queue.lost.unreported()), (3, 0));
    }

    /// Never done with its first line.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_stuck_log() {
        let queue = Queue::start(Stuck).unwrap();
        for _ in 0..2 * MAX_QUEUED_LINES {
            queue.line().write_all(b"line\n").unwrap();
        }
        queue.end("the end\n");
        assert!(queue.lost.count() >= (MAX_QUEUED_LINES as u64) - 1);
    }
}
