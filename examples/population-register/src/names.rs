// SPDX-License-Identifier: Apache-2.0
//! Given names and surnames: which there are, who bears which, and how a surname changes with the sex.

mod estonian;
mod other;
mod slavic;

use crate::{dice::Dice, heritage::Heritage, sex::Sex};

/// A surname in capitals, with a form for men and one for women (IVANOV, IVANOVA; often the same).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surname {
    masculine: String,
    feminine: String,
}

impl Surname {
    /// A surname with two forms.
    pub fn new(masculine: &str, feminine: &str) -> Self {
        Self { masculine: masculine.to_uppercase(), feminine: feminine.to_uppercase() }
    }

    /// A surname with one form.
    pub fn plain(name: &str) -> Self {
        Self::new(name, name)
    }

    /// The form for a person of this sex.
    pub fn form(&self, sex: Sex) -> &str {
        match sex {
            Sex::Man => &self.masculine,
            Sex::Woman => &self.feminine,
        }
    }

    /// Two surnames joined by a hyphen; `None` where that would make more than two parts.
    pub fn joined(&self, second: &Self) -> Option<Self> {
        let single = |name: &Self| !name.masculine.contains('-');
        (single(self) && single(second)).then(|| Self {
            masculine: format!("{}-{}", self.masculine, second.masculine),
            feminine: format!("{}-{}", self.feminine, second.feminine),
        })
    }
}

/// Draws a surname for a heritage.
pub fn surname(dice: &mut Dice, heritage: Heritage) -> Surname {
    match heritage {
        Heritage::Estonian => estonian_surname(dice),
        Heritage::Russian => slavic_surname(dice.pick(slavic::SURNAMES)),
        Heritage::Ukrainian if dice.percent(70) => slavic_surname(dice.pick(slavic::UKRAINIAN_SURNAMES)),
        Heritage::Belarusian if dice.percent(70) => slavic_surname(dice.pick(slavic::BELARUSIAN_SURNAMES)),
        Heritage::Ukrainian | Heritage::Belarusian => slavic_surname(dice.pick(slavic::SURNAMES)),
        Heritage::Finnish => Surname::plain(dice.pick(other::FINNISH_SURNAMES)),
        Heritage::Latvian => {
            let (masculine, feminine) = dice.pick(other::LATVIAN_SURNAMES);
            Surname::new(masculine, feminine)
        }
        Heritage::Other => Surname::plain(dice.pick(other::OTHER_SURNAMES)),
    }
}

/// Draws the given names of a person, in capitals: one name, sometimes two, sometimes with a hyphen.
pub fn given_names(dice: &mut Dice, heritage: Heritage, sex: Sex, birth_year: i16) -> String {
    let pool = given_pool(heritage, sex, birth_year);
    let first = dice.pick(pool);
    let second = dice.pick(pool);
    let two = first != second && !first.contains('-') && !second.contains('-');
    let slavic = heritage.is_slavic();
    let name = if two && !slavic && dice.percent(5) {
        format!("{first}-{second}")
    } else if two && !slavic && dice.percent(6) {
        format!("{first} {second}")
    } else {
        first.to_owned()
    };
    name.to_uppercase()
}

fn given_pool(heritage: Heritage, sex: Sex, birth_year: i16) -> &'static [&'static str] {
    let [old, middle, new] = match sex {
        Sex::Man => estonian::MEN,
        Sex::Woman => estonian::WOMEN,
    };
    let [slavic_old, slavic_new] = match sex {
        Sex::Man => slavic::MEN,
        Sex::Woman => slavic::WOMEN,
    };
    match (heritage, sex) {
        (Heritage::Estonian, _) if birth_year < 1950 => old,
        (Heritage::Estonian, _) if birth_year < 1985 => middle,
        (Heritage::Estonian, _) => new,
        (Heritage::Russian | Heritage::Ukrainian | Heritage::Belarusian, _) if birth_year < 1980 => {
            slavic_old
        }
        (Heritage::Russian | Heritage::Ukrainian | Heritage::Belarusian, _) => slavic_new,
        (Heritage::Finnish, Sex::Man) => other::FINNISH_MEN,
        (Heritage::Finnish, Sex::Woman) => other::FINNISH_WOMEN,
        (Heritage::Latvian, Sex::Man) => other::LATVIAN_MEN,
        (Heritage::Latvian, Sex::Woman) => other::LATVIAN_WOMEN,
        (Heritage::Other, Sex::Man) => other::OTHER_MEN,
        (Heritage::Other, Sex::Woman) => other::OTHER_WOMEN,
    }
}

fn estonian_surname(dice: &mut Dice) -> Surname {
    if dice.percent(45) {
        return Surname::plain(dice.pick(estonian::SURNAMES));
    }
    let first = dice.pick(estonian::FIRST_HALVES);
    let second = dice.pick(estonian::SECOND_HALVES);
    if first.to_lowercase().starts_with(second) {
        return Surname::plain(first);
    }
    Surname::plain(&format!("{first}{second}"))
}

fn slavic_surname(masculine: &str) -> Surname {
    let feminine = match masculine.strip_suffix("ski") {
        Some(stem) => format!("{stem}skaja"),
        None if ["ov", "ev", "in"].iter().any(|end| masculine.ends_with(end)) => format!("{masculine}a"),
        None => masculine.to_owned(),
    };
    Surname::new(masculine, &feminine)
}

/// A name without letters that an e-mail address could not carry: `ŠÕNNE-ÜLLE` becomes `sonne-ulle`.
pub fn ascii(name: &str) -> String {
    name.chars()
        .filter_map(|letter| match letter {
            'Õ' | 'Ö' => Some('o'),
            'Ä' | 'Å' => Some('a'),
            'Ü' => Some('u'),
            'Š' | 'Ş' => Some('s'),
            'Ž' => Some('z'),
            'È' | 'É' => Some('e'),
            ' ' => Some('.'),
            'A'..='Z' | '-' => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slavic_surnames_have_two_forms() {
        assert_eq!(slavic_surname("Ivanov").form(Sex::Woman), "IVANOVA");
        assert_eq!(slavic_surname("Belinski").form(Sex::Woman), "BELINSKAJA");
        assert_eq!(slavic_surname("Moroz").form(Sex::Woman), "MOROZ");
        assert_eq!(slavic_surname("Sorokin").form(Sex::Man), "SOROKIN");
    }

    #[test]
    fn surnames_join_once() {
        let joined = Surname::plain("Kask").joined(&Surname::new("Ivanov", "Ivanova")).unwrap();
        assert_eq!(joined.form(Sex::Woman), "KASK-IVANOVA");
        assert_eq!(joined.joined(&Surname::plain("Tamm")), None);
    }

    #[test]
    fn addresses_are_plain_letters() {
        assert_eq!(ascii("ŠÕNNE-ÜLLE MÄRT"), "sonne-ulle.mart");
        assert_eq!(ascii("O'BRIEN"), "obrien");
    }
}
