// SPDX-License-Identifier: Apache-2.0
//! The contract of `Store`, run against every implementation, and what is particular to each.
//!
//! A new implementation adds a `Home` and one `mod` to the macro below.
#![cfg(test)]
#![allow(missing_docs, reason = "a test has no public items")]

mod crash;
mod faults;
mod full;
mod governance;
mod log;
mod objects;
mod quarantine;
mod record;
mod rule;
mod rulebook;
mod sample;
mod sqlite;
mod usage;

use async_trait::async_trait;
use paasla_store::Store;

/// Where one store lives. Opening it again gives another view of the same data.
#[async_trait]
trait Home: Send + Sync {
    async fn open(&self) -> Box<dyn Store>;
}

macro_rules! contract {
    ($($noun:ident { $($holds:ident)* })*) => {
        mod on_sqlite {
            $(mod $noun { $(
                #[tokio::test]
                async fn $holds() {
                    crate::$noun::$holds(&crate::sqlite::SqliteHome::new()).await;
                }
            )* })*
        }
    };
}

contract! {
    rulebook {
        there_is_none_at_first
        each_change_is_a_generation_and_all_stay_readable
        every_order_is_kept
        two_things_of_one_name_are_refused
        the_same_content_is_no_change
        going_back_is_a_new_generation
        a_policy_needs_its_rule
        installing_at_once_gives_each_its_own_generation
    }
    rule {
        is_stored_once_under_its_digest
        must_have_the_stated_digest
    }
    quarantine {
        is_noted_once_while_it_lasts
        is_lifted_by_name_and_signed
        is_told_apart_by_rule_and_settings
        noted_at_once_is_one_entry
    }
    governance {
        a_change_goes_with_its_record_or_not_at_all
        of_two_changes_at_once_one_wins
        tokens_keys_and_signatures_are_kept
        versions_are_counted_and_never_overwritten
        what_a_rulebook_ever_held_is_known
        a_proposal_is_decided_once
        what_was_seen_in_shadow_is_summed
        what_changed_in_shadow_is_kept_up_to_a_number
    }
    record {
        is_there_after_the_append
        are_appended_all_or_none
        with_one_id_are_both_kept
        are_found_by_every_condition
        are_paged_without_gap_or_repeat
        hold_any_text
        a_page_after_nothing_is_an_error
    }
    usage {
        counts_persons_of_answered_queries
        is_counted_for_the_holder
        is_told_apart_by_client_and_basis
        never_counts_too_few_and_at_most_one_bucket_too_many
        is_not_counted_for_a_failed_append
    }
}
