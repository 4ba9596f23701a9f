//! The server as it is shipped: what trials and benches drive is built first, whatever was built before.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    command::{self, cargo},
    workspace::Workspace,
};

/// The variable by which trials and benches find the program.
pub(crate) const VARIABLE: &str = "TRIALS_BIN";

/// Builds it, and says where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let build = ["build", "--release", "-p", "countersign-server"];
    command::run(cargo().current_dir(&workspace.root).args(build))?;
    Ok(workspace.server())
}
