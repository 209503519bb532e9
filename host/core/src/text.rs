// SPDX-License-Identifier: Apache-2.0
//! Texts as people see and mean them. What names somebody in a record must be seen there: a text of invisible characters
//! alone is as good as none, and one inside makes two texts that look the same. And a name is the same name in other
//! letters or another form of Unicode.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Whether a character is drawn as nothing and is no space either: control and format characters (Unicode `Cc`, `Cf`),
/// separators of lines and paragraphs, and the few letters and marks that are blank.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let blank = ['\u{34F}', '\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}'];
    let category = c.general_category();
    matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    ) || blank.contains(&c)
}

/// Whether there is nothing to see in a text: it is empty, or all spaces and invisible characters.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// A name as it is compared: NFKC, in small letters, with one blank between its words and none around them, `-` for every
/// dash and `'` for every apostrophe.
#[must_use]
pub fn fold_name(name: &str) -> String {
    let name: Cow<'_, str> = if name.is_ascii() {
        name.into()
    } else {
        name.replace('\u{B4}', "'").nfkc().collect::<String>().into()
    };
    let mut folded = String::with_capacity(name.len());
    let mut is_between = false;
    for c in name.chars() {
        if c.is_whitespace() {
            is_between = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut is_between) {
            folded.push(' ');
        }
        match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => folded.push('-'),
            '\u{2018}' | '\u{2019}' | '\u{2BC}' | '`' => folded.push('\''),
            c if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            // By way of capital letters: `ß` is `SS` there, and both small sigmas are one.
            c => folded.extend(c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)),
        }
    }
    // Small letters of composed ones may come apart: `İ`.
    if is_nfc(&folded) { folded } else { folded.nfc().collect() }
}

/// Whether a text is written as a register would write it: composed (NFC), and without blanks at its ends.
#[must_use]
pub fn is_composed(text: &str) -> bool {
    text.trim() == text && is_nfc(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nobody_sees_is_blank() {
        for blank in [
            "",
            " ",
            "\t",
            "\u{A0}",
            "\u{200B}",
            "\u{3000}",
            "\u{2060}",
            "\u{FEFF}",
            "\u{AD}",
            "\u{3164} \u{2028}",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for seen in ["a", "\u{200B}õ", "Ж", "-", "漢"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
        assert!("\u{202E}\u{200D}\u{85}\0".chars().all(is_invisible));
        assert!(!"Õunapuu-Šveits Жуков 漢".chars().any(is_invisible));
    }

    #[test]
    fn one_name_however_it_is_written() {
        for (name, others) in [
            ("ÕUNAPUU", &["Õunapuu", "õunapuu", " Õunapuu ", "O\u{303}UNAPUU", "\u{A0}õunapuu\t"][..]),
            (
                "ŠMIDT-ŽUKOV",
                &[
                    "Šmidt-Žukov",
                    "Šmidt\u{2011}Žukov",
                    "S\u{30C}midt\u{2013}Z\u{30C}ukov",
                    "šmidt\u{2212}žukov",
                ],
            ),
            ("ЖУКОВ", &["Жуков", "жуков"]),
            ("ЩЕРБАКОВ-ЙЫГИ", &["щербаков\u{2010}и\u{306}ыги"]),
            ("MARI LIIS", &["Mari  Liis", "mari\u{3000}liis", "Mari\u{A0}Liis"]),
            ("O'CONNOR", &["O\u{2019}Connor", "o\u{2BC}connor"]),
            ("STRAßE", &["STRASSE", "strasse"]),
            ("ΟΔΥΣΣΕΥΣ", &["Οδυσσευς", "οδυσσευς"]),
        ] {
            for other in others {
                assert_eq!(fold_name(name), fold_name(other), "{name} {other}");
            }
        }
        for (one, other) in
            [("ÕUNAPUU", "OUNAPUU"), ("KASK-TAMM", "KASK TAMM"), ("MARI LIIS", "MARILIIS"), ("š", "s")]
        {
            assert_ne!(fold_name(one), fold_name(other));
        }
        assert_eq!(fold_name(" \u{A0} "), "");
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(name in any::<String>()) {
            let folded = fold_name(&name);
            prop_assert_eq!(fold_name(&folded), folded.clone());
        }

        #[test]
        fn letter_case_and_form_do_not_matter(name in "[A-Za-zÀ-ÖØ-öø-žА-Яа-я' -]{0,30}") {
            let decomposed: String = name.nfd().collect();
            for other in [name.to_uppercase(), name.to_lowercase(), decomposed] {
                prop_assert_eq!(fold_name(&name), fold_name(&other));
            }
        }
    }
}
