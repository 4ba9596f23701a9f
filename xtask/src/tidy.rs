//! `cargo xtask tidy`: rules that the compiler does not check. Each is a small function from its input to the
//! violations, so that its tests need no repository. All rules run together here, and as a test.
//!
//! A rule whose input is missing reports that: a rule that finds nothing to check would otherwise always pass.

mod arrows;
mod circles;
mod entrances;
mod papers;
mod refusals;
mod rooms;
mod secrets;
mod threats;
mod traces;
mod tree;
mod words;

use anyhow::{Result, ensure};

use self::tree::Tree;
use crate::{
    command::{cargo, read},
    workspace::{Edges, Workspace},
};

/// Applies every rule to the repository and fails if one of them finds a violation.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    for note in rooms::notes(&tree) {
        println!("note: {note}");
    }
    let complaints = complaints(&tree, &workspace.edges, &Dependencies::read(workspace)?);
    ensure!(complaints.is_empty(), "the tree is untidy:\n  {}", complaints.join("\n  "));
    Ok(())
}

fn complaints(tree: &Tree, edges: &Edges, dependencies: &Dependencies) -> Vec<String> {
    [
        arrows::undeclared(tree, edges),
        arrows::impurities(&dependencies.of_core),
        arrows::second_tls(&dependencies.of_server),
        circles::between_files(tree),
        papers::dead_paths(tree),
        entrances::shortcuts(tree),
        refusals::unspoken(tree),
        rooms::misshapen(tree),
        secrets::compared(tree),
        threats::unmatched(tree),
        traces::of_a_machine(tree),
        words::banned(tree),
    ]
    .concat()
}

/// The crates that are compiled into a package, without tests and build scripts: a name and a version per line.
struct Dependencies {
    of_core: String,
    of_server: String,
}

impl Dependencies {
    fn read(workspace: &Workspace) -> Result<Self> {
        let of = |package| {
            let tree = ["tree", "-p", package, "-e", "normal", "--all-features", "--prefix", "none"];
            read(cargo().current_dir(&workspace.root).args(tree))
        };
        Ok(Self { of_core: of("countersign-core")?, of_server: of("countersign-server")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_say() {
        let tree = Tree::of([
            ("mod.rs", &format!("// see /{}/ada", "home")),
            ("crates/x/src/lib.rs", "a.expose() == b.expose()"),
            ("docs/x.md", "this deed"),
        ]);
        let [of_core, of_server] = ["tokio v1.0.0", "countersign-server v0.1.0\nring v0.17.0"].map(str::to_owned);
        let complaints = complaints(&tree, &Edges::new(), &Dependencies { of_core, of_server });
        for (rule, complaint) in [
            ("arrows", "there is no ARCHITECTURE.md"),
            ("purity", "the core depends on tokio, so it is not pure"),
            ("tls", "the server depends on ring, so it has a second TLS beside rustls on aws-lc"),
            ("circles", "there is no file under crates/store/src/"),
            ("papers", "there is no README.md"),
            ("entrances", "there is no front end under crates/axum/src/routes/"),
            ("refusals", "there is no crates/core/src/refusal.rs"),
            ("rooms", "mod.rs: a module `foo` lives in foo.rs"),
            ("secrets", "crates/x/src/lib.rs:1 compares a secret in variable time"),
            ("threats", "there is no docs/threats.md"),
            ("traces", "mod.rs:1 names a folder of one machine"),
            ("words", "docs/x.md:1 says `deed`: write action"),
        ] {
            assert!(complaints.iter().any(|said| said == complaint), "{rule} is silent: {complaints:#?}");
        }
    }

    #[test]
    fn the_tree_is_tidy() {
        let workspace = Workspace::load().unwrap();
        let tree = Tree::read(&workspace.root).unwrap();
        let complaints = complaints(&tree, &workspace.edges, &Dependencies::read(&workspace).unwrap());
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
