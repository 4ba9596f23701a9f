//! The release build of the server, which trials and benches run.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    command::{self, cargo},
    workspace::Workspace,
};

/// The variable with the path of the program, for trials and benches.
pub(crate) const VARIABLE: &str = "TRIALS_BIN";

/// Builds the program, and returns its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let build = ["build", "--release", "-p", "countersign-server"];
    command::run(cargo().current_dir(&workspace.root).args(build))?;
    Ok(workspace.server())
}
