//! The example's own users meet the contract of the `Users` port.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use countersign::engine::{User, Users, core::Secret};
use countersign_testkit::contract::users::{self, Host, Removal};
use hello::People;
use tempfile::TempDir;

struct Example {
    people: People,
    _folder: TempDir,
}

#[async_trait]
impl Host for Example {
    fn users(&self) -> Arc<dyn Users> {
        Arc::new(self.people.clone())
    }

    async fn add(&self, name: &str, password: &Secret) {
        self.people.add_once(name, password.expose()).unwrap();
    }

    async fn remove(&self, user: &User) -> Removal {
        self.people.remove(&user.id).unwrap();
        Removal::Done
    }
}

#[tokio::test]
async fn the_people_keep_the_contract() {
    users::run(async || {
        let folder = tempfile::tempdir().unwrap();
        Example { people: People::open(&folder.path().join("people.db")).unwrap(), _folder: folder }
    })
    .await;
}
