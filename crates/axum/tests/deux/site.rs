//! A site with the front end for deux's clients, and a client that knows nothing else.

use std::sync::Arc;

use axum::{
    Router,
    extract::connect_info::MockConnectInfo,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use countersign_axum::{Countersign, Deux, Origins, Settings};
use countersign_engine::{
    Parts,
    core::{Device, Kind, Sealed, UserId},
    memory::MemoryStore,
};
use countersign_testkit::{Browser, Outbox, Person, World};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const HOST: &str = "localhost:8000";
pub(crate) const NUMBER: &str = "31612345658";
/// As much of it as its owner needs.
pub(crate) const MASKED: &str = "+31*******58";
pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) app: Router,
    pub(crate) outbox: Arc<Outbox>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::built(false, |_| {})
    }

    pub(crate) fn lenient() -> Self {
        Self::built(true, |_| {})
    }

    pub(crate) fn built(lenient: bool, parts: impl FnOnce(&mut Parts)) -> Self {
        let outbox = Arc::new(Outbox::default());
        let world = World::built(Arc::new(MemoryStore::default()), |made| {
            made.gateways.insert(Kind::SMS, outbox.clone());
            parts(made);
        });
        let deux = Some(Deux { lenient, ..Deux::default() });
        let settings = Settings { deux, ..Settings::new(Origins::Loopback { port: 8000 }) };
        let app = Countersign::new(world.engine.clone(), settings).unwrap().routes();
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 4711));
        Self { world, app: app.layer(MockConnectInfo(peer)), outbox }
    }

    /// A client that has nothing.
    pub(crate) fn client(&self) -> Client {
        Client { app: self.app.clone(), headers: HeaderMap::new() }
    }

    pub(crate) fn browser(&self) -> Browser<Router> {
        Browser::at(self.app.clone(), HOST)
    }

    /// The cookies of a browser in which a user without a second factor has just signed in.
    pub(crate) async fn browses(&self, person: &Person) -> Client {
        let mut browser = self.browser();
        let form = browser.get("/account/login").await.form_with("password");
        browser.submit(&form, "", &[("name", &person.user.name), ("password", &person.password)]).await;
        let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut client = self.client();
        client.headers.insert(header::COOKIE, HeaderValue::from_str(&cookies.join("; ")).unwrap());
        client
    }

    /// A user without a second factor, whose client has just got its token.
    pub(crate) async fn newcomer(&self, name: &str) -> (Person, Client) {
        let person = self.world.user(name);
        let mut client = self.client();
        let told = client.signs_in(&person, &json!({})).await;
        assert_eq!(told.status, StatusCode::OK, "{told:?}");
        (person, client)
    }

    /// A user who has turned on text messages so long ago that the verification is no longer recent.
    pub(crate) async fn member(&self, name: &str) -> (Person, Client) {
        let (person, client) = self.newcomer(name).await;
        client.enables(self).await;
        self.world.pass(601);
        (person, client)
    }

    pub(crate) async fn devices(&self, user: &UserId) -> Vec<Device<Sealed>> {
        self.world.store.factors(user).await.unwrap().devices
    }

    pub(crate) async fn is_enabled(&self, user: &UserId) -> bool {
        self.world.store.factors(user).await.unwrap().enabled()
    }
}

/// A client that was written for deux.
#[derive(Clone)]
pub(crate) struct Client {
    app: Router,
    pub(crate) headers: HeaderMap,
}

/// What it is told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Null if there is no body.
    pub(crate) body: Value,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails unless the status and the shape of the body are these: where a text is expected, any text will do.
    pub(crate) fn is(&self, status: u16, shape: &Value) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert!(same_shape(&self.body, shape), "{:?} is not {shape}", self.body);
    }
}

/// In an expected document: any text.
pub(crate) const TEXT: &str = "…";

fn same_shape(is: &Value, shape: &Value) -> bool {
    match (is, shape) {
        (Value::String(text), Value::String(any)) if any == TEXT => !text.is_empty(),
        (Value::Object(is), Value::Object(shape)) => {
            is.len() == shape.len()
                && shape.iter().all(|(name, shape)| is.get(name).is_some_and(|is| same_shape(is, shape)))
        }
        (Value::Array(is), Value::Array(shape)) => {
            is.len() == shape.len() && is.iter().zip(shape).all(|(is, shape)| same_shape(is, shape))
        }
        (is, shape) => is == shape,
    }
}

impl Client {
    pub(crate) async fn send(&self, method: Method, path: &str, kind: &'static str, body: String) -> Told {
        let mut request = axum::http::Request::builder().method(method).uri(path).header(header::HOST, HOST);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let mut request = request.body(axum::body::Body::from(body)).unwrap();
        request.headers_mut().extend(self.headers.clone());
        let Ok(response) = self.app.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or(Value::Null) };
        Told { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        self.send(Method::GET, path, JSON, String::new()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Told {
        self.send(Method::PUT, path, JSON, body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Told {
        self.send(Method::POST, path, JSON, body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Told {
        self.send(Method::DELETE, path, JSON, body.to_string()).await
    }

    /// Shows this in `Authorization` from now on.
    pub(crate) fn shows(&mut self, scheme: &str, token: &Value) {
        let shown = format!("{scheme} {}", token.as_str().unwrap());
        self.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&shown).unwrap());
    }

    /// Sends the token along from now on that goes with its cookies.
    pub(crate) async fn shows_that_it_is_ours(&mut self) {
        let tag = self.get("/api/v1/csrf").await.body["csrf"].as_str().unwrap().to_owned();
        self.headers.insert("x-csrf-token", HeaderValue::from_str(&tag).unwrap());
    }

    /// Gives name and password, and whatever else there is, and keeps the token that it gets.
    pub(crate) async fn signs_in(&mut self, person: &Person, more: &Value) -> Told {
        let mut body = json!({ "username": person.user.name, "password": person.password });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = self.post("/mfa/authtoken/login/", &body).await;
        if let Some(token) = told.body.get("token") {
            self.shows("Token", token);
        }
        told
    }

    /// Switches text messages on.
    pub(crate) async fn enables(&self, site: &Site) {
        self.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER }))
            .await
            .is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
        self.put("/mfa/sms/verify/", &json!({ "mfa_code": site.outbox.code() }))
            .await
            .is(200, &json!({ "enabled": true, "challenge_type": "sms", "phone_number": MASKED }));
    }

    /// Makes a recovery code, proved by a code that is sent for it, which then proves nothing any more.
    pub(crate) async fn recovers(&self, site: &Site) -> String {
        self.post("/mfa/recovery/", &json!({})).await.is(401, &owed("sms"));
        let made = self.post("/mfa/recovery/", &json!({ "mfa_code": site.outbox.code() })).await;
        made.is(200, &json!({ "backup_code": TEXT }));
        site.world.pass(601);
        made.body["backup_code"].as_str().unwrap().to_owned()
    }
}

/// The response to a signed-in user who must verify a second factor.
pub(crate) fn owed(kind: &str) -> Value {
    json!({ "detail": TEXT, "mfa_required": true, "mfa_type": kind })
}

pub(crate) fn asked(kind: &str) -> Value {
    json!({ "mfa_required": true, "mfa_type": kind })
}
