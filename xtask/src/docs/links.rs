// SPDX-License-Identifier: Apache-2.0
//! Links: those of a page in Markdown, and those of a book that lead nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result};
use paasla_tests::sources::files_below;
use pulldown_cmark::{Event, Parser, Tag};

/// The files of the repository that a page leads to, as it says them, without what is behind `#`.
pub(super) fn of_markdown(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for event in Parser::new(text) {
        let (Event::Start(Tag::Link { dest_url: target, .. })
        | Event::Start(Tag::Image { dest_url: target, .. })) = event
        else {
            continue;
        };
        let (file, _) = parts(&target);
        if !is_elsewhere(&target) && !file.is_empty() {
            targets.push(file.to_owned());
        }
    }
    targets
}

/// A path in a folder, without `.` and `..`.
pub(super) fn joined(folder: &Path, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}

/// The links in a book that lead nowhere: to no file, or to no place in it. Those to other sites are not looked at.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn broken(book: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files_below(book)? {
        if path.extension().is_some_and(|extension| extension == "html") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            pages.insert(path.strip_prefix(book)?.to_owned(), text);
        }
    }
    let places: BTreeMap<&Path, BTreeSet<&str>> =
        pages.iter().map(|(page, text)| (page.as_path(), attributes(text, "id"))).collect();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        // All pages in one, and the page for a wrong address, whose links begin elsewhere.
        if ["print.html", "404.html"].iter().any(|other| page == Path::new(other)) {
            continue;
        }
        for target in attributes(text, "href").into_iter().chain(attributes(text, "src")) {
            if is_elsewhere(target) {
                continue;
            }
            let (file, place) = parts(target);
            let to = match file {
                "" => page.clone(),
                file => joined(page.parent().unwrap_or(Path::new("")), file),
            };
            let is_there = match places.get(to.as_path()) {
                Some(places) => place.is_none_or(|place| place.is_empty() || places.contains(place)),
                None => book.join(&to).is_file() || book.join(&to).join("index.html").is_file(),
            };
            if !is_there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    Ok(broken)
}

/// The values of an attribute in HTML that a program wrote: always in double quotes.
fn attributes<'h>(html: &'h str, name: &str) -> BTreeSet<&'h str> {
    let begin = format!(" {name}=\"");
    html.split(begin.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What is before `#` or `?`, and what is behind `#`.
fn parts(target: &str) -> (&str, Option<&str>) {
    let (file, place) = match target.split_once('#') {
        Some((file, place)) => (file, Some(place)),
        None => (target, None),
    };
    (file.split('?').next().unwrap_or(file), place)
}

/// Whether a link leads out of the repository.
fn is_elsewhere(target: &str) -> bool {
    ["http://", "https://", "mailto:", "data:"].iter().any(|scheme| target.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page_are_its_files() {
        let page = "[a](b/c.md#d) ![e](f.svg) [g](https://example.org/h.md) [i](#j) `[k](l.md)` [m][n]\n\n[n]: ../o.md\n";
        assert_eq!(of_markdown(page), ["b/c.md", "f.svg", "../o.md"]);
        assert_eq!(joined(Path::new("docs/guide"), "../../wit/./rule.wit"), Path::new("wit/rule.wit"));
    }

    #[test]
    fn a_link_to_no_file_and_one_to_no_place_are_broken() -> Result<()> {
        let book = tempfile::TempDir::new()?;
        fs::create_dir(book.path().join("b"))?;
        let page = "<h1 id=\"here\"><a href=\"#here\"></a><a href=\"b/c.html#there\"></a><a href=\"d.html\"></a><img src=\"e.svg\">";
        fs::write(book.path().join("a.html"), page)?;
        fs::write(book.path().join("b/c.html"), "<a href=\"../a.html#here\"></a><a href=\"#nowhere\"></a>")?;
        fs::write(book.path().join("e.svg"), "")?;
        assert_eq!(broken(book.path())?, ["a.html: b/c.html#there", "a.html: d.html", "b/c.html: #nowhere"]);
        Ok(())
    }
}
