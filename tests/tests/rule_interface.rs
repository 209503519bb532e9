// SPDX-License-Identifier: Apache-2.0
//! The rule interface as authors in another language see it: the types that `componentize-py` makes of the WIT for Python, which
//! the reference shows.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::given::{root, variable};
use tempfile::TempDir;

/// The page, and where in it the types stand.
const PAGE: &str = "docs/reference/rule-interface.md";
const BEGIN: &str = "```python\n";
const END: &str = "```\n";

/// Python's types of the interface, without their comments: the page has said it all above them.
fn generated() -> Result<String> {
    let program = variable("PAASLA_JUDGES")?.join("python/bin/componentize-py");
    ensure!(program.exists(), "{} is not there: run `cargo xtask tools`, which says why", program.display());
    let folder = TempDir::new()?;
    let out = folder.path().join("bindings");
    let mut command = Command::new(program);
    command.arg("-d").arg(root()?.join("wit/rule-0.1")).args(["-w", "rule", "bindings"]).arg(&out);
    let said = command.output()?;
    ensure!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
    let types = fs::read_to_string(out.join("wit_world/exports/ruling.py"))?;
    let functions = fs::read_to_string(out.join("wit_world/exports/__init__.py"))?;
    let (types, functions) = (declarations(&types), declarations(&functions));
    ensure!(types.contains("class Query:") && functions.contains("def decide("), "{types}{functions}");
    Ok(format!("{types}\n{functions}"))
}

/// What a generated file declares: no comment, no import, no docstring, one empty line between two declarations.
fn declarations(python: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut in_docstring = false;
    for line in python.lines() {
        let text = line.trim();
        if text.starts_with("\"\"\"") {
            in_docstring = !in_docstring;
            continue;
        }
        let declares = !["#", "import ", "from "].iter().any(|other| line.starts_with(other));
        let is_blank_again = text.is_empty() && kept.last().is_none_or(|last| last.is_empty());
        let says_nothing = text == "raise NotImplementedError" || text == "@abstractmethod";
        if in_docstring || !declares || is_blank_again || says_nothing {
            continue;
        }
        kept.push(if text.is_empty() { "" } else { line });
    }
    let mut text = kept.join("\n").trim_end().to_owned();
    // A function's body was its docstring.
    text = text.replace(":\n\n    def ", ": ...\n    def ");
    if let Some(last) = text.strip_suffix(':') {
        text = format!("{last}: ...");
    }
    text.replace("class Ruling(Protocol): ...", "class Ruling(Protocol):") + "\n"
}

/// `PAASLA_WRITE=1` writes the page anew.
#[test]
fn the_reference_shows_the_types_that_python_has() -> Result<()> {
    let generated = generated()?;
    let file = root()?.join(PAGE);
    let page = fs::read_to_string(&file)?;
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{PAGE} has no block of Python"))?;
    let (shown, after) =
        rest.split_once(END).with_context(|| format!("the block of Python in {PAGE} has no end"))?;
    if std::env::var_os("PAASLA_WRITE").is_some() {
        fs::write(&file, format!("{before}{BEGIN}{generated}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        shown == generated,
        "{PAGE} shows other types than Python has: PAASLA_WRITE=1 cargo xtask test -- -E 'binary(rule_interface)'\n{generated}"
    );
    Ok(())
}
