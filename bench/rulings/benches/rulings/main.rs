// SPDX-License-Identifier: Apache-2.0
//! One decision in Pääsla and in its peers, in one process. Answers are compared before anything is timed.
//!
//! `cargo xtask bench` runs it. A word among the arguments leaves out every measurement whose name does not hold it.

mod activation;
mod agree;
mod cedar;
mod decide;
mod memory;
mod paasla;
mod rego;
mod review;
mod run;
mod threads;

/// The program's allocator, for all: what it takes to get memory is no part of what they differ in.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut run = run::Run::from_arguments();
    agree::check()?;
    let mut threads = threads::Threads::new(&run)?;
    threads.measure()?;
    decide::fields(&mut run)?;
    threads.measure()?;
    decide::policies(&mut run)?;
    threads.measure()?;
    decide::refusal(&mut run)?;
    review::rows(&mut run)?;
    threads.measure()?;
    activation::activation(&mut run)?;
    memory::memory(&run)?;
    threads.measure()?;
    threads.write()
}
