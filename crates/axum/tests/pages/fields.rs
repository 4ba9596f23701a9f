//! What the fields of the pages tell browsers and password managers.

use countersign_engine::{
    SessionToken,
    core::{DeviceName, Kind},
    flow::{Enrolment, RequestContext},
};

use crate::site::{SESSION, Site};

#[tokio::test]
async fn what_a_yubikey_types_is_no_password() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.visit("/account/two-factor/setup?method=yubikey").await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let field = page.body.split("<input id=\"code\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(field.contains("autocomplete=\"one-time-code\"") && !field.contains("password"), "{field}");
}

#[tokio::test]
async fn a_call_is_asked_for_by_its_own_words() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.visit("/account/two-factor/setup?method=call").await;
    assert!(page.says(">Call me</button>") && !page.says("Send a code"), "{}", page.body);
    let page = ada.browser.submit(&page.form_with("method"), "", &[("to", "+31 6 12345658")]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says(">Call me again</button>") && !page.says("Send another code"), "{}", page.body);
}

/// WCAG 2.5.3: a user of speech input says what is written on a button.
#[tokio::test]
async fn the_name_of_a_control_contains_the_text_on_it() {
    let site = Site::with_every_method();
    let mut ada = site.member("ada").await;
    ada.sets_up(&site.world).await;
    let page = ada.browser.get("/account/two-factor").await;
    let mut count = 0;
    for control in page.body.split("aria-label=\"").skip(1) {
        let (label, rest) = control.split_once('"').unwrap();
        let text = rest.split_once('>').unwrap().1.split('<').next().unwrap().trim();
        assert!(text.is_empty() || label.contains(text), "{label:?} for {text:?}");
        count += usize::from(!text.is_empty());
    }
    assert!(count >= 7, "{count}");
}

#[tokio::test]
async fn a_mailbox_is_not_offered_where_it_would_not_be_enough() {
    let site = Site::with_every_method();
    let mut ada = site.member("ada").await;
    let token = SessionToken::parse(&ada.browser.cookies[SESSION]).unwrap();
    let signed_in = site.world.engine.session(&token);
    let signed_in = signed_in.await.unwrap().unwrap();
    let name = DeviceName::parse("Mail").unwrap();
    let enrolment = Enrolment { kind: Kind::EMAIL, name, to: Some("ada@example.org".into()) };
    let attempt = site.world.engine.begin_enrolment(&signed_in, enrolment, &RequestContext::default()).await.unwrap();
    let code = site.world.outbox.code();
    site.world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &RequestContext::default()).await.unwrap();
    ada.browser = site.browser();
    ada.signs_in("").await;
    let code = ada.person.code();
    ada.answers(&code).await;
    assert_eq!(ada.browser.get("/secret").await.body, "secret");
    site.world.pass(601);
    let page = ada.browser.visit("/fresh").await;
    assert!(page.says("authenticator app") && !page.says("Send an e-mail"), "{}", page.body);
    let page = ada.browser.get("/account/verify?level=aal1").await;
    assert!(page.says("Send an e-mail"), "where it is enough, it is offered: {}", page.body);
}
