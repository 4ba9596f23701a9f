//! A database is put back from a backup: what was used since is refused where time tells, and told where it does not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{path::PathBuf, sync::Arc};

use countersign_engine::{
    Store,
    core::{DeviceName, Kind, Refusal, Scopes, Secret, Timestamp},
    flow::{Enrolment, NewToken, RequestContext, SignIn, Stateless, Submitted},
    restored,
};
use countersign_store::{Existing, SqliteStore};
use countersign_testkit::{World, refusal};
use tempfile::TempDir;

/// A world on a file, and a place for its backup.
struct Archive {
    folder: TempDir,
    world: World,
}

impl Archive {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("database");
        SqliteStore::migrate(&file).unwrap();
        let world = World::with_every_method(Arc::new(SqliteStore::open(&file).unwrap()));
        Self { folder, world }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backs_up(&self) {
        SqliteStore::back_up(&self.path("database"), &self.path("backup")).unwrap();
    }

    /// The same people, clock and keys on the backup, which was put back now.
    fn restores(&self) -> World {
        let place = self.path("restored");
        let now = self.world.now();
        SqliteStore::restore(&self.path("backup"), &place, Existing::Keep, now).unwrap();
        self.on(Arc::new(SqliteStore::open(&place).unwrap()))
    }

    /// The same people, clock and keys on this store.
    fn on(&self, store: Arc<dyn Store>) -> World {
        let world = World::built(store, |parts| {
            (parts.users, parts.clock) = (self.world.users.clone(), self.world.clock.clone());
            for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
                parts.gateways.insert(channel, self.world.outbox.clone());
            }
            parts.config.offered.clone_from(&self.world.engine.config().offered);
            parts.config.sending = self.world.engine.config().sending.clone();
        });
        let (clock, outbox) = (self.world.clock.clone(), self.world.outbox.clone());
        World { clock, outbox, ..world }
    }
}

/// B10: backup, sign in by app, restore within the minute, the same code.
#[tokio::test]
async fn t119_a_code_of_an_app_that_was_used_since_the_backup_is_not_accepted_again() {
    for ahead in [false, true] {
        let archive = Archive::new();
        let ada = archive.world.user("ada");
        ada.sets_up().await;
        archive.backs_up();
        // The app's clock may be one step ahead.
        let code = if ahead { ada.app().code_at(in_seconds(&archive.world, 30)) } else { ada.code() };
        ada.signs_in(&code).await.unwrap();
        archive.world.pass(5);
        let restored = archive.restores();
        let engine = &restored.engine;
        let (password, context) = (Secret::new(&*ada.password), RequestContext::default());
        for (seconds, right) in [(1, false), (25, false), (30, true)] {
            restored.pass(seconds);
            let owed = engine.sign_in("ada", &password, &context).await;
            let Ok(SignIn::Pending(asked)) = owed else { panic!("{owed:?}") };
            let device = &asked.view.device.id;
            let again = engine.answer(&asked.token, device, &code.as_str().into(), &context).await;
            let refused = refusal(again);
            assert!(
                matches!(refused, Refusal::CodeUsed | Refusal::CodeWrong | Refusal::DeviceLocked { .. }),
                "{refused:?}"
            );
            if right {
                restored.pass(2);
                let fresh = engine.answer(&asked.token, device, &ada.code().as_str().into(), &context).await;
                assert!(fresh.is_ok(), "a code of a later step is good: {fresh:?}");
            } else {
                assert_eq!(refused, Refusal::CodeUsed);
            }
        }
    }
}

fn in_seconds(world: &World, seconds: u64) -> Timestamp {
    world.now().after(std::time::Duration::from_secs(seconds))
}

#[tokio::test]
async fn t119_sessions_tokens_and_logins_from_before_the_restore_are_over() {
    let archive = Archive::new();
    let ada = archive.world.user("ada");
    let signed_in = ada.sets_up().await;
    let new = NewToken { name: DeviceName::parse("Script").unwrap(), scopes: Scopes::default(), lifetime: None };
    archive.world.engine.make_token(&signed_in, new, &RequestContext::default()).await.unwrap();
    let pending = ada.is_asked().await;
    let device = pending.view.device.id.clone();
    archive.backs_up();
    ada.answers(&pending.token, &device, &ada.code()).await.unwrap();
    archive.world.pass(90);
    let restored = archive.restores();
    let engine = &restored.engine;
    assert!(restored.store.sessions(&ada.user.id).await.unwrap().is_empty());
    assert!(restored.store.tokens(&ada.user.id).await.unwrap().is_empty());
    restored.pass(90);
    let answered =
        engine.answer(&pending.token, &device, &ada.code().as_str().into(), &RequestContext::default()).await;
    assert_eq!(refusal(answered), Refusal::AttemptExpired, "it was finished once, and the backup does not know");
    assert_eq!(
        refusal(engine.challenge(&pending.token, None, &RequestContext::default()).await),
        Refusal::AttemptExpired
    );
    assert_eq!(
        refusal(engine.send(&pending.token, &device, &RequestContext::default()).await),
        Refusal::AttemptExpired
    );
}

/// A code that was sent belongs to its run; where a client keeps nothing, the run is found by the code.
#[tokio::test]
async fn t119_a_code_that_was_sent_before_the_restore_is_over() {
    let archive = Archive::new();
    let ada = archive.world.user("ada");
    let (password, context) = (Secret::new(&*ada.password), RequestContext::default());
    let signed_in = ada.signs_in_with_password().await;
    let name = DeviceName::parse("Phone").unwrap();
    let enrolment = Enrolment { kind: Kind::SMS, name, to: Some("+31 6 12345658".into()) };
    let attempt = archive.world.engine.begin_enrolment(&signed_in, enrolment, &context).await.unwrap();
    let code = archive.world.outbox.code().into();
    archive.world.engine.confirm_enrolment(&signed_in, &attempt, &code, &context).await.unwrap();
    archive.world.pass(60);
    let owed = archive.world.engine.sign_in_stateless("ada", &password, Submitted::Nothing, &context).await.unwrap();
    assert!(matches!(owed, Stateless::Owed(_)));
    let sent = Secret::from(archive.world.outbox.code());
    archive.backs_up();
    let used =
        archive.world.engine.sign_in_stateless("ada", &password, Submitted::Code(&sent), &context).await.unwrap();
    assert!(matches!(used, Stateless::Done(_)));
    let restored = archive.restores();
    restored.pass(61);
    let again = restored.engine.sign_in_stateless("ada", &password, Submitted::Code(&sent), &context).await;
    assert_eq!(refusal(again), Refusal::NoCodeSent);
    let owed = restored.engine.sign_in_stateless("ada", &password, Submitted::Nothing, &context).await.unwrap();
    assert!(matches!(owed, Stateless::Owed(_)));
    let sent = Secret::from(restored.outbox.code());
    let fresh = restored.engine.sign_in_stateless("ada", &password, Submitted::Code(&sent), &context).await.unwrap();
    assert!(matches!(fresh, Stateless::Done(_)), "one that was sent afterwards is good");
}

#[tokio::test]
async fn t119_what_time_does_not_tell_is_told_by_user() {
    let archive = Archive::new();
    let (ada, bob) = (archive.world.user("ada"), archive.world.user("bob"));
    let signed_in = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&signed_in).await;
    bob.sets_up().await;
    archive.backs_up();
    assert_eq!(restored::moment(&*archive.world.store).await.unwrap(), None);
    assert!(restored::in_doubt(&*archive.world.store).await.unwrap().is_empty());
    ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    let world = archive.restores();
    assert_eq!(restored::moment(&*world.store).await.unwrap(), Some(world.now()));
    let doubts = restored::in_doubt(&*world.store).await.unwrap();
    assert_eq!(doubts.keys().collect::<Vec<_>>(), [&ada.user.id]);
    assert!(doubts[&ada.user.id].iter().map(|doubt| &doubt.kind).eq([&Kind::BACKUP_CODES]));
}

/// The same after a restore by the database's own tools, and on a store in memory.
#[tokio::test]
async fn t119_a_restore_that_was_noted_afterwards_does_the_same() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let pending = ada.is_asked().await;
    let code = ada.code();
    restored::note(&*world.store, world.now()).await.unwrap();
    world.pass(1);
    assert!(world.store.session(&signed_in.session().key).await.unwrap().is_none());
    assert_eq!(refusal(ada.signs_in(&code).await), Refusal::CodeUsed, "it may have been used");
    let device = &pending.view.device.id;
    assert_eq!(refusal(ada.answers(&pending.token, device, &code).await), Refusal::AttemptExpired);
    world.pass(59);
    ada.signs_in(&ada.code()).await.unwrap();
}

/// A restore that was noted by a clock that was ahead keeps nobody from beginning a login, and a second note puts it right.
#[tokio::test]
async fn t119_a_restore_noted_by_a_clock_that_was_ahead_is_noted_again() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    restored::note(&*world.store, in_seconds(&world, 86_400)).await.unwrap();
    world.pass(60);
    assert_eq!(
        refusal(ada.signs_in(&ada.code()).await),
        Refusal::CodeUsed,
        "replay marks hold whatever the clock says"
    );
    restored::note(&*world.store, world.now()).await.unwrap();
    world.pass(61);
    ada.signs_in(&ada.code()).await.unwrap();
}
