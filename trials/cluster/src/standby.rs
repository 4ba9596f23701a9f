//! A second server that replicates the first one and can replace it.

use std::{io, thread, time::Instant};

use crate::{Cluster, PAUSE, TIMEOUT, new_folder, program};

impl Cluster {
    /// Creates a standby of `primary` with this name, and waits until it replicates. Whether commits wait for it
    /// depends on [`waits_for`](Self::waits_for).
    pub fn standby_of(primary: &Self, name: &str) -> io::Result<Self> {
        let folder = new_folder(&primary.owner)?;
        let (owner, password) = (primary.owner, primary.password.clone());
        let standby = Self { folder, owner, password, port: 0, settings: primary.settings.clone(), server: None };
        standby.copy(primary, name)?;
        let standby = standby.on_a_free_port()?;
        let follows = format!("SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}'");
        primary.wait_until(&format!("{follows} AND state = 'streaming'"), "1")?;
        Ok(standby)
    }

    /// From now on every commit waits until the standby of this name has written it to disk.
    pub fn waits_for(&mut self, standby: &str) -> io::Result<()> {
        self.sql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"))?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        let state = format!("SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby}'");
        self.wait_until(&state, "sync")
    }

    /// Promotes a standby, and waits until it accepts writes. Its own commits wait for no standby.
    pub fn promote(&self) -> io::Result<()> {
        self.sql("postgres", "SELECT pg_promote(true)")?;
        self.wait_until("SELECT pg_is_in_recovery()", "f")?;
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        self.wait_until("SHOW synchronous_standby_names", "")
    }

    fn copy(&self, primary: &Self, name: &str) -> io::Result<()> {
        let mut copy = self.owner.command(&program("pg_basebackup")?);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync", "--pgdata"]);
        copy.arg(self.folder.join("data")).arg("--dbname");
        copy.arg(format!("{}?application_name={name}", primary.url("postgres")));
        let output = copy.current_dir(&self.folder).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr))))
    }

    fn wait_until(&self, question: &str, answer: &str) -> io::Result<()> {
        let give_up = Instant::now() + TIMEOUT;
        loop {
            let said = self.sql("postgres", question)?;
            if said == answer {
                return Ok(());
            }
            if Instant::now() > give_up {
                return Err(io::Error::other(format!("{question}: {said:?}, and not {answer:?}:\n{}", self.log())));
            }
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cluster, Stop};

    #[test]
    fn a_standby_has_what_was_committed_when_it_is_promoted() {
        let mut primary = Cluster::start().unwrap();
        let standby = Cluster::standby_of(&primary, "second").unwrap();
        primary.waits_for("second").unwrap();
        primary.sql("postgres", "CREATE TABLE word (word TEXT); INSERT INTO word VALUES ('kept')").unwrap();
        primary.stop(Stop::Kill).unwrap();
        assert!(standby.sql("postgres", "INSERT INTO word VALUES ('early')").is_err());
        standby.promote().unwrap();
        standby.sql("postgres", "INSERT INTO word VALUES ('late')").unwrap();
        assert_eq!(standby.sql("postgres", "SELECT word FROM word").unwrap(), "kept\nlate");
    }
}
