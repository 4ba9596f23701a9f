//! The npm package axe-core, which finds accessibility errors on a page. It is installed by name, version and checksum
//! (`xtask/npm/`) into the target folder, once, and none of its scripts are run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::command::run;

const MANIFEST: &str = include_str!("../npm/package.json");
const LOCK: &str = include_str!("../npm/package-lock.json");

/// The variable with the path of axe-core.
pub(crate) const VARIABLE: &str = "TRIALS_AXE";

/// Installs axe-core if necessary, and returns the path of its file.
pub(crate) fn provide(target: &Path) -> Result<PathBuf> {
    let folder = target.join("npm");
    let (axe, done) = (folder.join("node_modules/axe-core/axe.min.js"), folder.join("packages"));
    if axe.is_file() && fs::read_to_string(&done).is_ok_and(|there| there == LOCK) {
        return Ok(axe);
    }
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    for (name, text) in [("package.json", MANIFEST), ("package-lock.json", LOCK)] {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
    }
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
    run(Command::new("npm").current_dir(&folder).args(words))
        .context("could not install the npm packages that the tests need")?;
    fs::write(&done, LOCK).with_context(|| format!("could not write {}", done.display()))?;
    Ok(axe)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_package_has_one_version_and_a_checksum() {
        let [manifest, lock]: [Value; 2] = [MANIFEST, LOCK].map(|text| serde_json::from_str(text).unwrap());
        let wanted = manifest["dependencies"].as_object().unwrap();
        assert!(!wanted.is_empty());
        for (name, version) in wanted {
            let locked = &lock["packages"][format!("node_modules/{name}")];
            assert_eq!(&locked["version"], version, "{name}");
            assert!(locked["integrity"].as_str().unwrap().starts_with("sha512-"), "{name}");
            assert!(locked["resolved"].is_null(), "{name}: from whichever registry npm is told to use");
        }
    }
}
