//! The Python packages that tests use: a mail server, Twilio's own library, an independent generator of YubiKey codes,
//! an OAuth2 client, a generator of clients, and schemathesis, which tests an API by its description. They are
//! installed by name and version into the target folder, once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{command::run, tools};

/// The packages, each at a version that was tested.
const PACKAGES: [&str; 6] = [
    "aiosmtpd==1.4.6",
    "openapi-python-client==0.29.1",
    "requests-oauthlib==2.0.0",
    "schemathesis==4.32.5",
    "twilio==9.13.0",
    "yubiotp==1.0.0",
];

/// The variable with the path of the Python that has them.
pub(crate) const VARIABLE: &str = "TRIALS_PYTHON";

/// Installs the packages if necessary, and returns the path of the Python that has them.
pub(crate) fn provide(target: &Path) -> Result<PathBuf> {
    let folder = target.join("python");
    let (python, done) = (folder.join("bin/python"), folder.join("packages"));
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&done).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    let made = |folder: &Path| run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    if made(&folder).is_err() {
        // Debian has this part of Python in a separate package.
        tools::install("python3-venv", "makes a folder for the peers that come as Python packages")?;
        made(&folder)?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))
        .context("could not install the Python packages that the tests need")?;
    fs::write(&done, wanted).with_context(|| format!("could not write {}", done.display()))?;
    Ok(python)
}
