//! The files of the repository as git sees them: tracked or untracked, but not ignored.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::command::read;

/// Paths relative to the repository's root, with `/` as separator, and the text of each text file.
pub(super) struct Tree(BTreeMap<String, Option<String>>);

impl Tree {
    /// Reads every file that git tracks or would add.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let paths = read(Command::new("git").current_dir(root).args(list))?;
        let mut files = BTreeMap::new();
        for path in paths.split_terminator('\0') {
            let file = root.join(path);
            if file.is_file() {
                let bytes = fs::read(&file).with_context(|| format!("could not read {path}"))?;
                files.insert(path.to_owned(), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self(files))
    }

    /// A tree that exists only in a test.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.to_owned(), Some(text.to_owned()))).collect())
    }

    /// Whether there is a file with this path, or a folder with files.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.0.contains_key(path)
            || self.0.range(folder.clone()..).next().is_some_and(|(next, _)| next.starts_with(&folder))
    }

    /// The text of a file, or a violation if it does not exist.
    pub(super) fn text(&self, path: &str) -> Result<&str, String> {
        self.0.get(path).and_then(Option::as_deref).ok_or_else(|| format!("there is no {path}"))
    }

    /// Every text file in a folder (`""` for all) whose name ends with this, with its text.
    pub(super) fn texts<'a>(&'a self, under: &str, ending: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(path, _)| path.starts_with(under) && path.ends_with(ending))
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of([("crates/otp/src/totp.rs", "code"), ("crates/otp-tools.md", "paper"), ("docs/a.md", "page")])
    }

    #[test]
    fn files_and_folders_exist_and_halves_of_names_do_not() {
        for there in ["docs/a.md", "docs", "docs/", "crates/otp", "crates/otp/src/"] {
            assert!(tree().has(there), "{there}");
        }
        for absent in ["docs/a", "docs/b.md", "crates/ot", "crates/otp-tools"] {
            assert!(!tree().has(absent), "{absent}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(tree().text("README.md"), Err("there is no README.md".to_owned()));
    }

    #[test]
    fn texts_are_chosen_by_folder_and_ending() {
        let of = |under, ending| tree().texts(under, ending).map(|(path, _)| path.to_owned()).collect::<Vec<_>>();
        assert_eq!(of("crates/", ".rs"), ["crates/otp/src/totp.rs"]);
        assert_eq!(of("", ".md"), ["crates/otp-tools.md", "docs/a.md"]);
    }
}
