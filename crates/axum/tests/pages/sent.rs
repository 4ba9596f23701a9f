//! Signing in with codes that are sent, with tokens that count, and with keys that type.

use axum::http::StatusCode;
use countersign_engine::{
    SignedIn,
    core::{DeviceName, Kind, Secret, method::validation::ValidationResponse},
    flow::{Enrolment, RequestContext},
};
use countersign_testkit::{Behaviour, Page, SoftToken, SoftYubikey, other_code};

use crate::site::{Guest, PENDING, SESSION, Site};

const NUMBER: &str = "+31 6 12345658";
const ADDRESS: &str = "ada.lovelace@example.org";
const SECOND_FACTOR: &str = "/account/login/second-factor";
const SEND: &str = "/account/login/send";

/// A user with a second factor of this kind who has not signed in; the last code was sent long ago.
async fn with(site: &Site, kind: Kind, to: &str) -> Guest {
    let guest = site.guest("ada");
    let signed_in = guest.person.signs_in_with_password().await;
    adds(site, &signed_in, kind, to).await;
    guest
}

async fn adds(site: &Site, signed_in: &SignedIn, kind: Kind, to: &str) -> SignedIn {
    let (engine, context) = (&site.world.engine, RequestContext::default());
    let name = DeviceName::parse(&format!("My {kind}")).unwrap();
    let enrolment = Enrolment { kind: kind.clone(), name, to: Some(to.into()) };
    let attempt = engine.begin_enrolment(signed_in, enrolment, &context).await.unwrap();
    let answer = match &kind {
        kind if *kind == Kind::HOTP => {
            token(&engine.setup(signed_in, &attempt).await.unwrap().key.unwrap().text).press()
        }
        kind if *kind == Kind::YUBIKEY => SoftYubikey::new(1).types(0),
        _ => site.world.outbox.code(),
    };
    let new_session = engine.confirm_enrolment(signed_in, &attempt, &answer.into(), &context).await.unwrap();
    site.world.pass(60);
    new_session.signed_in().clone()
}

fn token(key: &Secret) -> SoftToken {
    SoftToken::with_key(key.expose())
}

/// The page on which a second factor is asked, after the password.
async fn asked(guest: &mut Guest) -> Page {
    let page = guest.signs_in("").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    guest.browser.follow(page).await
}

fn has_field(page: &Page) -> bool {
    page.forms().iter().any(|form| form.fields.iter().any(|(name, _)| name == "code"))
}

#[tokio::test]
async fn a_code_comes_with_the_password_and_is_taken_with_blanks() {
    for (kind, to, shown) in [
        (Kind::SMS, NUMBER, "A text message with a code was sent to \u{2068}+31*******58\u{2069}"),
        (Kind::CALL, NUMBER, "You are being called at \u{2068}+31*******58\u{2069}"),
        (Kind::EMAIL, ADDRESS, "An e-mail with a code was sent to \u{2068}a***@e***.org\u{2069}"),
    ] {
        let site = Site::with_every_method();
        let mut ada = with(&site, kind, to).await;
        let page = asked(&mut ada).await;
        assert!(page.says(shown) && page.says("The code expires in 5 minutes, at <time"), "{}", page.body);
        assert!(page.says("inputmode=\"numeric\"") && page.says("autocomplete=\"one-time-code\""));
        let code = site.world.outbox.code();
        let typed = format!(" {} {} ", &code[..3], &code[3..]);
        let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &typed)]).await;
        assert_eq!(page.location().as_deref(), Some("/"), "{}", page.body);
        assert!(ada.browser.cookies.contains_key(SESSION));
    }
}

#[tokio::test]
async fn another_code_is_sent_by_the_button_alone_and_not_too_soon() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    let page = asked(&mut ada).await;
    let (first, sent) = (site.world.outbox.code(), site.world.outbox.count());
    let again = page.form_to(SEND);

    // Neither a wrong code nor a reload nor the button pressed too soon sends any.
    let wrong = ada.browser.submit(&page.form_with("code"), "", &[("code", &other_code(&first))]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && has_field(&wrong), "{}", wrong.body);
    ada.browser.get(SECOND_FACTOR).await;
    site.world.pass(1);
    let soon = ada.browser.submit(&again, "", &[]).await;
    assert_eq!((soon.status, soon.headers["retry-after"].as_bytes()), (StatusCode::TOO_MANY_REQUESTS, &b"59"[..]));
    assert!(soon.says("A code was sent a moment ago") && has_field(&soon), "{}", soon.body);
    assert_eq!(site.world.outbox.count(), sent);

    // The second takes the place of the first.
    site.world.pass(60);
    let page = ada.browser.submit(&again, "", &[]).await;
    assert_eq!((page.status, site.world.outbox.count()), (StatusCode::SEE_OTHER, sent + 1));
    let page = ada.browser.follow(page).await;
    let form = page.form_with("code");
    assert_eq!(ada.browser.submit(&form, "", &[("code", &first)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    site.world.pass(5);
    let page = ada.browser.submit(&form, "", &[("code", &site.world.outbox.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/"), "{}", page.body);
}

#[tokio::test]
async fn a_user_who_is_sent_no_code_is_told_why_and_has_ways_on() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    let signed_in = ada.person.is_asked().await;
    let new_session = ada.person.answers(&signed_in.token, &signed_in.view.device.id, &site.world.outbox.code()).await;
    ada.person.makes_backup_codes(new_session.unwrap().signed_in()).await;
    for (like, pause, word) in [
        (Behaviour::Unreachable, 60, "unsent-unreachable"),
        (Behaviour::Fails, 60, "unsent-failed"),
        (Behaviour::Panics, 60, "unsent-failed"),
        // The one that failed a moment ago is waited for, and there is no code in hand.
        (Behaviour::Takes, 0, "unsent-soon"),
    ] {
        site.world.pass(pause);
        site.world.outbox.behaves(like);
        ada.browser = site.browser();
        let page = ada.signs_in("?next=%2Fsecret").await;
        let lost = if word == "unsent-soon" { "" } else { "&sent=no" };
        assert_eq!(page.location().unwrap(), format!("{SECOND_FACTOR}?next=%2Fsecret{lost}"));
        assert_eq!(ada.browser.cookies["countersign-notice"], word);
        let page = ada.browser.follow(page).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.says("role=\"status\"") && page.says("be sent") | page.says("No code was sent"), "{}", page.body);
        assert!(page.says("Send a code") && page.says("Use a backup code") && !has_field(&page), "{}", page.body);
    }
    // The button tells the same, and stays.
    site.world.pass(24 * 3600);
    ada.browser = site.browser();
    ada.signs_in("?next=%2Fsecret").await;
    site.world.pass(60);
    for (like, status, said) in [
        (Behaviour::Fails, StatusCode::UNPROCESSABLE_ENTITY, "The code could not be sent"),
        (Behaviour::Unreachable, StatusCode::UNPROCESSABLE_ENTITY, "cannot receive codes"),
    ] {
        site.world.outbox.behaves(like);
        let page = ada.browser.get(SECOND_FACTOR).await;
        let page = ada.browser.submit(&page.form_to(SEND), "", &[]).await;
        assert!(page.status == status && page.says(said) && page.says("Send a code"), "{}", page.body);
        site.world.pass(60);
    }
    site.world.outbox.behaves(Behaviour::Takes);
    let page = ada.browser.get(SECOND_FACTOR).await;
    let page = ada.browser.submit(&page.form_to(SEND), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/secret"), "where one wanted to go is in the sealed attempt");
}

#[tokio::test]
async fn a_code_that_is_over_costs_nothing_and_another_can_be_sent() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::EMAIL, ADDRESS).await;
    let page = asked(&mut ada).await;
    let code = site.world.outbox.code();
    site.world.pass(300);
    let late = ada.browser.submit(&page.form_with("code"), "", &[("code", &code)]).await;
    assert!(late.status == StatusCode::UNPROCESSABLE_ENTITY && late.says("That code has expired"), "{}", late.body);
    assert!(late.says("does not count as a failed attempt") && !has_field(&late));
    let page = ada.browser.submit(&late.form_to(SEND), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/"));
}

#[tokio::test]
async fn too_many_wrong_codes_are_refused_until_a_moment_that_is_told() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    let form = asked(&mut ada).await.form_with("code");
    let code = site.world.outbox.code();
    ada.browser.submit(&form, "", &[("code", &other_code(&code))]).await;
    let page = ada.browser.submit(&form, "", &[("code", &code)]).await;
    assert!(page.status == StatusCode::TOO_MANY_REQUESTS && page.says("Wait until"), "{}", page.body);
    site.world.pass(1);
    assert_eq!(ada.browser.submit(&form, "", &[("code", &code)]).await.location().as_deref(), Some("/"));
}

#[tokio::test]
async fn other_ways_are_called_by_what_they_do_and_do_it() {
    let site = Site::with_every_method();
    let mut ada = site.guest("ada");
    let signed_in = ada.person.signs_in_with_password().await;
    let signed_in = adds(&site, &signed_in, Kind::SMS, NUMBER).await;
    let signed_in = adds(&site, &signed_in, Kind::CALL, "+49 30 1234567").await;
    let signed_in = adds(&site, &signed_in, Kind::HOTP, "").await;
    adds(&site, &signed_in, Kind::EMAIL, ADDRESS).await;
    let page = asked(&mut ada).await;
    for action in
        ["Call me at \u{2068}+49*******67\u{2069}", "Send an e-mail to \u{2068}a***@e***.org\u{2069}", "Use your token"]
    {
        assert!(page.says(action), "{action}: {}", page.body);
    }
    for whole in ["12345658", "1234567", "lovelace"] {
        assert!(!page.says(whole), "{whole}");
    }
    let forms: Vec<_> = page.forms().into_iter().filter(|form| form.action == SEND).collect();
    let sent = site.world.outbox.count();
    let called = ada.browser.submit(&forms[1], "", &[]).await;
    let called = ada.browser.follow(called).await;
    assert!(called.says("You are being called") && called.says("Call me again"), "{}", called.body);
    assert_eq!((site.world.outbox.count(), site.world.outbox.last().channel), (sent + 1, Kind::CALL));
    // The code that is out already is only asked for: a form that sends nothing.
    assert!(called.says("Enter the code sent to"), "{}", called.body);
    assert_eq!(called.forms().iter().filter(|form| form.action == SEND).count(), 2, "{}", called.body);
    let page = ada.browser.submit(&called.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/"));
    assert!(!ada.browser.cookies.contains_key(PENDING));
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_not_ones_own_or_receives_nothing() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    let bob = site.guest("bob");
    let signed_in = bob.person.signs_in_with_password().await;
    adds(&site, &signed_in, Kind::CALL, "+49 30 1234567").await;
    let foreign = bob.person.is_asked().await.view.device.id;
    let page = asked(&mut ada).await;
    let sent = site.world.outbox.count();
    let form = page.form_to(SEND);
    for device in [foreign.as_str(), "", "nothing"] {
        let page = ada.browser.submit(&form, "", &[("device", device)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.body);
    }
    assert_eq!(site.world.outbox.count(), sent);
}

#[tokio::test]
async fn a_key_types_into_a_field_of_its_own() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::YUBIKEY, "").await;
    let page = asked(&mut ada).await;
    let field = page.body.split("<input id=\"code\"").nth(1).unwrap().split('>').next().unwrap().to_owned();
    assert!(field.contains("autocomplete=\"one-time-code\"") && field.contains("autofocus"), "{field}");
    assert!(!field.contains("inputmode") && page.says("touch it"), "{}", page.body);
    site.world.validator.says(Some(ValidationResponse::Unavailable));
    let unknown = ada.browser.submit(&page.form_with("code"), "", &[("code", &SoftYubikey::new(1).types(1))]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        unknown.says("cannot be checked right now") && unknown.says("does not count as a failed attempt"),
        "{}",
        unknown.body
    );
    site.world.validator.says(None);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &SoftYubikey::new(1).types(2))]).await;
    assert_eq!(page.location().as_deref(), Some("/"), "{}", page.body);
}

#[tokio::test]
async fn stepping_up_sends_a_code_by_the_button_and_keeps_its_run() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    let page = asked(&mut ada).await;
    ada.browser.submit(&page.form_with("code"), "", &[("code", &site.world.outbox.code())]).await;
    site.world.pass(120);
    let sent = site.world.outbox.count();
    let page = ada.browser.visit("/fresh").await;
    assert!(page.says("Confirm it’s you") && page.says("Send a code") && !has_field(&page), "{}", page.body);
    assert_eq!(site.world.outbox.count(), sent, "a page that is opened sends nothing");

    let sends = page.form_to("/account/verify/send");
    site.world.outbox.behaves(Behaviour::Fails);
    let failed = ada.browser.submit(&sends, "", &[]).await;
    assert!(
        failed.status == StatusCode::UNPROCESSABLE_ENTITY && failed.says("could not be sent") && !has_field(&failed)
    );
    site.world.outbox.behaves(Behaviour::Takes);
    site.world.pass(60);
    let page = ada.browser.submit(&sends, "", &[]).await;
    assert_eq!((page.status, site.world.outbox.count()), (StatusCode::OK, sent + 1));
    let (code, form) = (site.world.outbox.code(), page.form_with("code"));
    assert!(form.fields.contains(&sends.fields[1]), "the attempt is the same: {:?}", form.fields);
    let wrong = ada.browser.submit(&form, "", &[("code", &other_code(&code))]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.says("Incorrect code"), "{}", wrong.body);
    let soon = ada.browser.submit(&wrong.form_to("/account/verify/send"), "", &[]).await;
    assert!(soon.status == StatusCode::TOO_MANY_REQUESTS && has_field(&soon), "{}", soon.body);
    site.world.pass(1);
    let page = ada.browser.submit(&soon.form_with("code"), "", &[("code", &code)]).await;
    assert_eq!(page.location().as_deref(), Some("/fresh"));
    assert_eq!(ada.browser.submit(&sends, "", &[]).await.status, StatusCode::FORBIDDEN, "that session is over");
}

#[tokio::test]
async fn a_token_that_was_pressed_too_often_comes_back_with_two_codes_in_a_row() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.get("/account/two-factor/setup?method=hotp").await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let token = SoftToken::with_key(&crate::site::key(&page));
    ada.browser.submit(&page.form_with("code"), "", &[("code", &token.shows(0))]).await;
    ada.browser = site.browser();
    let page = asked(&mut ada).await;
    assert!(page.says("inputmode=\"numeric\"") && page.says("enter two consecutive codes"), "{}", page.body);
    let far = ada.browser.submit(&page.form_with("code"), "", &[("code", &token.shows(40))]).await;
    assert!(far.status == StatusCode::UNPROCESSABLE_ENTITY && far.says("enter two consecutive codes"), "{}", far.body);
    site.world.pass(1);
    let both = format!("{} {}", token.shows(40), token.shows(41));
    let page = ada.browser.submit(&far.form_with("code"), "", &[("code", &both)]).await;
    assert_eq!(page.location().as_deref(), Some("/"), "{}", page.body);
}

/// A code in hand outlives the sign-in that asked for it, and the page that offers to go on says nothing of whose it is.
#[tokio::test]
async fn a_sign_in_that_is_started_over_asks_for_the_code_in_hand() {
    let site = Site::with_every_method();
    let mut ada = with(&site, Kind::SMS, NUMBER).await;
    asked(&mut ada).await;
    let (code, sent) = (site.world.outbox.code(), site.world.outbox.count());
    site.world.pass(20);
    let page = ada.browser.get("/account/login?next=%2Fsecret").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let way = "href=\"/account/login/second-factor?next=%2Fsecret\"";
    assert!(page.body.replace("&#x2f;", "/").contains(way), "{}", page.body);
    for told in ["+31", "*", ">ada", "My sms", "name=\"password\""] {
        assert!(!page.says(told), "{told}: {}", page.body);
    }
    let page = ada.browser.submit(&page.form_to("/account/login/restart"), "", &[]).await;
    assert_eq!(page.location().as_deref(), Some("/account/login?next=%2Fsecret"));
    assert!(!ada.browser.cookies.contains_key(PENDING));
    let page = asked(&mut ada).await;
    assert!(has_field(&page) && !page.says("class=\"problem"), "{}", page.body);
    assert_eq!(site.world.outbox.count(), sent);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &code)]).await;
    assert_eq!(page.location().as_deref(), Some("/"));
}
