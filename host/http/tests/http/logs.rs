// SPDX-License-Identifier: Apache-2.0
//! Nothing that a caller sent is logged, at any level.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::fake::{Fake, House, MARK, Ready, XROAD_BODY, rr, xroad};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn noted() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Nextest gives each test a process of its own; elsewhere the hook is put back.
#[test]
fn a_panic_is_told_by_its_place_only() {
    let (lines, _guard) = noted();
    let before = std::panic::take_hook();
    paasla_http::panics::hush();
    let caught = std::panic::catch_unwind(|| panic!("{MARK}"));
    std::panic::set_hook(before);
    assert!(caught.is_err());
    let text = lines.text();
    assert!(text.contains("a panic") && text.contains("logs.rs") && !text.contains(MARK), "{text}");
}

#[tokio::test]
async fn no_log_line_holds_what_was_sent() {
    let (lines, _guard) = noted();
    let house = House::new(Fake::default());
    let panicking = House::new(Fake { reply: Box::new(|_| panic!("{MARK}")), ..Fake::default() });
    let marked = || xroad(format!("{{\"{MARK}\":")).with("X-Road-Id", MARK).with("X-Road-PDU-Purpose", MARK);
    for request in [
        xroad(XROAD_BODY).build(),
        marked().build(),
        marked().with("X-Road-Client", MARK).build(),
        rr(XROAD_BODY).uri("/rr/domesticDataExchange/v1/isikud?49001010093").build(),
        Ready::bare(MARK, "/xroad/49001010093/v49001010093/query").build(),
        Ready::post("/xroad/49001010093").build(),
    ] {
        house.send(request).await;
    }
    panicking.send(xroad(XROAD_BODY).build()).await;
    let text = lines.text();
    assert!(!text.contains(MARK), "{text}");
    let answered = text.lines().filter(|line| line.contains("answered")).count();
    assert_eq!(answered, 7, "{text}");
    assert!(text.contains("/xroad/{service}/{version}/query") && text.contains("status=200"), "{text}");
}
