// SPDX-License-Identifier: Apache-2.0
//! `src/bindings.rs` is what wit-bindgen makes of `wit/rule-0.1`. It is in the tree so that nobody who compiles a rule has to
//! compile wit-bindgen's generator first. `PAASLA_WRITE=1 cargo test -p paasla-rule --test bindings` writes it anew.

#![cfg(test)]

use std::{env, fs, path::Path};

use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::Opts;

fn generated(folder: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder.join("../wit/rule-0.1")).unwrap();
    let world = resolve.select_world(&[package], Some("rule")).unwrap();
    let derives = ["PartialEq", "Clone", "serde::Serialize", "serde::Deserialize"];
    let options = Opts {
        format: true,
        additional_derive_attributes: derives.map(str::to_owned).into(),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, text) = files.iter().next().unwrap();
    format!("// SPDX-License-Identifier: Apache-2.0\n{}", String::from_utf8(text.to_vec()).unwrap())
}

#[test]
fn bindings_are_those_of_the_interface() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (file, wanted) = (folder.join("src/bindings.rs"), generated(folder));
    if env::var_os("PAASLA_WRITE").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "src/bindings.rs is not what wit/rule-0.1 gives: write it anew as this file says"
    );
}
