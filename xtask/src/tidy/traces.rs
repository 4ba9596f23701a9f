//! No committed file names the machine it was made on: a path in a home folder or a temporary folder works nowhere
//! else.

use super::tree::Tree;

/// First parts of absolute paths that belong to one machine.
const PERSONAL: [&str; 4] = ["Users", "home", "root", "tmp"];

/// Lines with such a path.
pub(super) fn of_a_machine(tree: &Tree) -> Vec<String> {
    let lines = tree
        .texts("", "")
        .flat_map(|(path, text)| text.lines().zip(1..).map(move |(line, number)| (path, number, line)));
    let traces = lines.filter(|(.., line)| names_a_machine(line));
    traces.map(|(path, number, _)| format!("{path}:{number} names a folder of one machine")).collect()
}

fn names_a_machine(line: &str) -> bool {
    line.match_indices('/')
        .any(|(at, _)| line.split_at_checked(at).is_some_and(|(before, path)| starts_here(before) && is_personal(path)))
}

/// Whether a path can begin after this: `target/tmp/x` and `https://host/home/x` are not absolute paths.
fn starts_here(before: &str) -> bool {
    before.chars().next_back().is_none_or(|letter| letter.is_whitespace() || "\"'`(<=:,[".contains(letter))
}

/// A home folder and something in it; the bare folder, or a longer name, does not count.
fn is_personal(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let named = parts.next().is_some_and(|part| PERSONAL.contains(&part));
    named
        && parts
            .next()
            .is_some_and(|next| next.starts_with(|letter: char| letter.is_alphanumeric() || "._".contains(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_into_a_home_or_a_temporary_folder_are_found() {
        let tree = Tree::of([
            ("a.md", &format!("fine\nsee `/{}/ada/notes`", "home")),
            ("b.rs", &format!("open(\"/{}/x\")", "tmp")),
        ]);
        assert_eq!(
            of_a_machine(&tree),
            ["a.md:2 names a folder of one machine", "b.rs:1 names a folder of one machine"]
        );
    }

    #[test]
    fn other_paths_are_left_alone() {
        for line in [
            "target/tmp/x",
            "https://example.org/home/ada",
            "/etc/countersign",
            "mounted at /home",
            "a / tmp / b",
            "/tmpfs/x",
        ] {
            assert!(!names_a_machine(line), "{line}");
        }
    }
}
