// SPDX-License-Identifier: Apache-2.0
//! Where a family comes from: it settles names, language, citizenship and, in part, the place they live.

use crate::dice::Dice;

/// A country, by its ISO 3166-1 numeric code.
pub type Country = &'static str;

/// Estonia.
pub const ESTONIA: Country = "233";

/// The heritage of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heritage {
    /// Estonian.
    Estonian,
    /// Russian.
    Russian,
    /// Ukrainian.
    Ukrainian,
    /// Belarusian.
    Belarusian,
    /// Finnish.
    Finnish,
    /// Latvian.
    Latvian,
    /// From somewhere else in the world.
    Other,
}

impl Heritage {
    /// Draws the heritage of a family.
    pub fn draw(dice: &mut Dice) -> Self {
        let shares = [
            (Self::Estonian, 690),
            (Self::Russian, 220),
            (Self::Ukrainian, 45),
            (Self::Belarusian, 10),
            (Self::Finnish, 10),
            (Self::Latvian, 6),
            (Self::Other, 19),
        ];
        dice.weighted(&shares).unwrap_or(Self::Estonian)
    }

    /// Russian, Ukrainian or Belarusian.
    pub fn is_slavic(self) -> bool {
        matches!(self, Self::Russian | Self::Ukrainian | Self::Belarusian)
    }

    /// The ethnic nationality that the register stores (a word list of ours).
    pub fn nationality(self) -> &'static str {
        match self {
            Self::Estonian => "estonian",
            Self::Russian => "russian",
            Self::Ukrainian => "ukrainian",
            Self::Belarusian => "belarusian",
            Self::Finnish => "finnish",
            Self::Latvian => "latvian",
            Self::Other => "other",
        }
    }

    /// Draws a mother tongue (ISO 639-1).
    pub fn mother_tongue(self, dice: &mut Dice) -> &'static str {
        match self {
            Self::Estonian => "et",
            Self::Russian => "ru",
            Self::Ukrainian if dice.percent(60) => "uk",
            Self::Belarusian if dice.percent(15) => "be",
            Self::Ukrainian | Self::Belarusian => "ru",
            Self::Finnish => "fi",
            Self::Latvian => "lv",
            Self::Other => dice.pick(&["en", "de", "sv", "fr", "it", "lt", "pl", "tr", "hi"]),
        }
    }

    /// Draws the country that a person of this heritage came from.
    pub fn country(self, dice: &mut Dice) -> Country {
        match self {
            Self::Estonian => ESTONIA,
            Self::Russian => "643",
            Self::Ukrainian => "804",
            Self::Belarusian => "112",
            Self::Finnish => "246",
            Self::Latvian => "428",
            Self::Other => dice.pick(&["276", "752", "840", "826", "440", "616", "380", "250", "792", "356"]),
        }
    }

    /// The share, in a hundred, of grown-up founders of families who were born abroad.
    pub fn born_abroad(self) -> u32 {
        match self {
            Self::Estonian => 1,
            Self::Russian => 45,
            Self::Ukrainian | Self::Belarusian => 80,
            Self::Finnish | Self::Latvian => 75,
            Self::Other => 95,
        }
    }
}

/// Whether citizens of a country live in Estonia without a residence permit.
pub fn in_european_union(country: Country) -> bool {
    ["233", "246", "428", "276", "752", "440", "616", "380", "250"].contains(&country)
}

/// Draws a birth place in a country other than Estonia.
pub fn place_abroad(dice: &mut Dice, country: Country) -> &'static str {
    let places: &[&str] = match country {
        "643" => &["Leningrad", "Pihkva", "Moskva", "Novgorod", "Samara", "Omsk", "Murmansk", "Jaroslavl"],
        "804" => &["Kiiev", "Harkiv", "Odessa", "Lviv", "Dnipro", "Mõkolajiv"],
        "112" => &["Minsk", "Homel", "Vitebsk", "Hrodna"],
        "246" => &["Helsingi", "Turu", "Tampere", "Oulu"],
        "428" => &["Riia", "Valka", "Liepaja", "Daugavpils"],
        "276" => &["Berliin", "Hamburg", "Lübeck"],
        "752" => &["Stockholm", "Göteborg", "Visby"],
        "840" => &["New York", "Chicago", "Seattle"],
        "826" => &["London", "Edinburgh", "Leeds"],
        "440" => &["Vilnius", "Kaunas"],
        "616" => &["Varssavi", "Gdansk"],
        "380" => &["Rooma", "Milano"],
        "250" => &["Pariis", "Lyon"],
        "792" => &["Istanbul", "Izmir"],
        "356" => &["Mumbai", "Delhi"],
        "233" => &["Tallinn", "Tartu"],
        _ => &["Välismaa"],
    };
    dice.pick(places)
}
