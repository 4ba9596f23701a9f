//! A site with the pages, a few routes of its host's own, and a world behind it.

use std::sync::Arc;

use axum::{
    Router,
    extract::connect_info::MockConnectInfo,
    http::{HeaderValue, header::ACCEPT},
    response::Response,
    routing::get,
};
use countersign_axum::{
    CheckedForm, Countersign, FormToken, MaybeSignedIn, Origins, Settings, SignedIn, Verified, VerifiedWithin, Visitor,
    context,
};
use countersign_engine::{Parts, memory::MemoryStore};
use countersign_testkit::{Browser, Page, Person, SoftApp, World};

pub(crate) const HOST: &str = "localhost:8000";
pub(crate) const SESSION: &str = "countersign";
pub(crate) const PENDING: &str = "countersign-pending";
pub(crate) const SETUP: &str = "countersign-setup";
pub(crate) const NONCE: &str = "countersign-form";
pub(crate) const NOTICE: &str = "countersign-notice";
pub(crate) const BROWSER: &str = "countersign-device";

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) app: Router,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::built(|_| {}, |_| {})
    }

    pub(crate) fn built(parts: impl FnOnce(&mut Parts), settings: impl FnOnce(&mut Settings)) -> Self {
        Self::of(World::built(Arc::new(MemoryStore::default()), parts), settings)
    }

    /// A site that sends codes and knows YubiKeys.
    pub(crate) fn with_every_method() -> Self {
        Self::of(World::with_every_method(Arc::new(MemoryStore::default())), |_| {})
    }

    /// The site of this world.
    pub(crate) fn of(world: World, settings: impl FnOnce(&mut Settings)) -> Self {
        let mut chosen = Settings::new(Origins::Loopback { port: 8000 });
        let home =
            "{% extends \"base.html\" %}{% block title %}Home{% endblock %}{% block main %}{{ word }}{% endblock %}";
        chosen.own_templates.push(("home.html".into(), home.into()));
        settings(&mut chosen);
        let countersign = Countersign::new(world.engine.clone(), chosen).unwrap();
        let app = countersign
            .protect(own_routes(&countersign))
            .merge(countersign.routes())
            .merge(countersign.change_password_route());
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 4711));
        Self { world, app: app.layer(MockConnectInfo(peer)) }
    }

    /// A browser that accepts pages.
    pub(crate) fn browser(&self) -> Browser<Router> {
        let mut browser = Browser::at(self.app.clone(), HOST);
        browser.headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*;q=0.8"));
        browser
    }

    /// A person and their browser, who has not signed in.
    pub(crate) fn guest(&self, name: &str) -> Guest {
        Guest { person: self.world.user(name), browser: self.browser() }
    }

    /// A user who has signed in with a password and has no second factor.
    pub(crate) async fn newcomer(&self, name: &str) -> Guest {
        let mut guest = self.guest(name);
        guest.signs_in("").await;
        guest
    }

    /// A user whose session was just verified by an authenticator app.
    pub(crate) async fn member(&self, name: &str) -> Guest {
        let mut guest = self.newcomer(name).await;
        guest.sets_up(&self.world).await;
        guest
    }

    /// A user with an authenticator app who has a pending login.
    pub(crate) async fn halfway(&self, name: &str) -> Guest {
        let mut guest = self.member(name).await;
        guest.browser = self.browser();
        guest.signs_in("").await;
        guest
    }
}

/// A person and their browser.
pub(crate) struct Guest {
    pub(crate) person: Person,
    pub(crate) browser: Browser<Router>,
}

impl Guest {
    /// Opens the login page and sends the right password.
    pub(crate) async fn signs_in(&mut self, query: &str) -> Page {
        let page = self.browser.visit(&format!("/account/login{query}")).await;
        let (name, password) = (self.person.user.name.clone(), self.person.password.clone());
        let form = page.form_with("password");
        self.browser.submit(&form, "", &[("name", &name), ("password", &password)]).await
    }

    /// Answers the challenge page with this code.
    pub(crate) async fn answers(&mut self, code: &str) -> Page {
        let page = self.browser.get("/account/login/second-factor").await;
        let form = page.form_with("code");
        self.browser.submit(&form, "", &[("code", code)]).await
    }

    /// Walks through the setup, and lets a step pass so that the next code is fresh.
    pub(crate) async fn sets_up(&mut self, world: &World) -> Page {
        let page = self.browser.visit("/account/two-factor/setup?method=totp").await;
        let page = self.browser.submit(&page.form_with("method"), "", &[]).await;
        let page = self.browser.follow(page).await;
        let app = SoftApp::with_key(&key(&page));
        let proof = [("code", &*app.code_at(world.now())), ("name", "Phone")];
        let page = self.browser.submit(&page.form_with("code"), "", &proof).await;
        self.person.takes(app);
        world.pass(30);
        page
    }

    /// A phone number that no other user has.
    pub(crate) fn number(&self) -> String {
        let digits = self.person.user.name.bytes().fold(0, |sum, byte| (sum * 31 + u64::from(byte)) % 100_000_000);
        format!("+31 6 {digits:08}")
    }

    /// Walks through the setup of a telephone, and lets a minute pass so that another message can be sent to it.
    pub(crate) async fn sets_up_phone(&mut self, world: &World) -> Page {
        let page = self.browser.visit("/account/two-factor/setup?method=sms").await;
        let page = self.browser.submit(&page.form_with("method"), "", &[("to", &self.number())]).await;
        let page = self.browser.follow(page).await;
        let page = self.browser.submit(&page.form_with("code"), "", &[("code", &world.outbox.code())]).await;
        world.pass(60);
        page
    }

    /// Makes backup codes and reads them.
    pub(crate) async fn makes_backup_codes(&mut self) -> Vec<String> {
        let page = self.browser.get("/account/two-factor/backup-codes").await;
        let page = self.browser.submit(&page.form_with("attempt"), "", &[]).await;
        codes(&page)
    }
}

/// The key that a setup page shows.
pub(crate) fn key(page: &Page) -> String {
    let (_, rest) = page.body.split_once("<code class=\"key\"").expect("the page shows a key");
    rest.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()
}

/// The backup codes that a page shows.
pub(crate) fn codes(page: &Page) -> Vec<String> {
    page.body.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[derive(serde::Deserialize)]
struct Own {
    word: String,
}

fn own_routes(countersign: &Countersign) -> Router {
    let shown = countersign.clone();
    let home = async move |visitor: Visitor, MaybeSignedIn(_): MaybeSignedIn| -> Response {
        shown.render(&visitor, "home.html", context! { word => "welcome" }).await
    };
    let token = async |token: FormToken| token.as_str().to_owned();
    let own = async |CheckedForm(Own { word }): CheckedForm<Own>| word;
    Router::new()
        .route("/", get(home))
        .route(
            "/who",
            get(async |SignedIn(who): SignedIn| who.user().name.clone()).post(async |SignedIn(_): SignedIn| "done"),
        )
        .route("/secret", get(async |Verified(_): Verified| "secret").post(async |Verified(_): Verified| "done"))
        .route("/fresh", get(async |VerifiedWithin(_): VerifiedWithin<60>| "fresh"))
        .route("/own", get(token).post(own))
        .route("/panic", get(async || -> &'static str { panic!("a secret in a panic") }))
        .route("/never", get(async || std::future::pending::<()>().await))
}
