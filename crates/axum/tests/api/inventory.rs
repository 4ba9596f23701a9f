//! D2: all routes that can issue a session or a token are known, and none of them does so with the first factor alone.
//!
//! The routes are read from the router itself and compared with `docs/paths.md`, which has the required strength of
//! each: a missing route fails, and so does a line without a route. Then each route is called by an attacker who has
//! the password of a user with an app, and everything that the first step returns; no session and no token may be
//! issued.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    Router,
    http::{HeaderValue, Method, header},
};
use countersign_axum::{Countersign, Deux, Origins, Settings};
use countersign_engine::{
    Fault,
    core::{
        ClientId, DeliveryStatus, Kind, Scopes, Secret,
        client::{ClientName, ClientType},
        sending::EmailRule,
        throttle::ThrottleRule,
    },
    memory::MemoryStore,
    port::VoiceCallbacks,
};
use countersign_testkit::{Outbox, Person, World};
use serde_json::{Value, json};

use crate::site::{Owner, Site};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/paths.md");

/// One line of the inventory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Path {
    path: String,
    method: String,
}

/// The inventory, and whether each path can open something.
fn inventory() -> BTreeMap<Path, bool> {
    let text = fs::read_to_string(KEPT).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `/")).map(|line| line.split('|').map(str::trim));
    let rows = rows.map(|mut cells| {
        cells.next();
        let [path, method, _asks, opens] = std::array::from_fn(|_| cells.next().unwrap());
        (Path { path: path.trim_matches('`').into(), method: method.into() }, opens != "nothing")
    });
    let rows: Vec<_> = rows.collect();
    let count = rows.len();
    let inventory: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(inventory.len(), count, "a path is there twice");
    inventory
}

/// Every path and method that the router knows, as it prints itself.
fn routed(app: &Router) -> BTreeSet<Path> {
    let text = format!("{app:?}");
    let (own, _) = text.split_once(", fallback_router: ").unwrap();
    let (routes, paths) = own.split_once("node: Node { paths: {").unwrap();
    let mut methods: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for route in routes.split("RouteId(").skip(1) {
        let (id, rest) = route.split_once(')').unwrap();
        let allowed = rest.split("allow_header: ").nth(1).unwrap();
        let allowed = allowed.strip_prefix("Bytes(b\"").and_then(|rest| rest.split('"').next()).unwrap_or("ANY");
        methods.insert(id, allowed.split(',').filter(|method| *method != "HEAD").map(str::to_owned).collect());
    }
    let mut found = BTreeSet::new();
    for entry in paths.split("RouteId(").skip(1) {
        let Some((id, rest)) = entry.split_once("): \"") else { continue };
        let path = rest.split('"').next().unwrap();
        for method in methods.get(id).into_iter().flatten() {
            found.insert(Path { path: path.into(), method: method.clone() });
        }
    }
    found
}

#[derive(Debug)]
struct Machine;

impl VoiceCallbacks for Machine {
    fn is_signed(&self, _: &str, _: &[(String, String)], _: &str) -> bool {
        false
    }

    fn greeting(&self, _: &str, _: Option<&str>, _: &str) -> Result<String, Fault> {
        Ok(String::new())
    }

    fn digits(&self, _: &Secret, _: &str, _: Option<&str>) -> Result<String, Fault> {
        Ok(String::new())
    }

    fn goodbye(&self, _: &str, _: Option<&str>) -> Result<String, Fault> {
        Ok(String::new())
    }

    fn status(&self, _: &str) -> Option<DeliveryStatus> {
        None
    }
}

#[test]
fn every_route_is_in_the_inventory_and_every_line_of_it_is_a_route() {
    let outbox = Arc::new(Outbox::default());
    let world = World::built(Arc::new(MemoryStore::default()), |parts| {
        for channel in [Kind::SMS, Kind::CALL, Kind::EMAIL] {
            parts.gateways.insert(channel, outbox.clone());
        }
        parts.config.sending.email = EmailRule::Alone;
        parts.voice_callbacks = Some(Arc::new(Machine));
    });
    let settings = Settings { deux: Some(Deux::default()), ..Settings::new(Origins::Loopback { port: 8000 }) };
    let countersign = Countersign::new(world.engine, settings).unwrap();
    let routed: BTreeSet<_> =
        [countersign.routes(), countersign.change_password_route()].iter().flat_map(routed).collect();
    assert!(routed.len() > 60, "the router does not print itself as it did: {routed:?}");
    let known: BTreeSet<_> = inventory().into_keys().collect();
    // The same path with a slash at its end needs no line of its own.
    let twin = |path: &Path| Some(Path { path: path.path.strip_suffix('/')?.into(), ..path.clone() });
    let is_twin = |path: &&Path| twin(path).is_some_and(|twin| known.contains(&twin));
    let (twins, unknown): (Vec<_>, Vec<_>) = routed.difference(&known).partition(is_twin);
    assert!(twins.len() > 60, "{twins:#?}");
    assert!(unknown.is_empty(), "not in docs/paths.md, with their strength: {unknown:#?}");
    let gone: Vec<_> = known.difference(&routed).collect();
    assert!(gone.is_empty(), "in docs/paths.md, but nowhere else: {gone:#?}");
}

#[test]
fn whatever_can_open_something_is_marked() {
    let opening: Vec<_> = inventory().into_iter().filter(|(_, opens)| *opens).map(|(path, _)| path.path).collect();
    for path in [
        "/account/login",
        "/account/login/second-factor",
        "/account/verify",
        "/api/v1/login/answer",
        "/api/v1/tokens",
        "/mfa/authtoken/login/",
        "/mfa/oauth2/token/",
    ] {
        assert!(opening.iter().any(|known| known == path), "{path}: {opening:?}");
    }
}

/// The caller that tries the paths, with its credentials.
struct Driver<'a> {
    site: &'a Site,
    person: &'a Person,
    /// What they answer a device with.
    code: String,
    /// The sealed token of a pending login.
    login: String,
    /// The device that is asked.
    device: Value,
    /// A client that is registered, and shows no secret.
    client: ClientId,
}

impl<'a> Driver<'a> {
    /// Gives the password, and has what that gives.
    async fn halfway(site: &'a Site, person: &'a Person, code: String) -> Self {
        let answer = site.program().signs_in(&person.user.name, &person.password).await;
        let pending = &answer.body["pending"];
        let login = pending["login"].as_str().unwrap_or_else(|| panic!("no login under way: {answer:?}")).to_owned();
        let client =
            site.world.engine.add_client(ClientName::parse("App").unwrap(), ClientType::Public, Scopes::default());
        let (client, _) = client.await.unwrap();
        Self { site, person, code, login, device: pending["asked"]["id"].clone(), client: client.id }
    }

    /// Asks for this path in every way there is, with a slash at its end, too.
    async fn drives(&self, path: &Path) {
        self.drives_one(path).await;
        if !path.path.ends_with(['/', '}']) {
            self.drives_one(&Path { path: format!("{}/", path.path), ..path.clone() }).await;
        }
    }

    async fn drives_one(&self, path: &Path) {
        let device = self.device.as_str().unwrap();
        let at = ["{id}", "{file}", "{call}", "{delivery}", "{*rest}"]
            .iter()
            .fold(path.path.clone(), |at, part| at.replace(part, device));
        let method: Method = if path.method == "ANY" { Method::POST } else { path.method.parse().unwrap() };
        let document = json!({
            "name": self.person.user.name, "password": self.person.password, "login": self.login, "code": self.code,
            "step_up": self.login, "setup": self.login, "device": self.device, "method": "totp", "to": "+31612345658",
            "scopes": ["read"], "current": self.person.password, "new": "six words nobody would put together",
        });
        let of_deux = json!({
            "username": self.person.user.name, "password": self.person.password, "mfa_code": self.code,
            "phone_number": "31612345658", "grant_type": "password", "client_id": self.client.as_str(),
        });
        let body = if method == Method::GET { String::new() } else { document.to_string() };
        // A program without a token, with the token of the pending login in its place.
        let mut program = self.site.program();
        program.send(method.clone(), &at, body.clone()).await;
        program.send(method.clone(), &at, of_deux.to_string()).await;
        program.token = Some(self.login.clone());
        program.send(method.clone(), &at, body.clone()).await;
        program.send(method.clone(), &at, of_deux.to_string()).await;
        // A browser: cookies of every name with what it has, and each token that the site gives it.
        for cookie in ["countersign-pending", "countersign", "countersign-setup"] {
            let mut browser = self.site.browser();
            browser.cookies.insert("countersign-pending".into(), self.login.clone());
            browser.cookies.insert(cookie.into(), self.login.clone());
            let pending = browser.get("/account/login/second-factor").await.forms();
            let credentials = browser.get("/account/login").await.forms();
            let csrf = browser.get("/api/v1/csrf").await.body;
            let csrf: Value = serde_json::from_str(&csrf).unwrap();
            let forms = pending.iter().chain(&credentials).flat_map(|form| &form.fields);
            let tags: BTreeSet<_> = forms.filter(|(name, _)| name == "form").map(|(_, tag)| tag.clone()).collect();
            for tag in tags.iter().map(String::as_str).chain(csrf["csrf"].as_str()) {
                let fields = [
                    ("form", tag),
                    ("name", &self.person.user.name),
                    ("password", &self.person.password),
                    ("code", &self.code),
                    ("device", device),
                    ("attempt", &self.login),
                    ("sure", "yes"),
                    ("method", "totp"),
                    ("current", &self.person.password),
                    ("new", "six words nobody puts together"),
                    ("again", "six words nobody puts together"),
                    ("to", "+31612345658"),
                ];
                let mut sender = browser.clone();
                if method == Method::GET {
                    sender.get(&at).await;
                } else {
                    sender.post(&at, &fields).await;
                    let mut script = browser.clone();
                    script.headers.insert("x-csrf-token", HeaderValue::from_str(tag).unwrap());
                    script.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    script.send(method.clone(), &at, Some(body.clone())).await;
                }
            }
        }
    }

    /// Fails if anything is open.
    async fn finds_nothing_open(&self, after: &Path) {
        let user = &self.person.user.id;
        assert!(self.site.world.store.sessions(user).await.unwrap().is_empty(), "a session came of {after:?}");
        assert!(self.site.world.store.tokens(user).await.unwrap().is_empty(), "a token came of {after:?}");
    }
}

/// A user with an authenticator app, who has signed out everywhere.
async fn signed_out(site: &Site) -> Person {
    let Owner { person, program } = site.member("ada").await;
    program.post("/api/v1/logout", &json!({})).await;
    assert!(site.world.store.sessions(&person.user.id).await.unwrap().is_empty());
    person
}

/// The throttle and the budgets would stop the driving before it is over.
fn patient() -> Site {
    Site::built(
        |parts| {
            parts.voice_callbacks = Some(Arc::new(Machine));
            parts.config.throttle = ThrottleRule::OFF;
            parts.config.password_attempts.per_account = u32::MAX;
            parts.config.password_attempts.per_address = u32::MAX;
        },
        // The weakest that it may be.
        |settings| settings.deux = Some(Deux { lenient: true, ..Deux::default() }),
    )
}

#[tokio::test]
async fn d2_no_path_opens_with_the_first_factor_alone() {
    let site = patient();
    let ada = signed_out(&site).await;
    let before = format!("{:?}", site.world.store.factors(&ada.user.id).await.unwrap().account);
    for path in inventory().keys() {
        // Each with a login of its own: one that was given up, or that ended, would hide the others.
        let driver = Driver::halfway(&site, &ada, ada.wrong_code()).await;
        driver.drives(path).await;
        driver.finds_nothing_open(path).await;
    }
    assert_eq!(format!("{:?}", site.world.store.factors(&ada.user.id).await.unwrap().account), before);
}

/// The same drive opens what it should, when it has the second factor too: so it does drive.
#[tokio::test]
async fn with_the_second_factor_the_same_drive_opens_the_paths_of_signing_in() {
    for (path, opens) in [
        ("/account/login/second-factor", true),
        ("/api/v1/login/answer", true),
        ("/mfa/authtoken/login/", true),
        ("/mfa/oauth2/token/", true),
        ("/account/login", false),
        ("/api/v1/login", false),
    ] {
        let site = patient();
        let ada = signed_out(&site).await;
        let driver = Driver::halfway(&site, &ada, ada.code()).await;
        driver.drives(&Path { path: path.into(), method: "POST".into() }).await;
        assert_eq!(!site.world.store.sessions(&ada.user.id).await.unwrap().is_empty(), opens, "{path}");
    }
}

/// T9: a user who may not sign in any more gets in by no path, not even with everything they know and have.
#[tokio::test]
async fn t9_no_path_opens_for_a_user_who_was_deactivated_meanwhile() {
    let site = patient();
    let ada = signed_out(&site).await;
    for path in inventory().keys() {
        site.world.users.change(&ada.user.id, |user| user.active = true);
        let driver = Driver::halfway(&site, &ada, ada.code()).await;
        site.world.users.change(&ada.user.id, |user| user.active = false);
        driver.drives(path).await;
        driver.finds_nothing_open(path).await;
    }
}

/// T9: nor by an attempt that was started before the user's only device was disabled.
#[tokio::test]
async fn t9_no_path_opens_for_a_user_whose_every_device_is_disabled() {
    for path in inventory().keys() {
        let site = Site::built(
            |parts| parts.config.throttle = ThrottleRule { cap: NonZeroU32::new(1), ..ThrottleRule::OFF },
            |_| {},
        );
        let ada = signed_out(&site).await;
        let driver = Driver::halfway(&site, &ada, ada.code()).await;
        let wrong = json!({ "login": driver.login, "device": driver.device, "code": ada.wrong_code() });
        let refused = site.program().post("/api/v1/login/answer", &wrong).await;
        assert_eq!(refused.code(), "device-disabled", "{refused:?}");
        driver.drives(path).await;
        driver.finds_nothing_open(path).await;
    }
}
