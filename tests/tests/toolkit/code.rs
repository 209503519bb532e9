// SPDX-License-Identifier: Apache-2.0
//! The tokens of a source in Rust: names, texts and signs, each with its line. Comments are none.
#![expect(clippy::string_slice, reason = "a test, which may fail at any line")]

/// One of them. A text is as it is between its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Name(String),
    Text(String),
    Sign(char),
}

/// A token and its line, counted from 1.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

impl Token {
    /// Whether it is this sign.
    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    /// Its name, if it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// Reads a source.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let (mut all, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, kind) = next(rest, first);
        let (read, after) = rest.split_at(length);
        all.extend(kind.map(|kind| Token { kind, line }));
        line += read.matches('\n').count();
        rest = after;
    }
    all
}

/// How many bytes come next that belong together, and what they are. Nothing for space and comments.
fn next(rest: &str, first: char) -> (usize, Option<Kind>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (comment(rest), None);
    }
    // Raw texts, with the letters that may come before one.
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let after = &rest[prefix..];
    let hashes = after.find(|c| c != '#').unwrap_or(after.len());
    if prefix <= 2 && rest[..prefix].ends_with('r') && after[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = prefix + hashes + 1;
        let length = rest[begin..].find(&end).unwrap_or(rest.len() - begin);
        let whole = (begin + length + end.len()).min(rest.len());
        return (whole, Some(Kind::Text(rest[begin..begin + length].to_owned())));
    }
    if prefix <= 1 && after.starts_with('"') {
        let (length, text) = quoted(after);
        return (prefix + length, Some(Kind::Text(text)));
    }
    if first.is_alphanumeric() || first == '_' {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (length, Some(Kind::Name(rest[..length].to_owned())));
    }
    if first == '\'' {
        return (letter(rest), None);
    }
    (first.len_utf8(), (!first.is_whitespace()).then_some(Kind::Sign(first)))
}

/// The length of a comment that may have others in it.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else if let Some(first) = here.chars().next() {
            at += first.len_utf8();
        } else {
            return at;
        }
    }
}

/// The length of a text with its quotes, and what is between them.
fn quoted(rest: &str) -> (usize, String) {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return (at + 1, rest[1..at].to_owned()),
            _ => {}
        }
    }
    (rest.len(), rest[1..].to_owned())
}

/// The length of a character in quotes, or of a lifetime's quote.
fn letter(rest: &str) -> usize {
    let mut inside = rest[1..].char_indices();
    match inside.next() {
        Some((_, '\\')) => {
            // What is escaped may be a quote.
            let after = inside.nth(1).map_or(rest.len() - 1, |(at, _)| at);
            rest[1 + after..].find('\'').map_or(rest.len(), |end| after + end + 2)
        }
        Some((_, c)) if rest[1 + c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

#[test]
fn comments_texts_and_letters_are_told_from_code() {
    let kinds = |source: &str| tokens(source).into_iter().map(|token| token.kind).collect::<Vec<_>>();
    let name = |name: &str| Kind::Name(name.to_owned());
    let text = |text: &str| Kind::Text(text.to_owned());
    assert_eq!(kinds("a // b\n/* c /* d */ e */ f"), [name("a"), name("f")]);
    assert_eq!(
        kinds(r##"r#"a"b"# b"c" "d\"e" br"f\""##),
        [text("a\"b"), text("c"), text("d\\\"e"), text("f\\")]
    );
    assert_eq!(kinds("'\"' '\\'' '\\u{1f}' b"), [name("b")]);
    assert_eq!(kinds("&'a b"), [Kind::Sign('&'), name("a"), name("b")]);
    assert_eq!(kinds("crate_r rb"), [name("crate_r"), name("rb")]);
    let lines: Vec<_> = tokens("a\n\"x\ny\"\nb").into_iter().map(|token| token.line).collect();
    assert_eq!(lines, [1, 2, 4]);
}
