// SPDX-License-Identifier: Apache-2.0
//! What the server does, whatever door a request came through.

pub mod answer;
pub mod ask;
pub mod problem;
