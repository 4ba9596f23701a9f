//! `cargo xtask tidy`: the rules that a compiler does not keep. Each one is a small function from what it looks at to
//! the complaints it has, so that its tests need no repository. They run together here, and as a test.
//!
//! A rule whose input is not there complains about that: a rule that finds nothing to check would otherwise hold for
//! ever.

mod arrows;
mod entrances;
mod papers;
mod refusals;
mod rooms;
mod traces;
mod tree;

use anyhow::{Result, ensure};

use self::tree::Tree;
use crate::{
    command::{cargo, read},
    workspace::Workspace,
};

/// Applies every rule to the repository and fails if one of them complains.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    for note in rooms::notes(&tree) {
        println!("note: {note}");
    }
    let complaints = complaints(&tree, workspace)?;
    ensure!(complaints.is_empty(), "the tree is untidy:\n  {}", complaints.join("\n  "));
    Ok(())
}

fn complaints(tree: &Tree, workspace: &Workspace) -> Result<Vec<String>> {
    let rules = [
        arrows::undeclared(tree, &workspace.edges),
        arrows::impurities(&core_dependencies(workspace)?),
        papers::dead_paths(tree),
        entrances::shortcuts(tree),
        refusals::unspoken(tree),
        rooms::misshapen(tree),
        traces::of_a_machine(tree),
    ];
    Ok(rules.concat())
}

fn core_dependencies(workspace: &Workspace) -> Result<String> {
    let tree = ["tree", "-p", "countersign-core", "-e", "normal", "--all-features", "--prefix", "none"];
    read(cargo().current_dir(&workspace.root).args(tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let workspace = Workspace::load().unwrap();
        let tree = Tree::read(&workspace.root).unwrap();
        assert_eq!(complaints(&tree, &workspace).unwrap(), [""; 0]);
    }
}
