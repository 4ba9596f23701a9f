//! Signing in, told as scenes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, Observer, User,
    core::{Config, Kind, Level, Refusal, Secret, Session, Timestamp},
    flow::{RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_store::SqliteStore;
use countersign_testkit::{World, refusal};

#[tokio::test]
async fn a_code_opens_the_door_once() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let code = ada.code();
    let new_session = ada.signs_in(&code).await.unwrap();
    assert_eq!(new_session.signed_in().level(), Level::Aal2);
    assert_eq!(refusal(ada.signs_in(&code).await), Refusal::CodeUsed);
}

/// T15: used at one step, tried again at that step and its neighbours, and after learned drift.
#[tokio::test]
async fn t15_a_used_code_stays_used() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let ahead = ada.app().code_at(world.now().after(Duration::from_secs(30)));
    ada.signs_in(&ahead).await.unwrap();
    for seconds in [0, 30, 30, 30] {
        world.pass(seconds);
        let refused = refusal(ada.signs_in(&ahead).await);
        assert!(matches!(refused, Refusal::CodeUsed | Refusal::CodeWrong), "{refused:?}");
        world.pass(3);
    }
    world.pass(60);
    let (code, earlier) = (ada.code(), ada.app().code_at(world.now().before(Duration::from_secs(30))));
    ada.signs_in(&code).await.unwrap();
    for spent in [&code, &earlier] {
        assert_eq!(refusal(ada.signs_in(spent).await), Refusal::CodeUsed);
    }
}

/// W-05: the code that confirmed a device does not open it at login.
#[tokio::test]
async fn the_enrolment_code_is_used_up() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
    let code = app.code_at(world.now());
    world
        .engine
        .confirm_enrolment(&signed_in, &attempt, &code.as_str().into(), &RequestContext::default())
        .await
        .unwrap();
    assert_eq!(refusal(ada.signs_in(&code).await), Refusal::CodeUsed);
}

/// T3: a user with a factor and no policy gets nothing but a pending login for one factor.
#[tokio::test]
async fn t3_one_factor_is_never_enough_for_two() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    assert!(matches!(ada.enters_password().await, Ok(SignIn::Pending(_))));
}

#[tokio::test]
async fn a_replay_costs_no_throttle_step_and_a_wrong_code_does() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let used = ada.code();
    ada.signs_in(&used).await.unwrap();
    for _ in 0..5 {
        assert_eq!(refusal(ada.signs_in(&used).await), Refusal::CodeUsed);
    }
    assert_eq!(refusal(ada.signs_in(&ada.wrong_code()).await), Refusal::CodeWrong);
    world.pass(30);
    let until = world.now();
    assert_eq!(refusal(ada.signs_in(&ada.wrong_code()).await), Refusal::CodeWrong);
    let locked = refusal(ada.signs_in(&ada.code()).await);
    assert_eq!(locked, Refusal::DeviceLocked { until: until.after(Duration::from_secs(2)), failures: 2 });
    world.pass(2);
    ada.signs_in(&ada.code()).await.unwrap();
}

/// T23: a thousand fresh challenges share one budget; R57: the cap disables the one device only.
#[tokio::test]
async fn t23_fresh_challenges_share_one_budget_and_the_cap_disables_one_device_only() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&signed_in).await;
    let mut looked_at = 0;
    for _ in 0..1000 {
        world.pass(901);
        let challenge = ada.is_asked().await;
        if challenge.view.device.kind.is_fallback() {
            break;
        }
        let refused = ada.answers(&challenge.token, &challenge.view.device.id, &ada.wrong_code()).await;
        looked_at += u32::from(matches!(refusal(refused), Refusal::CodeWrong | Refusal::DeviceDisabled));
    }
    assert_eq!(looked_at, 100);
    ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
}

#[tokio::test]
async fn each_backup_code_opens_once_and_in_any_order() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&signed_in).await;
    assert_eq!(codes.len(), 10);
    for code in codes.iter().rev() {
        ada.signs_in_with_backup_code(&code.to_lowercase().replace('-', " ")).await.unwrap();
        assert_eq!(refusal(ada.signs_in_with_backup_code(code).await), Refusal::CodeUsed);
    }
    assert_eq!(world.engine.factors(&signed_in).await.unwrap().backup_codes_left, Some(0));
}

/// W-38: an answer is tried on the chosen device alone: the others neither accept it nor count a failure.
#[tokio::test]
async fn a_code_is_tried_on_the_chosen_device_only() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let (attempt, tablet) = ada.begins_setup(&signed_in).await.unwrap();
    let code = tablet.code_at(world.now());
    let new_session =
        world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &RequestContext::default()).await.unwrap();
    let old_codes = ada.makes_backup_codes(new_session.signed_in()).await;
    let codes = ada.makes_backup_codes(new_session.signed_in()).await;
    world.pass(30);
    let asked = ada.is_asked().await.view;
    let other = |kind: &Kind| asked.others.iter().find(|device| device.kind == *kind).unwrap().id.clone();
    let (first, second, backup) = (asked.device.id.clone(), other(&Kind::TOTP), other(&Kind::BACKUP_CODES));
    let failures = async || {
        let mut failures = vec![];
        for device in [&first, &second, &backup] {
            failures.push(world.store.device(device).await.unwrap().unwrap().throttle.failures);
        }
        failures
    };
    for (device, answer, refused, counted) in [
        (&backup, "ZZZZ-ZZZZ-ZZZZ-ZZZZ-A".to_owned(), Refusal::CodeMistyped, [0, 0, 0]),
        (&backup, ada.code(), Refusal::CodeMalformed, [0, 0, 0]),
        (&first, codes[0].clone(), Refusal::CodeMalformed, [0, 0, 0]),
        (&first, tablet.code_at(world.now()), Refusal::CodeWrong, [1, 0, 0]),
        (&second, ada.code(), Refusal::CodeWrong, [1, 1, 0]),
        (&backup, old_codes[0].clone(), Refusal::CodeWrong, [1, 1, 1]),
    ] {
        let attempt = ada.is_asked().await.token;
        assert_eq!(refusal(ada.answers(&attempt, device, &answer).await), refused, "{answer}");
        assert_eq!(failures().await, counted, "{answer}");
    }
    world.pass(30);
    ada.signs_in(&ada.code()).await.unwrap();
    assert_eq!(failures().await, [0, 1, 1]);
    let attempt = ada.is_asked().await.token;
    ada.answers(&attempt, &second, &tablet.code_at(world.now())).await.unwrap();
    assert_eq!(failures().await, [0, 0, 1]);
    ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    assert_eq!(failures().await, [0, 0, 0]);
}

/// T6: logging out, a change of password and deactivation each kill the pending login.
#[tokio::test]
async fn t6_a_pending_login_dies_with_its_credentials() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let kills: [(&str, &dyn Fn()); 2] = [
        ("password", &|| world.users.change(&ada.user.id, |user| user.stamp = "changed".into())),
        ("deactivation", &|| world.users.change(&ada.user.id, |user| user.active = false)),
    ];
    let out = ada.is_asked().await;
    world.engine.sign_out(None, Some(&out.token), &RequestContext::default()).await.unwrap();
    assert_eq!(refusal(ada.answers(&out.token, &out.view.device.id, &ada.code()).await), Refusal::AttemptExpired);
    for (how, kill) in kills {
        let pending = ada.is_asked().await;
        kill();
        let refused = refusal(ada.answers(&pending.token, &pending.view.device.id, &ada.code()).await);
        assert_eq!(refused, Refusal::AttemptExpired, "{how}");
    }
}

#[tokio::test]
async fn a_pending_login_times_out_and_finishes_once() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let late = ada.is_asked().await;
    world.pass(600);
    assert_eq!(refusal(ada.answers(&late.token, &late.view.device.id, &ada.code()).await), Refusal::AttemptExpired);
    let once = ada.is_asked().await;
    ada.answers(&once.token, &once.view.device.id, &ada.code()).await.unwrap();
    world.pass(30);
    assert_eq!(refusal(ada.answers(&once.token, &once.view.device.id, &ada.code()).await), Refusal::AttemptExpired);
    assert_eq!(
        refusal(world.engine.challenge(&once.token, None, &RequestContext::default()).await),
        Refusal::AttemptExpired
    );
}

#[tokio::test]
async fn wrong_unknown_and_deactivated_are_refused_alike_and_share_the_budget() {
    let world = World::new();
    let ada = world.user("ada");
    let bob = world.user("bob");
    world.users.change(&bob.user.id, |user| user.active = false);
    for (name, password) in
        [("ada", "wrong"), ("bob", &*bob.password), ("nobody", "wrong"), ("\0", ""), (&"x".repeat(5000), "")]
    {
        for round in 0..21 {
            let refused = refusal(world.engine.sign_in(name, &Secret::new(password), &RequestContext::default()).await);
            let expected = round < 20;
            assert_eq!(refused == Refusal::InvalidCredentials, expected, "{name} {round} {refused:?}");
            assert_eq!(matches!(refused, Refusal::TooManyFailures { .. }), !expected);
        }
    }
    assert!(matches!(refusal(ada.enters_password().await), Refusal::TooManyFailures { .. }));
    world.pass(15 * 60);
    assert!(ada.enters_password().await.is_ok());
}

/// T27: a successful sign-in to an account of one's own resets neither the budget of another account nor that of the IP
/// address.
#[tokio::test]
async fn t27_an_own_success_resets_nobody_else_s_budget() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.config.password_attempts.per_address = 30);
    let (mallory, _ada) = (world.user("mallory"), world.user("ada"));
    let looked_at = async |ip: [u8; 4], names: &[&str]| {
        let context = RequestContext { address: Some(IpAddr::from(ip)), ..RequestContext::default() };
        let mut count = 0;
        for name in names.iter().cycle().take(45) {
            let own = world.engine.sign_in("mallory", &mallory.password.as_str().into(), &context).await;
            let refused = refusal(world.engine.sign_in(name, &"wrong".into(), &context).await);
            if refused == Refusal::InvalidCredentials {
                own.unwrap();
                count += 1;
            }
        }
        count
    };
    assert_eq!(looked_at([192, 0, 2, 1], &["ada"]).await, 20, "the budget of the account");
    assert_eq!(looked_at([192, 0, 2, 2], &["bob", "carol", "dave"]).await, 30, "the budget of the IP address");
}

/// T5: a hook that fails or panics yields no session, and the pending login survives it.
#[tokio::test]
async fn t5_a_failing_hook_lets_nobody_in() {
    #[derive(Debug)]
    struct Hook(std::sync::atomic::AtomicU8);

    #[async_trait]
    impl Observer for Hook {
        async fn before_session(&self, _: &User, _: &Session) -> Result<(), Fault> {
            match self.0.load(std::sync::atomic::Ordering::SeqCst) {
                0 => Ok(()),
                1 => Err(Fault::new("ask the hook")),
                _ => panic!("the hook breaks"),
            }
        }
    }

    let hook = Arc::new(Hook(0.into()));
    let store = Arc::new(MemoryStore::default());
    let world = World::built(store, |parts| parts.observer = hook.clone());
    let ada = world.user("ada");
    ada.sets_up().await;
    let challenge = ada.is_asked().await;
    let sessions = async || world.store.sessions(&ada.user.id).await.unwrap().len();
    let before = sessions().await;
    hook.0.store(1, std::sync::atomic::Ordering::SeqCst);
    let outcome = ada.answers(&challenge.token, &challenge.view.device.id, &ada.code()).await;
    assert!(matches!(outcome, Err(Error::Faulted(_))));
    hook.0.store(2, std::sync::atomic::Ordering::SeqCst);
    let (engine, attempt) = (world.engine.clone(), challenge.token.clone());
    let (device, code) = (challenge.view.device.id.clone(), ada.code());
    let task =
        tokio::spawn(async move { engine.answer(&attempt, &device, &code.into(), &RequestContext::default()).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(sessions().await, before);
    hook.0.store(0, std::sync::atomic::Ordering::SeqCst);
    ada.answers(&challenge.token, &challenge.view.device.id, &ada.code()).await.unwrap();
}

/// T26: the failure count survives a client that goes away while it is being written, and a handler that breaks off.
#[tokio::test]
async fn t26_a_counted_failure_stays_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("failures.db");
    SqliteStore::migrate(&file).unwrap();
    let world = World::on(Arc::new(SqliteStore::open(&file).unwrap()));
    let ada = world.user("ada");
    ada.sets_up().await;
    let attempt = ada.is_asked().await;
    let (engine, device, code) = (world.engine.clone(), attempt.view.device.id.clone(), ada.wrong_code());

    // The disk is taken, so the commit waits; meanwhile the client goes away and its task is dropped.
    let taken = rusqlite::Connection::open(&file).unwrap();
    taken.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (pending, asked) = (attempt.token.clone(), device.clone());
    let answering =
        tokio::spawn(async move { engine.answer(&pending, &asked, &code.into(), &RequestContext::default()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!answering.is_finished(), "the answer waits for the disk");
    answering.abort();
    assert!(answering.await.unwrap_err().is_cancelled());
    taken.execute_batch("COMMIT").unwrap();
    let failures = async || world.store.device(&device).await.unwrap().unwrap().throttle.failures;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if failures().await == 1 {
            break;
        }
    }
    assert_eq!(failures().await, 1);

    world.pass(10);
    let (engine, asked, code) = (world.engine.clone(), device.clone(), ada.wrong_code());
    let broken = tokio::spawn(async move {
        let _ = engine.answer(&attempt.token, &asked, &code.into(), &RequestContext::default()).await;
        panic!("the handler breaks off")
    });
    assert!(broken.await.unwrap_err().is_panic());
    assert_eq!(failures().await, 2);
}

#[tokio::test]
async fn a_session_ends_idle_and_in_all_by_its_level() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    for _ in 0..2 {
        world.pass(10 * 3600 - 60);
        assert!(ada.session(new_session.token()).await.is_some(), "a working day without the site");
    }
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    world.pass(10 * 3600);
    assert!(ada.session(new_session.token()).await.is_none(), "idle for ten hours");
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    for _ in 0..24 {
        world.pass(3600 - 1);
        ada.session(new_session.token()).await;
    }
    world.pass(24);
    assert!(ada.session(new_session.token()).await.is_none(), "a day in all");
}

#[tokio::test]
async fn a_session_dies_with_its_stamp_and_with_its_user() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let new_session = ada.signs_in(&ada.code()).await.unwrap();
    world.users.change(&ada.user.id, |user| user.active = false);
    assert!(ada.session(new_session.token()).await.is_none());
    world.users.change(&ada.user.id, |user| user.active = true);
    assert!(ada.session(new_session.token()).await.is_some());
    world.users.change(&ada.user.id, |user| user.stamp = "changed".into());
    assert!(ada.session(new_session.token()).await.is_none());
}

#[tokio::test]
async fn a_clock_set_back_opens_no_older_code_and_ends_no_lock_early() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let then = world.now();
    let code = ada.code();
    ada.signs_in(&code).await.unwrap();
    world.clock.set(Timestamp::from_millis(then.as_millis() - 60_000));
    let refused = refusal(ada.signs_in(&ada.code()).await);
    assert_eq!(refused, Refusal::CodeUsed);
}

/// A login is finished, and everything about it that had an end is forgotten; then `login_timeout` is set to more.
#[tokio::test]
async fn t127_a_login_that_is_over_stays_over_when_login_timeout_is_set_to_more() {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let finished = ada.is_asked().await;
    ada.answers(&finished.token, &finished.view.device.id, &ada.code()).await.unwrap();
    let signed_out = ada.is_asked().await;
    world.engine.sign_out(None, Some(&signed_out.token), &RequestContext::default()).await.unwrap();
    let patient = World::built(world.store.clone(), |parts| {
        (parts.users, parts.clock) = (world.users.clone(), world.clock.clone());
        parts.config.login_timeout = Config::MAX_LOGIN_TTL;
    });
    for seconds in [601, 3600, 10 * 3600] {
        world.pass(seconds);
        world.engine.purge().await.unwrap();
        for over in [&finished, &signed_out] {
            let device = &over.view.device.id;
            let answered =
                patient.engine.answer(&over.token, device, &ada.code().into(), &RequestContext::default()).await;
            assert_eq!(refusal(answered), Refusal::AttemptExpired);
        }
    }
}
