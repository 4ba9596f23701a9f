//! Secrets are compared in constant time only (RUSTSEC-2022-0018 is an advisory for a crate that did not).
//!
//! Their types have no `PartialEq`; this rule finds code that takes the bytes or the text out and compares those.

use super::tree::Tree;

/// Methods that expose a secret as a value that can be compared.
const EXPOSING: [&str; 3] = [".expose()", ".to_base32()", ".into_bytes()"];

/// Lines outside tests that compare a secret with an operator.
pub(super) fn compared(tree: &Tree) -> Vec<String> {
    let sources = tree.texts("crates/", ".rs").filter(|(path, _)| path.contains("/src/") && !path.contains("testkit"));
    let lines = sources.flat_map(|(path, text)| {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        shipped.lines().zip(1..).map(move |(line, number)| (path, number, line))
    });
    let careless = lines.filter(|(.., line)| compares_a_secret(line));
    careless.map(|(path, number, _)| format!("{path}:{number} compares a secret in variable time")).collect()
}

fn compares_a_secret(line: &str) -> bool {
    let around = |operator: &str| {
        line.match_indices(operator).any(|(at, _)| {
            let (before, after) = (line.get(..at).unwrap_or_default(), line.get(at + 2..).unwrap_or_default());
            let after = after.split(['&', '|', '{']).next().unwrap_or_default();
            EXPOSING.iter().any(|exposing| {
                before.trim_end().ends_with(exposing) || after.trim().trim_end_matches([';', ',']).ends_with(exposing)
            })
        })
    };
    !line.trim_start().starts_with("//") && (around("==") || around("!="))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T31.
    #[test]
    fn t31_a_secret_compared_with_an_operator_is_found() {
        for line in [
            "if current.expose() == new.expose() {",
            "let same = key.to_base32() != other;",
            "ok = a == b.expose();",
            "mac.finalize().into_bytes() == tag",
        ] {
            assert!(compares_a_secret(line), "{line}");
            let tree = Tree::of([("crates/x/src/lib.rs", line)]);
            assert_eq!(compared(&tree), ["crates/x/src/lib.rs:1 compares a secret in variable time"]);
        }
    }

    #[test]
    fn other_comparisons_are_left_alone() {
        for line in [
            "if secret.is_same(&other) {",
            "if secret.expose().len() == 4 {",
            "// a.expose() == b.expose() would be wrong",
            "a.ct_eq(b.as_bytes())",
        ] {
            assert!(!compares_a_secret(line), "{line}");
        }
        let tree = Tree::of([("crates/x/src/lib.rs", "#[cfg(test)]\nmod tests { a.expose() == b.expose() }")]);
        assert!(compared(&tree).is_empty());
    }
}
