// SPDX-License-Identifier: Apache-2.0
//! Tests of whole registers.

mod cast;
#[cfg(test)]
mod made;
mod rows;
