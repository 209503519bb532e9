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

/// Whether there is nothing to see in a text: no character in it can be seen by itself. Besides spaces and invisible
/// characters, those are marks, which are seen on another character only, and what no font has: private use, unassigned
/// characters and noncharacters.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    !text.chars().any(is_seen)
}

/// Whether a character is seen by itself. What Unicode lets a reader ignore (`Default_Ignorable_Code_Point`) is invisible,
/// a mark or unassigned, so it is not.
fn is_seen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let is_unseen_kind = matches!(
        c.general_category(),
        GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
    );
    !is_unseen_kind && !is_invisible(c)
}

/// Why a text is no line that people can read. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// There is nothing to see, or it is too long.
    #[error("write a text that can be read, of 1 to {0} characters")]
    Length(usize),
    /// It holds a control character or begins another line.
    #[error("it holds a line break or another control character: write it in one line")]
    Control,
    /// It holds a character that shows what is around it in another order.
    #[error(
        "it holds a character that changes the direction of writing (U+202A to U+202E, U+2066 to U+2069): leave it out"
    )]
    Direction,
}

/// Checks a text that lists show in one line, without the blanks around it: it has 1 to `most` characters, something in it
/// can be seen, and nothing in it makes it look like another text.
///
/// # Errors
/// When it is no such line.
pub fn check_line(text: &str, most: usize) -> Result<(), LineError> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(LineError::Control);
    }
    if text.chars().any(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')) {
        return Err(LineError::Direction);
    }
    if is_blank(text) || text.chars().count() > most {
        return Err(LineError::Length(most));
    }
    Ok(())
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
    fn what_has_no_look_of_its_own_is_blank() {
        for point in [
            // Marks, fillers and what may be ignored.
            0x301, 0x903, 0x20DD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x180F,
            0x2065, 0x2060, 0x206F, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0x1D173, 0x1D17A,
            0xE0000, 0xE0100, 0xE01EF, 0xE0FFF, // Private use, unassigned, noncharacters.
            0xE000, 0xF8FF, 0xF0000, 0x10FFFD, 0x378, 0xFDD0, 0xFFFE, 0xFFFF, 0x10FFFF,
        ] {
            let c = char::from_u32(point).unwrap();
            assert!(is_blank(&c.to_string()), "U+{point:04X}");
            assert!(is_blank(&format!(" {c}{c}\u{200B}")), "U+{point:04X}");
            assert!(!is_blank(&format!("a{c}")), "U+{point:04X}");
        }
        for seen in ["O\u{303}", "\u{928}\u{93F}", "\u{845B}\u{E0100}", "\u{2764}\u{FE0F}", "\u{5D0}", "-"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for line in ["why", " õige \n", "ticket 12: Жуков", "a\u{301}", &"õ".repeat(9)] {
            assert_eq!(check_line(line, 16), Ok(()), "{line:?}");
        }
        for blank in ["", " \n", "\u{200B}", "\u{FE0F}", "\u{E000} \u{301}", &"a".repeat(17)] {
            assert_eq!(check_line(blank, 16), Err(LineError::Length(16)), "{blank:?}");
        }
        for broken in ["a\nb", "a\tb", "\0", "a\u{1B}[2J", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            assert_eq!(check_line(broken, 16), Err(LineError::Control), "{broken:?}");
        }
        for turned in ["a\u{202E}b", "\u{202A}a", "a\u{2066}b", "a\u{2069}b"] {
            assert_eq!(check_line(turned, 16), Err(LineError::Direction), "{turned:?}");
        }
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
