//! Dependencies between the crates point inward only. ARCHITECTURE.md lists the allowed ones in a block that this rule
//! parses; the manifests have the actual ones.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use crate::workspace::Edges;

const PAPER: &str = "ARCHITECTURE.md";

/// The core must neither wait nor do I/O: these crates, and those whose names begin with theirs, must not be in it.
const WORLDLY: [&str; 5] = ["tokio", "sqlx", "rusqlite", "http", "axum"];

/// One TLS implementation is enough to keep up to date: rustls on aws-lc. These are others.
const OTHER_TLS: [&str; 4] = ["native-tls", "openssl", "openssl-sys", "ring"];

/// Members that ARCHITECTURE.md does not list, and dependencies that it does not allow.
pub(super) fn undeclared(tree: &Tree, edges: &Edges) -> Vec<String> {
    match tree.text(PAPER).and_then(allowed) {
        Ok(allowed) => strays(&allowed, edges),
        Err(complaint) => vec![complaint],
    }
}

/// Forbidden crates in the core's dependency tree, given as one crate per line.
pub(super) fn impurities(dependencies: &str) -> Vec<String> {
    let worldly = |name: &&str| {
        WORLDLY
            .iter()
            .any(|world| name.strip_prefix(world).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    };
    let names = names(dependencies).into_iter().filter(worldly);
    names.map(|name| format!("the core depends on {name}, so it is not pure")).collect()
}

/// Crates in the server's dependency tree that are a second TLS implementation, given as one crate per line.
pub(super) fn second_tls(dependencies: &str) -> Vec<String> {
    let names = names(dependencies);
    if !names.contains("countersign-server") {
        return vec!["the server's dependencies are not there".to_owned()];
    }
    let others = names.into_iter().filter(|name| OTHER_TLS.contains(name));
    others.map(|name| format!("the server depends on {name}, so it has a second TLS beside rustls on aws-lc")).collect()
}

fn names(dependencies: &str) -> BTreeSet<&str> {
    dependencies.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

fn strays(allowed: &Arrows<'_>, edges: &Edges) -> Vec<String> {
    let members: BTreeSet<&str> = edges.keys().map(|member| short(member)).collect();
    let mut complaints = Vec::new();
    for (from, targets) in edges {
        let Some(allowed) = allowed.get(short(from)) else {
            complaints.push(format!("{PAPER} lists no dependencies of {}", short(from)));
            continue;
        };
        let strays = targets.iter().map(|target| short(target)).filter(|target| !allowed.contains(target));
        complaints.extend(strays.map(|to| format!("{} → {to} is not among the dependencies in {PAPER}", short(from))));
    }
    let named: BTreeSet<&str> = allowed.iter().flat_map(|(from, to)| to.iter().chain([from])).copied().collect();
    complaints.extend(
        named.difference(&members).map(|name| format!("{PAPER} lists dependencies of {name}, which is not a member")),
    );
    complaints
}

type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Parses the block: one member per line, an arrow, and the members it may depend on.
fn allowed(paper: &str) -> Result<Arrows<'_>, String> {
    let block = paper.lines().skip_while(|line| *line != "```arrows").skip(1).take_while(|line| *line != "```");
    let mut arrows = Arrows::new();
    for line in block {
        let (from, to) = line.split_once('→').ok_or_else(|| format!("{PAPER} has no arrow in the line `{line}`"))?;
        let to = to.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if arrows.insert(from.trim(), to).is_some() {
            return Err(format!("{PAPER} has two lines of dependencies of {}", from.trim()));
        }
    }
    if arrows.is_empty() { Err(format!("{PAPER} has no block of dependencies")) } else { Ok(arrows) }
}

/// The short name: `countersign-core` is `core`; the facade keeps its name.
fn short(member: &str) -> &str {
    member.strip_prefix("countersign-").unwrap_or(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str =
        "# Plan\n\n```text\notp → everything\n```\n\n```arrows\notp    →\ncore   → otp\nserver → core, otp\n```\n";

    fn complaints(paper: &str, edges: [(&str, &[&str]); 3]) -> Vec<String> {
        let edges =
            edges.into_iter().map(|(from, to)| (from.to_owned(), to.iter().map(|to| (*to).to_owned()).collect()));
        undeclared(&Tree::of([(PAPER, paper)]), &edges.collect())
    }

    #[test]
    fn arrows_that_are_allowed_may_be_drawn_or_left_out() {
        let drawn: [(&str, &[&str]); 3] = [
            ("countersign-otp", &[]),
            ("countersign-core", &["countersign-otp"]),
            ("countersign-server", &["countersign-core"]),
        ];
        assert_eq!(complaints(PLAN, drawn), [""; 0]);
    }

    #[test]
    fn an_arrow_that_points_outward_is_a_complaint() {
        let drawn: [(&str, &[&str]); 3] =
            [("countersign-otp", &["countersign-core"]), ("countersign-core", &[]), ("countersign-server", &[])];
        assert_eq!(complaints(PLAN, drawn), ["otp → core is not among the dependencies in ARCHITECTURE.md"]);
    }

    #[test]
    fn members_and_lines_answer_to_each_other() {
        let drawn: [(&str, &[&str]); 3] = [("countersign-otp", &[]), ("countersign-core", &[]), ("newcomer", &[])];
        assert_eq!(
            complaints(PLAN, drawn),
            [
                "ARCHITECTURE.md lists no dependencies of newcomer",
                "ARCHITECTURE.md lists dependencies of server, which is not a member"
            ]
        );
    }

    #[test]
    fn a_plan_without_arrows_allows_nothing() {
        let none: [(&str, &[&str]); 3] =
            [("countersign-otp", &[]), ("countersign-core", &[]), ("countersign-server", &[])];
        assert_eq!(complaints("# Plan\n", none), ["ARCHITECTURE.md has no block of dependencies"]);
        assert_eq!(undeclared(&Tree::of([]), &Edges::new()), ["there is no ARCHITECTURE.md"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_a_complaint() {
        assert_eq!(
            allowed("```arrows\ncore -> otp\n```"),
            Err("ARCHITECTURE.md has no arrow in the line `core -> otp`".to_owned())
        );
        assert_eq!(
            allowed("```arrows\nx →\nx → y\n```"),
            Err("ARCHITECTURE.md has two lines of dependencies of x".to_owned())
        );
    }

    #[test]
    fn the_core_knows_neither_runtimes_nor_databases_nor_the_web() {
        let tree = "countersign-core v0.1.0 (/x)\nserde v1.0.0\nsqlx-core v0.9.0\nhttp v1.4.0\nhttp v1.4.0 (*)\nhttparse v1.0.0\n";
        assert_eq!(
            impurities(tree),
            ["the core depends on http, so it is not pure", "the core depends on sqlx-core, so it is not pure"]
        );
    }
    #[test]
    fn the_server_has_one_tls() {
        let tree = "countersign-server v0.1.0 (/x)\nrustls v0.23.46\naws-lc-rs v1.19.0\nstring v1.0.0\n";
        assert_eq!(second_tls(tree), [""; 0]);
        let second = "the server depends on ring, so it has a second TLS beside rustls on aws-lc";
        assert_eq!(second_tls(&format!("{tree}ring v0.17.14\nring v0.17.14 (*)\n")), [second]);
        assert_eq!(second_tls(""), ["the server's dependencies are not there"]);
    }
}
