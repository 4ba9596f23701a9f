//! Users for tests: kept in memory, passwords in clear.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, PreparedPassword, User, Users,
    core::{Secret, UserId},
};

/// The users of a test world.
#[derive(Debug, Default)]
pub struct TestUsers(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    /// How many users were removed: their ids are not given again.
    removed: usize,
}

#[derive(Debug)]
struct Entry {
    user: User,
    password: Secret,
    changes: u32,
}

impl TestUsers {
    /// Adds an active user whose id is `id-NAME`, as long as no user was removed.
    pub fn add(&self, name: &str, password: &str) -> User {
        let mut table = self.table();
        let id = if table.removed == 0 { format!("id-{name}") } else { format!("id-{name}-{}", table.removed) };
        let stamp = if table.removed == 0 { "stamp-0".into() } else { format!("stamp-0-{}", table.removed) };
        let user = User { id: UserId::new(id), name: name.into(), active: true, staff: false, stamp };
        table.entries.push(Entry { user: user.clone(), password: password.into(), changes: 0 });
        user
    }

    /// Removes a user.
    pub fn remove(&self, id: &UserId) {
        let mut table = self.table();
        table.entries.retain(|entry| entry.user.id != *id);
        table.removed += 1;
    }

    /// Gives a user another password and another stamp, as a host application would behind Countersign's back.
    pub fn set_password(&self, id: &UserId, password: &str) {
        let mut table = self.table();
        table.entry(id).expect("the user is here").set(password.into());
    }

    /// Does something to a user, as a host application would behind Countersign's back.
    pub fn change(&self, id: &UserId, action: impl FnOnce(&mut User)) {
        action(&mut self.table().entry(id).expect("the user is here").user);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("no test panics while it holds the users")
    }
}

impl Table {
    fn entry(&mut self, id: &UserId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.user.id == *id)
    }
}

impl Entry {
    /// The stamp that the next change of the password gives.
    fn next_stamp(&self) -> String {
        format!("stamp-{}", self.changes + 1)
    }

    fn set(&mut self, password: Secret) {
        self.user.stamp = self.next_stamp();
        self.changes += 1;
        self.password = password;
    }
}

#[async_trait]
impl Users for TestUsers {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        let name = self.canonical(name);
        let table = self.table();
        let named = table.entries.iter().find(|entry| self.canonical(&entry.user.name) == name);
        Ok(named.map(|entry| entry.user.clone()))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(self.table().entry(id).map(|entry| entry.user.clone()))
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        let mut table = self.table();
        let entry = user.and_then(|user| table.entry(&user.id));
        Ok(entry.is_some_and(|entry| entry.password.expose() == password.expose()))
    }

    async fn prepare_password(&self, user: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        let mut table = self.table();
        let entry = table.entry(&user.id).ok_or_else(|| Fault::new("find the user"))?;
        Ok(PreparedPassword::new(password.clone(), entry.next_stamp()))
    }

    async fn store_password(
        &self,
        user: &UserId,
        prepared: &PreparedPassword,
        expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        let mut table = self.table();
        let Some(entry) = table.entry(user).filter(|entry| entry.user.stamp == expected_stamp) else { return Ok(None) };
        entry.set(prepared.hash().clone());
        prepared.stamp().clone_into(&mut entry.user.stamp);
        Ok(Some(entry.user.clone()))
    }
}
