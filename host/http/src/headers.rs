// SPDX-License-Identifier: Apache-2.0
//! Headers, each read strictly: UTF-8, only what can be seen, one value (PR-REST §4.3). Several equal values count as
//! one; several that differ are refused.

use axum::http::{HeaderMap, HeaderValue, header::AsHeaderName};
use paasla_core::text::{is_blank, is_invisible};
use percent_encoding::percent_decode;

use super::problems::Problems;

/// The longest value of a header, in characters.
pub(super) const MAX_VALUE_CHARACTERS: usize = 2_000;

/// The single value of a header as it was sent, if there is one and it is not empty.
pub(super) fn single(
    headers: &HeaderMap,
    name: &'static str,
    most: usize,
    problems: &mut Problems,
) -> Option<String> {
    single_or_empty(headers, name, most, problems).filter(|text| !text.is_empty())
}

/// The single value of a header as it was sent, maybe empty. None when it was not sent, or is noted as faulty.
pub(super) fn single_or_empty(
    headers: &HeaderMap,
    name: &'static str,
    most: usize,
    problems: &mut Problems,
) -> Option<String> {
    let value = agreed(headers, name, name, problems)?;
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
        problems.add("header_not_utf8", name, format!("the header {name} is not valid UTF-8"));
        return None;
    };
    // Blanks at both ends are no part of a value (RFC 9110 §5.5), whichever they are.
    let text = text.trim();
    check(text, name, most, problems).then(|| text.to_owned())
}

/// The single value of a header, percent-decoded as a whole. An empty one is a problem.
pub(super) fn single_decoded(
    headers: &HeaderMap,
    name: &'static str,
    problems: &mut Problems,
) -> Option<String> {
    let sent = single_or_empty(headers, name, MAX_VALUE_CHARACTERS, problems)?;
    let decoded = decode(&sent, name, problems)?;
    if is_blank(&decoded) && !decoded.chars().any(char::is_control) {
        problems.add("header_empty", name, format!("the header {name} is empty; fill it in or leave it out"));
        return None;
    }
    check(&decoded, name, MAX_VALUE_CHARACTERS, problems).then_some(decoded)
}

/// Checks the X-Road and register headers that nothing else reads: values that differ, and overlong ones. Their names
/// are the caller's own, so they are not repeated.
pub(super) fn check_others(headers: &HeaderMap, read: &[&'static str], problems: &mut Problems) {
    for name in headers.keys() {
        let ours = name.as_str().starts_with("x-road-") || name.as_str().starts_with("rr-");
        if !ours || read.iter().any(|known| known.eq_ignore_ascii_case(name.as_str())) {
            continue;
        }
        let place = match name.as_str() {
            "x-road-service" => "X-Road-Service",
            "x-road-security-server" => "X-Road-Security-Server",
            other if other.starts_with("rr-") => "RR-*",
            _ => "X-Road-*",
        };
        if let Some(value) = agreed(headers, name, place, problems)
            && value.len() > MAX_VALUE_CHARACTERS
        {
            let message = format!("a header {place} is longer than {MAX_VALUE_CHARACTERS} characters");
            problems.add("header_too_long", place, message);
        }
    }
}

/// Percent-decodes a text; every `%` must start a valid code and the result must be UTF-8.
pub(super) fn decode(text: &str, name: &'static str, problems: &mut Problems) -> Option<String> {
    let mut codes = text.split('%');
    codes.next();
    let is_code = |part: &str| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !codes.all(is_code) {
        let message = format!("the header {name} holds a `%` without two hexadecimal digits after it");
        problems.add("header_percent_encoding", name, message);
        return None;
    }
    match percent_decode(text.as_bytes()).decode_utf8() {
        Ok(decoded) => Some(decoded.into_owned()),
        Err(_) => {
            let message = format!("the header {name} is not UTF-8 after percent-decoding");
            problems.add("header_not_utf8", name, message);
            None
        }
    }
}

fn agreed<'a>(
    headers: &'a HeaderMap,
    name: impl AsHeaderName,
    place: &'static str,
    problems: &mut Problems,
) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.any(|value| value != first) {
        let message =
            format!("the header {place} was sent several times with different values; send it once");
        problems.add("header_duplicate", place, message);
        return None;
    }
    Some(first)
}

fn check(text: &str, name: &'static str, most: usize, problems: &mut Problems) -> bool {
    if text.chars().count() > most {
        let message = format!("the header {name} is longer than {most} characters");
        problems.add("header_too_long", name, message);
        return false;
    }
    if text.chars().any(char::is_control) {
        let message = format!("the header {name} holds a control character");
        problems.add("header_control_character", name, message);
        return false;
    }
    if text.chars().any(is_invisible) {
        let message = format!("the header {name} holds a character that nobody sees");
        problems.add("header_invisible_character", name, message);
        return false;
    }
    true
}
