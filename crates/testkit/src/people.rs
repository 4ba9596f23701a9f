//! Users for tests: kept in memory, passwords in clear.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_engine::{
    Fault, Stop, User, Users,
    core::{Refusal, Secret, UserId},
};

/// The users of a test world.
#[derive(Debug, Default)]
pub struct TestUsers(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    user: User,
    password: Secret,
    changes: u32,
}

impl TestUsers {
    /// Adds an active user whose id is `id-NAME`.
    pub fn add(&self, name: &str, password: &str) -> User {
        let user = User {
            id: UserId::new(format!("id-{name}")),
            name: name.into(),
            active: true,
            staff: false,
            stamp: "stamp-0".into(),
        };
        self.entries().push(Entry { user: user.clone(), password: password.into(), changes: 0 });
        user
    }

    /// Does something to a user, as a host application would behind Countersign's back.
    pub fn change(&self, id: &UserId, deed: impl FnOnce(&mut User)) {
        let mut entries = self.entries();
        deed(&mut entries.iter_mut().find(|entry| entry.user.id == *id).expect("the user is here").user);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().expect("no test panics while it holds the users")
    }
}

#[async_trait]
impl Users for TestUsers {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        let name = self.canonical(name);
        Ok(self.entries().iter().find(|entry| entry.user.name == name).map(|entry| entry.user.clone()))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(self.entries().iter().find(|entry| entry.user.id == *id).map(|entry| entry.user.clone()))
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        let entries = self.entries();
        let entry = user.and_then(|user| entries.iter().find(|entry| entry.user.id == user.id));
        Ok(entry.is_some_and(|entry| entry.password.expose() == password.expose()))
    }

    async fn set_password(&self, user: &User, password: &Secret) -> Result<User, Stop> {
        let mut entries = self.entries();
        let entry = entries.iter_mut().find(|entry| entry.user.id == user.id).expect("the user is here");
        if entry.user.stamp != user.stamp {
            return Err(Refusal::AttemptOver.into());
        }
        entry.changes += 1;
        entry.password = password.clone();
        entry.user.stamp = format!("stamp-{}", entry.changes);
        Ok(entry.user.clone())
    }
}
