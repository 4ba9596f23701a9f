//! A site with its API and the front end for deux's clients, and some routes of its host that programs use.

use std::sync::Arc;

use axum::{Extension, Router, extract::connect_info::MockConnectInfo, routing::get};
use countersign_axum::{
    Caller, Countersign, Deux, Origins, Settings, SignedIn, TokenScope, Verified, VerifiedCaller, VerifiedCallerWithin,
    VerifiedWithin,
};
use countersign_engine::{
    Parts,
    core::{Kind, sending::EmailRule},
    memory::MemoryStore,
};
use countersign_testkit::{Answer, Browser, Outbox, Person, Program, SoftApp, World};
use serde_json::{Value, json};

pub(crate) const HOST: &str = "localhost:8000";

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) app: Router,
    pub(crate) outbox: Arc<Outbox>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::built(|_| {}, |_| {})
    }

    /// A site on which codes are sent, too.
    pub(crate) fn built(parts: impl FnOnce(&mut Parts), settings: impl FnOnce(&mut Settings)) -> Self {
        let outbox = Arc::new(Outbox::default());
        let carried = outbox.clone();
        let world = World::built(Arc::new(MemoryStore::default()), |made| {
            for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
                made.gateways.insert(channel, carried.clone());
            }
            made.config.sending.email = EmailRule::Alone;
            // Time stands still, so everything comes within the same ten seconds.
            made.config.password_attempts.rate_per_ip = 0;
            parts(made);
        });
        let deux = Some(Deux::default());
        let mut chosen = Settings { deux, ..Settings::new(Origins::Loopback { port: 8000 }) };
        settings(&mut chosen);
        let countersign = Countersign::new(world.engine.clone(), chosen).unwrap();
        let app = countersign.protect(own_routes()).merge(countersign.routes());
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 4711));
        Self { world, app: app.layer(MockConnectInfo(peer)), outbox }
    }

    pub(crate) fn program(&self) -> Program<Router> {
        Program::at(self.app.clone(), HOST)
    }

    pub(crate) fn browser(&self) -> Browser<Router> {
        Browser::at(self.app.clone(), HOST)
    }

    /// A person and their program, which has signed in with a password alone.
    pub(crate) async fn newcomer(&self, name: &str) -> Owner {
        let mut owner = Owner { person: self.world.user(name), program: self.program() };
        let answer = owner.signs_in().await;
        assert_eq!(answer.body["status"], "signed-in", "{answer:?}");
        owner
    }

    /// A person whose program has just set an app up and proved it.
    pub(crate) async fn member(&self, name: &str) -> Owner {
        let mut owner = self.newcomer(name).await;
        let app = owner.sets_up("Phone", &self.world).await;
        owner.person.takes(app);
        self.world.pass(30);
        owner
    }

    /// A person with an app, whose program has given the password and owes a code: with what it is told.
    pub(crate) async fn halfway(&self, name: &str) -> (Owner, Value) {
        let mut owner = self.member(name).await;
        owner.program = self.program();
        let answer = owner.signs_in().await;
        assert_eq!(answer.body["status"], "pending", "{answer:?}");
        (owner, answer.body["pending"].clone())
    }
}

pub(crate) struct Owner {
    pub(crate) person: Person,
    pub(crate) program: Program<Router>,
}

impl Owner {
    pub(crate) async fn signs_in(&mut self) -> Answer {
        let (name, password) = (self.person.user.name.clone(), self.person.password.clone());
        self.program.signs_in(&name, &password).await
    }

    /// Sets an app up and proves it.
    pub(crate) async fn sets_up(&mut self, name: &str, world: &World) -> SoftApp {
        let setup = self.program.post("/api/v1/devices", &json!({ "method": "totp", "name": name })).await;
        let app = SoftApp::with_key(setup.body["key"].as_str().unwrap_or_else(|| panic!("no key: {setup:?}")));
        let proof = json!({ "setup": setup.body["setup"], "code": app.code_at(world.now()) });
        let opened = self.program.opens("/api/v1/devices/setup/confirm", &proof).await;
        assert_eq!(opened.body["session"]["acr"], "aal2", "{opened:?}");
        app
    }

    /// Makes a personal token for this scope.
    pub(crate) async fn makes_token(&self, scope: &str) -> String {
        let made = self.program.post("/api/v1/tokens", &json!({ "name": "Script", "scopes": [scope] })).await;
        made.body["token"].as_str().unwrap_or_else(|| panic!("no token: {made:?}")).to_owned()
    }
}

fn own_routes() -> Router {
    let read = Extension(TokenScope("read"));
    Router::new()
        .route("/who", get(async |SignedIn(who): SignedIn| who.user().name.clone()))
        .route("/secret", get(async |Verified(_): Verified| "secret"))
        .route("/fresh", get(async |VerifiedWithin(_): VerifiedWithin<60>| "fresh"))
        .route("/read", get(async |Caller(caller): Caller| caller.user().name.clone()).layer(read))
        .route("/closed", get(async |Caller(_): Caller| "closed to tokens"))
        .route("/read/secret", get(async |VerifiedCaller(_): VerifiedCaller| "secret").layer(read))
        .route("/read/fresh", get(async |VerifiedCallerWithin(_): VerifiedCallerWithin<60>| "fresh").layer(read))
}
