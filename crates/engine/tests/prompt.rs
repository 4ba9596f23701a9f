//! What a device that is asked shows of itself, and to whom.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use countersign_engine::{
    BrowserToken,
    core::{
        DeviceName,
        view::{AnswerForm, PromptView},
    },
    flow::{LoginChallenge, RequestContext, SignIn},
};
use countersign_testkit::{Person, World};

async fn is_asked(world: &World, person: &Person, browser: Option<&BrowserToken>) -> LoginChallenge {
    let context = RequestContext { browser: browser.cloned(), ..RequestContext::default() };
    let asked = world.engine.sign_in(&person.user.name, &person.password.as_str().into(), &context).await;
    let Ok(SignIn::Pending(challenge)) = asked else { panic!("{asked:?}") };
    challenge
}

fn shown(challenge: &LoginChallenge) -> impl Iterator<Item = &PromptView> {
    let view = &challenge.view;
    [&view.device].into_iter().chain(&view.others).chain(&view.disabled)
}

fn name(device: &PromptView) -> Option<&str> {
    device.name.as_ref().map(DeviceName::as_str)
}

#[tokio::test]
async fn t125_the_password_alone_shows_no_names_failures_and_codes_left() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    ada.makes_backup_codes(&signed_in).await;
    let home = ada.signs_in(&ada.code()).await.unwrap().browser().unwrap().clone();
    world.pass(30);
    ada.signs_in(&ada.wrong_code()).await.unwrap_err();
    world.pass(30);

    let stranger = is_asked(&world, &ada, None).await;
    assert_eq!(shown(&stranger).count(), 2);
    for device in shown(&stranger) {
        assert_eq!((name(device), device.failures), (None, None));
    }
    let [codes] = &*stranger.view.others else { panic!("one list of backup codes") };
    assert_eq!(codes.answer, AnswerForm::BackupCode { left: None });
    let app = &stranger.view.device;
    assert_eq!((&app.kind, app.answer), (&countersign_engine::core::Kind::TOTP, AnswerForm::Digits(6)));

    let owner = is_asked(&world, &ada, Some(&home)).await;
    assert_eq!((name(&owner.view.device), owner.view.device.failures), (Some("Phone"), Some(1)));
    assert_eq!(owner.view.others[0].answer, AnswerForm::BackupCode { left: Some(10) });

    let signed_in = ada.signs_in(&ada.code()).await.unwrap().signed_in().clone();
    let step_up = world.engine.begin_step_up(&signed_in, None).await.unwrap();
    assert_eq!((name(&step_up.view.device), step_up.view.device.failures), (Some("Phone"), Some(0)));
    assert_eq!(step_up.view.others[0].answer, AnswerForm::BackupCode { left: Some(10) });
}

/// Of two apps the owner has to know which one is meant.
#[tokio::test]
async fn t125_names_are_shown_where_two_devices_are_alike_without_them() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let (attempt, second) = ada.begins_setup(&signed_in).await.unwrap();
    let code = second.code_at(world.now());
    let new_session =
        world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &RequestContext::default()).await.unwrap();
    ada.makes_backup_codes(new_session.signed_in()).await;
    let stranger = is_asked(&world, &ada, None).await;
    let names: Vec<_> = shown(&stranger).map(|device| (device.kind.as_str(), name(device))).collect();
    assert_eq!(names, [("totp", Some("Phone")), ("totp", Some("Phone")), ("backup-codes", None)]);
}
