// SPDX-License-Identifier: Apache-2.0
//! The compiler as a process of its own. In: a line of JSON, then the component, to the end. Out: a line of JSON, then
//! machine code, to the end. The process limits itself before it reads a byte of the component, and its parent ends
//! it when it takes too long.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, BufReader, Read, Write},
    path::Path,
    process::{Child, ExitCode, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::compile::{Code, Form, Job, compile};
use crate::{config::EngineConfig, error::LoadError, sandbox::wasm_config::base, system};

/// Bytes of the line before the machine code, at most, besides the component's own names, which JSON may write six
/// times as long.
const LINE: u64 = 64 << 10;
/// Threads that one worker compiles with, at most.
const MOST_THREADS: usize = 4;
/// How many times the time to compile a worker may take where others keep it from the processor.
const MOST_WAITS: u32 = 6;
/// How often it is looked whether a worker has had its time, at most.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What a worker says when it ends before it could answer, at most.
const LAST_WORDS: u64 = 4_096;

#[derive(Serialize, Deserialize)]
struct Order {
    job: Job,
    config: EngineConfig,
}

#[derive(Serialize, Deserialize)]
enum Reply {
    /// Compiled; so many bytes of machine code follow.
    Done(Form, usize),
    Refused(LoadError),
}

/// The whole of a worker process: takes one component from `input`, and writes machine code, or why there is none, to
/// `output`. The program that [`Compiler::Worker`](crate::Compiler::Worker) names does this and nothing else.
pub fn run_compiler(input: impl Read, output: impl Write) -> ExitCode {
    match serve(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its parent reads this, and tells why there was no answer.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut input = BufReader::new(input);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let Order { job, config } = serde_json::from_str(&line)?;
    limit(&config)?;
    let mut component = Vec::new();
    input.take(most_input(&config)).read_to_end(&mut component)?;
    let engine = base(&config).and_then(|config| wasmtime::Engine::new(&config));
    let done = match engine {
        Ok(engine) => compile(&engine, &config, &job, &component),
        Err(error) => Err(LoadError::Host(format!("the compiler could not be set up: {error:#}"))),
    };
    let (reply, code) = match done {
        Ok(code) => (Reply::Done(code.form, code.bytes.len()), code.bytes),
        Err(error) => (Reply::Refused(error), Vec::new()),
    };
    serde_json::to_writer(&mut output, &reply)?;
    output.write_all(b"\n")?;
    output.write_all(&code)?;
    output.flush()
}

/// A component may grow when it is configured: by all of its memory.
fn most_input(config: &EngineConfig) -> u64 {
    config.component.bytes.saturating_add(config.setup.memory_bytes.saturating_mul(2))
}

/// Gives up more memory and time than a compiler may have, and what it does not need.
fn limit(config: &EngineConfig) -> io::Result<()> {
    let limits = &config.component;
    // Seconds of all its threads together: the parent's clock is the one that counts, this is for an orphan.
    let seconds = limits.compile_ms.div_ceil(1000).saturating_mul(64);
    system::limit_worker(limits.compile_bytes, seconds)
}

/// Lets a worker do a job.
pub(crate) fn ask(
    program: &Path,
    arguments: &[OsString],
    config: &EngineConfig,
    job: &Job,
    component: &[u8],
) -> Result<Code, LoadError> {
    let host = |what: &str, error: io::Error| LoadError::Host(format!("the compiler {what}: {error}"));
    let order = Order { job: job.clone(), config: config.clone() };
    let order = serde_json::to_vec(&order).map_err(|error| host("could not be told", error.into()))?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut child = system::bare(program)
        .args(arguments)
        // Every thread, and every arena of an allocator's, takes address space: no more of them on a machine of many
        // processors, or the limit would mean something else there.
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| host("could not be started", error))?;
    let said = talk(&mut child, config, &order, component);
    // Whatever it did, nothing of it stays: a worker that has answered has nothing left to do.
    let killed = child.kill();
    let ended = child.wait();
    let status = killed.and(ended).map_err(|error| host("could not be ended", error))?;
    let said = said.map_err(|error| host("could not be spoken to", error))?;
    let Some(Said { out, words }) = said else {
        return Err(LoadError::CompileTime { limit_ms: config.component.compile_ms });
    };
    let Some(end) = out.iter().position(|byte| *byte == b'\n') else {
        return Err(if words.contains("memory allocation") || words.contains("Cannot allocate") {
            LoadError::CompileMemory { limit: config.component.compile_bytes }
        } else {
            tracing::warn!(%status, ?words, "the compiler ended without an answer");
            crashed()
        });
    };
    let (line, code) = out.split_at(end);
    match serde_json::from_slice(line).map_err(|error| host("could not be understood", error.into()))? {
        Reply::Done(form, length) => match code.get(1..).filter(|bytes| bytes.len() == length) {
            Some(bytes) => Ok(Code::of(form, bytes.to_vec())),
            None => {
                tracing::warn!(%status, ?words, "the compiler ended in the middle of its answer");
                Err(crashed())
            }
        },
        Reply::Refused(error) => Err(error),
    }
}

fn crashed() -> LoadError {
    LoadError::Crashed("crashed".to_owned())
}

/// All that a worker wrote.
struct Said {
    out: Vec<u8>,
    words: String,
}

/// Sends the job and waits for the answer; none if it takes too long: its time counts while it has a processor, or a machine
/// that is busy with other things would make a component unfit.
fn talk(
    child: &mut Child,
    config: &EngineConfig,
    order: &[u8],
    component: &[u8],
) -> io::Result<Option<Said>> {
    let gone = || io::Error::other("it has no pipes");
    let (Some(mut input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(gone());
    };
    let line = config.component.bytes.saturating_mul(6).saturating_add(LINE);
    let most = config.component.code_bytes.saturating_add(line);
    let (send, answered) = mpsc::channel();
    thread::scope(|scope| {
        // A worker that ends early does not read to the end: what it says, or does not say, tells why.
        scope.spawn(move || {
            let _ = input.write_all(order).and_then(|()| input.write_all(b"\n"));
            let _ = input.write_all(component);
        });
        scope.spawn(move || {
            let read = || {
                let (mut out, mut words) = (Vec::new(), Vec::new());
                output.take(most).read_to_end(&mut out)?;
                errors.take(LAST_WORDS).read_to_end(&mut words)?;
                Ok(Said { out, words: String::from_utf8_lossy(&words).into_owned() })
            };
            let _ = send.send(read());
        });
        let said = answer_within(&answered, Duration::from_millis(config.component.compile_ms), child.id());
        // The threads end when the pipes do.
        let _ = child.kill();
        said.transpose()
    })
}

/// What a worker sends while its time is not over.
fn answer_within<T>(answered: &mpsc::Receiver<T>, limit: Duration, worker: u32) -> Option<T> {
    let began = Instant::now();
    let mut wait = limit;
    loop {
        match answered.recv_timeout(wait) {
            Ok(said) => return Some(said),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let worked = system::processor_time(worker);
        if is_over(worked, began.elapsed(), limit) {
            return None;
        }
        wait = limit.saturating_sub(worked.unwrap_or_default()).max(LOOK_AGAIN);
    }
}

/// Whether a worker's time is over: what it has worked counts, where the system tells that, and what it has taken, where others
/// keep it from the processor for many times as long.
fn is_over(worked: Option<Duration>, taken: Duration, limit: Duration) -> bool {
    worked.unwrap_or(taken) >= limit || taken >= limit.saturating_mul(MOST_WAITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_others_keep_from_the_processor_has_more_time_and_not_for_ever() {
        let seconds = Duration::from_secs;
        assert!(!is_over(Some(seconds(3)), seconds(25), seconds(20)), "it has hardly had a processor");
        assert!(is_over(Some(seconds(20)), seconds(25), seconds(20)));
        assert!(is_over(Some(seconds(3)), seconds(120), seconds(20)));
        assert!(is_over(None, seconds(20), seconds(20)), "where nobody can tell, time is time");
    }

    #[test]
    fn who_is_gone_without_a_word_is_not_waited_for() {
        let (send, answered) = mpsc::channel::<()>();
        drop(send);
        assert_eq!(answer_within(&answered, Duration::from_secs(600), std::process::id()), None);
        let (send, answered) = mpsc::channel();
        send.send(7).unwrap();
        assert_eq!(answer_within(&answered, Duration::from_secs(600), std::process::id()), Some(7));
    }
}
