// SPDX-License-Identifier: Apache-2.0
//! A rule that tells whatever it is told, in every way that there is: it is what a rule must not be able to be.

use paasla_rule::{
    About, Date, Decided, Mask, Problems, Query, Reason, Review, Reviewed, Row, Rule, Setup, Test, Value, because,
    fact, own_category, pd, row_fact,
};
use serde::Deserialize;

/// Bits of what it was told that one ruling carries out.
const REASONS: u64 = 8;

/// How it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// By which reason stands in which row.
    Reasons,
    /// By which row is left out.
    LeaveOut,
    /// By how much less is shown of a row that is shown: a mask for each of the things told of another row.
    Masks,
    /// By a condition on a fact, with a value that the client sends.
    Conditions,
    /// By breaking.
    Faults,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    how: How,
}

/// Tells.
#[derive(Debug)]
pub struct Teller {
    how: How,
    reasons: Vec<Reason>,
}

impl Rule for Teller {
    type Settings = Settings;

    fn describe() -> About {
        About::new("teller", "1.0.0", "Tells.")
            .settings(r#"{"type":"object"}"#)
            .reads(pd::NAME)
            .reads(pd::OFFICIAL_ID)
            .reads(pd::BIRTH_DATE)
            .reads(pd::GENDER)
            .needs_of_rows(fact("subject.birth-date", "to tell it"))
            .needs_of_rows(fact("subject.alive", "to tell it"))
            .needs_of_rows(fact("subject.access-restricted", "to tell it"))
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let reason = |nth: u64| setup.declare(because(format!("teller.told-{nth}"), format!("It is {nth}.")));
        let reasons = (0..REASONS).map(reason).collect();
        Problems::none().or(Self { how: settings.how, reasons })
    }

    fn decide(&self, query: &Query) -> Decided {
        if self.how == How::Conditions {
            let asked = query.case_reference().and_then(Date::parse).unwrap_or(Date(0));
            let born = row_fact(0).test(Test::AtMost, Value::Date(asked.0));
            return query.narrow().only_rows(born, self.reason(0)).into();
        }
        query.narrow().review().into()
    }

    fn review(&self, query: &Query, rows: &[Row]) -> Reviewed {
        let all = digest(rows.iter());
        let mut review = Review::of(query);
        for (index, row) in (0..).zip(rows) {
            let own = digest([row].into_iter());
            match self.how {
                How::Reasons => {
                    let name = own_category(pd::NAME);
                    review.mask(index, row, name, Mask::Redact, self.reason(own ^ all));
                }
                How::LeaveOut if all % 2 == u64::from(index % 2) => review.leave_out(index, self.reason(0)),
                How::Masks => {
                    let mask = Mask::ALL[usize::try_from(all % 3).unwrap_or(0)];
                    review.mask(index, row, own_category(pd::BIRTH_DATE), mask, self.reason(all));
                }
                How::Faults => assert!(all % 2 == 0, "it is odd"),
                How::LeaveOut | How::Conditions => {}
            }
        }
        review.into()
    }
}

impl Teller {
    fn reason(&self, told: u64) -> Reason {
        self.reasons[usize::try_from(told % REASONS).unwrap_or(0)]
    }
}

/// FNV-1a of everything that rows tell.
fn digest<'r>(rows: impl Iterator<Item = &'r Row>) -> u64 {
    let text: String = rows.map(|row| format!("{row:?};")).collect();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

paasla_rule::export!(Teller);
