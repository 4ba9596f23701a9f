//! Files do not depend on each other in a circle: each can be read after those that it uses.
//!
//! The rule looks at `use` declarations alone: not at paths in the code, and not behind a re-export, which leads to the file
//! that re-exports. A module and the modules below it are one thing here: they may use each other.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;

/// Crates in which there is no circle.
const CRATES: [&str; 2] = ["crates/engine/src/", "crates/store/src/"];

/// A module, as in `sqlite::writer`; the root of the crate is empty.
type Module = Vec<String>;

/// Circles between files, each named once.
pub(super) fn between_files(tree: &Tree) -> Vec<String> {
    CRATES.iter().flat_map(|folder| circles(tree, folder)).collect()
}

fn circles(tree: &Tree, folder: &str) -> Vec<String> {
    let files: BTreeMap<Module, &str> = tree
        .texts(folder, ".rs")
        .filter_map(|(path, text)| Some((module(path.strip_prefix(folder)?)?, text)))
        .collect();
    if files.is_empty() {
        return vec![format!("there is no file under {folder}")];
    }
    let uses: BTreeMap<&Module, BTreeSet<&Module>> =
        files.iter().map(|(module, text)| (module, used(module, text, &files))).collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        uses.keys().map(|module| (*module, reach(module, &uses))).collect();
    let leads = |from: &Module, to: &Module| reached.get(from).is_some_and(|reached| reached.contains(to));
    let pairs = reached.iter().flat_map(|(one, others)| others.iter().map(move |other| (*one, *other)));
    let both_ways = pairs.filter(|(one, other)| one < other && leads(other, one));
    both_ways.map(|(one, other)| format!("{folder}{} and {} use each other", one.join("/"), other.join("/"))).collect()
}

/// The module of a file; none for a test.
fn module(path: &str) -> Option<Module> {
    let path = path.strip_suffix(".rs")?;
    let parts: Module = path.split('/').map(str::to_owned).collect();
    let is_test = parts.iter().any(|part| part == "tests");
    match parts.as_slice() {
        _ if is_test => None,
        [root] if root == "lib" || root == "main" => Some(Module::new()),
        _ => Some(parts),
    }
}

/// The files that a file uses, its own module's relatives apart.
fn used<'f>(from: &Module, text: &str, files: &'f BTreeMap<Module, &str>) -> BTreeSet<&'f Module> {
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let paths = declarations(shipped).into_iter().filter_map(|path| absolute(from, &path));
    let modules = paths.filter_map(|path| {
        (0..=path.len()).rev().find_map(|length| files.get_key_value(path.get(..length)?)).map(|(module, _)| module)
    });
    modules.filter(|module| !module.is_empty() && !module.starts_with(from) && !from.starts_with(module)).collect()
}

/// Everything that a module leads to.
fn reach<'f>(from: &Module, uses: &BTreeMap<&'f Module, BTreeSet<&'f Module>>) -> BTreeSet<&'f Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = uses.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(uses.get(module).into_iter().flatten());
        }
    }
    reached
}

/// The path from the root of the crate; nothing for a path out of it.
fn absolute(from: &Module, path: &[String]) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let base = match first.as_str() {
        "crate" => &[],
        "self" => from.as_slice(),
        "super" => from.split_last()?.1,
        _ => return None,
    };
    let mut absolute = base.to_vec();
    for part in rest {
        if part == "super" {
            absolute.pop()?;
        } else {
            absolute.push(part.clone());
        }
    }
    Some(absolute)
}

/// Every path of every `use` declaration, without its braces.
fn declarations(text: &str) -> Vec<Vec<String>> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let starts = ["\nuse ", "\npub use ", "\npub(crate) use ", "\npub(super) use "];
    let code = format!("\n{code}");
    let mut paths = Vec::new();
    for start in starts {
        for rest in code.split(start).skip(1) {
            let declaration: String = rest.split(';').next().unwrap_or_default().split_whitespace().collect();
            paths.extend(expand(&declaration).iter().map(|path| path.split("::").map(str::to_owned).collect()));
        }
    }
    paths
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(declaration: &str) -> Vec<String> {
    let Some((before, rest)) = declaration.split_once('{') else { return vec![declaration.to_owned()] };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let mut depth = 0_u32;
    let parts = inner.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.is_empty()).flat_map(|part| expand(&format!("{before}{part}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_use_each_other_are_found_however_far_apart() {
        let tree = Tree::of([
            ("crates/store/src/lib.rs", "mod a; mod b; mod c;"),
            ("crates/store/src/a.rs", "use crate::b::{self, Thing};"),
            ("crates/store/src/b.rs", "use crate::{\n    c::deep::{One, Two},\n};"),
            ("crates/store/src/c/deep.rs", "use super::super::a::Row;"),
            ("crates/store/src/c.rs", ""),
        ]);
        assert_eq!(
            circles(&tree, "crates/store/src/"),
            [
                "crates/store/src/a and b use each other",
                "crates/store/src/a and c/deep use each other",
                "crates/store/src/b and c/deep use each other",
            ]
        );
    }

    #[test]
    fn a_module_and_those_below_it_are_one_thing() {
        let tree = Tree::of([
            ("crates/store/src/lib.rs", "pub use a::Thing;"),
            ("crates/store/src/a.rs", "mod inner;\nuse self::inner::Part;\nuse crate::b;"),
            ("crates/store/src/a/inner.rs", "use super::Thing;"),
            ("crates/store/src/b.rs", "use crate::Thing;\n#[cfg(test)]\nmod tests {\nuse crate::a::Thing;\n}"),
        ]);
        assert_eq!(circles(&tree, "crates/store/src/"), [""; 0]);
    }

    #[test]
    fn braces_are_expanded() {
        assert_eq!(expand("a::{b,c::{d,e},f}"), ["a::b", "a::c::d", "a::c::e", "a::f"]);
        assert_eq!(expand("crate::a"), ["crate::a"]);
    }
}
