//! A change of the password at a host whose users are elsewhere: what is left where it breaks off in the middle.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, PreparedPassword, User, Users,
    core::{EventKind, Refusal, Secret, UserId},
    flow::{RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{HookedUsers, Person, TestUsers, UsersCall, World, refusal};

const NEW: &str = "a new long password";
const ELSEWHERE: &str = "another new password, set elsewhere";

/// Where a change of the password breaks off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Break {
    /// The password is changed elsewhere while the new one is hashed.
    ElsewhereWhileHashing,
    /// The password is changed elsewhere just before it is stored.
    ElsewhereWhileStoring,
    /// The users cannot be reached any more.
    Down,
    /// Nowhere.
    None,
}

/// What came of a change of the password that breaks off there: the outcome, the world, and whose it was.
async fn changes(at: Break) -> (Result<(), Error>, World, Person) {
    let ready = World::new();
    let ada = ready.user("ada");
    let own = ada.signs_in_with_password().await;
    let (users, user) = (ready.users.clone(), ada.user.id.clone());
    let users = HookedUsers::new(ready.users.clone(), move |call| {
        let outcome = match (call, at) {
            (UsersCall::PreparePassword, Break::ElsewhereWhileHashing)
            | (UsersCall::StorePassword, Break::ElsewhereWhileStoring) => {
                users.set_password(&user, ELSEWHERE);
                Ok(())
            }
            (UsersCall::StorePassword, Break::Down) => Err(Fault::new("reach the users")),
            _ => Ok(()),
        };
        async move { outcome }
    });
    let world = World::built(ready.store.clone(), |parts| {
        parts.users = users;
        parts.clock = ready.clock.clone();
    });
    let current = Secret::new(&*ada.password);
    let changed = world.engine.change_password(&own, &current, &NEW.into(), &RequestContext::default()).await;
    if let Ok(new_session) = &changed {
        assert!(ada.session(new_session.token()).await.is_some(), "the new session opens");
    }
    (changed.map(|_| ()), ready, ada)
}

async fn opens(world: &World, password: &str) -> bool {
    let signed_in = world.engine.sign_in("ada", &password.into(), &RequestContext::default()).await;
    matches!(signed_in, Ok(SignIn::Complete(_)))
}

async fn recorded(world: &World, ada: &Person) -> bool {
    let events = world.store.events(&ada.user.id, 10).await.unwrap();
    events.iter().any(|event| event.kind == EventKind::PasswordChanged)
}

#[tokio::test]
async fn t106_a_host_that_breaks_off_leaves_the_old_password_and_no_session() {
    let (changed, world, ada) = changes(Break::Down).await;
    assert!(matches!(changed, Err(Error::Faulted(_))), "{changed:?}");
    let stamp = world.users.by_id(&ada.user.id).await.unwrap().unwrap().stamp;
    let sessions = world.store.sessions(&ada.user.id).await.unwrap();
    assert!(sessions.iter().all(|session| session.stamp != stamp), "no session opens: {sessions:?}");
    assert!(!recorded(&world, &ada).await, "nothing is told that has not happened");
    assert!(opens(&world, &ada.password).await && !opens(&world, NEW).await);
}

#[tokio::test]
async fn t106_a_change_that_came_between_holds_and_ours_never_happened() {
    for at in [Break::ElsewhereWhileHashing, Break::ElsewhereWhileStoring] {
        let (changed, world, ada) = changes(at).await;
        assert_eq!(refusal(changed), Refusal::SignInNeeded, "{at:?}");
        assert!(!recorded(&world, &ada).await, "{at:?}: nothing is told that has not happened");
        assert!(opens(&world, ELSEWHERE).await, "{at:?}");
        assert!(!opens(&world, NEW).await && !opens(&world, &ada.password).await, "{at:?}");
    }
}

#[tokio::test]
async fn a_change_that_breaks_off_nowhere_is_done_and_told() {
    let (changed, world, ada) = changes(Break::None).await;
    changed.unwrap();
    assert!(recorded(&world, &ada).await);
    assert!(opens(&world, NEW).await && !opens(&world, &ada.password).await);
}

/// Nothing but a store with a table of users writes a password in a batch: everything else of the batch is undone with it.
#[tokio::test]
async fn a_store_without_users_keeps_no_password_and_ends_no_session() {
    #[derive(Debug)]
    struct Misplaced(Arc<TestUsers>);

    #[async_trait]
    impl Users for Misplaced {
        async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
            self.0.by_name(name).await
        }

        async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
            self.0.by_id(id).await
        }

        async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
            self.0.password_matches(user, password).await
        }

        async fn prepare_password(&self, _: &User, password: &Secret) -> Result<PreparedPassword, Error> {
            Ok(PreparedPassword::in_store(password.clone(), "another stamp"))
        }
    }

    let users = Arc::new(TestUsers::default());
    let misplaced = Arc::new(Misplaced(users.clone()));
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.users = misplaced);
    let user = users.add("ada", "a long password");
    let password = Secret::new("a long password");
    let Ok(SignIn::Complete(new_session)) = world.engine.sign_in("ada", &password, &RequestContext::default()).await
    else {
        panic!("ada is let in")
    };
    let changed =
        world.engine.change_password(new_session.signed_in(), &password, &NEW.into(), &RequestContext::default()).await;
    assert!(matches!(changed, Err(Error::Faulted(_))), "{changed:?}");
    assert!(world.engine.session(new_session.token()).await.unwrap().is_some());
    assert_eq!(world.store.sessions(&user.id).await.unwrap().len(), 1);
}
