// SPDX-License-Identifier: Apache-2.0
//! What `cfg(…)` says of platforms.

use super::code::{Kind, Token};

/// A platform, as `cfg` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Windows,
    Mac,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cfg {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A word, and what it must be if that is said.
    Word(String, Option<String>),
}

impl Cfg {
    /// Reads conditions with commas between. What cannot be read is left out, and so guards nothing.
    pub(crate) fn list(mut tokens: &[Token]) -> Vec<Self> {
        let mut all = Vec::new();
        while let [first, rest @ ..] = tokens {
            let Some(word) = first.name() else {
                tokens = rest;
                continue;
            };
            match rest {
                [open, ..] if open.is('(') => {
                    let end = closing(rest);
                    let inside = Self::list(&rest[1..end]);
                    all.extend(match word {
                        "all" => Some(Self::All(inside)),
                        "any" => Some(Self::Any(inside)),
                        "not" => inside.into_iter().next().map(|one| Self::Not(Box::new(one))),
                        _ => None,
                    });
                    tokens = rest.get(end + 1..).unwrap_or_default();
                }
                [equal, Token { kind: Kind::Text(value), .. }, after @ ..] if equal.is('=') => {
                    all.push(Self::Word(word.to_owned(), Some(value.clone())));
                    tokens = after;
                }
                _ => {
                    all.push(Self::Word(word.to_owned(), None));
                    tokens = rest;
                }
            }
        }
        all
    }

    /// Whether it may hold on a platform, and whether it may not: what has nothing to do with platforms may be either.
    fn may(&self, platform: Platform) -> (bool, bool) {
        let is_mac = platform == Platform::Mac;
        let sure = |holds: bool| (holds, !holds);
        match self {
            Self::All(all) => {
                let each: Vec<_> = all.iter().map(|one| one.may(platform)).collect();
                (each.iter().all(|(holds, _)| *holds), each.iter().any(|(_, fails)| *fails))
            }
            Self::Any(any) => {
                let each: Vec<_> = any.iter().map(|one| one.may(platform)).collect();
                (each.iter().any(|(holds, _)| *holds), each.iter().all(|(_, fails)| *fails))
            }
            Self::Not(one) => {
                let (holds, fails) = one.may(platform);
                (fails, holds)
            }
            Self::Word(word, value) => match (word.as_str(), value.as_deref()) {
                ("unix", None) => sure(is_mac),
                ("windows", None) => sure(!is_mac),
                ("target_family", Some(family)) => sure(family == if is_mac { "unix" } else { "windows" }),
                ("target_os", Some(system)) => sure(system == if is_mac { "macos" } else { "windows" }),
                ("target_env", Some("msvc")) => sure(!is_mac),
                ("target_arch", Some("wasm32")) => sure(false),
                _ => (true, true),
            },
        }
    }

    /// Whether what it guards may be there on a platform.
    pub(crate) fn may_hold(&self, platform: Platform) -> bool {
        self.may(platform).0
    }
}

/// Where the bracket closes that tokens begin with, or where they end.
pub(crate) fn closing(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if ['(', '[', '{'].iter().any(|open| token.is(*open)) {
            depth += 1;
        } else if [')', ']', '}'].iter().any(|close| token.is(*close)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len().saturating_sub(1)
}

#[test]
fn what_a_condition_says_of_a_platform() {
    let on = |text: &str| {
        let read = Cfg::list(&super::code::tokens(text));
        assert_eq!(read.len(), 1, "{text}");
        [Platform::Windows, Platform::Mac].map(|platform| read[0].may_hold(platform))
    };
    for text in ["target_os = \"linux\"", "all(unix, windows)", "not(any(unix, windows))"] {
        assert_eq!(on(text), [false, false], "{text}");
    }
    for text in ["unix", "not(windows)", "all(test, unix)", "target_family = \"unix\"", "not(not(unix))"] {
        assert_eq!(on(text), [false, true], "{text}");
    }
    for text in [
        "test",
        "not(test)",
        "any(test, unix)",
        "not(target_os = \"linux\")",
        "feature = \"unix\"",
        "not(all(test, unix))",
    ] {
        assert_eq!(on(text), [true, true], "{text}");
    }
    assert_eq!(on("windows"), [true, false]);
}
