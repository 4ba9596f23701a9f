//! The user who runs the server: PostgreSQL refuses to run as root, so root runs it as an unprivileged user.

use std::{
    fs, io,
    os::unix::{fs::chown, process::CommandExt as _},
    path::Path,
    process::Command,
};

/// The user that a cluster belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// User and group, if they differ from those of this process.
    other: Option<(u32, u32)>,
}

impl Owner {
    /// This process's user or, for root, an unprivileged one.
    pub(crate) fn find() -> io::Result<Self> {
        let id = Command::new("id").arg("-u").output()?;
        if id.stdout.trim_ascii() != b"0" {
            return Ok(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let other = ["postgres", "nobody"].iter().find_map(|name| ids_of(&users, name));
        other
            .map(|ids| Self { other: Some(ids) })
            .ok_or_else(|| io::Error::other("there is no unprivileged user to run PostgreSQL as"))
    }

    /// Gives a file or a folder to this user.
    pub(crate) fn owns(self, path: &Path) -> io::Result<()> {
        self.other.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
    }

    /// A command that runs as this user.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        command
    }
}

fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut columns = line.split(':').skip(2);
    Some((columns.next()?.parse().ok()?, columns.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:7::/:/x\nnobody:x:65534:65533:nobody:/:/x\n";
        assert_eq!(ids_of(users, "nobody"), Some((65534, 65533)));
        assert_eq!(ids_of(users, "postgres"), None);
    }
}
