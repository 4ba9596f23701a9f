//! Where everything is wired: settings in, an installation and its router out.
//!
//! No other file knows both the store and the web. What is built here decides nothing; it only says who talks to whom.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{Router, http::StatusCode, middleware};
use countersign_axum::{Countersign, Settings};
use countersign_engine::{Engine, Parts};
use countersign_store::SqliteStore;
use tower_http::timeout::TimeoutLayer;

use crate::{
    config::Config,
    hashing::Hashing,
    home, key_file,
    listen::{self, Neighbours},
    telemetry,
    users::BuiltInUsers,
};

/// How long a request may take in all; a full queue of passwords takes about a second of it.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// One installation: its database, its keys and its users.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) engine: Engine,
    pub(crate) users: BuiltInUsers,
}

impl Installation {
    /// Opens the database and the key file that these settings name.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let keyring = key_file::read(config.key_file()?)?;
        let store = SqliteStore::open(config.database()?)?;
        let users = users_of(&store, config);
        let mut parts = Parts::new(Arc::new(store), Arc::new(users.clone()), keyring);
        parts.policy = config.policy.clone();
        Ok(Self { engine: Engine::new(parts), users })
    }

    /// Everything that is served.
    pub(crate) fn router(&self, config: &Config) -> Result<Router> {
        let site = Countersign::new(self.engine.clone(), settings(config)).context("could not make the pages")?;
        let pages = site.routes().merge(site.protect(home::pages(site.clone())));
        let neighbours = Neighbours::of(config);
        Ok(pages
            .layer(middleware::from_fn_with_state(neighbours, listen::refuse_strangers))
            .merge(home::probes(self.engine.clone()))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST_REQUEST))
            .layer(middleware::from_fn_with_state(self.engine.clone(), telemetry::request_line)))
    }
}

/// The users alone, for whom no key is needed.
pub(crate) fn users(config: &Config) -> Result<BuiltInUsers> {
    Ok(users_of(&SqliteStore::open(config.database()?)?, config))
}

fn users_of(store: &SqliteStore, config: &Config) -> BuiltInUsers {
    BuiltInUsers::new(store.users(), Hashing::new(config.hashing_threads), config.password_rules())
}

fn settings(config: &Config) -> Settings {
    Settings {
        site_name: config.policy.issuer.clone(),
        templates: config.templates.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        own_templates: home::templates(),
        own_texts: home::texts(),
        ..Settings::new(config.origins())
    }
}
