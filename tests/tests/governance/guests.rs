// SPDX-License-Identifier: Apache-2.0
//! Small guests that do what no shipped rule does. They are shared with the engine's tests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the engine's tests may fail at any line"
)]

#[path = "../../../host/engine/tests/common/answer.rs"]
pub(crate) mod answer;
#[path = "../../../host/engine/tests/common/guest.rs"]
pub(crate) mod guest;
