//! A database for one test, on the cluster that all tests share.

use std::{
    env, io,
    process::{Command, Stdio},
};

use crate::{binaries::program, random_word};

/// The variable with the URL of the shared cluster.
pub const VARIABLE: &str = "TRIALS_POSTGRES";

/// An empty database, which is dropped together with this value.
#[derive(Debug)]
pub struct Fresh {
    cluster: String,
    name: String,
}

impl Fresh {
    /// Creates one.
    ///
    /// # Panics
    ///
    /// If there is no cluster, with a message that says how to start one.
    #[expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
    pub fn database() -> Self {
        let cluster = env::var(VARIABLE).unwrap_or_else(|_| {
            panic!(
                "this test needs PostgreSQL: run `cargo xtask test`, or run `cargo xtask postgres` in another shell and \
                 set {VARIABLE} to what it prints"
            )
        });
        let name = format!("fresh_{}", random_word().expect("randomness"));
        sql(&cluster, &format!("CREATE DATABASE {name}")).expect("a new database");
        Self { cluster, name }
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        let (before, _) = self.cluster.rsplit_once('/').unwrap_or_default();
        format!("{before}/{}", self.name)
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes all content, which is faster than creating another database.
    pub fn empty(&self) -> io::Result<()> {
        self.sql("SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public").map(drop)
    }

    /// Runs SQL in the database, and returns the output: one line per row, columns separated by bars.
    pub fn sql(&self, text: &str) -> io::Result<String> {
        sql(&self.url(), text)
    }

    /// The whole database as SQL, by `pg_dump`.
    pub fn dump(&self) -> io::Result<String> {
        let output = Command::new(program("pg_dump")?).arg("--dbname").arg(self.url()).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(io::Error::other(format!("pg_dump failed: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

impl Drop for Fresh {
    // The drop is not awaited: it takes seconds, and the cluster will end soon.
    fn drop(&mut self) {
        let text = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Ok(mut psql) = psql(&self.cluster, &text) {
            let _ = psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        }
    }
}

fn psql(url: &str, text: &str) -> io::Result<Command> {
    let mut psql = Command::new(program("psql")?);
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--dbname", url]);
    psql.arg("--command").arg(text);
    Ok(psql)
}

pub(crate) fn sql(url: &str, text: &str) -> io::Result<String> {
    let output = psql(url, text)?.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(io::Error::other(format!("psql failed: {}", String::from_utf8_lossy(&output.stderr))))
}
