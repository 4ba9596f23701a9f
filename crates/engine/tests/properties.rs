//! No sequence of inputs reaches a grant without the proofs that are owed.
//!
//! Random scripts are played against the engine while a plain witness beside it keeps its own books: which codes were
//! right, which were used, who proved what and when. Every grant has to be explained by the witness.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};

use countersign_engine::{
    AttemptToken, Error, NewSession, SignedIn,
    core::{DeviceName, Kind, Level, Secret, SessionKey, Timestamp, flow::Purpose},
    flow::{LoginChallenge, RequestContext, SignIn},
};
use countersign_testkit::{Person, SoftApp, World, rounds};
use proptest::prelude::*;

/// One input of the script. Numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Input {
    Password { right: bool },
    Answer { attempt: usize, with: With },
    StepUp { session: usize, with: With },
    BeginSetup { session: usize },
    Confirm { setup: usize, session: usize, right: bool },
    MakeCodes { session: usize },
    Disable { session: usize },
    ChangePassword { session: usize, right: bool },
    SignOut { session: usize, attempt: usize },
    StaffDisable,
    Wait { seconds: u64 },
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug)]
enum With {
    RightCode,
    EarlierCode,
    WrongCode,
    BackupCode(usize),
    OtherDevice,
}

fn input() -> impl Strategy<Value = Input> {
    let one = 0..6_usize;
    prop_oneof![
        4 => prop::bool::weighted(0.8).prop_map(|right| Input::Password { right }),
        6 => (one.clone(), with()).prop_map(|(attempt, with)| Input::Answer { attempt, with }),
        2 => (one.clone(), with()).prop_map(|(session, with)| Input::StepUp { session, with }),
        3 => one.clone().prop_map(|session| Input::BeginSetup { session }),
        3 => (one.clone(), one.clone(), prop::bool::weighted(0.8))
            .prop_map(|(setup, session, right)| Input::Confirm { setup, session, right }),
        1 => one.clone().prop_map(|session| Input::MakeCodes { session }),
        1 => one.clone().prop_map(|session| Input::Disable { session }),
        1 => (one.clone(), any::<bool>()).prop_map(|(session, right)| Input::ChangePassword { session, right }),
        1 => (one.clone(), one).prop_map(|(session, attempt)| Input::SignOut { session, attempt }),
        1 => Just(Input::StaffDisable),
        4 => prop_oneof![Just(1), Just(30), Just(31), Just(599), Just(601), Just(3600)]
            .prop_map(|seconds| Input::Wait { seconds }),
    ]
}

fn with() -> impl Strategy<Value = With> {
    prop_oneof![
        4 => Just(With::RightCode),
        2 => Just(With::EarlierCode),
        1 => Just(With::WrongCode),
        2 => (0..10_usize).prop_map(With::BackupCode),
        1 => Just(With::OtherDevice),
    ]
}

/// The witness: what is true, by books of its own.
struct Play {
    world: World,
    ada: Person,
    password: String,
    runs: Vec<LoginChallenge>,
    sessions: Vec<SignedIn>,
    setups: Vec<(AttemptToken, SoftApp)>,
    /// The apps that count.
    apps: Vec<SoftApp>,
    codes: Vec<String>,
    used: HashSet<String>,
    /// What came of an answer that was taken, by the attempt and the answer.
    taken: HashMap<(String, String), (SessionKey, Timestamp)>,
    /// A device of somebody else, and the app behind it.
    bobs: countersign_engine::core::DeviceId,
    bob: Person,
}

impl Play {
    async fn new() -> Self {
        let world = World::new();
        let (ada, bob) = (world.user("ada"), world.user("bob"));
        bob.sets_up().await;
        let bobs = bob.is_asked().await.view.device.id;
        let password = ada.password.clone();
        let (runs, sessions, setups, apps, codes, used, taken) = Default::default();
        Self { world, ada, password, runs, sessions, setups, apps, codes, used, taken, bobs, bob }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Password { right } => self.gives_password(right).await,
            Input::Answer { attempt, with } => self.answers(attempt, with).await,
            Input::StepUp { session, with } => self.steps_up(session, with).await,
            Input::BeginSetup { session } => self.begins_setup(session).await,
            Input::Confirm { setup, session, right } => self.confirms(setup, session, right).await,
            Input::MakeCodes { session } => self.makes_codes(session).await,
            Input::Disable { session } => self.disables(session).await,
            Input::ChangePassword { session, right } => self.changes_password(session, right).await,
            Input::SignOut { session, attempt } => {
                let (session, attempt) = (pick(&self.sessions, session), pick(&self.runs, attempt));
                self.world
                    .engine
                    .sign_out(session, attempt.map(|attempt| &attempt.token), &RequestContext::default())
                    .await
                    .unwrap();
            }
            Input::StaffDisable => {
                self.world.engine.disable_two_factor(&self.ada.user).await.unwrap();
                self.forget_factors();
            }
            Input::Wait { seconds } => self.world.pass(seconds),
        }
    }

    async fn gives_password(&mut self, right: bool) {
        let password = if right { self.password.clone() } else { "wrong".into() };
        match self.world.engine.sign_in("ada", &password.into(), &RequestContext::default()).await {
            Ok(SignIn::Complete(new_session)) => {
                assert!(right && self.apps.is_empty(), "a password alone is enough only where no factor is set up");
                assert_eq!(new_session.signed_in().level(), Level::Aal1);
                self.sessions.push(new_session.signed_in().clone());
            }
            Ok(SignIn::Pending(challenge)) => {
                assert!(right && !self.apps.is_empty());
                self.runs.push(challenge);
            }
            Err(Error::Refused(_)) => {}
            Err(Error::Faulted(fault)) => panic!("{fault}"),
        }
    }

    async fn answers(&mut self, attempt: usize, with: With) {
        let Some(attempt) = pick(&self.runs, attempt) else { return };
        let (token, asked) = (attempt.token.clone(), device(attempt, with, &self.bobs));
        let Some(device) = asked else { return };
        let answer = self.answer(with);
        let outcome =
            self.world.engine.answer(&token, &device, &answer.as_str().into(), &RequestContext::default()).await;
        self.explain(outcome.map(|(new_session, _)| new_session), with, &token, &answer);
    }

    async fn steps_up(&mut self, session: usize, with: With) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        let Ok(attempt) = self.world.engine.begin_step_up(&session, None).await else { return };
        let Some(device) = device(&attempt, with, &self.bobs) else { return };
        let answer = self.answer(with);
        let outcome = self
            .world
            .engine
            .step_up(&session, &attempt.token, &device, &answer.as_str().into(), &RequestContext::default())
            .await;
        self.explain(outcome, with, &attempt.token, &answer);
    }

    /// The witness's word on a second factor that was taken.
    fn explain(&mut self, outcome: Result<NewSession, Error>, with: With, attempt: &AttemptToken, answer: &str) {
        let new_session = match outcome {
            Ok(new_session) => new_session,
            Err(Error::Refused(_)) => return,
            Err(Error::Faulted(fault)) => panic!("{fault}"),
        };
        assert_eq!(new_session.signed_in().level(), Level::Aal2);
        let (key, now) = (new_session.signed_in().session().key.clone(), self.world.now());
        let call = (attempt.expose().to_owned(), answer.to_owned());
        if let Some((first, at)) = self.taken.get(&call) {
            // The same answer to the same attempt, sent again, gives the same session and is nothing new.
            assert!(
                *first == key && now.since(*at).as_secs() <= 60,
                "{with:?} opened another session, or a minute later"
            );
            return;
        }
        self.taken.insert(call, (key, now));
        assert!(self.used.insert(self.mark_of(answer)), "{with:?} was taken twice");
        match with {
            With::RightCode | With::EarlierCode => {
                let near = |app: &SoftApp| (-1..=1).any(|step| app.code_at(shifted(self.world.now(), step)) == answer);
                assert!(self.apps.iter().any(near), "the code of no app was taken");
            }
            With::BackupCode(_) => assert!(self.codes.contains(&answer.to_owned()), "a code of no set was taken"),
            With::WrongCode | With::OtherDevice => panic!("{with:?} was taken"),
        }
        self.sessions.push(new_session.signed_in().clone());
    }

    /// What an answer uses up: six digits may come again, a step of an app does not.
    fn mark_of(&self, answer: &str) -> String {
        self.apps
            .iter()
            .map(|app| self.mark_by(app, answer))
            .find(|mark| mark != answer)
            .unwrap_or_else(|| answer.into())
    }

    /// The app and its step that show this code now, or the code itself if none does.
    fn mark_by(&self, app: &SoftApp, code: &str) -> String {
        let moments = (-1..=1).map(|step| shifted(self.world.now(), step));
        let shown = moments.clone().find(|moment| app.code_at(*moment) == code);
        shown.map_or_else(|| code.into(), |moment| format!("{app:?} {code} at step {}", moment.as_seconds() / 30))
    }

    async fn begins_setup(&mut self, session: usize) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        if let Ok(setup) = self.ada.begins_setup(&session).await {
            assert!(self.may_change(&session));
            self.setups.push(setup);
        }
    }

    async fn confirms(&mut self, setup: usize, session: usize, right: bool) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        let Some((attempt, app)) = pick(&self.setups, setup).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        let code = if right { app.code_at(self.world.now()) } else { app.wrong_code_at(self.world.now()) };
        let outcome = self
            .world
            .engine
            .confirm_enrolment(&session, &attempt, &code.as_str().into(), &RequestContext::default())
            .await;
        if let Ok(new_session) = outcome {
            assert!(right && self.may_change(&session), "a factor was added without the proofs that are owed");
            self.used.insert(self.mark_by(&app, &code));
            self.apps.push(app);
            self.sessions.push(new_session.signed_in().clone());
        }
    }

    async fn makes_codes(&mut self, session: usize) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        let Ok(attempt) = self.world.engine.begin(&session, Purpose::BackupCodes).await else { return };
        let name = DeviceName::parse("Codes").unwrap();
        if let Ok(made) =
            self.world.engine.make_backup_codes(&session, &attempt, name, &RequestContext::default()).await
        {
            assert!(!self.apps.is_empty() && self.may_change(&session));
            self.sessions.extend(made.renewed.map(|new_session| new_session.signed_in().clone()));
            self.codes = made.codes.iter().map(|code| code.expose().to_owned()).collect();
        }
    }

    async fn disables(&mut self, session: usize) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        let Ok(attempt) = self.world.engine.begin(&session, Purpose::Disable).await else { return };
        if let Ok(new_session) = self.world.engine.disable(&session, &attempt, &RequestContext::default()).await {
            assert!(!self.apps.is_empty() && self.may_change(&session));
            assert_eq!(new_session.signed_in().level(), Level::Aal1);
            self.forget_factors();
            self.sessions.push(new_session.signed_in().clone());
        }
    }

    async fn changes_password(&mut self, session: usize, right: bool) {
        let Some(session) = pick(&self.sessions, session).cloned() else { return };
        if !self.is_alive(&session).await {
            return;
        }
        let current: Secret = if right { self.password.as_str().into() } else { "wrong".into() };
        let new = format!("{}+", self.password);
        let engine = &self.world.engine;
        if let Ok(new_session) =
            engine.change_password(&session, &current, &new.as_str().into(), &RequestContext::default()).await
        {
            assert!(right && (self.apps.is_empty() || session.level() == Level::Aal2));
            assert_eq!(new_session.signed_in().level(), session.level());
            self.password = new;
            self.sessions.push(new_session.signed_in().clone());
        }
    }

    /// Whether the witness would let this session change factors now.
    fn may_change(&self, session: &SignedIn) -> bool {
        let proved = if self.apps.is_empty() { Some(session.session().signed_in) } else { session.session().verified };
        proved.is_some_and(|at| self.world.now().since(at).as_secs() <= 600)
    }

    /// A session that an entrance would still read: the engine's flows are only ever given those.
    async fn is_alive(&self, session: &SignedIn) -> bool {
        let row = self.world.store.session(&session.session().key).await.unwrap();
        let user = self.ada_now().await;
        row.is_some_and(|row| self.world.engine.config().lifetimes.allow(&row, self.world.now()) && row.stamp == user)
    }

    async fn ada_now(&self) -> String {
        use countersign_engine::Users;
        self.world.users.by_id(&self.ada.user.id).await.unwrap().unwrap().stamp
    }

    fn forget_factors(&mut self) {
        self.apps.clear();
        self.codes.clear();
    }

    fn answer(&self, with: With) -> String {
        let now = self.world.now();
        let app = self.apps.first();
        let code = |at| app.map_or_else(|| "123456".into(), |app| app.code_at(at));
        match with {
            With::RightCode => code(now),
            // The right code for somebody else's device.
            With::OtherDevice => self.bob.code(),
            With::EarlierCode => code(shifted(now, -1)),
            With::WrongCode => app.map_or_else(|| "123456".into(), |app| app.wrong_code_at(now)),
            With::BackupCode(number) => {
                self.codes.get(number).cloned().unwrap_or_else(|| "0000-0000-0000-0000-0".into())
            }
        }
    }
}

fn device(
    attempt: &LoginChallenge,
    with: With,
    bob: &countersign_engine::core::DeviceId,
) -> Option<countersign_engine::core::DeviceId> {
    let devices: Vec<_> = [&attempt.view.device].into_iter().chain(&attempt.view.others).collect();
    let kind = if matches!(with, With::BackupCode(_)) { Kind::BACKUP_CODES } else { Kind::TOTP };
    match with {
        With::OtherDevice => Some(bob.clone()),
        _ => devices.iter().find(|device| device.kind == kind).map(|device| device.id.clone()),
    }
}

fn pick<T>(things: &[T], number: usize) -> Option<&T> {
    things.iter().rev().nth(number.min(things.len().saturating_sub(1)))
}

fn shifted(now: Timestamp, steps: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + steps * 30_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: rounds(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_script_reaches_a_grant_without_its_proofs(script in prop::collection::vec(input(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut play = Play::new().await;
            for input in script {
                play.take(input).await;
            }
        });
    }
}

/// The witness would be useless if its scripts never got anywhere.
#[test]
fn scripts_do_get_somewhere() {
    let script = [
        Input::Password { right: true },
        Input::BeginSetup { session: 0 },
        Input::Confirm { setup: 0, session: 0, right: true },
        Input::MakeCodes { session: 0 },
        Input::Wait { seconds: 31 },
        Input::Password { right: true },
        Input::Answer { attempt: 0, with: With::RightCode },
        Input::Password { right: true },
        Input::Answer { attempt: 0, with: With::BackupCode(3) },
        Input::Disable { session: 0 },
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut play = Play::new().await;
        for (number, input) in script.into_iter().enumerate() {
            play.take(input).await;
            assert!(number < 7 || !play.used.is_empty());
        }
        assert_eq!((play.sessions.len(), play.used.len(), play.apps.len()), (5, 3, 0));
    });
}
