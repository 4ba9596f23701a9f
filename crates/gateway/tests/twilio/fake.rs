//! A server that follows Twilio's published interface: it has one account, and records every exchange.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "the-token-of-the-account";
pub(crate) const KEY: &str = "SK0123456789abcdef0123456789abcdef";
pub(crate) const KEY_SECRET: &str = "the-secret-of-the-key";

/// The requests to the server, and its responses.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) asked: Mutex<Vec<(String, BTreeMap<String, String>)>>,
    answer: Mutex<Option<(u16, Value)>>,
}

impl Fake {
    /// From now on.
    pub(crate) fn answers(&self, status: u16, body: Value) {
        *self.answer.lock().unwrap() = Some((status, body));
    }
}

type Answer = (StatusCode, String);

async fn create(
    State(fake): State<Arc<Fake>>,
    Path((account, resource)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Answer {
    if account != ACCOUNT || !is_known(&headers) {
        return (
            StatusCode::UNAUTHORIZED,
            json!({ "code": 20003, "message": "Authenticate", "status": 401 }).to_string(),
        );
    }
    fake.asked.lock().unwrap().push((resource.clone(), fields.clone()));
    let answer = fake.answer.lock().unwrap().clone();
    let (status, body) = answer.unwrap_or_else(|| (201, made(&resource, &fields)));
    write_down(
        &json!({ "method": "post", "path": path(&resource), "fields": fields, "status": status, "answer": body }),
    );
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

/// The content of a resource, for clients that may read it.
async fn list(
    State(fake): State<Arc<Fake>>,
    Path((account, resource)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let is_known = account == ACCOUNT && is_known(&headers);
    let is_list = resource == "Messages.json";
    let (status, body) = match fake.answer.lock().unwrap().clone() {
        _ if !is_known => (401, json!({ "code": 20003 })),
        Some(answer) => answer,
        None if is_list => (200, json!({ "messages": [], "page": 0, "page_size": 1, "next_page_uri": null })),
        None => (404, json!({ "code": 20404 })),
    };
    write_down(&json!({ "method": "get", "path": path(&resource), "fields": query, "status": status, "answer": body }));
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

/// Whether a request is authenticated by the token of the account, or by the key.
fn is_known(headers: &HeaderMap) -> bool {
    [(ACCOUNT, TOKEN), (KEY, KEY_SECRET)].into_iter().any(|(name, secret)| {
        let login = data_encoding::BASE64.encode(format!("{name}:{secret}").as_bytes());
        headers["authorization"] == format!("Basic {login}")
    })
}

/// A message or a call, as Twilio returns it after its creation.
fn made(resource: &str, fields: &BTreeMap<String, String>) -> Value {
    let mut made = json!({
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api",
        "from": fields.get("From"),
        "price": null,
        "price_unit": "USD",
        "status": "queued",
        "to": fields["To"],
    });
    let (sid, more) = if resource == "Messages.json" {
        let service = fields.get("MessagingServiceSid");
        let more =
            json!({ "body": fields["Body"], "error_code": null, "messaging_service_sid": service, "num_media": "0" });
        ("SM00000000000000000000000000000001", more)
    } else {
        ("CA00000000000000000000000000000001", json!({ "answered_by": null, "duration": null, "queue_time": "0" }))
    };
    made["sid"] = sid.into();
    made["uri"] = path(&resource.replace(".json", &format!("/{sid}.json"))).into();
    made.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made
}

fn path(resource: &str) -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}/{resource}")
}

/// Records an exchange or an enumeration, for `cargo xtask contract twilio`.
pub(crate) fn write_down(line: &Value) {
    let Some(file) = std::env::var_os("TWILIO_TRAFFIC") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    writeln!(file, "{line}").unwrap();
}

pub(crate) async fn served(fake: Arc<Fake>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let resource = post(create).get(list);
    let app = Router::new().route("/2010-04-01/Accounts/{account}/{resource}", resource).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}
