//! A node without any throttle, for trials only.
//!
//! The shipped program limits wrong codes, and no setting removes the limit. To count what two nodes count without a
//! limit, this program serves the same pages, rules and store with the throttles off. Its users are in memory, the same
//! ones on every node.
#![expect(clippy::unwrap_used, reason = "a trial fails by panicking")]

use std::{env, fs, net::SocketAddr, sync::Arc};

use axum::{Router, http::StatusCode, routing::get};
use countersign_axum::{Countersign, Origins, Settings};
use countersign_engine::{Engine, Keyring, Parts, core::throttle::ThrottleRule};
use countersign_store::{PostgresPlace, PostgresStore};
use countersign_testkit::TestUsers;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let [database, key_file, public_url, bind, name, password] =
        ["DATABASE", "KEY_FILE", "PUBLIC_URL", "BIND", "NAME", "PASSWORD"].map(|word| env::var(word).unwrap());
    let store = PostgresStore::open(&PostgresPlace::parse(&database).unwrap()).await.unwrap();
    let users = TestUsers::default();
    users.add(&name, &password);
    let keyring = Keyring::parse(&fs::read_to_string(key_file).unwrap()).unwrap();
    let mut parts = Parts::new(Arc::new(store), Arc::new(users), keyring);
    parts.config.issuer = "Lenient".into();
    parts.config.throttle = ThrottleRule::OFF;
    parts.config.password_attempts.per_account = u32::MAX;
    parts.config.password_attempts.rate_per_ip = 0;
    let settings = Settings::new(Origins::Public(public_url.parse().unwrap()));
    let pages = Countersign::new(Engine::new(parts).unwrap(), settings).unwrap().routes();
    let app = Router::new().route("/healthz", get(async || StatusCode::NO_CONTENT)).merge(pages);
    let listener = TcpListener::bind(bind).await.unwrap();
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}
