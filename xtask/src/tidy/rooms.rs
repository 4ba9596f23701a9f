//! Limits on the length of files; and no file is named `mod.rs`.

use super::tree::Tree;

const ASKED_WHY: usize = 400;
const TOO_LONG: usize = 450;

/// The folders of tests and examples; a table of cases may have any length.
const EXEMPT: [&str; 4] = ["tests", "benches", "testkit", "examples"];

/// Files that are too long, or named `mod.rs`.
pub(super) fn misshapen(tree: &Tree) -> Vec<String> {
    let long = lengths(tree).filter(|(_, lines)| *lines > TOO_LONG);
    let long = long.map(|(path, lines)| format!("{path} has {lines} lines; over {TOO_LONG} it must be split"));
    let nameless = tree.texts("", ".rs").filter(|(path, _)| path.split('/').next_back() == Some("mod.rs"));
    let nameless = nameless.map(|(path, _)| format!("{path}: a module `foo` lives in foo.rs"));
    long.chain(nameless).collect()
}

/// Files whose length should be reviewed.
pub(super) fn notes(tree: &Tree) -> Vec<String> {
    let longish = lengths(tree).filter(|(_, lines)| (ASKED_WHY + 1..=TOO_LONG).contains(lines));
    longish
        .map(|(path, lines)| format!("{path} has {lines} lines; over {ASKED_WHY} its length should be reviewed"))
        .collect()
}

fn lengths(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    let sources = tree.texts("", ".rs").filter(|(path, _)| !path.split('/').any(|part| EXEMPT.contains(&part)));
    sources.map(|(path, text)| (path, text.lines().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_asked_why_and_then_splits() {
        let lines = |count| "line\n".repeat(count);
        let tree =
            Tree::of([("a.rs", &lines(400)), ("b.rs", &lines(401)), ("c.rs", &lines(450)), ("d.rs", &lines(451))]);
        assert_eq!(misshapen(&tree), ["d.rs has 451 lines; over 450 it must be split"]);
        assert_eq!(
            notes(&tree),
            [
                "b.rs has 401 lines; over 400 its length should be reviewed",
                "c.rs has 450 lines; over 400 its length should be reviewed"
            ]
        );
    }

    #[test]
    fn tests_and_examples_may_be_long_and_only_sources_are_measured() {
        let long = "line\n".repeat(700);
        let paths =
            ["crates/store/tests/races.rs", "crates/testkit/src/world.rs", "examples/hello/src/main.rs", "Cargo.lock"];
        assert_eq!(misshapen(&Tree::of(paths.map(|path| (path, long.as_str())))), [""; 0]);
    }

    #[test]
    fn no_module_is_called_mod() {
        let tree = Tree::of([("crates/core/src/flow/mod.rs", ""), ("crates/core/src/mood.rs", "")]);
        assert_eq!(misshapen(&tree), ["crates/core/src/flow/mod.rs: a module `foo` lives in foo.rs"]);
    }
}
