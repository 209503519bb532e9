// SPDX-License-Identifier: Apache-2.0
//! Suggestions: the known name that was probably meant. What was sent is never repeated.

/// How alike two names must be, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.85;

/// The name, as a question in brackets to stand behind a statement; empty when no name is like what was sent.
#[must_use]
pub fn nearest<'n>(sent: &str, known: impl Iterator<Item = &'n str>) -> String {
    let sent = sent.to_lowercase();
    let alike = known.map(|name| (strsim::jaro_winkler(&sent, &name.to_lowercase()), name));
    let best = alike.filter(|(alike, _)| *alike >= MIN_SIMILARITY).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, name)| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_probably_meant_is_told_and_nothing_else() {
        let known = || ["givenName", "familyName", "birthDate", "custody.otherCode"].into_iter();
        for (sent, meant) in [
            ("FamilyName", "familyName"),
            ("familiName", "familyName"),
            ("birth_date", "birthDate"),
            ("custody.othercode", "custody.otherCode"),
        ] {
            assert_eq!(nearest(sent, known()), format!(" (did you mean `{meant}`?)"));
        }
        for sent in ["shoeSize", "", "49001010093"] {
            assert_eq!(nearest(sent, known()), "");
        }
    }
}
