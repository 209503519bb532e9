// SPDX-License-Identifier: Apache-2.0
//! What an answer may hold, limit by limit.

use paasla_engine::RuleFault;

use crate::{
    common::{
        answer::{
            CONFIGURE, attribute, condition, declared, exception, image, leaving_out, narrowing, obligation,
            reason, reviewed, value, words,
        },
        guest::Guest,
    },
    limits::{Broken, Limit},
};

/// What an answer may hold. Each rule's answer holds two of it, or a text of seven bytes.
pub fn all() -> Vec<Limit> {
    let two = |item: Vec<u8>| item.repeat(2);
    let narrow = |conditions, obligations, more: Vec<(usize, Vec<u8>)>| {
        let data = narrowing((0, 0), conditions, obligations, &more);
        Guest { decide: "i32.const 2048", data, row_facts: 1, ..Guest::default() }.component()
    };
    let reasons = declared(&vec![reason((512, 7), (512, 7), None); 2]);
    let declaring =
        |review, data| Guest { configure: CONFIGURE, review, data, ..Guest::default() }.component();
    // The one row is left out for one of them, and its field hidden for the other.
    let out = [leaving_out(0, 1, 0)[..12].to_vec(), words((2604, 1))].concat();
    let both = reviewed(&[out], &[vec![(2604, exception(2, None, 1))], reasons.clone()].concat());
    let conditions = two(condition(0, 0, &value(1, &[1]), 0));
    let obligations = two(obligation((2340, 13), (2600, 1)));
    let count = attribute((2360, 5), &value(2, &[1]));
    let texts = condition(0, 0, &value(5, &words((2600, 2))), 0);
    let text = condition(0, 0, &value(3, &words((2300, 7))), 0);
    let described = |list: (usize, (u32, u32)), at: usize, bytes: Vec<u8>| {
        let mut said = crate::common::guest::description((0, 0));
        said[list.0 * 8..list.0 * 8 + 8].copy_from_slice(&words(list.1));
        let data = image(&[(2048, said), (at, bytes)]);
        Guest { describe: "i32.const 2048", data, ..Guest::default() }.component()
    };
    let problem = two([words((2300, 3)), words((2300, 7))].concat());
    let problems =
        [vec![(2048, vec![1]), (2052, words((2500, 2))), (2300, b"hostile".to_vec())], vec![(2500, problem)]];
    let problems = image(&problems.concat());
    let problems = Guest { configure: "i32.const 2048", data: problems, ..Guest::default() }.component();
    let many = |place, bytes, broken| Limit::new(place, bytes, (0, 1_000), broken);
    let decide = |place, bytes, broken| many(place, bytes, Broken::Decide(broken));
    vec![
        many(
            "/answer/reasons",
            declaring("i32.const 1024", image(&reasons)),
            Broken::Configure(|most| too_many("reasons", most)),
        ),
        many(
            "/answer/review-reasons",
            declaring("i32.const 2048", both),
            Broken::Review(|most| too_many("different reasons in one review", most)),
        ),
        decide("/answer/conditions", narrow((2504, 2), (0, 0), vec![(2504, conditions)]), |most| {
            too_many("conditions", most)
        }),
        decide(
            "/answer/obligations",
            narrow((0, 0), (2500, 2), vec![(2500, obligations), (2600, count)]),
            |most| too_many("obligations", most),
        ),
        decide(
            "/answer/texts",
            narrow((2504, 1), (0, 0), vec![(2504, texts), (2600, two(words((2300, 7))))]),
            |most| too_many("texts in a value", most),
        ),
        decide("/answer/text-bytes", narrow((2504, 1), (0, 0), vec![(2504, text)]), |most| {
            too_many("bytes in a text", most)
        }),
        Limit {
            problems: true,
            ..many("/answer/problems", problems.clone(), Broken::Configure(|most| too_many("problems", most)))
        },
        Limit {
            problems: true,
            ..many(
                "/answer/text-bytes",
                problems,
                Broken::Configure(|most| too_many("bytes in a problem", most)),
            )
        },
        many(
            "/answer/described",
            described((6, (3000, 2)), 3000, two(words((512, 7)))),
            Broken::Description("facts, categories"),
        ),
        many(
            "/answer/described-chars",
            described((6, (3000, 1)), 3000, words((0, 300))),
            Broken::Description("characters"),
        ),
        many(
            "/answer/schema-bytes",
            described((3, (3000, 7)), 3000, b"{     }".to_vec()),
            Broken::Description("`settings-schema`"),
        ),
    ]
}

fn too_many(what: &'static str, most: u64) -> RuleFault {
    RuleFault::TooMany { what, limit: usize::try_from(most).unwrap() }
}
