//! The rules themselves: users that keep them all, and some that break one each.

use std::sync::Mutex;

use countersign_engine::Fault;
use tokio::task::LocalSet;

use super::*;
use crate::TestUsers;

struct Kept(Arc<TestUsers>);

#[async_trait]
impl Host for Kept {
    fn users(&self) -> Arc<dyn Users> {
        self.0.clone()
    }

    async fn add(&self, name: &str, password: &Secret) {
        self.0.add(name, password.expose());
    }

    async fn shut_out(&self, user: &User) -> ShutOut {
        self.0.change(&user.id, |user| user.active = false);
        ShutOut::Done
    }

    async fn remove(&self, user: &User) -> Removal {
        self.0.remove(&user.id);
        Removal::Done
    }
}

#[tokio::test]
async fn users_for_tests_keep_the_contract() {
    run(async || Kept(Arc::default())).await;
}

/// What may be wrong with a table of users.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slip {
    CutsNames,
    CutsPasswords,
    LetsNobodyIn,
    LetsInOnlyTheActive,
    KeepsTheStamp,
    StoresTooEarly,
    ForgetsWhatIsUnderWay,
    GivesIdsAgain,
    Shows,
}

#[derive(Debug)]
struct Careless {
    inner: TestUsers,
    slip: Slip,
    noted: Mutex<Vec<String>>,
}

impl Careless {
    fn kept(&self, password: &Secret) -> Secret {
        let most = if self.slip == Slip::CutsPasswords { 72 } else { usize::MAX };
        password.expose().chars().take(most).collect::<String>().into()
    }
}

#[async_trait]
impl Users for Careless {
    fn canonical(&self, name: &str) -> String {
        let most = if self.slip == Slip::CutsNames { 3 } else { usize::MAX };
        self.inner.canonical(name).chars().take(most).collect()
    }

    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        self.inner.by_name(name).await
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.inner.by_id(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        match (self.slip, user) {
            (Slip::LetsNobodyIn, None) => Ok(true),
            (Slip::LetsInOnlyTheActive, Some(user)) if !user.active => Ok(false),
            _ => self.inner.password_matches(user, &self.kept(password)).await,
        }
    }

    async fn prepare_password(&self, user: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        if self.slip == Slip::StoresTooEarly {
            self.inner.set_password(&user.id, password.expose());
        }
        let prepared = self.inner.prepare_password(user, &self.kept(password)).await?;
        let stamp = if self.slip == Slip::KeepsTheStamp { &user.stamp } else { prepared.stamp() };
        Ok(PreparedPassword::new(prepared.hash().clone(), stamp))
    }

    async fn store_password(
        &self,
        user: &UserId,
        prepared: &PreparedPassword,
        expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        let seen = self.by_id(user).await?.map(|user| user.stamp);
        let expected = match seen {
            Some(stamp) if self.slip == Slip::ForgetsWhatIsUnderWay => stamp,
            _ => expected_stamp.to_owned(),
        };
        self.inner.store_password(user, prepared, &expected).await
    }
}

struct Slipping(Arc<Careless>);

#[async_trait]
impl Host for Slipping {
    fn users(&self) -> Arc<dyn Users> {
        self.0.clone()
    }

    async fn add(&self, name: &str, password: &Secret) {
        let added = self.0.inner.add(name, self.0.kept(password).expose());
        if self.0.slip == Slip::GivesIdsAgain {
            self.0.inner.change(&added.id, |user| user.id = UserId::new(format!("id-{name}")));
        }
        if self.0.slip == Slip::Shows {
            self.0.noted.lock().expect("nobody panics here").push(password.expose().into());
        }
    }

    async fn shut_out(&self, user: &User) -> ShutOut {
        self.0.inner.change(&user.id, |user| user.active = false);
        ShutOut::Done
    }

    async fn remove(&self, user: &User) -> Removal {
        self.0.inner.remove(&user.id);
        Removal::Done
    }
}

/// A host whose passwords were hashed by bcrypt keeps every other rule.
#[tokio::test]
async fn a_host_is_excused_from_what_bcrypt_does_not_look_at() {
    struct Bcrypt(Slipping);

    #[async_trait]
    impl Host for Bcrypt {
        fn users(&self) -> Arc<dyn Users> {
            self.0.users()
        }

        async fn add(&self, name: &str, password: &Secret) {
            self.0.add(name, password).await;
        }

        fn password_bytes(&self) -> PasswordBytes {
            PasswordBytes::First(72)
        }
    }

    run(async || {
        let (inner, slip) = (TestUsers::default(), Slip::CutsPasswords);
        Bcrypt(Slipping(Arc::new(Careless { inner, slip, noted: Mutex::default() })))
    })
    .await;
}

#[tokio::test]
async fn every_slip_breaks_a_rule() {
    for (slip, rule) in [
        (Slip::CutsNames, "nobody_is_found_by_what_is_nobodys"),
        (Slip::CutsPasswords, "all_of_a_long_password_counts"),
        (Slip::LetsNobodyIn, "the_password_matches_and_nothing_else_does"),
        (Slip::LetsInOnlyTheActive, "a_deactivated_user_is_read_as_such_and_has_the_same_password"),
        (Slip::StoresTooEarly, "a_prepared_password_is_not_written_yet"),
        (Slip::GivesIdsAgain, "a_removed_user_s_id_is_never_given_again"),
        (Slip::KeepsTheStamp, "a_new_password_takes_the_place_of_the_old_one"),
        (Slip::ForgetsWhatIsUnderWay, "a_change_under_way_does_not_undo_one_that_came_between"),
        (Slip::ForgetsWhatIsUnderWay, "of_many_changes_at_once_one_comes_true"),
        (Slip::Shows, "no_password_shows"),
    ] {
        let careless =
            async move || Slipping(Arc::new(Careless { inner: TestUsers::default(), slip, noted: Mutex::default() }));
        let here = LocalSet::new();
        let held = here.spawn_local(run(careless));
        let said = here.run_until(held).await.expect_err("a rule is broken").into_panic();
        let said = said.downcast::<String>().expect("the rules are named");
        assert!(said.contains(rule), "{slip:?}: {said}");
    }
}
