// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask docs`: the documentation as a book (mdBook), with every page that it refers to, and no link that leads nowhere.

mod links;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    out::{say, step},
    tools::answer,
    workspace::{Workspace, finish},
};

/// The version of mdBook that is installed where there is none.
const MDBOOK: &str = "0.5.4";

/// The folder of the documentation, and its table of contents there.
const DOCS: &str = "docs";
const SUMMARY: &str = "SUMMARY.md";

/// Makes the book, and looks at its links.
///
/// # Errors
/// When mdBook cannot be had, or a page cannot be read, or a link leads nowhere: with every such link.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    let mdbook = mdbook(&workspace)?;
    let folder = workspace.target.join("docs");
    let (source, book) = (folder.join("src"), folder.join("book"));
    for old in [&source, &book] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("{} cannot be removed", old.display()))?;
        }
    }
    step("docs", "the book, and every page that it refers to");
    gather(&workspace.root, &source)?;
    fs::copy(workspace.root.join("book.toml"), folder.join("book.toml"))
        .context("book.toml cannot be copied")?;
    finish(Command::new(mdbook).arg("build").arg(&folder).stdin(Stdio::null()), "`mdbook build`")?;

    let broken = links::broken(&book)?;
    if !broken.is_empty() {
        bail!("{} links lead nowhere:\n  {}", broken.len(), broken.join("\n  "));
    }
    say(format_args!("The book is {}; every link in it leads somewhere.", book.join("index.html").display()));
    Ok(())
}

/// mdBook on the path, or in a folder of ours, where it is installed if it must be.
fn mdbook(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("ci-tools");
    let own = tools.join("bin/mdbook");
    let wanted = format!("mdbook v{MDBOOK}");
    for program in [PathBuf::from("mdbook"), own.clone()] {
        if program.to_str().and_then(|program| answer(program, &["--version"])).as_ref() == Some(&wanted) {
            return Ok(program);
        }
    }
    step("tools", format_args!("installing mdBook {MDBOOK} in {}", tools.display()));
    let build = tools.join("build-mdbook");
    let mut install = workspace.cargo();
    install.args([
        "install",
        "mdbook",
        "--locked",
        "--no-default-features",
        "--version",
        MDBOOK,
        "--force",
        "--root",
    ]);
    install.arg(&tools).env("CARGO_TARGET_DIR", &build);
    finish(&mut install, "`cargo install mdbook`")?;
    fs::remove_dir_all(&build).with_context(|| format!("{} cannot be removed", build.display()))?;
    Ok(own)
}

/// Copies the pages of `docs/`, and every file of the repository that they lead to, where they stand to each other as they do
/// in the repository. mdBook shows what its table of contents names, so pages outside `docs/` are added to it.
fn gather(root: &Path, source: &Path) -> Result<()> {
    let summary =
        fs::read_to_string(root.join(DOCS).join(SUMMARY)).context("docs/SUMMARY.md cannot be read")?;
    let mut seen = BTreeSet::new();
    let mut next: Vec<PathBuf> =
        links::of_markdown(&summary).into_iter().map(|target| Path::new(DOCS).join(target)).collect();
    while let Some(page) = next.pop() {
        if !seen.insert(page.clone()) {
            continue;
        }
        let (from, to) = (root.join(&page), source.join(&page));
        fs::create_dir_all(to.parent().context("a page is in a folder")?)?;
        fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
        if !is_page(&page) {
            continue;
        }
        let text = fs::read_to_string(&from).with_context(|| format!("{} cannot be read", from.display()))?;
        for target in links::of_markdown(&text) {
            let target = links::joined(page.parent().unwrap_or(Path::new("")), &target);
            // What is not there is found with the other links, in the book.
            if root.join(&target).is_file() {
                next.push(target);
            }
        }
    }
    fs::write(source.join(SUMMARY), contents(&summary, &seen)?)?;
    Ok(())
}

/// The table of contents for the whole book.
fn contents(summary: &str, pages: &BTreeSet<PathBuf>) -> Result<String> {
    let mut contents = summary.replace("](", &format!("]({DOCS}/"));
    contents.push_str("- Elsewhere in the repository\n");
    for page in pages.iter().filter(|page| is_page(page) && !page.starts_with(DOCS)) {
        writeln!(contents, "  - [{0}]({0})", page.display())?;
    }
    Ok(contents)
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}
