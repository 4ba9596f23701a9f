//! A change of the password against what takes the ground from under it. Whichever comes first, a refusal means that the
//! password is what it was: for a host's own users, and for those in the store's own table.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, PreparedPassword, User, Users,
    core::{Change, Level, Refusal, Sealed, Secret, SessionChange, UserId},
    flow::RequestContext,
};
use countersign_store::{Insertion, NewPassword, UserRow, UserTable};
use countersign_testkit::{Gate, Person, SeededRandom, World};

use crate::course::Course;

const NEW: &str = "a new long password";

/// What happens at the same moment.
#[derive(Clone, Copy, Debug)]
enum Rival {
    SignsOut,
    EndedFromElsewhere,
    ConfirmsTheFirstDevice,
}

/// Who is at the gate first.
#[derive(Clone, Copy, Debug)]
enum First {
    Password,
    Rival,
}

/// The store's own table of users, whose passwords are kept in clear: hashing is not what is raced.
#[derive(Debug)]
struct InTable(UserTable);

fn seen(row: UserRow) -> User {
    User { id: row.id, name: row.name, active: row.active, staff: row.staff, stamp: row.stamp }
}

#[async_trait]
impl Users for InTable {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(self.0.by_canonical_name(name).await?.map(seen))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.0.seen(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        let Some(user) = user else { return Ok(false) };
        Ok(self.0.by_id(&user.id).await?.is_some_and(|row| row.password_hash.is_same(password)))
    }

    async fn prepare_password(&self, user: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        Ok(PreparedPassword::in_store(password.clone(), format!("{}+", user.stamp)))
    }
}

/// A world whose users are a host's, or those of the store's own table.
async fn world_on(course: &Course, table: Option<&UserTable>) -> (World, Person) {
    let Some(table) = table else {
        let world = course.ready();
        let ada = world.user("ada");
        return (world, ada);
    };
    let users = Arc::new(InTable(table.clone()));
    let world = World::built(course.rows.clone(), |parts| parts.users = users);
    let ada = world.user("ada");
    let row = UserRow {
        id: ada.user.id.clone(),
        name: "ada".into(),
        canonical_name: "ada".into(),
        email: None,
        password_hash: ada.password.as_str().into(),
        active: true,
        staff: false,
        stamp: ada.user.stamp.clone(),
        created: world.now(),
        password_changed: world.now(),
    };
    assert_eq!(table.insert(row).await.unwrap(), Insertion::Inserted);
    (world, ada)
}

/// The same world, with a gate for two before every commit that ends sessions.
fn gated(course: &Course, world: &World, users: Arc<dyn Users>) -> World {
    let ends = |change: &Change<Sealed>| {
        matches!(change, Change::Session(SessionChange::End(_) | SessionChange::EndAll { .. }))
    };
    World::built(Gate::before(course.rows.clone(), 2, ends), |parts| {
        parts.users = users;
        parts.clock = world.clock.clone();
        parts.random = Arc::new(SeededRandom::new(2));
    })
}

/// Runs the race and says whether the password was changed.
async fn change_against(course: &Course, table: Option<&UserTable>, rival: Rival, first: First) -> bool {
    let (world, ada) = world_on(course, table).await;
    let own = ada.signs_in_with_password().await;
    let other = ada.signs_in_with_password().await;
    let (setup, app) = ada.begins_setup(&other).await.unwrap();
    let code = app.code_at(world.now());
    let users: Arc<dyn Users> = match table {
        Some(table) => Arc::new(InTable(table.clone())),
        None => world.users.clone(),
    };
    let gated = gated(course, &world, users.clone());
    let (engine, context, current) = (&gated.engine, RequestContext::default(), Secret::new(&*ada.password));
    let new = NEW.into();
    let action = engine.change_password(&own, &current, &new, &context);
    let rivals = async {
        match rival {
            Rival::SignsOut => engine.sign_out(Some(&own), None, &context).await.unwrap(),
            Rival::EndedFromElsewhere => {
                let _ = engine.end_session(&other, &own.session().key, &context).await;
            }
            Rival::ConfirmsTheFirstDevice => {
                let _ = engine.confirm_enrolment(&other, &setup, &code.into(), &context).await;
            }
        }
    };
    // The one that arrives last at the gate goes through it first.
    let outcome = match first {
        First::Rival => tokio::join!(action, rivals).0,
        First::Password => tokio::join!(rivals, action).1,
    };
    let what = format!("{rival:?}, {first:?} first: {outcome:?}");
    let is_old = users.password_matches(Some(&ada.user), &current).await.unwrap();
    let holds = (is_old, users.password_matches(Some(&ada.user), &new).await.unwrap());
    match &outcome {
        Ok(new_session) => {
            assert_eq!(holds, (false, true), "{what}");
            let renewed = engine.session(new_session.token()).await.unwrap();
            let ended_again = matches!(rival, Rival::ConfirmsTheFirstDevice);
            assert!(renewed.is_some() || ended_again, "{what}: the new session opens");
        }
        Err(Error::Refused(Refusal::SignInNeeded | Refusal::VerificationNeeded)) => {
            assert_eq!(holds, (true, false), "{what}: the password was changed, and that was refused");
        }
        Err(error) => panic!("{what}: {error:?}"),
    }
    no_weak_session_is_left(course, &*users, &ada).await;
    outcome.is_ok()
}

/// Where there is a device, no session that opens has proved a password alone.
async fn no_weak_session_is_left(course: &Course, users: &dyn Users, ada: &Person) {
    if !course.rows.factors(&ada.user.id).await.unwrap().enabled() {
        return;
    }
    let stamp = users.by_id(&ada.user.id).await.unwrap().unwrap().stamp;
    let sessions = course.rows.sessions(&ada.user.id).await.unwrap();
    let weak = sessions.iter().find(|session| session.level == Level::Aal1 && session.stamp == stamp);
    assert!(weak.is_none(), "{weak:?}");
}

#[tokio::test]
async fn t106_a_password_is_not_changed_in_a_session_that_has_ended() {
    races(&[Rival::SignsOut, Rival::EndedFromElsewhere]).await;
}

#[tokio::test]
async fn t106_a_password_is_not_changed_with_a_password_alone_once_there_is_a_device() {
    races(&[Rival::ConfirmsTheFirstDevice]).await;
}

async fn races(rivals: &[Rival]) {
    for rival in rivals {
        let mut changed = vec![];
        for first in [First::Rival, First::Password] {
            for course in Course::careful().await {
                changed.push(change_against(&course, None, *rival, first).await);
            }
            for course in Course::careful().await {
                if let Some(table) = &course.users {
                    changed.push(change_against(&course, Some(table), *rival, first).await);
                }
            }
        }
        let won = changed.iter().filter(|changed| **changed).count();
        assert!(
            won > 0 && won < changed.len(),
            "{rival:?}: both have to come first at times, or this shows nothing: {changed:?}"
        );
    }
}

/// The store's own table writes the password together with everything else, or not at all.
#[tokio::test]
async fn t106_a_stamp_that_has_moved_is_no_change_in_the_table_either() {
    for course in Course::careful().await {
        let Some(table) = &course.users else { continue };
        let (world, ada) = world_on(&course, Some(table)).await;
        let own = ada.signs_in_with_password().await;
        let elsewhere = NewPassword { hash: "set elsewhere".into(), stamp: "moved".into(), at: world.now() };
        table.set_password(&ada.user.id, &ada.user.stamp, elsewhere).await.unwrap().unwrap();
        let current = "set elsewhere".into();
        let changed = world.engine.change_password(&own, &current, &NEW.into(), &RequestContext::default()).await;
        assert!(matches!(changed, Err(Error::Refused(Refusal::SignInNeeded))), "{changed:?}");
        let row = table.by_id(&ada.user.id).await.unwrap().unwrap();
        assert_eq!((row.password_hash.expose(), row.stamp.as_str()), ("set elsewhere", "moved"));
        assert_eq!(course.rows.sessions(&ada.user.id).await.unwrap().len(), 1, "nothing was written");
    }
}
