//! A user who visits the pages, and an inspector who checks each of them.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

use axum::Router;
use countersign_axum::{Countersign, Origins, Settings};
use countersign_engine::memory::MemoryStore;
use countersign_testkit::{Failing, World};
use tokio::net::TcpListener;
use trials::{Person, Scripts};

use crate::{inspector::Inspector, map};

pub(crate) const HOME: &str = "/account/two-factor";
pub(crate) const SETUP: &str = "/account/two-factor/setup";
pub(crate) const LOGIN: &str = "/account/login";
pub(crate) const SECOND_FACTOR: &str = "/account/login/second-factor";
pub(crate) const VERIFY: &str = "/account/verify";
pub(crate) const SUBMIT: &str = "main form button[type=submit]";

/// The participants: the world in which every method is offered, a user, and the inspector.
pub(crate) struct Tour {
    pub(crate) world: World,
    pub(crate) failing: Arc<dyn Fn(bool) + Send + Sync>,
    pub(crate) person: Person,
    inspector: Inspector,
    /// Ada's current password.
    pub(crate) password: String,
}

impl Tour {
    pub(crate) async fn begins(scripts: Scripts) -> Self {
        let store = Failing::before(Arc::new(MemoryStore::default()));
        let world = World::with_every_method_built(store.clone(), |parts| {
            parts.config.throttle.cap = NonZeroU32::new(5);
            parts.config.password_attempts.rate_per_ip = 0;
        });
        let password = world.user("ada").password;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings { home: HOME.into(), ..Settings::new(Origins::Loopback { port: address.port() }) };
        serves(listener, Countersign::new(world.engine.clone(), settings).unwrap().routes());
        let person = Person::at(&address.to_string(), Scripts::On, (1280, 900)).await;
        let inspector = Inspector::new(&person, scripts, (scripts == Scripts::On).then_some("accessible")).await;
        let failing = Arc::new(move |fails| store.hook().set_read_only(fails));
        Self { world, failing, person, inspector, password }
    }

    pub(crate) async fn opens(&mut self, path: &str) {
        self.person.opens(path).await;
        self.inspector.inspects(&self.person).await;
    }

    pub(crate) async fn clicks(&mut self, selector: &str) {
        self.person.clicks(selector).await;
        self.inspector.inspects(&self.person).await;
    }

    pub(crate) async fn clicks_on(&mut self, text: &str) {
        self.person.clicks_on(text).await;
        self.inspector.inspects(&self.person).await;
    }

    pub(crate) async fn reloads(&mut self) {
        self.person.reloads().await;
        self.inspector.inspects(&self.person).await;
    }

    /// Submits the first form of the page with these fields.
    pub(crate) async fn submits(&mut self, fields: &[(&str, &str)]) {
        for (field, text) in fields {
            self.person.types(field, text).await;
        }
        self.clicks(SUBMIT).await;
    }

    /// Changes the page as an attacker might.
    pub(crate) async fn meddles(&self, script: &str) {
        self.person.runs(&format!("{script}; return null")).await;
    }

    /// The page shows what went wrong.
    pub(crate) async fn is_told(&self, text: &str) {
        let page = self.person.source().await;
        assert!(self.person.sees("[role=alert]").await && page.contains(text), "{text:?} is not told:\n{page}");
    }

    pub(crate) async fn is_at(&self, path: &str) {
        assert_eq!(self.person.path().await, path, "{}", self.person.source().await);
    }

    /// Submits the right password, after cancelling the pending login, if there is one.
    pub(crate) async fn gives_password(&mut self) {
        self.opens(LOGIN).await;
        if self.person.sees(&format!("main form[action='{LOGIN}/restart']")).await {
            self.clicks_on("Start over").await;
        }
        let password = self.password.clone();
        self.submits(&[("name", "ada"), ("password", &password)]).await;
    }

    pub(crate) async fn signs_out(&mut self) {
        self.opens("/account/logout").await;
        self.submits(&[]).await;
    }

    /// Chooses a method on the page that offers them, and continues to the page with an input field.
    pub(crate) async fn chooses(&mut self, method: &str) {
        self.clicks_on(method).await;
        if !self.person.sees("main [name=to], main [name=code]").await {
            self.submits(&[]).await;
        }
    }

    /// The content that all pages have in common; the trial fails if there is none.
    pub(crate) async fn ends(self) {
        let mut faults = self.inspector.faults().to_vec();
        faults.extend(map::omissions(self.inspector.paths()));
        let count = faults.len();
        assert!(faults.is_empty(), "{count} faults:\n{}", faults.join("\n"));
        self.person.leaves().await;
    }
}

/// Serves these routes until the trial ends.
pub(crate) fn serves(listener: TcpListener, routes: Router) {
    let app = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
}
