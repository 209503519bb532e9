// SPDX-License-Identifier: Apache-2.0
//! How many shards there are, and in which order they are taken.

use super::*;

fn config(instances: u32, shards: u32) -> EngineConfig {
    EngineConfig { instances, shards, ..EngineConfig::default() }
}

#[test]
fn there_are_as_many_as_processors_but_none_too_small() {
    let counts =
        |instances, shards| [1, 2, 6, 64].map(|processors| count(&config(instances, shards), processors));
    assert_eq!(counts(256, 0), [1, 2, 6, 8]);
    assert_eq!(counts(40, 0), [1, 2, 2, 2]);
    assert_eq!(counts(1, 0), [1; 4]);
    assert_eq!(counts(3, 3), [3; 4]);
}

#[test]
fn the_parts_are_all_there_is() {
    for (instances, count) in [(256, 2), (7, 3), (3, 3), (100_000, 8), (1, 1)] {
        let all: Vec<_> = parts(instances, count).collect();
        assert_eq!(all.len(), usize::try_from(count).unwrap());
        assert_eq!(all.iter().sum::<u32>(), instances);
        assert!(all[0] - all[all.len() - 1] <= 1 && all.iter().all(|part| *part > 0), "{all:?}");
    }
}

#[test]
fn the_processors_of_a_process_have_different_shards() {
    let own = [4, 6, 9, 1_000];
    let homes = |shards| own.map(|processor| homes(&own, shards)[processor]);
    assert_eq!(homes(4), [0, 1, 2, 3]);
    assert_eq!(homes(3), [0, 1, 2, 0]);
    assert_eq!(homes(1), [0; 4]);
    assert!(super::homes(&[], 2).iter().all(|home| *home < 2), "nothing is known");
}

#[test]
fn each_comes_once_and_home_first() {
    let mut shards = Shards::pooled(&config(4, 3)).unwrap();
    for home in [0, 1, 2] {
        shards.homes = vec![home; MOST_PROCESSORS];
        let order = [[0, 1, 2], [1, 2, 0], [2, 0, 1]][home];
        assert_eq!(shards.home_first(&[0, 1, 2]).copied().collect::<Vec<_>>(), order);
    }
    shards.homes.clear();
    assert_eq!(shards.home_first(&[0, 1, 2]).copied().collect::<Vec<_>>(), [0, 1, 2]);
}
