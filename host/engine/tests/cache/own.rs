// SPDX-License-Identifier: Apache-2.0
//! What this host wrote, and cannot use.

use std::{collections::BTreeMap, fs};

use hmac::{Hmac, KeyInit as _, Mac as _};
use paasla_engine::{Compiler, LoadError};
use sha2::Sha256;
use tempfile::TempDir;

use crate::{
    SECRET, cached,
    common::{answer::repeating, engine},
    entries, entry, filled, is_made_again, made,
};

/// The code of authentication of an entry, as the host makes it.
fn tag(name: &str, content: &[u8]) -> Vec<u8> {
    let code = |key: &[u8], parts: &[&[u8]]| {
        let mac = <Hmac<Sha256>>::new_from_slice(key).unwrap();
        parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes()
    };
    let key = code(SECRET, &[b"paasla: cache of compiled code"]);
    code(&key, &[name.as_bytes(), &[0], content]).to_vec()
}

/// What this host wrote and cannot load, as when the disk was full or the compiler broke, is no obstacle.
#[test]
fn an_entry_of_our_own_that_cannot_be_loaded() {
    for kind in [".configured", ".prepared"] {
        let (_home, folder) = filled();
        let path = entry(&folder, kind);
        let whole = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(tag(name, &whole[32..]), whole[..32], "it is the host's own");
        let no_code = b"{\"form\":\"Instrumented\",\"reasons\":[]}\n";
        for content in [&whole[32..whole.len() / 2], no_code, b"no line"] {
            fs::write(&path, [&tag(name, content)[..], content].concat()).unwrap();
            // The other of the two is of no help.
            let other = entry(&folder, if kind == ".configured" { ".prepared" } else { ".configured" });
            fs::remove_file(other).unwrap();
            is_made_again(&folder);
            let again = fs::read(&path).unwrap();
            assert!(tag(name, &again[32..]) == again[..32] && again.len() == whole.len(), "it is whole");
        }
    }
}

/// What a compiler gave that is no code is not kept.
#[test]
fn what_cannot_be_loaded_is_not_kept() {
    let home = TempDir::new().unwrap();
    let script = "cat >/dev/null; echo '{\"Done\":[\"Instrumented\",4]}'; printf code";
    let broken = Compiler::Worker { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] };
    let engine = cached(engine(), home.path());
    let error = made(&engine.clone().with_compiler(broken), &repeating().component(), "one").unwrap_err();
    assert!(matches!(error, LoadError::Compile(_)), "{error:?}");
    assert_eq!(entries(home.path()), BTreeMap::new());
    made(&engine, &repeating().component(), "one").unwrap();
}
