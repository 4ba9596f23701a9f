//! The flows, one after the other, with their successes and errors. Each page is checked.

use countersign_engine::{Error, core::Refusal, flow::RequestContext};
use countersign_testkit::{Behaviour, SoftApp, SoftToken, SoftYubikey, other_code};

use crate::tour::{HOME, LOGIN, SECOND_FACTOR, SETUP, Tour, VERIFY};

/// Without a session: the public pages, and the responses to wrong passwords.
pub(crate) async fn knocks(tour: &mut Tour) {
    for path in ["/account/nowhere", "/account/login/send", SECOND_FACTOR, HOME, "/account/logout", "/api/v1/reference"]
    {
        tour.opens(path).await;
    }
    tour.opens(LOGIN).await;
    tour.submits(&[("name", "ada"), ("password", "not the password")]).await;
    tour.is_told("").await;
    tour.meddles("document.querySelector('main [name=password]').value = 'x'").await;
    tour.meddles("document.querySelector('main [name=form]').value = 'stale'").await;
    tour.submits(&[]).await;
    tour.opens(LOGIN).await;
    tour.meddles("document.querySelector('main [name=name]').remove()").await;
    tour.submits(&[("password", "x")]).await;

    tour.world.user("eve");
    for _ in 0..1000 {
        let refused = tour.world.engine.sign_in("eve", &"not the password".into(), &RequestContext::default()).await;
        if matches!(refused, Err(Error::Refused(Refusal::TooManyFailures { .. }))) {
            break;
        }
    }
    tour.opens(LOGIN).await;
    tour.submits(&[("name", "eve"), ("password", "not the password")]).await;
    assert!(tour.person.sees("[role=alert] time").await, "{}", tour.person.source().await);
}

/// With a password only: the account page without devices, a change of password, and its confirmation.
pub(crate) async fn changes_the_password(tour: &mut Tour) {
    tour.gives_password().await;
    tour.opens(HOME).await;
    tour.opens(VERIFY).await;
    let (old, new) = (tour.password.clone(), "four words nobody guesses");
    for (current, new, again) in [("not the password", new, new), (&*old, new, "something else"), (&*old, new, new)] {
        tour.opens("/account/password").await;
        tour.submits(&[("current", current), ("new", new), ("again", again)]).await;
    }
    assert!(!tour.person.sees("[role=alert]").await, "{}", tour.person.source().await);
    tour.password = new.into();
    tour.world.pass(601);
    tour.opens(SETUP).await;
    tour.submits(&[("password", "not the password")]).await;
    tour.is_told("").await;
    tour.submits(&[("password", new)]).await;
    tour.is_at(SETUP).await;
}

/// Sets up one device for every method, the weakest first.
pub(crate) async fn sets_up_every_method(tour: &mut Tour) {
    for (method, to) in
        [("E-mail", "ada@example.org"), ("Text message", "+31612345678"), ("Phone call", "+31612345679")]
    {
        sets_up_by_address(tour, method, to).await;
        tour.opens(HOME).await;
    }
    tour.opens(SETUP).await;
    tour.chooses("YubiKey").await;
    tour.submits(&[("code", "not a key")]).await;
    tour.is_told("").await;
    tour.world.pass(2);
    tour.submits(&[("code", &SoftYubikey::new(7).touch())]).await;
    tour.is_at("/account/two-factor/setup/complete").await;

    tour.opens(SETUP).await;
    tour.chooses("Hardware token or app (HOTP)").await;
    let token = SoftToken::with_key(&tour.person.text("code.key").await);
    tour.submits(&[("code", &token.press())]).await;
    tour.is_at("/account/two-factor/setup/complete").await;

    tour.opens(SETUP).await;
    tour.chooses("Authenticator app").await;
    let app = SoftApp::with_key(&tour.person.text("code.key").await);
    tour.submits(&[("code", &app.wrong_code_at(tour.world.now()))]).await;
    tour.is_told("").await;
    tour.world.pass(2);
    tour.submits(&[("code", &app.code_at(tour.world.now()))]).await;
    tour.is_at("/account/two-factor/setup/complete").await;
}

/// Sets up a device that codes are sent to: without an address, with a wrong code, too soon, without a gateway, and at
/// last.
async fn sets_up_by_address(tour: &mut Tour, method: &str, to: &str) {
    let (send, again) =
        if method == "Phone call" { ("Call me", "Call me again") } else { ("Send a code", "Send another code") };
    tour.opens(SETUP).await;
    tour.chooses(method).await;
    tour.submits(&[("to", if to.contains('@') { "nobody@localhost" } else { "nobody" })]).await;
    tour.is_told("").await;
    tour.submits(&[("to", to)]).await;
    tour.submits(&[("code", &other_code(&tour.world.outbox.code()))]).await;
    tour.is_told("").await;
    tour.world.pass(2);
    tour.clicks_on(again).await;
    tour.is_told("a moment ago").await;
    tour.world.outbox.behaves(Behaviour::Fails);
    tour.world.pass(61);
    tour.clicks_on(again).await;
    tour.is_told("could not be sent").await;
    tour.world.outbox.behaves(Behaviour::Takes);
    tour.world.pass(61);
    tour.clicks_on(send).await;
    // A setup that was started and left: the page that starts a setup offers to continue.
    tour.opens(&format!("{SETUP}?method=sms")).await;
    tour.opens("/account/two-factor/setup/confirm").await;
    let code = tour.world.outbox.code();
    tour.submits(&[("code", &code)]).await;
    tour.is_at("/account/two-factor/setup/complete").await;
}

/// Generates backup codes twice, and keeps the second ones.
pub(crate) async fn makes_backup_codes(tour: &mut Tour) -> Vec<String> {
    for _ in 0..2 {
        tour.opens("/account/two-factor/backup-codes").await;
        tour.submits(&[]).await;
    }
    let codes = tour.person.texts("#codes code").await;
    assert_eq!(codes.len(), 10);
    tour.reloads().await;
    codes
}

/// Renames devices, changes the default and removes some, and starts to replace one by an app and by a phone.
pub(crate) async fn manages_devices(tour: &mut Tour) {
    tour.opens(HOME).await;
    tour.clicks_on("Rename").await;
    tour.submits(&[("name", "A name as long as people give one, or longer")]).await;
    tour.clicks_on("Make default").await;
    for method in ["Authenticator app", "Text message"] {
        tour.opens(HOME).await;
        tour.clicks_on("Replace").await;
        tour.chooses(method).await;
        if tour.person.sees("main [name=to]").await {
            tour.submits(&[("to", "+31612345670")]).await;
        }
        tour.clicks_on("Cancel").await;
    }
    tour.opens(HOME).await;
    tour.clicks_on("Remove").await;
    tour.submits(&[]).await;
}

/// Verifies a device again: with wrong codes for each of them, and then with a right one.
pub(crate) async fn verifies_again(tour: &mut Tour) {
    tour.world.pass(601);
    tour.opens(SETUP).await;
    tour.is_at(VERIFY).await;
    answers_each_wrongly(tour, VERIFY, 4).await;
    tour.world.pass(1000);
    tour.opens(HOME).await;
}

/// Asks for each device in turn, and submits this many wrong answers.
async fn answers_each_wrongly(tour: &mut Tour, page: &str, most: usize) {
    tour.opens(page).await;
    let others = tour.person.texts("section[aria-labelledby=others] button").await.len();
    assert!(others > 3, "{}", tour.person.source().await);
    for other in 1..=others {
        tour.opens(page).await;
        tour.clicks(&format!("section[aria-labelledby=others] li:nth-child({other}) button")).await;
        if other <= most && tour.person.sees("main [name=code]").await {
            tour.submits(&[("code", "000000")]).await;
        }
        tour.world.pass(61);
    }
}

/// Signs in: with each device in turn, with too many wrong codes for one of them, and at last with a backup code.
pub(crate) async fn signs_in_by_every_device(tour: &mut Tour, codes: &[String]) {
    tour.signs_out().await;
    tour.gives_password().await;
    tour.is_at(SECOND_FACTOR).await;
    tour.gives_password().await;
    answers_each_wrongly(tour, SECOND_FACTOR, 10).await;
    locks_and_disables_the_app(tour).await;
    tour.gives_password().await;
    tour.clicks_on("Use a backup code").await;
    tour.submits(&[("code", &codes[0])]).await;
    tour.is_at("/account/two-factor/backup-code-used").await;
    tour.opens(HOME).await;
}

/// Submits wrong codes without a pause, and then with pauses, until the device is disabled.
async fn locks_and_disables_the_app(tour: &mut Tour) {
    tour.gives_password().await;
    tour.clicks_on("Authenticator app").await;
    tour.submits(&[("code", "000000")]).await;
    tour.submits(&[("code", "000000")]).await;
    assert!(tour.person.sees("[role=alert] time").await, "{}", tour.person.source().await);
    for _ in 0..5 {
        tour.world.pass(60);
        if tour.person.sees("main [name=code]").await {
            tour.submits(&[("code", "000000")]).await;
        }
    }
    tour.opens(SECOND_FACTOR).await;
}

/// Disables two-factor authentication, with its confirmation.
pub(crate) async fn disables(tour: &mut Tour) {
    tour.opens("/account/two-factor/disable").await;
    tour.submits(&[]).await;
    tour.is_told("").await;
    tour.person.ticks("sure").await;
    tour.submits(&[]).await;
    tour.is_at(HOME).await;
    tour.world.pass(30 * 24 * 3600);
    tour.opens(HOME).await;
    tour.is_at(LOGIN).await;
}

/// The database fails.
pub(crate) async fn meets_a_fault(tour: &mut Tour) {
    tour.opens(LOGIN).await;
    (tour.failing)(true);
    let password = tour.password.clone();
    tour.submits(&[("name", "ada"), ("password", &password)]).await;
    assert!(tour.person.sees("code.key").await, "no incident:\n{}", tour.person.source().await);
    (tour.failing)(false);
}
