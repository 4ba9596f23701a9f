//! A test world: users, and their actions as verbs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use countersign_engine::{
    AttemptToken, Clock, Engine, Error, Keyring, NewSession, Parts, SessionToken, SignedIn, Store, User,
    core::{DeviceId, DeviceName, Kind, Refusal, Secret, Timestamp, flow::Purpose, sending::EmailRule},
    flow::{Enrolment, LoginChallenge, RequestContext, SignIn},
    memory::MemoryStore,
};

use crate::{Outbox, SeededRandom, SoftApp, StillClock, TestUsers, TestValidator};

/// An engine, and everything a test may turn.
#[derive(Clone, Debug)]
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// Its clock: 2026-01-01 at noon until told otherwise.
    pub clock: Arc<StillClock>,
    /// Its users.
    pub users: Arc<TestUsers>,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// What was sent, if messages are sent in it.
    pub outbox: Arc<Outbox>,
    /// What knows YubiKeys, if they are known in it.
    pub validator: Arc<TestValidator>,
}

impl World {
    /// A world on a store in memory.
    pub fn new() -> Self {
        Self::on(Arc::new(MemoryStore::default()))
    }

    /// A world on this store.
    pub fn on(store: Arc<dyn Store>) -> Self {
        Self::built(store, |_| {})
    }

    /// A world on this store in which every method is offered: messages are sent, and YubiKeys are known.
    pub fn with_every_method(store: Arc<dyn Store>) -> Self {
        Self::with_every_method_built(store, |_| {})
    }

    /// The same, with parts changed before the engine is made.
    pub fn with_every_method_built(store: Arc<dyn Store>, change: impl FnOnce(&mut Parts)) -> Self {
        let (outbox, validator) = (Arc::new(Outbox::default()), Arc::new(TestValidator::default()));
        let world = Self::built(store, |parts| {
            for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
                parts.gateways.insert(channel, outbox.clone());
            }
            parts.validator = Some(validator.clone());
            parts.config.sending.email = EmailRule::Alone;
            parts.config.offered = vec![Kind::TOTP, Kind::HOTP, Kind::SMS, Kind::CALL, Kind::EMAIL, Kind::YUBIKEY];
            change(parts);
        });
        Self { outbox, validator, ..world }
    }

    /// A world on this store, with parts changed before the engine is made.
    pub fn built(store: Arc<dyn Store>, change: impl FnOnce(&mut Parts)) -> Self {
        let clock = Arc::new(StillClock::at(Timestamp::from_seconds(1_767_268_800)));
        let users = Arc::new(TestUsers::default());
        let random = Arc::new(SeededRandom::new(1));
        let keyring = Keyring::parse(&Keyring::new_line(1, &*random)).expect("a new line is a keyring");
        let mut parts = Parts { clock: clock.clone(), random, ..Parts::new(store, users.clone(), keyring) };
        parts.config.issuer = "Countersign".into();
        change(&mut parts);
        Self {
            store: parts.store.clone(),
            engine: Engine::new(parts).expect("a config that can be used"),
            clock,
            users,
            outbox: Arc::default(),
            validator: Arc::default(),
        }
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets seconds pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
    }

    /// A person with a password and no second factor.
    pub fn user(&self, name: &str) -> Person {
        let password = format!("{name}'s long password");
        let user = self.users.add(name, &password);
        Person { world: self.clone(), user, password, app: Mutex::default() }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Somebody with a password and, once set up, an authenticator app.
#[derive(Debug)]
pub struct Person {
    world: World,
    /// The user.
    pub user: User,
    /// The password.
    pub password: String,
    app: Mutex<Option<SoftApp>>,
}

impl Person {
    /// Gives the right password.
    pub async fn enters_password(&self) -> Result<SignIn, Error> {
        self.world.engine.sign_in(&self.user.name, &Secret::new(&*self.password), &RequestContext::default()).await
    }

    /// Gives the right password and is asked for a device.
    pub async fn is_asked(&self) -> LoginChallenge {
        match self.enters_password().await {
            Ok(SignIn::Pending(challenge)) => challenge,
            other => panic!("{} is not asked for a device: {other:?}", self.user.name),
        }
    }

    /// Gives the right password and is let in with it alone.
    pub async fn signs_in_with_password(&self) -> SignedIn {
        match self.enters_password().await {
            Ok(SignIn::Complete(new_session)) => new_session.signed_in().clone(),
            other => panic!("{} is not let in with a password: {other:?}", self.user.name),
        }
    }

    /// Signs in with the password and this answer to the device that is asked.
    pub async fn signs_in(&self, answer: &str) -> Result<NewSession, Error> {
        let challenge = self.is_asked().await;
        self.answers(&challenge.token, &challenge.view.device.id, answer).await
    }

    /// Signs in with the password and a backup code.
    pub async fn signs_in_with_backup_code(&self, code: &str) -> Result<NewSession, Error> {
        let challenge = self.is_asked().await;
        let asked = [&challenge.view.device].into_iter().chain(&challenge.view.others);
        let codes = asked.into_iter().find(|device| device.kind == Kind::BACKUP_CODES).expect("there are backup codes");
        self.answers(&challenge.token, &codes.id, code).await
    }

    /// Answers a device in a login that is under way.
    pub async fn answers(&self, attempt: &AttemptToken, device: &DeviceId, answer: &str) -> Result<NewSession, Error> {
        let (new_session, _) =
            self.world.engine.answer(attempt, device, &answer.into(), &RequestContext::default()).await?;
        Ok(new_session)
    }

    /// Begins to set up an authenticator app.
    pub async fn begins_setup(&self, signed_in: &SignedIn) -> Result<(AttemptToken, SoftApp), Error> {
        let name = DeviceName::parse("Phone").map_err(Error::from)?;
        let enrolment = Enrolment { kind: Kind::TOTP, name, to: None };
        let attempt = self.world.engine.begin_enrolment(signed_in, enrolment, &RequestContext::default()).await?;
        let view = self.world.engine.setup(signed_in, &attempt).await?;
        let key = view.key.expect("an app is given a key");
        Ok((attempt, SoftApp::with_key(key.text.expose())))
    }

    /// Sets up an authenticator app, and lets a step pass so that its next code is fresh.
    pub async fn sets_up(&self) -> SignedIn {
        let signed_in = self.signs_in_with_password().await;
        let (attempt, app) = self.begins_setup(&signed_in).await.expect("setup begins");
        let code = app.code_at(self.world.now());
        let new_session = self
            .world
            .engine
            .confirm_enrolment(&signed_in, &attempt, &code.as_str().into(), &RequestContext::default())
            .await;
        let new_session = new_session.expect("setup ends");
        self.takes(app);
        self.world.pass(30);
        new_session.signed_in().clone()
    }

    /// Has this app from now on.
    pub fn takes(&self, app: SoftApp) {
        *self.app.lock().expect("no test panics here") = Some(app);
    }

    /// Makes backup codes.
    pub async fn makes_backup_codes(&self, signed_in: &SignedIn) -> Vec<String> {
        let engine = &self.world.engine;
        let attempt = engine.begin(signed_in, Purpose::BackupCodes).await.expect("the form is shown");
        let name = DeviceName::parse("Backup codes").expect("a good name");
        let made = engine
            .make_backup_codes(signed_in, &attempt, name, &RequestContext::default())
            .await
            .expect("codes are made");
        made.codes.iter().map(|code| code.expose().to_owned()).collect()
    }

    /// The code their app shows now.
    pub fn code(&self) -> String {
        self.app().code_at(self.world.now())
    }

    /// A code that is wrong now.
    pub fn wrong_code(&self) -> String {
        self.app().wrong_code_at(self.world.now())
    }

    /// Their app.
    pub fn app(&self) -> SoftApp {
        self.app.lock().expect("no test panics here").clone().expect("an app is set up")
    }

    /// What became of the session behind `token`.
    pub async fn session(&self, token: &SessionToken) -> Option<SignedIn> {
        self.world.engine.session(token).await.expect("the store answers")
    }
}

/// The refusal in an outcome that must be one.
pub fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Refusal {
    match outcome {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}
