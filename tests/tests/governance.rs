// SPDX-License-Identifier: Apache-2.0
//! Governance changes while queries run, on the real program.
#![cfg(test)]

#[path = "governance/apart.rs"]
mod apart;
#[path = "governance/backup.rs"]
mod backup;
#[path = "governance/command_line.rs"]
mod command_line;
#[path = "governance/crash.rs"]
mod crash;
#[path = "governance/drop_folder.rs"]
mod drop_folder;
#[path = "governance/guests.rs"]
mod guests;
#[path = "governance/institution.rs"]
mod institution;
#[path = "governance/keys.rs"]
mod keys;
#[path = "governance/life.rs"]
mod life;
#[path = "governance/loosen.rs"]
mod loosen;
#[path = "governance/objects.rs"]
mod objects;
#[path = "governance/past.rs"]
mod past;
#[path = "governance/people.rs"]
mod people;
#[path = "governance/roles.rs"]
mod roles;
#[path = "governance/scene.rs"]
mod scene;
#[path = "governance/seed.rs"]
mod seed;
#[path = "governance/shadow.rs"]
mod shadow;
#[path = "governance/shadow_rows.rs"]
mod shadow_rows;
#[path = "governance/swap.rs"]
mod swap;
#[path = "governance/telling.rs"]
mod telling;
#[path = "governance/ten_ways.rs"]
mod ten_ways;
#[path = "governance/unmet.rs"]
mod unmet;
#[path = "governance/uploads.rs"]
mod uploads;
