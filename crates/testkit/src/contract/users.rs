//! The contract of users, for every implementation of the port.
//!
//! Each rule is a sentence and gets its own users. The time for an unknown name is not measured here, because a test
//! that depends on the clock fails on a busy machine. The implementation has to make sure that unknown names take as
//! long as known ones.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use async_trait::async_trait;
//! # use countersign_engine::{User, Users, core::Secret};
//! use countersign_testkit::{TestUsers, contract::users::{self, Host}};
//!
//! struct Mine(Arc<TestUsers>);
//!
//! #[async_trait]
//! impl Host for Mine {
//!     fn users(&self) -> Arc<dyn Users> {
//!         self.0.clone()
//!     }
//!
//!     async fn add(&self, name: &str, password: &Secret) {
//!         self.0.add(name, password.expose());
//!     }
//! }
//! # async fn test() {
//! users::run(async || Mine(Arc::default())).await;
//! # }
//! ```

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use countersign_engine::{
    Error, PreparedPassword, User, Users,
    core::{Refusal, Secret, UserId},
};

use crate::all_at_once;

/// Users to be held to the rules, and how there come to be some.
#[async_trait]
pub trait Host: Send + Sync {
    /// What is held to the rules.
    fn users(&self) -> Arc<dyn Users>;

    /// Adds a user who may sign in, under this name, as it is written, which no user has yet.
    async fn add(&self, name: &str, password: &Secret);

    /// Takes it from a user to sign in. Leave it out where nobody can be shut out: there is no rule for it then.
    async fn shut_out(&self, _user: &User) -> ShutOut {
        ShutOut::Never
    }

    /// Removes a user, so that another user may have the name. Leave it out where users cannot be removed: there is no rule
    /// for it then.
    async fn remove(&self, _user: &User) -> Removal {
        Removal::Never
    }

    /// How much of a password counts. Leave it out unless the passwords were hashed by bcrypt, which looks at the first 72
    /// bytes only: such a host is excused from the rest, and from nothing else.
    fn password_bytes(&self) -> PasswordBytes {
        PasswordBytes::All
    }
}

/// Whether users can be removed at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// Users cannot be removed.
    Never,
    /// The user was removed.
    Done,
}

/// How many bytes of a password are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordBytes {
    /// All of them.
    All,
    /// The first ones, as many as this.
    First(usize),
}

/// Whether users can be shut out at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShutOut {
    /// Here nobody can.
    Never,
    /// It was done.
    Done,
}

type Rule = fn(Arc<dyn Host>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! rules {
    ($($rule:ident)*) => {
        &[$((stringify!($rule), |host| Box::pin($rule(host)))),*]
    };
}

/// Every rule, by its name.
const RULES: &[(&str, Rule)] = rules! {
    a_user_is_the_same_by_name_and_by_id
    nobody_is_found_by_what_is_nobodys
    all_spellings_of_a_name_are_one_user
    letters_with_several_small_forms_have_one_spelling_or_are_several_users
    the_password_matches_and_nothing_else_does
    a_name_with_capitals_is_found_in_every_spelling
    a_removed_user_s_id_is_never_given_again
    all_of_a_long_password_counts
    a_deactivated_user_is_read_as_such_and_has_the_same_password
    a_new_password_takes_the_place_of_the_old_one
    a_prepared_password_is_not_written_yet
    a_change_under_way_does_not_undo_one_that_came_between
    of_many_changes_at_once_one_comes_true
    no_password_shows
};

const PASSWORD: &str = "correct donkey battery paperclip";
const OTHER: &str = "violet harbour seldom tractor";

/// Holds users to every rule; `make` makes a host without any.
///
/// # Panics
///
/// When a rule is broken: with the names of all that are.
pub async fn run<H: Host + 'static>(make: impl AsyncFn() -> H) {
    let mut broken = Vec::new();
    for (name, rule) in RULES {
        let host = Arc::new(make().await);
        if tokio::spawn(rule(host)).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the users break {} of {} rules: {broken:#?}", broken.len(), RULES.len());
}

async fn a_user_is_the_same_by_name_and_by_id(host: Arc<dyn Host>) {
    let (ada, grace) = (add(&host, "ada", PASSWORD).await, add(&host, "grace", OTHER).await);
    assert_ne!(ada.id, grace.id);
    for user in [ada, grace] {
        assert!(user.active && !user.name.is_empty() && !user.id.as_str().is_empty(), "{user:?}");
        assert_eq!(by_id(&host, &user.id).await, Some(user.clone()), "the stamp stays as long as the password does");
    }
}

async fn nobody_is_found_by_what_is_nobodys(host: Arc<dyn Host>) {
    add(&host, "ada", PASSWORD).await;
    for strange in ["nobody", "", "a", "adaa", "ad_", "%", "*", "ada\0", "' OR '1'='1", "ada'; --", &"a".repeat(5_000)]
    {
        assert_eq!(by_name(&host, strange).await, None, "{strange:?}");
    }
    for strange in ["nobody", "%", "-1", "9223372036854775808", "1 OR 1=1", &"9".repeat(5_000)] {
        assert_eq!(by_id(&host, &UserId::new(strange)).await, None, "{strange:?}");
    }
}

async fn all_spellings_of_a_name_are_one_user(host: Arc<dyn Host>) {
    let ada = add(&host, "ada", PASSWORD).await;
    let one = host.users().canonical("ada");
    for typed in ["ada", "Ada", "ADA", " ada", "ada ", "a\u{308}da", "ÄDA", "ada\u{301}"] {
        let spelling = host.users().canonical(typed);
        assert_eq!(host.users().canonical(&spelling), spelling, "{typed:?}: a spelling has itself for a spelling");
        let found = by_name(&host, typed).await;
        assert_eq!(found, (spelling == one).then(|| ada.clone()), "{typed:?}");
    }
}

/// A host may fold such letters or not. What it may not do is find a user by another user's spelling, or by none.
async fn letters_with_several_small_forms_have_one_spelling_or_are_several_users(host: Arc<dyn Host>) {
    for (number, spellings) in [
        ["stra\u{df}e", "STRA\u{1e9e}E", "strasse", "STRASSE", "\u{17f}tra\u{df}e"],
        ["σίσυφος", "σίσυφοσ", "ΣΊΣΥΦΟΣ", "σι\u{301}συφος", "Σίσυφος"],
        ["\u{fb01}ona", "fiona", "FIONA", "Fiona", "fIona"],
    ]
    .into_iter()
    .enumerate()
    {
        let [name, ..] = spellings;
        let user = add(&host, name, &new_password(number)).await;
        let one = host.users().canonical(name);
        for typed in spellings {
            let spelling = host.users().canonical(typed);
            assert_eq!(host.users().canonical(&spelling), spelling, "{typed:?}: a spelling has itself for a spelling");
            let found = by_name(&host, typed).await;
            assert_eq!(found, (spelling == one).then(|| user.clone()), "{typed:?}");
        }
    }
}

async fn the_password_matches_and_nothing_else_does(host: Arc<dyn Host>) {
    let ada = add(&host, "ada", PASSWORD).await;
    add(&host, "grace", OTHER).await;
    assert!(matches(&host, Some(&ada), PASSWORD).await);
    let (longer, shorter, nul) = (format!("{PASSWORD}x"), &PASSWORD[1..], format!("{PASSWORD}\0"));
    let shouted = PASSWORD.to_uppercase();
    for wrong in [OTHER, "", &longer, shorter, &nul, &shouted, "\0"] {
        assert!(!matches(&host, Some(&ada), wrong).await, "{wrong:?}");
    }
    for anything in [PASSWORD, OTHER, ""] {
        assert!(!matches(&host, None, anything).await, "nobody has no password, not even {anything:?}");
    }
    let stranger = User { id: UserId::new("nobody"), ..ada };
    assert!(!matches(&host, Some(&stranger), PASSWORD).await, "nor has a user who is gone");
}

async fn a_name_with_capitals_is_found_in_every_spelling(host: Arc<dyn Host>) {
    let grace = add(&host, "Grace", PASSWORD).await;
    let one = host.users().canonical("Grace");
    for typed in ["Grace", "grace", "GRACE"].into_iter().filter(|typed| host.users().canonical(typed) == one) {
        assert_eq!(by_name(&host, typed).await, Some(grace.clone()), "{typed:?}");
    }
}

/// Sessions and devices hang on an id. Where it was given to another user, they would be that user's.
async fn a_removed_user_s_id_is_never_given_again(host: Arc<dyn Host>) {
    let before = add(&host, "ada", PASSWORD).await;
    if host.remove(&before).await == Removal::Never {
        return;
    }
    assert_eq!((by_name(&host, "ada").await, by_id(&host, &before.id).await), (None, None), "the user is gone");
    assert!(!matches(&host, Some(&before), PASSWORD).await, "a removed user has no password");
    let after = add(&host, "ada", OTHER).await;
    assert_ne!(after.id, before.id, "the id was given again");
    assert_ne!(after.stamp, before.stamp, "two users have the same stamp: use a random one");
    assert_eq!(by_id(&host, &before.id).await, None);
}

async fn all_of_a_long_password_counts(host: Arc<dyn Host>) {
    let long = [PASSWORD, OTHER, "lantern pebble orchard", "and some more words"].join(" ");
    let ada = add(&host, "ada", &long).await;
    assert!(long.len() > 100 && matches(&host, Some(&ada), &long).await);
    let compared = match host.password_bytes() {
        PasswordBytes::All => long.len(),
        PasswordBytes::First(bytes) => bytes,
    };
    assert!(compared >= 72, "a password of {compared} bytes is too short to be all that counts");
    for kept in [71, 72, long.len() - 1].into_iter().filter(|kept| *kept < compared) {
        assert!(!matches(&host, Some(&ada), &long[..kept]).await, "{kept} bytes of it");
    }
}

async fn a_deactivated_user_is_read_as_such_and_has_the_same_password(host: Arc<dyn Host>) {
    let ada = add(&host, "ada", PASSWORD).await;
    if host.shut_out(&ada).await == ShutOut::Never {
        return;
    }
    let seen = by_name(&host, "ada").await.expect("ada is still there");
    assert_eq!(by_id(&host, &ada.id).await.as_ref(), Some(&seen));
    assert!(!seen.active);
    assert!(matches(&host, Some(&seen), PASSWORD).await && !matches(&host, Some(&seen), OTHER).await);
}

async fn a_new_password_takes_the_place_of_the_old_one(host: Arc<dyn Host>) {
    let before = add(&host, "ada", PASSWORD).await;
    let Some(after) = set(&host, &before, OTHER).await.expect("it may be changed, or is changed elsewhere") else {
        assert_eq!(by_id(&host, &before.id).await.as_ref(), Some(&before));
        assert!(matches(&host, Some(&before), PASSWORD).await);
        return;
    };
    assert_ne!(after.stamp, before.stamp, "what carries the old stamp has to end");
    assert_eq!(after.id, before.id);
    assert_eq!(by_id(&host, &before.id).await.as_ref(), Some(&after));
    assert!(matches(&host, Some(&after), OTHER).await && !matches(&host, Some(&after), PASSWORD).await);
}

async fn a_prepared_password_is_not_written_yet(host: Arc<dyn Host>) {
    let ada = add(&host, "ada", PASSWORD).await;
    let Some(prepared) = prepare(&host, &ada, OTHER).await.expect("it may be changed, or is changed elsewhere") else {
        return;
    };
    assert_ne!(prepared.stamp(), ada.stamp, "what carries the old stamp has to end");
    assert!(!format!("{prepared:?}").contains(OTHER));
    assert_eq!(by_id(&host, &ada.id).await, Some(ada.clone()));
    assert!(matches(&host, Some(&ada), PASSWORD).await && !matches(&host, Some(&ada), OTHER).await);
    let nobody = host.users().store_password(&UserId::new("nobody"), &prepared, &ada.stamp).await;
    assert_eq!(nobody.expect("the users can be written"), None, "a user who is gone");
    let late = host.users().store_password(&ada.id, &prepared, "another stamp").await;
    assert_eq!(late.expect("the users can be written"), None, "a stamp that has changed");
    assert!(matches(&host, Some(&ada), PASSWORD).await && !matches(&host, Some(&ada), OTHER).await);
    let stored = host.users().store_password(&ada.id, &prepared, &ada.stamp).await.expect("the users can be written");
    assert_eq!(stored.map(|user| user.stamp).as_deref(), Some(prepared.stamp()), "the stamp is the one prepared");
}

async fn a_change_under_way_does_not_undo_one_that_came_between(host: Arc<dyn Host>) {
    let before = add(&host, "ada", PASSWORD).await;
    let Some(after) = set(&host, &before, OTHER).await.expect("it may be changed, or is changed elsewhere") else {
        return;
    };
    let late = set(&host, &before, "marble thicket candle wagon").await;
    assert_eq!(late, Err(Refusal::SignInNeeded));
    assert_eq!(by_id(&host, &before.id).await, Some(after.clone()));
    assert!(matches(&host, Some(&after), OTHER).await);
}

async fn of_many_changes_at_once_one_comes_true(host: Arc<dyn Host>) {
    let before = add(&host, "ada", PASSWORD).await;
    let outcomes = all_at_once(8, |number| {
        let (host, before) = (host.clone(), before.clone());
        async move { (number, set(&host, &before, &new_password(number)).await) }
    });
    let mut changed = None;
    for (number, outcome) in outcomes.await {
        match outcome {
            Ok(Some(user)) => assert_eq!(changed.replace((number, user)), None, "a second change came true"),
            Ok(None) => return,
            Err(refusal) => assert_eq!(refusal, Refusal::SignInNeeded),
        }
    }
    let (number, user) = changed.expect("one of them comes true");
    assert_eq!(by_id(&host, &before.id).await, Some(user.clone()));
    assert!(matches(&host, Some(&user), &new_password(number)).await);
}

async fn no_password_shows(host: Arc<dyn Host>) {
    let ada = add(&host, "ada", PASSWORD).await;
    let shown = format!("{:?} {ada:?}", host.users());
    assert!(!shown.contains(PASSWORD), "{shown}");
}

fn new_password(number: usize) -> String {
    format!("marble thicket candle wagon {number}")
}

async fn add(host: &Arc<dyn Host>, name: &str, password: &str) -> User {
    host.add(name, &password.into()).await;
    by_name(host, name).await.expect("the user that was added is there")
}

async fn by_name(host: &Arc<dyn Host>, typed: &str) -> Option<User> {
    let users = host.users();
    let found = users.by_name(&users.canonical(typed)).await.expect("the users can be read");
    assert_eq!(users.by_login(typed).await.expect("the users can be read"), found, "{typed:?}, as it is typed");
    found
}

async fn by_id(host: &Arc<dyn Host>, id: &UserId) -> Option<User> {
    host.users().by_id(id).await.expect("the users can be read")
}

async fn matches(host: &Arc<dyn Host>, user: Option<&User>, password: &str) -> bool {
    host.users().password_matches(user, &Secret::from(password)).await.expect("a password can be looked at")
}

/// The password as it would be stored, or nothing where passwords are changed elsewhere.
async fn prepare(host: &Arc<dyn Host>, user: &User, password: &str) -> Result<Option<PreparedPassword>, Refusal> {
    match host.users().prepare_password(user, &password.into()).await {
        Ok(prepared) => Ok(Some(prepared)),
        Err(Error::Refused(Refusal::PasswordManagedExternally)) => Ok(None),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Faulted(fault)) => panic!("a password can be prepared: {fault}"),
    }
}

/// The user with the new password, or nothing where passwords are changed elsewhere. What the engine does with a stamp that
/// has changed, in the preparation or since, is refused in the same way.
async fn set(host: &Arc<dyn Host>, user: &User, password: &str) -> Result<Option<User>, Refusal> {
    let Some(prepared) = prepare(host, user, password).await? else { return Ok(None) };
    let stored = host.users().store_password(&user.id, &prepared, &user.stamp).await.expect("a password can be stored");
    stored.map(Some).ok_or(Refusal::SignInNeeded)
}

#[cfg(test)]
mod tests;
