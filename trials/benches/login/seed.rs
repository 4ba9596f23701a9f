//! A database full of users with authenticator apps, and pending logins.
//!
//! The users are created through the engine itself, with a clock that is fixed one hour ago and a password that is not
//! hashed. The pending logins are created now, and sealed with the server's own key: the server's work for each is
//! exactly that for a real user.

use std::{collections::VecDeque, fs, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    AttemptToken, Clock, Engine, Fault, Keyring, Parts, Store, SystemClock, User, Users,
    core::{DeviceId, DeviceName, Kind, Scopes, Secret, Timestamp, UserId},
    flow::{Enrolment, NewToken, RequestContext, SignIn},
};
use countersign_store::{Database, Insertion, UserRow, UserTable};
use countersign_testkit::{SoftApp, StillClock};

/// The server's database and its key.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) key: PathBuf,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) users: UserTable,
}

impl Place {
    pub(crate) async fn open(url: String, key: PathBuf) -> Self {
        let opened = Database::parse(&url).unwrap().open().await.unwrap();
        Self { url, key, store: opened.store, users: opened.users }
    }
}

/// A user with an authenticator app.
#[derive(Debug)]
pub(crate) struct Someone {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) app: SoftApp,
    pub(crate) device: DeviceId,
}

/// Users who sign in repeatedly, each at most once in two time steps of the app.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    ready: VecDeque<Someone>,
    /// Users who have answered, and when the last of them did.
    used: VecDeque<(Timestamp, Vec<Someone>)>,
}

impl Crowd {
    pub(crate) fn grows(&mut self, people: Vec<Someone>) {
        self.ready.extend(people);
    }

    /// This many users who may answer again, as soon as there are enough: by then the step of their last code is out of
    /// the window, in which one code in a million would be mistaken for that one.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Someone> {
        let step = |time: Timestamp| time.as_millis() / 30_000;
        while self.ready.len() < count {
            let (when, people) = self.used.pop_front().expect("there are so many people");
            while step(SystemClock.now()) <= step(when) + 1 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.ready.extend(people);
        }
        self.ready.drain(..count).collect()
    }

    /// Takes users back, of whom the first so many have answered.
    pub(crate) fn takes_back(&mut self, mut people: Vec<Someone>, answered: usize) {
        let idle = people.split_off(answered);
        self.used.push_back((SystemClock.now(), people));
        idle.into_iter().rev().for_each(|someone| self.ready.push_front(someone));
    }
}

/// The n-th user's id is the n-th multiple of this,
pub(crate) const FACTOR: usize = 7_777_777_777_777;
/// modulo this: ids are scattered like random ones, and SQL can compute them.
pub(crate) const MODULUS: usize = 10_000_000_000_000;

/// The id of the n-th user.
pub(crate) fn user_id(number: usize) -> String {
    format!("id{:024}", number * FACTOR % MODULUS)
}

/// The server's users, but every password is accepted: only in this bench.
#[derive(Debug)]
struct Everybody(UserTable);

#[async_trait]
impl Users for Everybody {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(self.0.by_canonical_name(name).await?.map(user))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(self.0.by_id(id).await?.map(user))
    }

    async fn password_matches(&self, _: Option<&User>, _: &Secret) -> Result<bool, Fault> {
        Ok(true)
    }
}

fn user(row: UserRow) -> User {
    User { id: row.id, name: row.name, active: row.active, staff: row.staff, stamp: row.stamp }
}

/// An engine on the server's database, with the server's key.
pub(crate) fn engine(place: &Place, clock: Arc<dyn Clock>) -> Engine {
    let keyring = Keyring::parse(&fs::read_to_string(&place.key).unwrap()).unwrap();
    let mut parts = Parts::new(place.store.clone(), Arc::new(Everybody(place.users.clone())), keyring);
    parts.config.issuer = "Bench".into();
    Engine::new(Parts { clock, ..parts }).unwrap()
}

/// Adds this many users, numbered from `first`, with the password of this `hash`.
pub(crate) async fn people(place: &Place, first: usize, count: usize, hash: &Secret) -> Vec<Someone> {
    let an_hour_ago = SystemClock.now().before(Duration::from_hours(1));
    let engine = engine(place, Arc::new(StillClock::at(an_hour_ago)));
    let made = in_parallel(count, {
        let (users, hash) = (place.users.clone(), hash.clone());
        move |number| add(users.clone(), engine.clone(), first + number, hash.clone(), an_hour_ago)
    });
    made.await
}

async fn add(users: UserTable, engine: Engine, number: usize, hash: Secret, now: Timestamp) -> Someone {
    let name = format!("person{number:06}");
    let row = UserRow {
        id: UserId::new(user_id(number)),
        name: name.clone(),
        canonical_name: name.clone(),
        email: None,
        password_hash: hash,
        active: true,
        staff: false,
        stamp: format!("{number:026}"),
        created: now,
        password_changed: now,
    };
    assert_eq!(users.insert(row).await.unwrap(), Insertion::Inserted);
    let context = RequestContext::default();
    let Ok(SignIn::Complete(new_session)) = engine.sign_in(&name, &"any".into(), &context).await else {
        panic!("not let in")
    };
    let called = DeviceName::parse("Authenticator app").unwrap();
    let enrolment = Enrolment { kind: Kind::TOTP, name: called, to: None };
    let run = engine.begin_enrolment(new_session.signed_in(), enrolment, &context);
    let run = run.await.unwrap();
    let setup = engine.setup(new_session.signed_in(), &run).await.unwrap();
    let app = SoftApp::with_key(setup.key.unwrap().text.expose());
    let code = Secret::new(app.code_at(now));
    engine.confirm_enrolment(new_session.signed_in(), &run, &code, &context).await.unwrap();
    Someone { id: user_id(number), name, app, device: setup.device.id }
}

/// Pending logins, one for each of these users.
pub(crate) async fn pending(engine: &Engine, names: Vec<String>) -> Vec<AttemptToken> {
    let engine = engine.clone();
    let names = Arc::new(names);
    in_parallel(names.len(), move |number| {
        let (engine, names) = (engine.clone(), names.clone());
        async move {
            match engine.sign_in(&names[number], &"any".into(), &RequestContext::default()).await {
                Ok(SignIn::Pending(challenge)) => challenge.token,
                other => panic!("{} is not asked for a device: {other:?}", names[number]),
            }
        }
    })
    .await
}

/// The tokens of a user.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) session: Opens,
    pub(crate) personal: Opens,
}

/// A bearer token, and the key of its row.
#[derive(Debug)]
pub(crate) struct Opens {
    pub(crate) token: String,
    pub(crate) key: String,
}

/// Signs these users in, and creates a personal token for each.
pub(crate) async fn held(place: &Place, people: Vec<Someone>) -> Vec<Held> {
    let engine = engine(place, Arc::new(SystemClock));
    let names = people.iter().map(|someone| someone.name.clone()).collect();
    let runs = Arc::new(pending(&engine, names).await);
    let people = Arc::new(people);
    in_parallel(people.len(), move |number| {
        let (engine, people, runs) = (engine.clone(), people.clone(), runs.clone());
        async move {
            let Someone { app, device, .. } = &people[number];
            let (code, context) = (Secret::new(app.code_at(SystemClock.now())), RequestContext::default());
            let (new_session, _) = engine.answer(&runs[number], device, &code, &context).await.unwrap();
            let new =
                NewToken { name: DeviceName::parse("Script").unwrap(), scopes: Scopes::default(), lifetime: None };
            let (token, _) = engine.make_token(new_session.signed_in(), new, &context).await.unwrap();
            let session = new_session.token();
            Held {
                session: Opens { token: session.expose().to_owned(), key: session.key().to_string() },
                personal: Opens { token: token.expose().to_owned(), key: token.key().to_string() },
            }
        }
    })
    .await
}

/// Runs `count` tasks, many in parallel, and returns their results in order.
async fn in_parallel<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    const AT_ONCE: usize = 256;
    let mut results = Vec::with_capacity(count);
    let mut begun = 0;
    while begun < count {
        let tasks: Vec<_> = (begun..count.min(begun + AT_ONCE)).map(|number| tokio::spawn(task(number))).collect();
        begun += tasks.len();
        for task in tasks {
            results.push(task.await.unwrap());
        }
    }
    results
}
