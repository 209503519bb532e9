// SPDX-License-Identifier: Apache-2.0
//! The system's clock jumps under a host that serves: no cap opens, and nothing breaks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Ask, Given, Host, ask::agent, within};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;

/// Adds the seconds in the file `CLOCK_OFFSET` to the time of day.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, id, time);
    const char *path = getenv("CLOCK_OFFSET");
    if (result == 0 && id == CLOCK_REALTIME && path) {
        long offset = 0;
        FILE *file = fopen(path, "r");
        if (file) {
            if (fscanf(file, "%ld", &offset) != 1) offset = 0;
            fclose(file);
        }
        time->tv_sec += offset;
    }
    return result;
}
"#;

fn shim(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SHIM)?;
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output();
    let compiled = compiled.context("there is no C compiler `cc`, which Rust needs to link: install gcc")?;
    ensure!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    Ok(library)
}

fn told(host: &Host) -> Result<Value> {
    let mut response = agent().get(format!("{}/health/ready", host.base_url)).call()?;
    Ok(serde_json::from_str(&response.body_mut().read_to_string()?)?)
}

/// Writes the offset, as a whole, and waits until the host sees the clock so.
fn set(host: &Host, offset: &Path, seconds: i64) -> Result<()> {
    paasla_tests::files::write_text(offset, &seconds.to_string())?;
    within(MINUTE, || {
        let told = told(host)?;
        let jumped = told.pointer("/clock/jumpedSeconds").and_then(Value::as_i64);
        let is_so = jumped.is_some_and(|jumped| (jumped - seconds).abs() < 60);
        Ok(is_so && told.pointer("/clock/ok") == Some(&json!(seconds == 0)))
    })
    .with_context(|| format!("the host does not see {seconds} s"))
}

#[test]
fn a_jump_of_the_clock_opens_no_cap_and_loses_no_usage() -> Result<()> {
    let given = Given::seeded()?;
    let library = shim(&given.home.folder)?;
    let offset = given.home.folder.join("offset");
    fs::write(&offset, "0")?;
    let log = fs::File::create(given.home.log())?;
    let host = given.home.start_with(0, &AtomicBool::new(false), |command| {
        command.env("LD_PRELOAD", &library).env("CLOCK_OFFSET", &offset).stderr(log);
    })?;
    let company = given.world.client("small_company");
    let by_company = |codes: &[String]| {
        Ask::service("person", company, &["givenName"], json!({ "personalCode": codes }))
            .send(&agent(), &host.base_url)
    };
    let got = by_company(&given.world.persons.twenty)?;
    ensure!(got.status == 200, "the cap is twenty: {} {}", got.status, got.text);
    let one = std::slice::from_ref(&given.world.persons.adult);
    for seconds in [0, 400 * DAY, 0, -40 * DAY, -DAY, -80 * 365 * DAY, 0] {
        set(&host, &offset, seconds)?;
        // What was counted is noted meanwhile, and what is old is dropped.
        for _ in 0..3 {
            let got = by_company(one).with_context(|| {
                format!("{seconds}; the log: {}", fs::read_to_string(given.home.log()).unwrap_or_default())
            })?;
            ensure!(got.is_refused("quota.exceeded-month"), "{seconds}: {} {}", got.status, got.text);
            std::thread::sleep(Duration::from_secs(1));
        }
        let authority = given.world.client("public_task");
        let keys = json!({ "personalCode": given.world.persons.adult });
        let got = Ask::service("person", authority, &["familyName"], keys).send(&agent(), &host.base_url)?;
        ensure!(got.status == 200, "{seconds}: {} {}", got.status, got.text);
    }
    host.stop()?;
    let log = fs::read_to_string(given.home.log())?;
    ensure!(log.contains("the system's clock has jumped"), "the log tells of no jump");
    Ok(())
}
