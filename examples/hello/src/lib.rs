//! The smallest application with a second factor.
//!
//! It has its own users table and password check ([`People`]), one public page, and one that requires a second factor.
//! What Countersign stores (devices, sessions, events) is in a separate database.

mod people;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use axum::{Router, response::Html, routing::get};
use countersign::{
    Countersign, MaybeSignedIn, Origins, Settings, Verified,
    engine::{Engine, Keyring, OsRandom, Parts},
};
use countersign_store::SqliteStore;

pub use people::People;

/// The application: its own routes, with Countersign's below `/sign-in`, and the engine, whose housekeeping must be
/// spawned.
pub fn app(people: People, folder: &Path, port: u16) -> anyhow::Result<(Router, Engine)> {
    let database = folder.join("countersign.db");
    SqliteStore::migrate(&database)?;
    let store = SqliteStore::open(&database)?;
    let mut parts = Parts::new(Arc::new(store), Arc::new(people), keyring(&folder.join("key"))?);
    parts.config.issuer = "Hello".into();
    let engine = Engine::new(parts)?;
    let settings =
        Settings { mount: "/sign-in".into(), home: "/vault".into(), ..Settings::new(Origins::Loopback { port }) };
    let countersign = Countersign::new(engine.clone(), settings)?;
    let own = Router::new().route("/", get(hello)).route("/vault", get(vault));
    Ok((countersign.protect(own).merge(countersign.routes()), engine))
}

async fn hello(MaybeSignedIn(visitor): MaybeSignedIn) -> Html<String> {
    let name = visitor.map_or_else(|| "stranger".into(), |visitor| visitor.user().name.clone());
    Html(format!("<!doctype html><title>Hello</title><p>Hello, {name}! <a href=\"/vault\">Open the vault</a>"))
}

/// A password alone does not give access: the argument `Verified` requires a second factor.
async fn vault(Verified(visitor): Verified) -> Html<String> {
    Html(format!("<!doctype html><title>Vault</title><p>The vault is open, {}.", visitor.user().name))
}

/// The key that seals devices: created at the first start, and as secret as a password.
fn keyring(file: &Path) -> anyhow::Result<Keyring> {
    if !file.exists() {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        file.write_all(Keyring::new_line(1, &OsRandom).as_bytes())?;
    }
    Ok(Keyring::parse(&fs::read_to_string(file)?)?)
}
