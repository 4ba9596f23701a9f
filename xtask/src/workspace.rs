//! What cargo knows about this workspace: its folder, its target folder, and the dependencies between its members.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command::{cargo, read};

/// For each member, the members it depends on, without dev-dependencies: a test may depend on anything.
pub(crate) type Edges = BTreeMap<String, BTreeSet<String>>;

/// The workspace, as `cargo metadata` describes it.
pub(crate) struct Workspace {
    /// The folder of the workspace manifest.
    pub(crate) root: PathBuf,
    /// cargo's target folder; not always `target`.
    pub(crate) target: PathBuf,
    /// The dependencies in the manifests.
    pub(crate) edges: Edges,
}

impl Workspace {
    /// Asks cargo about the workspace of the current folder.
    pub(crate) fn load() -> Result<Self> {
        let metadata = read(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::from_metadata(&serde_json::from_str(&metadata)?)
    }

    /// The path of the server's release build.
    pub(crate) fn server(&self) -> PathBuf {
        self.target.join("release").join("countersign").with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// The path of the server that is built together with the tests.
    pub(crate) fn debug_server(&self) -> PathBuf {
        self.target.join("debug").join("countersign").with_extension(std::env::consts::EXE_EXTENSION)
    }

    fn from_metadata(metadata: &Value) -> Result<Self> {
        Ok(Self {
            root: text(metadata, "workspace_root")?.into(),
            target: text(metadata, "target_directory")?.into(),
            edges: edges(metadata)?,
        })
    }
}

fn edges(metadata: &Value) -> Result<Edges> {
    let packages = list(metadata, "packages")?;
    let members: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect::<Result<_>>()?;
    let mut edges = Edges::new();
    for package in packages {
        let targets = edges.entry(text(package, "name")?.to_owned()).or_default();
        for dependency in list(package, "dependencies")? {
            let target = text(dependency, "name")?;
            let for_tests_only = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            if members.contains(target) && !for_tests_only {
                targets.insert(target.to_owned());
            }
        }
    }
    Ok(edges)
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).with_context(|| format!("`cargo metadata` has no list `{key}`"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let text = value.get(key).and_then(Value::as_str);
    text.with_context(|| format!("`cargo metadata` has no text `{key}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Value {
        json!({
            "workspace_root": "/somewhere",
            "target_directory": "/elsewhere",
            "packages": [
                { "name": "inner", "dependencies": [{ "name": "serde", "kind": null }] },
                { "name": "outer", "dependencies": [
                    { "name": "inner", "kind": null },
                    { "name": "built", "kind": "build" },
                    { "name": "kit", "kind": "dev" },
                ] },
                { "name": "built", "dependencies": [] },
                { "name": "kit", "dependencies": [{ "name": "outer", "kind": null }] },
            ],
        })
    }

    #[test]
    fn edges_join_members_and_leave_out_what_only_tests_use() {
        let edges = Workspace::from_metadata(&metadata()).unwrap().edges;
        let of = |member: &str| edges[member].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("inner"), [""; 0], "serde is no member");
        assert_eq!(of("outer"), ["built", "inner"], "kit is for tests, a build script is not");
        assert_eq!(of("kit"), ["outer"]);
    }

    #[test]
    fn the_target_folder_is_the_one_cargo_names() {
        let workspace = Workspace::from_metadata(&metadata()).unwrap();
        assert_eq!(workspace.target, PathBuf::from("/elsewhere"));
        assert!(workspace.server().starts_with("/elsewhere/release"));
    }

    #[test]
    fn metadata_of_another_shape_is_an_error_that_names_the_key() {
        let error = Workspace::from_metadata(&json!({})).err().unwrap().to_string();
        assert_eq!(error, "`cargo metadata` has no text `workspace_root`");
    }
}
