// SPDX-License-Identifier: Apache-2.0
//! Guests that declare reasons as they must not.

use paasla_engine::{AnswerLimits, Engine, EngineConfig, RuleFault};

use crate::{
    common::{
        SETUP_OUTPUT, activate,
        answer::{CONFIGURE, declared, image, reason, refusal, words},
        configure_fault, engine,
        guest::Guest,
        limits, policy, query, register,
    },
    output_of_setup::{PROVISIONS, describing},
};

/// A guest that declares these reasons, and refuses for the first. Texts stand at 2300 and 2310.
fn declaring(reasons: &[Vec<u8>], more: &[(usize, Vec<u8>)]) -> Guest {
    let texts = [(2048, refusal(0)), (2300, b"hostile".to_vec()), (2310, b"because".to_vec())];
    let data = image(&[&texts[..], &declared(reasons), more].concat());
    Guest { configure: CONFIGURE, decide: "i32.const 2048", data, ..Guest::default() }
}

fn good() -> Vec<u8> {
    reason((2300, 7), (2310, 7), None)
}

fn forbidden(guest: &Guest) -> &'static str {
    match configure_fault(guest) {
        RuleFault::Forbidden(what) => what,
        other => panic!("{other:?}"),
    }
}

/// They are known before there is any query, in the order in which they were declared.
#[test]
fn good_reasons_are_taken() {
    let engine = engine();
    let other = reason((2300, 4), (2310, 2), None);
    let policy = activate(&engine, &declaring(&[good(), other, good()], &[]));
    let told: Vec<_> = policy.reasons().iter().map(|r| (&*r.by, &*r.code, &*r.message)).collect();
    let first = ("hostile", "hostile", "because");
    assert_eq!(told, [first, ("hostile", "host", "be"), first]);
    let Ok(paasla_core::Ruling::Refuse(said)) = policy.decide(&query()).0 else { panic!("a refusal") };
    assert_eq!(said, policy.reasons()[0]);
}

/// Codes and messages, each as long as it may be and by one longer; a message is counted in characters.
#[test]
fn texts_that_are_too_long() {
    let with = |code: u32, message: u32, text: &str| {
        let texts = [(30_000, vec![b'a'; 81]), (31_000, text.repeat(501).into_bytes())];
        declaring(&[good(), reason((30_000, code), (31_000, message), None)], &texts)
    };
    let engine = engine();
    for (code, message, text) in [(1, 1, "a"), (80, 500, "a"), (80, 1_000, "\u{e4}")] {
        assert_eq!(activate(&engine, &with(code, message, text)).reasons().len(), 2);
    }
    for (code, message, text, named) in [
        (0, 1, "a", "code"),
        (81, 1, "a", "code"),
        (1, 0, "a", "message"),
        (1, 501, "a", "message"),
        (1, 1_002, "\u{e4}", "message"),
    ] {
        let what = forbidden(&with(code, message, text));
        assert!(what.contains(named), "{what}");
    }
}

#[test]
fn codes_that_are_none() {
    for code in ["A", "ostIle", "a b", "a_b", "a/b", "\u{e4}", "a\n", "\0"] {
        let bytes = code.as_bytes().to_vec();
        let length = u32::try_from(bytes.len()).unwrap();
        let what = forbidden(&declaring(&[reason((30_000, length), (2310, 7), None)], &[(30_000, bytes)]));
        assert!(what.contains("code"), "{code:?}: {what}");
    }
}

/// A rule cannot speak for the host, nor for the access right.
#[test]
fn codes_of_the_hosts_own() {
    let with = |code: &str| {
        let length = u32::try_from(code.len()).unwrap();
        let code = [(30_000, code.as_bytes().to_vec())];
        declaring(&[reason((30_000, length), (2310, 7), None)], &code)
    };
    for code in ["host.", "host.reveals-narrowed-field", "grant.", "grant.field"] {
        let what = forbidden(&with(code));
        assert!(what.contains("`host.` or `grant.`"), "{code}: {what}");
    }
    let engine = engine();
    for code in ["host", "hosts.a", "a.host.b", "grant", "granted.a"] {
        assert_eq!(activate(&engine, &with(code)).reasons()[0].code, code);
    }
}

/// Whatever ends a line, or steers a terminal.
#[test]
fn messages_with_control_characters() {
    for character in ["\0", "\t", "\n", "\r", "\u{1b}", "\u{7f}", "\u{85}", "\u{9b}"] {
        let bytes = format!("a{character}b").into_bytes();
        let length = u32::try_from(bytes.len()).unwrap();
        let what = forbidden(&declaring(&[reason((2300, 7), (30_000, length), None)], &[(30_000, bytes)]));
        assert!(what.contains("message"), "{character:?}: {what}");
    }
}

/// A description with one provision, and a reason that stands on the one of this index.
fn standing_on(provision: u32) -> Guest {
    let listed = [words((2300, 7)), words((2310, 7)), words((2310, 7))].concat();
    let reasons = declared(&[reason((2300, 7), (2310, 7), Some(provision))]);
    let texts = [(2300, b"hostile".to_vec()), (2310, b"because".to_vec()), (3000, listed)];
    let more = [&texts[..], &reasons].concat();
    Guest { configure: CONFIGURE, ..describing(&[(PROVISIONS, (3000, 1))], &more) }
}

#[test]
fn a_provision_that_was_not_described() {
    assert!(forbidden(&declaring(&[reason((2300, 7), (2310, 7), Some(0))], &[])).contains("provision"));
    for index in [1, 2, u32::MAX] {
        assert!(forbidden(&standing_on(index)).contains("provision"));
    }
    let engine = engine();
    let policy = activate(&engine, &standing_on(0));
    assert_eq!(policy.reasons()[0].provision.as_deref(), Some("hostile"));
}

#[test]
fn more_reasons_than_may_be_declared() {
    let most = AnswerLimits::default().reasons;
    let engine = engine();
    let policy = activate(&engine, &declaring(&vec![good(); most], &[]));
    assert_eq!(policy.reasons().len(), most);
    let fault = configure_fault(&declaring(&vec![good(); most + 1], &[]));
    assert_eq!(fault, RuleFault::TooMany { what: "reasons", limit: most });
}

#[test]
fn what_cannot_be_read() {
    let end = 4 << 16;
    let mut all = vec![
        declaring(&[reason((2300, 7), (30_000, 1), None)], &[(30_000, vec![0xff])]),
        declaring(&[reason((30_000, 2), (2310, 7), None)], &[(30_000, vec![0xc0, 0xaf])]),
        // Neither there nor not there.
        declaring(&[good()], &[(5028, vec![2])]),
        declaring(&[good()], &[(5028, vec![255])]),
        // The case of the answer.
        declaring(&[good()], &[(5000, vec![2])]),
        declaring(&[good()], &[(5000, vec![255])]),
        declaring(&[good()], &[(5004, words((5013, 1)))]),
    ];
    for at in [0xffff_0000, 0xffff_fffc, end, end - 4, 0x7fff_fffc] {
        all.push(declaring(&[good()], &[(5004, words((at, 1)))]));
        all.push(declaring(&[reason((at, 7), (2310, 7), None)], &[]));
        all.push(declaring(&[reason((2300, 7), (at, 7), None)], &[]));
    }
    for length in [0x0fff_ffff, 0x7fff_ffff, u32::MAX, u32::MAX / 24 + 1] {
        all.push(declaring(&[good()], &[(5004, words((5012, length)))]));
        all.push(declaring(&[reason((2300, 7), (2310, length), None)], &[]));
    }
    for guest in all {
        assert_eq!(configure_fault(&guest), RuleFault::Unreadable);
    }
}

/// Inside the memory, but more than `configure` may say: a long text, over and over.
#[test]
fn more_than_configure_may_say() {
    let long = reason((2300, 7), (131_072, 100_000), None);
    let fault = configure_fault(&declaring(&vec![long; 20], &[]));
    assert_eq!(fault, RuleFault::OutputTooLarge { limit: SETUP_OUTPUT });
}

/// A rule that cannot be snapshotted declares its reasons at activation, too, and is checked in the same way.
#[test]
fn a_rule_that_is_configured_each_time_is_held_to_the_same() {
    let more = "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))";
    let good = Guest { more, ..declaring(&[good()], &[]) };
    let engine = Engine::new(EngineConfig { instances: 2, ..limits() }).unwrap();
    let rule = engine.load(&good.component()).unwrap();
    let policy = engine.activate(&rule, &policy(), &register()).unwrap();
    assert!(matches!(policy.start, paasla_engine::Start::ConfigureEachTime(_)));
    let Ok(paasla_core::Ruling::Refuse(said)) = policy.decide(&query()).0 else { panic!("a refusal") };
    assert_eq!(&*said.message, "because");
    let bad = Guest { more, ..declaring(&[reason((2300, 7), (2310, 0), None)], &[]) };
    assert!(forbidden(&bad).contains("message"));
}
