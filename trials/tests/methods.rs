//! Every method except the app, set up and used in a real browser without scripts, with successes and errors.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{net::SocketAddr, sync::Arc};

use countersign_axum::{Countersign, Origins, Settings};
use countersign_engine::memory::MemoryStore;
use countersign_testkit::{Behaviour, SoftToken, SoftYubikey, World, other_code};
use tokio::net::TcpListener;
use trials::{Person, Scripts};

const HOME: &str = "/account/two-factor";
const SUBMIT: &str = "main form button[type=submit]";

/// A user at the pages of a world in which every method is offered.
struct RequestContext {
    world: World,
    person: Person,
}

impl RequestContext {
    async fn begins() -> Self {
        let world = World::with_every_method(Arc::new(MemoryStore::default()));
        world.user("ada");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings { home: HOME.into(), ..Settings::new(Origins::Loopback { port: address.port() }) };
        let app = Countersign::new(world.engine.clone(), settings).unwrap().routes();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { world, person: Person::at(&address.to_string(), Scripts::Off, (1100, 900)).await }
    }

    async fn gives_password(&self) {
        self.person.opens("/account/login").await;
        self.person.types("name", "ada").await;
        self.person.types("password", "ada's long password").await;
        self.person.clicks(SUBMIT).await;
    }

    async fn signs_out(&self) {
        self.person.opens("/account/logout").await;
        self.person.clicks(SUBMIT).await;
    }

    async fn answers(&self, code: &str) {
        self.person.types("code", code).await;
        self.person.clicks(SUBMIT).await;
    }

    async fn is_at(&self, path: &str) {
        assert_eq!(self.person.path().await, path, "{}", self.person.source().await);
    }

    async fn is_told(&self, text: &str) {
        let page = self.person.source().await;
        assert!(self.person.sees("[role=alert]").await && page.contains(text), "{text}:\n{page}");
    }

    /// Starts the setup behind this button, as far as the page that asks for the code.
    async fn begins_setup(&self, button: &str) {
        self.gives_password().await;
        self.person.opens("/account/two-factor/setup").await;
        self.person.clicks_on(button).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_sent_are_typed_sent_again_late_and_not_sent() {
    let context = RequestContext::begins().await;
    let (world, person) = (&context.world, &context.person);
    for (button, to) in
        [("Text message", "+31612345678"), ("Phone call", "+31612345678"), ("E-mail", "ada@example.org")]
    {
        let (send, again) =
            if button == "Phone call" { ("Call me", "Call me again") } else { ("Send a code", "Send another code") };
        context.begins_setup(button).await;
        // The part of an address that a browser accepts.
        person.types("to", if to.contains('@') { "nobody@localhost" } else { "nobody" }).await;
        person.clicks(SUBMIT).await;
        context.is_at("/account/two-factor/setup").await;
        person.types("to", to).await;
        person.clicks(SUBMIT).await;
        let code = world.outbox.code();
        context.answers(&format!("{} - {}", &code[..3], &code[3..])).await;
        context.is_at("/account/two-factor/setup/complete").await;
        context.signs_out().await;

        world.pass(61);
        context.gives_password().await;
        person.clicks_on(again).await;
        context.is_told("a moment ago").await;
        context.answers(&other_code(&world.outbox.code())).await;
        context.is_told("Incorrect code").await;
        context.answers(&world.outbox.code()).await;
        context.is_told("The last code was incorrect").await;
        world.pass(301);
        context.answers(&world.outbox.code()).await;
        context.is_told("That code has expired, or no code was sent").await;
        world.outbox.behaves(Behaviour::Fails);
        person.clicks_on(send).await;
        context.is_told("could not be sent").await;
        world.outbox.behaves(Behaviour::Takes);
        world.pass(61);
        person.clicks_on(send).await;
        context.answers(&world.outbox.code()).await;
        context.is_at(HOME).await;

        let next = format!("sent-{}", button.to_lowercase().replace(' ', "-"));
        person.takes_a_picture(&next).await;
        person.opens("/account/two-factor/disable").await;
        person.ticks("sure").await;
        person.clicks(SUBMIT).await;
        context.signs_out().await;
        world.pass(24 * 3600);
    }
    context.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_types_and_a_token_that_counts() {
    let context = RequestContext::begins().await;
    let person = &context.person;
    let key = SoftYubikey::new(7);
    context.begins_setup("YubiKey").await;
    person.takes_a_picture("setup-yubikey").await;
    context.answers(&key.touch()).await;
    context.is_at("/account/two-factor/setup/complete").await;
    context.signs_out().await;
    context.gives_password().await;
    person.takes_a_picture("second-factor-yubikey").await;
    assert!(
        person.sees("input#code[autocomplete=one-time-code]:not([type=password])").await,
        "no password to be saved"
    );
    context.answers(&SoftYubikey::new(8).touch()).await;
    context.is_told("Incorrect code").await;
    context.world.pass(2);
    context.answers(&key.touch()).await;
    context.is_at(HOME).await;

    person.opens("/account/two-factor/setup").await;
    person.clicks_on("Hardware token or app (HOTP)").await;
    let token = SoftToken::with_key(&person.text("code.key").await);
    context.answers(&token.press()).await;
    context.is_at("/account/two-factor/setup/complete").await;
    context.signs_out().await;
    context.gives_password().await;
    person.clicks_on("Token").await;
    context.answers(&token.shows(0)).await;
    context.is_told("has been used already").await;
    context.answers(&token.shows(1)).await;
    context.is_at(HOME).await;
    context.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_prove_the_password_again_nobody_types_a_name() {
    let context = RequestContext::begins().await;
    context.gives_password().await;
    context.world.pass(601);
    context.person.opens("/account/two-factor/setup").await;
    context.is_at("/account/login").await;
    context.person.takes_a_picture("login-again").await;
    context.person.types("password", "wrong").await;
    context.person.clicks(SUBMIT).await;
    context.is_told("Incorrect user name or password").await;
    context.person.takes_a_picture("login-again-wrong").await;
    context.person.types("password", "ada's long password").await;
    context.person.clicks(SUBMIT).await;
    context.is_at("/account/two-factor/setup").await;
    context.person.leaves().await;
}
