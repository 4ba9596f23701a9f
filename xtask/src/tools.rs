//! The programs that tests run. On Debian, as root, missing ones are installed; elsewhere they are reported together
//! with the package that has them. A missing program is always an error, because a test that is skipped without notice
//! proves nothing.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::command::{read, run};

struct Tool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const TOOLS: [Tool; 16] = [
    Tool { program: "chromium", package: "chromium", purpose: "the browser that signs in" },
    Tool { program: "chromedriver", package: "chromium-driver", purpose: "drives the browser" },
    Tool {
        program: "faketime",
        package: "faketime",
        purpose: "brings the library that gives one program another time",
    },
    Tool { program: "oathtool", package: "oathtool", purpose: "computes one-time passwords without our code" },
    Tool {
        program: "nginx",
        package: "nginx",
        purpose: "the proxy in front of nodes, which takes the configuration that is shipped",
    },
    Tool { program: "caddy", package: "caddy", purpose: "takes the site that is shipped for it" },
    Tool { program: "haproxy", package: "haproxy", purpose: "takes the site that is shipped for it" },
    Tool { program: "apache2", package: "apache2", purpose: "takes the site that is shipped for it" },
    Tool { program: "openssl", package: "openssl", purpose: "makes certificates for it" },
    Tool { program: "systemd-analyze", package: "systemd", purpose: "takes the unit that is shipped" },
    Tool { program: "psql", package: "postgresql", purpose: "the database that many nodes share" },
    Tool { program: "pgbouncer", package: "pgbouncer", purpose: "a connection pooler in front of the database" },
    Tool { program: "yubiserver", package: "yubiserver", purpose: "a validation service for YubiKeys" },
    Tool { program: "python3", package: "python3", purpose: "runs the peers that come as Python packages" },
    Tool { program: "npm", package: "npm", purpose: "brings what looks at pages for people with disabilities" },
    Tool { program: "strace", package: "strace", purpose: "sees that a write is on disk before it is answered" },
];

/// Makes sure that every program the tests need is installed.
pub(crate) fn provide() -> Result<()> {
    let missing = missing(is_here);
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(is_debian() && is_root()?, "{}", request(&missing));
    apt_get(&["update"])?;
    let packages = missing.iter().map(|tool| tool.package);
    apt_get(&["install", "-y", "--no-install-recommends"].into_iter().chain(packages).collect::<Vec<_>>())?;
    let missing = self::missing(is_here);
    ensure!(missing.is_empty(), "the packages are installed, and yet {}", request(&missing));
    Ok(())
}

/// Installs a package, if possible.
pub(crate) fn install(package: &str, purpose: &str) -> Result<()> {
    ensure!(is_debian() && is_root()?, "the tests need the Debian package {package}, which {purpose}: install it");
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", package])
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| !is_there(tool.program)).collect()
}

fn request(missing: &[&Tool]) -> String {
    let line =
        |Tool { program, package, purpose }: &&Tool| format!("  {program}: {purpose} (Debian package {package})\n");
    format!(
        "the tests need programs that are not here:\n{}\
         install them, or run this as root on Debian, where it installs them itself",
        missing.iter().map(line).collect::<String>()
    )
}

/// On the path, or where Debian puts servers, which is only on root's path.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

fn is_debian() -> bool {
    fs::read_to_string(Path::new("/etc/os-release")).is_ok_and(|release| names_debian(&release))
}

/// Debian itself: its derivatives have some of these packages under other names.
fn names_debian(os_release: &str) -> bool {
    os_release.lines().any(|line| line.replace('"', "") == "ID=debian")
}

fn is_root() -> Result<bool> {
    Ok(read(Command::new("id").arg("-u"))?.trim() == "0")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
        .context("could not install what the tests need")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package_and_the_others_are_not() {
        let request = request(&missing(|program| program != "chromedriver"));
        assert!(request.contains("chromedriver: drives the browser (Debian package chromium-driver)"), "{request}");
        assert!(!request.contains("oathtool"), "{request}");
    }

    #[test]
    fn programs_are_looked_for_where_the_shell_would() {
        assert!(is_here("sh"));
        assert!(!is_here("countersign-no-such-program"));
    }

    #[test]
    fn debian_is_told_from_its_derivatives() {
        assert!(names_debian("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"));
        assert!(names_debian("ID=\"debian\"\n"));
        assert!(!names_debian("ID=ubuntu\nID_LIKE=debian\n"));
    }
}
