// SPDX-License-Identifier: Apache-2.0
//! What all measurements share: the decision that every system makes, and how times become figures.

pub mod asking;
pub mod given;
pub mod sample;
