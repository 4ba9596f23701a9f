//! The documents name files, and files move. Every repository path in backticks, and every relative link, must exist.

use super::tree::Tree;

const PAPERS: [&str; 5] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "STYLE.md"];
const FOLDERS: [&str; 7] = [".cargo/", ".ci/", "crates/", "docs/", "examples/", "packaging/", "xtask/"];
const ENDINGS: [&str; 3] = [".md", ".rs", ".toml"];

/// Paths in a document that do not exist.
pub(super) fn dead_paths(tree: &Tree) -> Vec<String> {
    let absent = PAPERS.iter().filter_map(|paper| tree.text(paper).err());
    let papers = tree.texts("", ".md").filter(|(path, _)| PAPERS.contains(path) || path.starts_with("docs/"));
    let dead = papers.flat_map(|(paper, text)| {
        prose(text)
            .flat_map(move |line| named(paper, line))
            .filter(|(_, path)| !path.as_ref().is_some_and(|path| tree.has(path)))
            .map(move |(name, _)| format!("{paper} names {name}, which does not exist"))
    });
    absent.chain(dead).collect()
}

/// The paths in a line: as written, and relative to the root (`None` if outside the repository).
fn named(paper: &str, line: &str) -> Vec<(String, Option<String>)> {
    let (spoken, quoted) = halves(line);
    let paths = quoted.into_iter().filter(|code| is_path(code));
    let paths = paths.map(|path| (path.to_owned(), Some(path.to_owned())));
    let links = links(&spoken).into_iter();
    let links = links.map(|link| (link.to_owned(), target(paper, link)));
    paths.chain(links).collect()
}

/// The lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// A line without its code in backticks, and the code.
fn halves(line: &str) -> (String, Vec<&str>) {
    let spoken = line.split('`').step_by(2).collect();
    let quoted = line.split('`').skip(1).step_by(2).collect();
    (spoken, quoted)
}

/// Whether code in backticks is a path in the repository, and not a pattern, a command or a path elsewhere.
fn is_path(code: &str) -> bool {
    let plain = code.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    let ours = FOLDERS.iter().any(|folder| code.starts_with(folder));
    let file =
        code.contains('/') && !code.starts_with(['/', '.']) && ENDINGS.iter().any(|ending| code.ends_with(ending));
    plain && (ours || file)
}

/// The targets of Markdown links, except URLs and links within the page.
fn links(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')?.0.split_whitespace().next());
    targets.filter(|link| !link.contains(':') && !link.starts_with('#')).collect()
}

/// A link's path relative to the root of the repository; `None` if it is outside.
fn target(paper: &str, link: &str) -> Option<String> {
    let file = link.split('#').next()?;
    let mut parts: Vec<&str> = paper.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(paper: &str) -> Vec<String> {
        dead_paths(&Tree::of([
            ("ARCHITECTURE.md", ""),
            ("CONTRIBUTING.md", ""),
            ("README.md", "[above](#top)"),
            ("SECURITY.md", ""),
            ("STYLE.md", ""),
            ("crates/otp/src/totp.rs", ""),
            ("docs/adr/0001-page.md", ""),
            ("docs/guide/start.md", paper),
        ]))
    }

    #[test]
    fn paths_that_exist_are_fine_whether_named_or_linked() {
        let paper = "See `crates/otp/src/totp.rs`, all of `crates/otp/`,\n[the page](../adr/0001-page.md#decision) and [here](start.md \"The start\").";
        assert_eq!(complaints(paper), [""; 0]);
    }

    #[test]
    fn paths_that_do_not_are_complaints() {
        let paper = "See `crates/otp/src/hotp.rs` and `otp/src/totp.rs`,\n`docs/faq` or [a page](0002-page.md), or [outside](../../../x.md).";
        assert_eq!(
            complaints(paper),
            [
                "docs/guide/start.md names crates/otp/src/hotp.rs, which does not exist",
                "docs/guide/start.md names otp/src/totp.rs, which does not exist",
                "docs/guide/start.md names docs/faq, which does not exist",
                "docs/guide/start.md names 0002-page.md, which does not exist",
                "docs/guide/start.md names ../../../x.md, which does not exist",
            ]
        );
    }

    #[test]
    fn patterns_commands_settings_and_the_web_are_not_paths() {
        let paper = "`crates/*/src`, `cargo test -p x`, `/etc/countersign.toml`, `./local.toml`, `a/b`, `text/html`,\n\
                     [web](https://example.org/x.md), [above](#top), `[code](nowhere.md)`\n```\n`crates/none`\n```";
        assert_eq!(complaints(paper), [""; 0]);
    }

    #[test]
    fn the_papers_themselves_must_exist() {
        let complaints = dead_paths(&Tree::of([("README.md", "")]));
        assert!(complaints.contains(&"there is no ARCHITECTURE.md".to_owned()), "{complaints:?}");
        assert!(!complaints.contains(&"there is no README.md".to_owned()), "{complaints:?}");
    }
}
