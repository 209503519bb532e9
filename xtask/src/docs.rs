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
use paasla_tests::sources::files_below;

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
    let own = workspace.tools().join("bin/mdbook");
    let wanted = format!("mdbook v{MDBOOK}");
    for program in [PathBuf::from("mdbook"), own.clone()] {
        if program.to_str().and_then(|program| answer(program, &["--version"])).as_ref() == Some(&wanted) {
            return Ok(program);
        }
    }
    workspace.install("mdbook", MDBOOK, &["--no-default-features"])?;
    Ok(own)
}

/// Copies the pages of `docs/`, and every file of the repository that they lead to, where they stand to each other as they do
/// in the repository. mdBook shows what its table of contents names, so pages outside `docs/` are added to it. Of a folder that
/// a page leads to, there is a page with its files.
fn gather(root: &Path, source: &Path) -> Result<()> {
    let summary =
        fs::read_to_string(root.join(DOCS).join(SUMMARY)).context("docs/SUMMARY.md cannot be read")?;
    let mut pages = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut next: Vec<PathBuf> =
        links::of_markdown(&summary).into_iter().map(|target| Path::new(DOCS).join(target)).collect();
    while let Some(place) = next.pop() {
        if !seen.insert(place.clone()) {
            continue;
        }
        let from = root.join(&place);
        if from.is_dir() {
            let page = place.join("README.md");
            if root.join(&page).is_file() {
                next.push(page);
            } else {
                write(&source.join(&page), &listed(&from, &place)?)?;
                pages.insert(page);
            }
            continue;
        }
        let text = fs::read_to_string(&from).with_context(|| format!("{} cannot be read", from.display()))?;
        write(&source.join(&place), &text)?;
        if place.extension().is_some_and(|extension| extension == "md") {
            let folder = place.parent().unwrap_or(Path::new(""));
            let targets = links::of_markdown(&text).into_iter().map(|target| links::joined(folder, &target));
            // What is not there is found with the other links, in the book.
            next.extend(targets.filter(|target| root.join(target).exists()));
            pages.insert(place);
        }
    }
    write(&source.join(SUMMARY), &contents(&summary, &pages)?)
}

/// Writes a page. What the repository calls README.md, and shows with its folder, a book calls index.md.
fn write(to: &Path, text: &str) -> Result<()> {
    let is_readme = to.file_name().is_some_and(|name| name == "README.md");
    let to = if is_readme { to.with_file_name("index.md") } else { to.to_owned() };
    fs::create_dir_all(to.parent().context("a page is in a folder")?)?;
    let text = text.replace("README.md)", "index.md)").replace("README.md#", "index.md#");
    fs::write(&to, text).with_context(|| format!("{} cannot be written", to.display()))
}

/// A page with the files of a folder, those of Rust with what their first line says.
fn listed(folder: &Path, name: &Path) -> Result<String> {
    let mut page = format!("# {}\n\n", name.display());
    for path in files_below(folder)? {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let first = text.lines().find_map(|line| line.strip_prefix("//! ")).unwrap_or_default();
        writeln!(page, "- `{}` {first}", path.strip_prefix(folder)?.display())?;
    }
    Ok(page)
}

/// The table of contents for the whole book.
fn contents(summary: &str, pages: &BTreeSet<PathBuf>) -> Result<String> {
    let mut contents = summary.replace("](", &format!("]({DOCS}/"));
    contents.push_str("- [Elsewhere in the repository]()\n");
    for page in pages.iter().filter(|page| !page.starts_with(DOCS)) {
        writeln!(contents, "  - [{0}]({0})", page.display())?;
    }
    Ok(contents)
}
