//! Wrong passwords: which of them share a budget, and what does not begin it anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Fault, Keyring, OsRandom, User, Users,
    advance::Visit,
    core::{Refusal, Secret, UserId},
    memory::MemoryStore,
};
use countersign_testkit::{TestUsers, World, refusal};

/// Users who sign in with their name or their address, however its accents are put together.
#[derive(Debug, Default)]
struct ByAddress(TestUsers);

#[async_trait]
impl Users for ByAddress {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        self.0.by_name(name.strip_suffix("@example.org").unwrap_or(name)).await
    }

    fn canonical(&self, name: &str) -> String {
        self.0.canonical(name).replace("e\u{301}", "é")
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.0.by_id(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        self.0.password_matches(user, password).await
    }
}

async fn guess(world: &World, name: &str) -> Refusal {
    refusal(world.engine.sign_in(name, &"wrong".into(), &Visit::default()).await)
}

/// T28: all spellings of one identity share one counter: case, blanks, accents in one piece or two, an alias; and as much
/// where nobody has the name.
#[tokio::test]
async fn t28_all_spellings_of_one_identity_share_one_budget() {
    let users = Arc::new(ByAddress::default());
    users.0.add("zoé", "a long password");
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.users = users);
    for spellings in [
        ["zoé", " Zoé\t", "ZOE\u{301}", "zoe\u{301}", "zoé@example.org"],
        ["andré", " André\t", "ANDRE\u{301}", "andre\u{301}", "\u{a0}andré"],
    ] {
        for (_, spelling) in (0..20).zip(spellings.iter().cycle()) {
            assert_eq!(guess(&world, spelling).await, Refusal::CredentialsWrong, "{spelling:?}");
        }
        for spelling in spellings {
            let refused = guess(&world, spelling).await;
            assert!(matches!(refused, Refusal::TooManyFailures { .. }), "{spelling:?}: {refused:?}");
        }
    }
    assert_eq!(guess(&world, "zoe").await, Refusal::CredentialsWrong, "another name is another one");
}

/// Or a name would tell whether somebody has it, by what is counted when the keys change, or at a node with other ones.
#[tokio::test]
async fn no_budget_begins_anew_with_other_keys_whoever_has_the_name() {
    let line = |id: u32| Keyring::new_line(id, &OsRandom);
    let (old, new) = (line(1), line(2));
    let ring = |text: String| Keyring::parse(&text).unwrap();
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.keyring = ring(old.to_string()));
    world.user("ada");
    let other_node = World::built(world.store.clone(), |parts| {
        parts.users = world.users.clone();
        parts.keyring = ring(new.to_string());
    });
    for name in ["ada", "nobody"] {
        for round in 0..20 {
            let node = if round % 2 == 0 { &world } else { &other_node };
            assert_eq!(guess(node, name).await, Refusal::CredentialsWrong, "{name} {round}");
        }
        assert!(matches!(guess(&other_node, name).await, Refusal::TooManyFailures { .. }), "{name}, at another node");
    }
    world.engine.replace_keys(ring(format!("{}{}", *new, *old)));
    for name in ["ada", "nobody"] {
        assert!(matches!(guess(&world, name).await, Refusal::TooManyFailures { .. }), "{name}, under another key");
    }
}

/// T122: R57 counts failures in a row; passwords are limited by time instead. The figure stands in SECURITY.md.
#[tokio::test]
async fn t122_a_day_allows_as_many_wrong_passwords_as_we_say() {
    let world = World::new();
    world.user("ada");
    let mut looked_at = 0;
    for _ in 0..96 {
        for _ in 0..25 {
            looked_at += usize::from(guess(&world, "ada").await == Refusal::CredentialsWrong);
        }
        world.pass(15 * 60);
    }
    assert_eq!(looked_at, 1920);
}
