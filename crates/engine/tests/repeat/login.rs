//! The second step of a sign-in, sent twice.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Error, KeyId, Keyring, OsRandom,
    core::{EventKind, Refusal, Timestamp, repeat::REPEAT_WINDOW, time::CLOCK_TOLERANCE},
    flow::{DeviceCookieSupport, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{Failing, World, refusal};

use super::{asked, here, is_over, latest, rows, token};

/// T162: a password manager submits, and the person presses Enter 100 ms later.
#[tokio::test]
async fn t162_the_same_answer_to_the_same_attempt_gives_the_same_session_and_writes_nothing() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    let first = token(ada.answers(&attempt, &device, &code).await);
    let before = rows(&world, &ada).await;
    for seconds in [0, 1, 30, 28] {
        world.pass(seconds);
        assert_eq!(token(ada.answers(&attempt, &device, &code).await), first);
    }
    assert_eq!(rows(&world, &ada).await, before);
    world.pass(1);
    assert!(is_over(&ada.answers(&attempt, &device, &code).await), "a minute is over");
}

/// T162: a code is spent for every other attempt, whatever may be repeated in its own.
#[tokio::test]
async fn t162_the_same_code_in_another_attempt_is_used() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let other = ada.is_asked().await;
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    assert_eq!(refusal(ada.answers(&other.token, &device, &code).await), Refusal::CodeUsed);
}

/// T163
#[tokio::test]
async fn t163_the_first_use_of_the_new_token_ends_it() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    let new_session = ada.answers(&attempt, &device, &code).await.unwrap();
    assert!(ada.session(new_session.token()).await.is_some());
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
    let row = world.store.session(&new_session.signed_in().session().key).await.unwrap().unwrap();
    assert!(!row.is_unused(), "nothing is left to be opened");
}

/// T163: the commit comes before the request is served. Where it cannot be written, the request is not.
#[tokio::test]
async fn t163_nothing_is_served_while_the_first_use_cannot_be_written() {
    let failing = Failing::before(Arc::new(MemoryStore::default()));
    let world = World::on(failing.clone());
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    let new_session = ada.answers(&attempt, &device, &code).await.unwrap();
    failing.hook().set_read_only(true);
    assert!(world.engine.session(new_session.token()).await.is_err());
    failing.hook().set_read_only(false);
    assert_eq!(token(ada.answers(&attempt, &device, &code).await), new_session.token().expose());
    failing.hook().set_read_only(true);
    world.clock.pass(REPEAT_WINDOW + CLOCK_TOLERANCE + Duration::from_millis(1));
    assert!(ada.session(new_session.token()).await.is_some(), "no node could repeat the call by now");
}

/// T163: a request that brings the new token itself has it.
#[tokio::test]
async fn t163_a_request_with_the_new_token_repeats_nothing() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    let new_session = ada.answers(&attempt, &device, &code).await.unwrap();
    let context = RequestContext { session: Some(new_session.token().clone()), ..here() };
    let repeated = world.engine.answer(&attempt, &device, &code.as_str().into(), &context).await;
    assert!(matches!(repeated, Err(Error::Refused(Refusal::AttemptExpired))));
}

/// T164: a client that has the attempt's token has one guess, and it is counted.
#[tokio::test]
async fn t164_the_first_different_answer_ends_it_for_good_and_counts_as_a_failure() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    let (events, sessions, failures) = rows(&world, &ada).await;
    assert!(is_over(&ada.answers(&attempt, &device, &ada.wrong_code()).await));
    assert_eq!(rows(&world, &ada).await, (events + 1, sessions, failures + 1));
    assert_eq!(latest(&world, &ada).await, EventKind::AnswerRefused);
    assert!(is_over(&ada.answers(&attempt, &device, &code).await), "the right answer comes too late");
    assert!(is_over(&ada.answers(&attempt, &device, &ada.wrong_code()).await));
    assert_eq!(rows(&world, &ada).await, (events + 1, sessions, failures + 1), "one failure, and no more");
}

/// T164: spelled otherwise it is another answer, and so is the same one for another device.
#[tokio::test]
async fn t164_the_same_answer_is_the_same_text_for_the_same_device() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    assert!(is_over(&ada.answers(&attempt, &device, &format!("{code} ")).await));
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));

    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    assert!(is_over(&ada.answers(&attempt, &countersign_engine::core::DeviceId::new("another"), &code).await));
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
}

/// T165: with the session goes what would repeat it.
#[tokio::test]
async fn t165_what_ends_the_session_ends_it() {
    for end in ["sign-out", "staff", "deactivation", "restore", "forgotten", "password", "disabled"] {
        let world = World::new();
        let (ada, attempt, device) = asked(&world).await;
        let code = ada.code();
        let new_session = ada.answers(&attempt, &device, &code).await.unwrap();
        let engine = &world.engine;
        match end {
            "sign-out" => engine.sign_out(Some(new_session.signed_in()), None, &here()).await.unwrap(),
            "staff" => engine.end_sessions(&ada.user.id).await.unwrap(),
            "deactivation" => world.users.change(&ada.user.id, |user| user.active = false),
            "restore" => countersign_engine::restored::note(&*world.store, world.now()).await.unwrap(),
            "forgotten" => engine.forget_user(&ada.user.id).await.unwrap(),
            "password" => world.users.change(&ada.user.id, |user| user.stamp = "another".into()),
            _ => engine.disable_two_factor(&ada.user).await.unwrap(),
        }
        assert!(is_over(&ada.answers(&attempt, &device, &code).await), "{end}");
    }
}

/// T165: giving the login up gives up what it has come to, if nobody holds it.
#[tokio::test]
async fn t165_a_login_that_is_given_up_leaves_no_session_that_nobody_holds() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    let new_session = ada.answers(&attempt, &device, &code).await.unwrap();
    world.engine.sign_out(None, Some(&attempt), &here()).await.unwrap();
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
    assert!(ada.session(new_session.token()).await.is_none());
    assert_eq!(latest(&world, &ada).await, EventKind::SignedOut);

    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let new_session = ada.answers(&attempt, &device, &ada.code()).await.unwrap();
    ada.session(new_session.token()).await.unwrap();
    world.engine.sign_out(None, Some(&attempt), &here()).await.unwrap();
    assert!(ada.session(new_session.token()).await.is_some(), "it is in use");
}

/// T160: an answer in the last second of a login may be repeated after its end.
#[tokio::test]
async fn t160_the_minute_counts_from_the_answer_and_not_from_the_login() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    world.pass(599);
    let code = ada.code();
    let first = token(ada.answers(&attempt, &device, &code).await);
    world.pass(59);
    assert_eq!(token(ada.answers(&attempt, &device, &code).await), first);
    world.pass(1);
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
}

/// T160: a clock that was ahead lengthens nothing.
#[tokio::test]
async fn t160_what_a_clock_that_was_ahead_has_dated_is_not_repeated() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    world.pass(300);
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    let back = Timestamp::from_millis(world.now().as_millis() - 61_000);
    world.clock.set(back);
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
}

/// T161: without the key that sealed it there is nothing to repeat, and nothing to count.
#[tokio::test]
async fn t161_a_result_whose_key_is_gone_is_over() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let code = ada.code();
    ada.answers(&attempt, &device, &code).await.unwrap();
    let before = rows(&world, &ada).await;
    let other = Keyring::new_line(KeyId::draw(&OsRandom), &OsRandom);
    world.engine.replace_keys(Keyring::parse(&other).unwrap());
    assert!(is_over(&ada.answers(&attempt, &device, &code).await));
    assert_eq!(rows(&world, &ada).await, before);
}

/// T162: a repeated call gives no other device cookie and takes no place for one.
#[tokio::test]
async fn t162_a_repeated_call_writes_no_device_cookie() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let context = RequestContext { device_cookie: DeviceCookieSupport::Kept, ..here() };
    let code = ada.code().into();
    let (first, _) = world.engine.answer(&attempt, &device, &code, &context).await.unwrap();
    let before = world.store.device_cookies(&ada.user.id).await.unwrap();
    let (again, _) = world.engine.answer(&attempt, &device, &code, &context).await.unwrap();
    assert!(first.browser().is_some() && again.browser().is_none());
    assert_eq!(world.store.device_cookies(&ada.user.id).await.unwrap(), before);
}

/// T161: what can be repeated no more is not kept.
#[tokio::test]
async fn t161_the_clean_up_forgets_a_sealed_result_that_nobody_asked_for() {
    let world = World::new();
    let (ada, attempt, device) = asked(&world).await;
    let new_session = ada.answers(&attempt, &device, &ada.code()).await.unwrap();
    let key = &new_session.signed_in().session().key;
    world.engine.purge().await.unwrap();
    assert!(world.store.session(key).await.unwrap().unwrap().is_unused());
    world.pass(60);
    world.engine.purge().await.unwrap();
    assert!(!world.store.session(key).await.unwrap().unwrap().is_unused());
    assert!(ada.session(new_session.token()).await.is_some(), "the session goes on");
}
