//! Setting up, making codes, removing, disabling, changing the password: who may, and what it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        DeviceChange, DeviceId, DeviceName, Envelope, EventKind, Kind, Level, Refusal, Secret, Timestamp,
        flow::Purpose,
        mark::Mark,
        method::{
            State,
            foreign::{ForeignMethod, Word},
            totp,
        },
        otp::Key,
    },
    flow::{RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{World, refusal};

fn request_context() -> RequestContext {
    RequestContext::default()
}

/// W-01, T12: a password-only session can never add a factor where one exists, whatever step it begins with.
#[tokio::test]
async fn a_password_only_session_never_adds_a_second_factor_where_one_exists() {
    let world = World::new();
    let ada = world.user("ada");
    let (old, other) = (ada.signs_in_with_password().await, ada.signs_in_with_password().await);
    let (attempt, app) = ada.begins_setup(&old).await.unwrap();
    let (begun, rival) = ada.begins_setup(&other).await.unwrap();
    let code = app.code_at(world.now());
    world.engine.confirm_enrolment(&old, &attempt, &code.as_str().into(), &request_context()).await.unwrap();
    let code = rival.code_at(world.now());
    let refused = world.engine.confirm_enrolment(&other, &begun, &code.as_str().into(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::SignInNeeded, "the session has ended with the first device");
    assert_eq!(refusal(ada.begins_setup(&other).await), Refusal::VerificationNeeded);
    for purpose in [Purpose::BackupCodes, Purpose::Disable, Purpose::RemoveDevice] {
        assert_eq!(refusal(world.engine.begin(&other, purpose).await), Refusal::VerificationNeeded);
    }
    assert_eq!(refusal(world.engine.may_change_password(&other).await), Refusal::VerificationNeeded);
}

/// W-28, W-29: setting up gives a new session and ends the ones that a password alone had opened.
#[tokio::test]
async fn the_first_device_gives_a_new_session_and_ends_the_others() {
    let world = World::new();
    let ada = world.user("ada");
    let Ok(SignIn::Complete(other)) = ada.enters_password().await else { panic!("not let in") };
    let Ok(SignIn::Complete(mine)) = ada.enters_password().await else { panic!("not let in") };
    let (attempt, app) = ada.begins_setup(mine.signed_in()).await.unwrap();
    let code = app.code_at(world.now());
    let new_session = world
        .engine
        .confirm_enrolment(mine.signed_in(), &attempt, &code.as_str().into(), &request_context())
        .await
        .unwrap();
    assert_eq!(new_session.signed_in().level(), Level::Aal2);
    assert_ne!(new_session.token().expose(), mine.token().expose());
    assert!(ada.session(new_session.token()).await.is_some());
    assert!(ada.session(mine.token()).await.is_none() && ada.session(other.token()).await.is_none());
}

#[tokio::test]
async fn setting_up_needs_a_recent_password_and_a_further_device_a_recent_proof() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    world.pass(601);
    assert_eq!(refusal(ada.begins_setup(&signed_in).await), Refusal::PasswordNeeded);
    let verified = ada.sets_up().await;
    assert!(ada.begins_setup(&verified).await.is_ok());
    world.pass(601);
    assert_eq!(refusal(ada.begins_setup(&verified).await), Refusal::VerificationNeeded);
    let challenge = world.engine.begin_step_up(&verified, None).await.unwrap();
    let device = challenge.view.device.id;
    let new_session = world
        .engine
        .step_up(&verified, &challenge.token, &device, &ada.code().into(), &request_context())
        .await
        .unwrap();
    assert!(ada.begins_setup(new_session.signed_in()).await.is_ok());
}

/// T38: a setup begun and abandoned changes nothing: the old factor works, the new secret does not.
#[tokio::test]
async fn t38_an_abandoned_setup_changes_nothing() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let (attempt, new) = ada.begins_setup(&signed_in).await.unwrap();
    assert_eq!(refusal(ada.signs_in(&new.code_at(world.now())).await), Refusal::CodeWrong);
    world.engine.abandon_enrolment(&signed_in, &attempt).await.unwrap();
    world.pass(60);
    ada.signs_in(&ada.code()).await.unwrap();
    let refused = world
        .engine
        .confirm_enrolment(&signed_in, &attempt, &new.code_at(world.now()).into(), &request_context())
        .await;
    assert_eq!(refusal(refused), Refusal::AttemptExpired);
}

/// T37: a run begun in one session is useless in another and for another user.
#[tokio::test]
async fn t37_a_run_belongs_to_its_session() {
    let world = World::new();
    let (ada, bob) = (world.user("ada"), world.user("bob"));
    let (mine, elsewhere) = (ada.signs_in_with_password().await, ada.signs_in_with_password().await);
    let stranger = bob.signs_in_with_password().await;
    let (attempt, app) = ada.begins_setup(&mine).await.unwrap();
    for other in [&elsewhere, &stranger] {
        assert_eq!(refusal(world.engine.setup(other, &attempt).await), Refusal::AttemptExpired);
        let refused =
            world.engine.confirm_enrolment(other, &attempt, &app.code_at(world.now()).into(), &request_context()).await;
        assert_eq!(refusal(refused), Refusal::AttemptExpired);
    }
}

/// T37: a step-up that was begun in one session is finished in no other one, and by no other user.
#[tokio::test]
async fn t37_a_step_up_belongs_to_its_session() {
    let world = World::new();
    let (ada, bob) = (world.user("ada"), world.user("bob"));
    let mine = ada.sets_up().await;
    let elsewhere = ada.signs_in(&ada.code()).await.unwrap();
    let stranger = bob.sets_up().await;
    let step_up = world.engine.begin_step_up(&mine, None).await.unwrap();
    let device = &step_up.view.device.id;
    for other in [elsewhere.signed_in(), &stranger] {
        let shown = world.engine.step_up_challenge(other, &step_up.token, None).await;
        assert_eq!(refusal(shown), Refusal::AttemptExpired);
        for code in [ada.code(), bob.code()] {
            let refused = world.engine.step_up(other, &step_up.token, device, &code.into(), &request_context()).await;
            assert_eq!(refusal(refused), Refusal::AttemptExpired);
        }
    }
    world.engine.step_up(&mine, &step_up.token, device, &ada.code().into(), &request_context()).await.unwrap();
}

#[tokio::test]
async fn a_setup_keeps_its_key_over_wrong_codes_and_reloads() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
    let key = world.engine.setup(&signed_in, &attempt).await.unwrap().key.unwrap();
    let wrong = app.wrong_code_at(world.now());
    let refused = world.engine.confirm_enrolment(&signed_in, &attempt, &wrong.into(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::CodeWrong);
    let again = world.engine.setup(&signed_in, &attempt).await.unwrap().key.unwrap();
    assert_eq!(again.text.expose(), key.text.expose());
    world.pass(1);
    let code = app.code_at(world.now());
    world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await.unwrap();
}

/// T33: a new key has 160 bits, told in bits, as it is stored.
#[tokio::test]
async fn t33_a_new_key_has_160_bits() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let (attempt, _) = ada.begins_setup(&signed_in).await.unwrap();
    let view = world.engine.setup(&signed_in, &attempt).await.unwrap();
    let key = countersign_engine::core::otp::Key::from_base32(view.key.unwrap().text.expose()).unwrap();
    assert_eq!(key.bits(), 160);
}

/// D9: made once, shown once; sending the form again makes none and shows none, and new codes end the old ones.
#[tokio::test]
async fn backup_codes_are_made_once_a_form_and_end_the_old_ones() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let name = || DeviceName::parse("Codes").unwrap();
    let attempt = world.engine.begin(&signed_in, Purpose::BackupCodes).await.unwrap();
    let first = world.engine.make_backup_codes(&signed_in, &attempt, name(), &request_context()).await.unwrap();
    let again = world.engine.make_backup_codes(&signed_in, &attempt, name(), &request_context()).await;
    assert_eq!(refusal(again), Refusal::AttemptExpired);
    let second = ada.makes_backup_codes(&signed_in).await;
    let old = first.codes[0].expose();
    assert_eq!(refusal(ada.signs_in_with_backup_code(old).await), Refusal::CodeWrong);
    world.pass(1);
    ada.signs_in_with_backup_code(&second[0]).await.unwrap();
}

#[tokio::test]
async fn backup_codes_alone_are_no_second_factor() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    assert_eq!(refusal(world.engine.begin(&signed_in, Purpose::BackupCodes).await), Refusal::NotEnabled);
}

#[tokio::test]
async fn disabling_removes_every_device_and_ends_every_other_session() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    ada.makes_backup_codes(&signed_in).await;
    ada.begins_setup(&signed_in).await.unwrap();
    let other = ada.signs_in(&ada.code()).await.unwrap();
    let attempt = world.engine.begin(&signed_in, Purpose::Disable).await.unwrap();
    let new_session = world.engine.disable(&signed_in, &attempt, &request_context()).await.unwrap();
    assert_eq!(new_session.signed_in().level(), Level::Aal1);
    assert!(world.store.factors(&ada.user.id).await.unwrap().devices.is_empty(), "confirmed or not");
    assert!(ada.session(new_session.token()).await.is_some() && ada.session(other.token()).await.is_none());
    assert!(matches!(ada.enters_password().await, Ok(SignIn::Complete(_))));
}

#[tokio::test]
async fn a_device_can_be_preferred_and_removed_but_the_last_one_stays() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
    let code = app.code_at(world.now());
    let signed_in =
        world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await.unwrap();
    let signed_in = signed_in.signed_in();
    let devices = world.engine.factors(signed_in).await.unwrap().devices;
    assert_eq!(devices.iter().map(|device| device.preferred).collect::<Vec<_>>(), [true, false]);
    world.engine.prefer(signed_in, &devices[1].id).await.unwrap();
    assert_eq!(ada.is_asked().await.view.device.id, devices[1].id);
    let remove = async |device| {
        let attempt = world.engine.begin(signed_in, Purpose::RemoveDevice).await.unwrap();
        world.engine.remove_device(signed_in, &attempt, device, &request_context()).await
    };
    remove(&devices[1].id).await.unwrap();
    assert_eq!(ada.is_asked().await.view.device.id, devices[0].id);
    assert_eq!(refusal(remove(&devices[0].id).await), Refusal::LastDevice { others: 0 });
    assert_eq!(refusal(remove(&devices[1].id).await), Refusal::DeviceUnknown);
}

/// T25: the password asked again shares the budget of the first step.
#[tokio::test]
async fn changing_the_password_asks_for_it_and_ends_everything_else() {
    let world = World::new();
    let ada = world.user("ada");
    let mine = ada.sets_up().await;
    let other = ada.signs_in(&ada.code()).await.unwrap();
    let pending = ada.is_asked().await;
    let change = async |current: &str| {
        world.engine.change_password(&mine, &current.into(), &"a new long password".into(), &request_context()).await
    };
    assert_eq!(refusal(change("wrong").await), Refusal::PasswordWrong);
    let new_session = change(&ada.password).await.unwrap();
    assert_eq!(new_session.signed_in().level(), Level::Aal2);
    assert!(ada.session(new_session.token()).await.is_some() && ada.session(other.token()).await.is_none());
    world.pass(30);
    let refused = ada.answers(&pending.token, &pending.view.device.id, &ada.code()).await;
    assert_eq!(refusal(refused), Refusal::AttemptExpired);
    // One of the twenty was wrong before, and one sign-in stopped half way.
    for _ in 0..18 {
        let refused = world
            .engine
            .change_password(new_session.signed_in(), &"wrong".into(), &"x".into(), &request_context())
            .await;
        assert_eq!(refusal(refused), Refusal::PasswordWrong);
    }
    assert!(matches!(refusal(ada.enters_password().await), Refusal::TooManyFailures { .. }));
}

#[tokio::test]
async fn staff_take_factors_away_and_hand_out_one_code_and_both_hold_at_once() {
    let world = World::new();
    let ada = world.user("ada");
    assert_eq!(
        refusal(world.engine.add_backup_code(&ada.user, DeviceName::parse("Codes").unwrap(), None).await),
        Refusal::NotEnabled
    );
    let signed_in = ada.sets_up().await;
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    for _ in 0..2 {
        let code = world.engine.add_backup_code(&ada.user, DeviceName::parse("Codes").unwrap(), None).await.unwrap();
        ada.signs_in_with_backup_code(code.expose()).await.unwrap();
    }
    assert_eq!(world.engine.factors(&signed_in).await.unwrap().backup_codes_left, Some(0));
    world.engine.disable_two_factor(&ada.user).await.unwrap();
    assert!(ada.session(new_session.token()).await.is_none());
    assert!(matches!(ada.enters_password().await, Ok(SignIn::Complete(_))));
}

/// Two rows whose sealed states were exchanged do not open, for either user: a fault, never a "no" and never a "yes".
#[tokio::test]
async fn exchanged_states_fail_closed() {
    use countersign_engine::{
        Error,
        core::{Batch, Change},
    };
    let world = World::new();
    let (ada, bob) = (world.user("ada"), world.user("bob"));
    ada.sets_up().await;
    bob.sets_up().await;
    let (runs, devices) = ([ada.is_asked().await, bob.is_asked().await], [&ada, &bob]);
    let mut rows = vec![];
    for person in devices {
        rows.push(world.store.factors(&person.user.id).await.unwrap().devices.remove(0));
    }
    let states = [rows[1].state.clone(), rows[0].state.clone()];
    for (mut row, state) in rows.into_iter().zip(states) {
        row.version += 1;
        let batch = Batch::new(vec![]).seal(|_| Ok::<_, ()>(state.clone())).unwrap();
        let batch = batch.with_changes(vec![Change::Device(DeviceChange::Update(row.with_state(state)))]);
        world.store.commit(batch).await.unwrap();
    }
    for (person, attempt) in devices.into_iter().zip(&runs) {
        for code in [ada.code(), bob.code()] {
            let outcome = person.answers(&attempt.token, &attempt.view.device.id, &code).await;
            assert!(matches!(outcome, Err(Error::Faulted(_))), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn what_happened_is_written_down() {
    use EventKind::{AnswerRefused, BackupCodesMade, DeviceConfirmed, SignedIn};
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    ada.makes_backup_codes(&signed_in).await;
    ada.signs_in(&ada.code()).await.unwrap();
    let _ = ada.signs_in(&ada.code()).await;
    let _ = ada.signs_in(&ada.wrong_code()).await;
    let events = world.store.events(&ada.user.id, 100).await.unwrap();
    let kinds: Vec<_> = events.iter().rev().map(|event| event.kind).collect();
    assert_eq!(kinds, [SignedIn, DeviceConfirmed, BackupCodesMade, SignedIn, AnswerRefused]);
    assert_eq!(events[0].method, Some(Kind::TOTP));
}

/// A device that was never proved binds nobody, however many wrong codes its setup is given.
#[tokio::test]
async fn a_setup_at_its_cap_is_over_and_switches_nothing_on() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| {
        parts.config.throttle.cap = std::num::NonZeroU32::new(3);
    });
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
    let confirm = async |code: String| {
        world.pass(10);
        refusal(world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await)
    };
    for expected in [Refusal::CodeWrong, Refusal::CodeWrong, Refusal::AttemptExpired] {
        assert_eq!(confirm(app.wrong_code_at(world.now())).await, expected);
    }
    assert!(matches!(ada.enters_password().await, Ok(SignIn::Complete(_))), "the password is still enough");
    ada.sets_up().await;
}

/// A session that was signed out meanwhile can do nothing.
#[tokio::test]
async fn an_action_dies_with_its_session() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let signed_in = ada.signs_in(&ada.code()).await.unwrap().signed_in().clone();
    world.pass(30);
    let step = world.engine.begin_step_up(&signed_in, None).await.unwrap();
    let (setup, app) = ada.begins_setup(&signed_in).await.unwrap();
    let off = world.engine.begin(&signed_in, Purpose::Disable).await.unwrap();
    let device = step.view.device.id.clone();
    world.engine.sign_out(Some(&signed_in), None, &request_context()).await.unwrap();
    let stepped = world.engine.step_up(&signed_in, &step.token, &device, &ada.code().into(), &request_context()).await;
    assert_eq!(refusal(stepped), Refusal::SignInNeeded);
    let code = app.code_at(world.now());
    let confirmed = world.engine.confirm_enrolment(&signed_in, &setup, &code.into(), &request_context()).await;
    assert_eq!(refusal(confirmed), Refusal::SignInNeeded);
    assert_eq!(refusal(world.engine.disable(&signed_in, &off, &request_context()).await), Refusal::SignInNeeded);
    assert_eq!(refusal(world.engine.prefer(&signed_in, &device).await), Refusal::SignInNeeded);
    let (old, new) = (Secret::new(&*ada.password), Secret::new("a new long password"));
    let changed = world.engine.change_password(&signed_in, &old, &new, &request_context()).await;
    assert_eq!(refusal(changed), Refusal::SignInNeeded);
}

/// Signing out ends the session even if the login that was under way has just been finished elsewhere.
#[tokio::test]
async fn signing_out_ends_the_session_whatever_becomes_of_the_pending_login() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    world.pass(30);
    let pending = ada.is_asked().await;
    ada.answers(&pending.token, &pending.view.device.id, &ada.code()).await.unwrap();
    world.engine.sign_out(Some(new_session.signed_in()), Some(&pending.token), &request_context()).await.unwrap();
    assert!(ada.session(new_session.token()).await.is_none());
}

/// A removed device takes the other sessions along that it verified.
#[tokio::test]
async fn a_removed_device_leaves_no_session_behind() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let stolen = ada.signs_in(&ada.code()).await.unwrap();
    let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
    let code = app.code_at(world.now());
    let mine = world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await.unwrap();
    let lost = stolen.signed_in().session().device.clone().unwrap();
    let attempt = world.engine.begin(mine.signed_in(), Purpose::RemoveDevice).await.unwrap();
    world.engine.remove_device(mine.signed_in(), &attempt, &lost, &request_context()).await.unwrap();
    assert!(ada.session(stolen.token()).await.is_none() && ada.session(mine.token()).await.is_some());
}

#[tokio::test]
async fn no_backup_code_is_made_valid_again_by_adding_it_once_more() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let name = || DeviceName::parse("Codes").unwrap();
    let code = world.engine.add_backup_code(&ada.user, name(), None).await.unwrap();
    ada.signs_in_with_backup_code(code.expose()).await.unwrap();
    let again = world.engine.add_backup_code(&ada.user, name(), Some(&code)).await;
    assert_eq!(refusal(again), Refusal::CodeUsed);
    assert_eq!(refusal(ada.signs_in_with_backup_code(code.expose()).await), Refusal::CodeUsed);
}

/// A host's own method: its devices are given by the host, count at once, and are judged by the host's method; without
/// the method nobody can say, and nothing is counted.
#[tokio::test]
async fn a_host_s_own_method_counts_like_ours() {
    #[derive(Debug)]
    struct Riddle;

    impl ForeignMethod for Riddle {
        fn kind(&self) -> Kind {
            Kind::new("riddle")
        }

        fn check(&self, document: &serde_json::Value, answer: &Secret, _: Timestamp) -> Word {
            if document["answer"] != answer.expose() {
                return Word::Wrong;
            }
            Word::Right { mark: Mark::Once { id: answer.expose().into(), until: None }, next: None }
        }
    }

    let rows: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let world = World::built(rows.clone(), |parts| parts.foreign = vec![Arc::new(Riddle)]);
    let ada = world.user("ada");
    let before = ada.signs_in_with_password().await;
    let (name, document) = (DeviceName::parse("Riddle").unwrap(), serde_json::json!({ "answer": "a candle" }));
    let kind = Kind::new("riddle");
    let added = world.engine.add_foreign_device(&ada.user, &kind, name.clone(), document.clone()).await;
    let device = added.unwrap();
    assert_eq!(refusal(world.engine.begin(&before, Purpose::Disable).await), Refusal::VerificationNeeded);
    let ours = world.engine.add_foreign_device(&ada.user, &Kind::TOTP, name, document).await;
    assert_eq!(refusal(ours), Refusal::MethodUnknown);

    let attempt = ada.is_asked().await;
    let without = World::built(rows, |parts| {
        parts.users = world.users.clone();
        parts.clock = world.clock.clone();
    });
    let lost = without.engine.answer(&attempt.token, &device, &"a candle".into(), &request_context()).await;
    assert_eq!(refusal(lost.map(|_| ())), Refusal::MethodUnknown);
    assert_eq!(refusal(ada.answers(&attempt.token, &device, "a torch").await), Refusal::CodeWrong);
    world.pass(1);
    ada.answers(&attempt.token, &device, "a candle").await.unwrap();
    assert_eq!(refusal(ada.signs_in("a candle").await), Refusal::CodeUsed);
}

#[tokio::test]
async fn t120_a_user_has_no_more_devices_than_there_may_be() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.config.devices_per_user = 2);
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    ada.makes_backup_codes(&first).await;
    let (attempt, app) = ada.begins_setup(&first).await.unwrap();
    let code = app.code_at(world.now());
    let new_session =
        world.engine.confirm_enrolment(&first, &attempt, &code.as_str().into(), &request_context()).await.unwrap();
    let own = new_session.signed_in();
    let full = Refusal::TooManyDevices { most: 2 };
    assert_eq!(refusal(ada.begins_setup(own).await), full, "backup codes do not count");
    let name = DeviceName::parse("Token").unwrap();
    let state = Envelope::new(State::Totp(totp::State::new(Key::new([7; 20]))));
    let given = world.engine.add_device(&ada.user, &DeviceId::new("token"), &Kind::TOTP, name, state).await;
    assert_eq!(refusal(given), full, "not even staff give more");
    let device = own.session().device.clone().unwrap();
    let removal = world.engine.begin(own, Purpose::RemoveDevice).await.unwrap();
    world.engine.remove_device(own, &removal, &device, &request_context()).await.unwrap();
    ada.begins_setup(own).await.unwrap();
}
