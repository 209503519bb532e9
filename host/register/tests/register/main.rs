// SPDX-License-Identifier: Apache-2.0
//! Tests over the example register: its description, and a small database of made-up people.

#[cfg(test)]
mod derivations;
#[cfg(test)]
mod derived;
#[cfg(test)]
mod description;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod replaced;
#[cfg(test)]
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod writers;
