// SPDX-License-Identifier: Apache-2.0
//! Where people live: the counties and municipalities of Estonia.

mod municipalities;

use crate::{dice::Dice, heritage::Heritage};

/// A county.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct County {
    /// EHAK code.
    pub code: &'static str,
    /// Name, such as `Harju maakond`.
    pub name: &'static str,
}

/// A municipality.
#[derive(PartialEq, Eq, Debug)]
pub struct Municipality {
    /// EHAK code.
    pub code: &'static str,
    /// Name, such as `Elva vald` or `Narva linn`.
    pub name: &'static str,
    /// EHAK code of its county.
    pub county_code: &'static str,
    hundreds: u32,
}

impl Municipality {
    /// The name without the word for its kind: `Elva`, `Narva`.
    pub fn stem(&self) -> &'static str {
        self.name.trim_end_matches(" vald").trim_end_matches(" linn")
    }

    /// Whether this is a town.
    pub fn is_town(&self) -> bool {
        !self.name.ends_with(" vald")
    }

    /// The name of its county.
    pub fn county_name(&self) -> &'static str {
        counties().iter().find(|county| county.code == self.county_code).map_or("", |county| county.name)
    }
}

static COUNTIES: [County; 15] = municipalities::COUNTIES;
static MUNICIPALITIES: [Municipality; 79] = municipalities::MUNICIPALITIES;

/// The 15 counties.
pub fn counties() -> &'static [County] {
    &COUNTIES
}

/// The 79 municipalities.
pub fn municipalities() -> &'static [Municipality] {
    &MUNICIPALITIES
}

const IDA_VIRU: &str = "0045";

/// How likely a home in each municipality is.
#[derive(Debug)]
pub struct Atlas {
    slavic: Vec<(&'static Municipality, u32)>,
    others: Vec<(&'static Municipality, u32)>,
}

impl Atlas {
    /// The weights: inhabitants, leaning to the north-east and the capital for people of Slavic heritage.
    pub fn new() -> Self {
        let weigh = |lean: fn(&Municipality) -> u32| {
            MUNICIPALITIES.iter().map(|place| (place, place.hundreds * lean(place))).collect()
        };
        let slavic = weigh(|place| match (place.county_code, place.stem()) {
            (IDA_VIRU, "Narva" | "Kohtla-Järve" | "Sillamäe") => 30,
            (IDA_VIRU, _) | (_, "Maardu" | "Loksa") => 18,
            (_, "Tallinn") => 12,
            _ => 2,
        });
        let others = weigh(|place| match (place.county_code, place.stem()) {
            (IDA_VIRU, "Narva" | "Sillamäe") => 1,
            (IDA_VIRU, _) => 3,
            (_, "Tallinn") => 7,
            _ => 10,
        });
        Self { slavic, others }
    }

    /// Draws a municipality to live in.
    pub fn draw(&self, dice: &mut Dice, heritage: Heritage) -> &'static Municipality {
        let weights = if heritage.is_slavic() { &self.slavic } else { &self.others };
        let [first, ..] = &MUNICIPALITIES;
        dice.weighted(weights).unwrap_or(first)
    }
}

impl Default for Atlas {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_municipality_is_there_once_and_in_a_county() {
        let codes: HashSet<_> = municipalities().iter().map(|place| place.code).collect();
        assert_eq!(codes.len(), 79);
        assert!(municipalities().iter().all(|place| place.county_name().ends_with(" maakond")));
        let used: HashSet<_> = municipalities().iter().map(|place| place.county_code).collect();
        assert_eq!(used.len(), counties().len());
        assert_eq!(municipalities().iter().filter(|place| place.is_town()).count(), 15);
    }

    #[test]
    fn the_capital_is_the_largest() {
        let (atlas, mut dice) = (Atlas::new(), Dice::new(1));
        let drawn: Vec<_> = (0..1000).map(|_| atlas.draw(&mut dice, Heritage::Estonian).name).collect();
        assert!(drawn.iter().filter(|name| **name == "Tallinn").count() > 200);
        let narva = |atlas: &Atlas, dice: &mut Dice, heritage| {
            (0..1000).filter(|_| atlas.draw(dice, heritage).stem() == "Narva").count()
        };
        assert!(narva(&atlas, &mut dice, Heritage::Russian) > 100);
        assert!(narva(&atlas, &mut dice, Heritage::Estonian) < 60);
    }
}
