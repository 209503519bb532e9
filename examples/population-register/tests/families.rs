// SPDX-License-Identifier: Apache-2.0
//! Properties that hold for every family, whatever the seed and the date.

use population_register::{
    Plan,
    custody::{Holder, Kind, Tie},
    day::Day,
    family::{Ending, Family, Seat},
    source::Source,
};
use proptest::prelude::*;

fn check(family: &Family, ties: &[Tie], as_of: Day) -> Result<(), TestCaseError> {
    for seat in family.seats() {
        person(family, seat, as_of)?;
        if let Some(mother) = family.at(seat).mother {
            parentage(family, seat, mother)?;
        }
        let member = family.at(seat);
        if member.alive_on(as_of) && member.majority() > as_of {
            for kind in [Kind::Person, Kind::Property] {
                let held =
                    ties.iter().any(|tie| tie.child == seat && tie.kind == kind && tie.until.is_none());
                prop_assert!(held, "a minor has somebody");
            }
        }
    }
    couples(family, as_of)?;
    ties.iter().try_for_each(|tie| custody(family, tie, as_of))
}

fn person(family: &Family, seat: Seat, as_of: Day) -> Result<(), TestCaseError> {
    let member = family.at(seat);
    prop_assert!(member.birth <= as_of);
    prop_assert!(member.death.is_none_or(|death| death >= member.birth && death <= as_of));
    prop_assert!(member.death.is_some() || as_of.age(member.birth) <= 112);
    prop_assert!(member.arrived.is_none_or(|day| day >= member.birth && day <= as_of));
    prop_assert!(
        member.names.iter().all(|name| !name.given.is_empty() && !name.family.form(member.sex).is_empty())
    );
    prop_assert!(member.names.is_sorted_by(|one, next| one.from < next.from), "names follow one another");
    let last = member.death.unwrap_or(as_of);
    prop_assert!(member.names.iter().all(|name| name.from <= last), "nobody is renamed after death");
    Ok(())
}

fn parentage(family: &Family, child: Seat, mother: Seat) -> Result<(), TestCaseError> {
    let (member, mother) = (family.at(child), family.at(mother));
    prop_assert!((15..=45).contains(&member.birth.age(mother.birth)), "the age of a mother");
    prop_assert!(mother.alive_on(member.birth), "a mother lives when her child is born");
    let born = member.surname_on(member.birth);
    let mut names = vec![mother.surname_on(member.birth)];
    if let Some(father) = member.father.map(|father| family.at(father)) {
        prop_assert!(member.birth.age(father.birth) >= 15, "the age of a father");
        prop_assert!(father.alive_on(member.birth));
        names.push(father.surname_on(member.birth));
    }
    prop_assert!(names.contains(&born), "a child is named after a parent");
    Ok(())
}

fn couples(family: &Family, as_of: Day) -> Result<(), TestCaseError> {
    for couple in &family.couples {
        let (woman, man) = (family.at(couple.woman), family.at(couple.man));
        prop_assert!(couple.woman != couple.man);
        let begun = couple.married.unwrap_or(couple.from);
        prop_assert!(begun >= couple.from && begun <= as_of);
        for half in [woman, man] {
            prop_assert!(begun.age(half.birth) >= 18, "nobody marries as a child");
            prop_assert!(half.alive_on(begun));
        }
        match couple.ended {
            None => prop_assert!(woman.death.is_none() && man.death.is_none()),
            Some((day, how)) => {
                prop_assert!(day > begun && day <= as_of);
                prop_assert_eq!(how == Ending::Death, [woman.death, man.death].contains(&Some(day)));
                prop_assert!(how != Ending::Parting || couple.married.is_none());
            }
        }
    }
    for seat in family.seats() {
        let own: Vec<_> = family.couples_of(seat).collect();
        let apart = own.is_sorted_by(|one, next| one.ended.is_some_and(|(day, _)| day <= next.from));
        prop_assert!(apart, "one couple at a time");
    }
    Ok(())
}

fn custody(family: &Family, tie: &Tie, as_of: Day) -> Result<(), TestCaseError> {
    let child = family.at(tie.child);
    prop_assert!(tie.from >= child.birth);
    prop_assert!(
        tie.until.is_none_or(|until| until >= tie.from && until <= as_of && until <= child.majority())
    );
    if tie.until.is_none() {
        prop_assert!(child.alive_on(as_of) && child.majority() > as_of, "custody is over living minors");
    }
    if let Holder::Person(holder) = tie.holder {
        let holder = family.at(holder);
        prop_assert!(tie.until.is_some() || holder.death.is_none(), "the dead hold nothing");
        prop_assert!(tie.from.age(holder.birth) >= 15);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn families_fit_together(seed: u64, year in 2000_i16..2099, month in 1_i8..=12, day in 1_i8..=28) {
        let as_of = jiff::civil::date(year, month, day);
        let mut source = Source::new(&Plan { people: 60, seed, as_of });
        let as_of = Day::from_date(as_of);
        let (mut families, _) = source.cast().unwrap();
        families.extend((0..150).map(|_| source.family(48).unwrap()));
        for family in &families {
            let ties = source.custody(family);
            check(family, &ties, as_of)?;
        }
    }

    #[test]
    fn a_family_keeps_to_its_budget(seed: u64, budget in 1_usize..60) {
        let as_of = jiff::civil::date(2026, 1, 1);
        let mut source = Source::new(&Plan { people: 60, seed, as_of });
        let family = source.family(budget).unwrap();
        prop_assert!(!family.is_empty() && family.len() <= budget);
    }
}
