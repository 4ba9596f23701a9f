//! Builds an installation and its router from the settings.
//!
//! No other file knows both the store and the web. This file makes no decisions; it only connects the parts.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use countersign_axum::{Countersign, Deux, Settings};
use countersign_engine::{Engine, OsRandom, Parts, Stopwatch, SystemClock, port::hooked::Hooked};
use countersign_gateway::Texts;
use countersign_store::{Opened, OpenedEngine, PoolStats, StoreError, UserTable, Weight};
use metrics::{counter, gauge};
use tokio::time;

use crate::{
    config::Config,
    figures::{Counting, Gauges, MeasuredLookup, Metrics},
    gateways,
    hashing::Hashing,
    home, key_file, recognition,
    served::Served,
    telemetry::{self, RequestLog},
    users::BuiltInUsers,
};

/// The time limit of a request; a full queue of passwords takes about a second of it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before a database that could not be reached is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the log reports that the server is waiting for the database.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// One installation: its database, its keys and its users.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) engine: Engine,
    pub(crate) users: BuiltInUsers,
    /// The opened database, for functions that only one kind of database has.
    pub(crate) database: OpenedEngine,
    /// The texts of messages, which can be reloaded.
    pub(crate) message_texts: Arc<Texts>,
    /// The gauges that are read when metrics are requested.
    pub(crate) gauges: Gauges,
}

impl Installation {
    /// Opens the database and the key file of these settings.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let keyring = key_file::read(config.key_file()?)?;
        let Opened { store, users, engine } = config.open_database().await?;
        if let OpenedEngine::Postgres(store) = &engine {
            for finding in store.findings().await?.into_iter().filter(|finding| finding.weight == Weight::Doubt) {
                tracing::warn!("{}", finding.text);
            }
        }
        let users = users_of(users, config);
        let gauges = gauges(&engine, &users);
        let mut parts = Parts::new(store, Arc::new(users.clone()), keyring);
        parts.config = config.core.clone();
        parts.session_lookup = Some(Arc::new(users.table.clone()));
        let message_texts = gateways::equip(&mut parts, config).context("could not use the settings")?;
        if config.metrics_bind.is_some() {
            parts.store = Arc::new(Hooked::new(parts.store, Metrics));
            parts.session_lookup =
                parts.session_lookup.map(|session_lookup| Arc::new(MeasuredLookup(session_lookup)) as _);
            parts.observer = Arc::new(Counting);
        }
        let database = engine;
        let engine = Engine::new(parts).context("could not use the settings")?;
        Ok(Self { engine, users, database, message_texts, gauges })
    }

    /// The same, but waits for a database that cannot be reached, for at most `database_wait`: after a power failure it
    /// may start later than the server.
    pub(crate) async fn open_when_reachable(config: &Config) -> Result<Self> {
        let (watch, mut warned) = (Stopwatch::start(), None::<Stopwatch>);
        loop {
            let error = match Self::open(config).await {
                Err(error) if is_unreachable(&error) => error,
                opened => return opened,
            };
            let waited = watch.elapsed();
            if waited >= config.database_wait {
                return Err(error)
                    .with_context(|| format!("waited {} s for the database (database_wait)", waited.as_secs()));
            }
            if warned.as_ref().is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
                warned = Some(Stopwatch::start());
                let limit = config.database_wait.as_secs();
                tracing::warn!(waited = waited.as_secs(), "waiting for the database, {limit} s at most: {error:#}");
            }
            time::sleep(LOOK_EVERY).await;
        }
    }

    /// The pages, with their templates and texts.
    pub(crate) fn site(&self, config: &Config) -> Result<Countersign> {
        Countersign::new(self.engine.clone(), settings(config)).context("could not make the pages")
    }

    /// The routers, by client.
    pub(crate) fn served(&self, site: &Countersign, config: &Config) -> Served {
        let proxies = || config.trusted_proxies.clone();
        let own = home::pages(site.clone()).merge(recognition::route(site.clone(), proxies()));
        let pages = site.routes().merge(site.change_password_route()).merge(site.protect(own));
        let unlisted = middleware::from_fn_with_state(site.clone(), warn_of_unlisted_proxy);
        let served = Served::new(proxies(), pages, home::probes(self.engine.clone()));
        let served = served.for_strangers(|router| router.layer(unlisted));
        let request_line = middleware::from_fn_with_state(RequestLog::new(site.clone()), telemetry::request_line);
        served.within(|router| router.layer(request_line.clone()))
    }
}

/// Requests from unknown peers do not pass the site's layer, so its warning is logged here.
async fn warn_of_unlisted_proxy(State(site): State<Countersign>, request: Request, next: Next) -> Response {
    site.warn_of_unlisted_proxy(&request);
    next.run(request).await
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<StoreError>().is_some_and(StoreError::is_unreachable)
}

/// Only the users, which need no key.
pub(crate) async fn users(config: &Config) -> Result<BuiltInUsers> {
    Ok(users_of(config.open_database().await?.users, config))
}

fn users_of(table: UserTable, config: &Config) -> BuiltInUsers {
    BuiltInUsers {
        table,
        hashing: Hashing::new(config.hashing_threads),
        rules: config.password_rules(),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    }
}

/// The gauges of the store and of the hashing threads.
fn gauges(engine: &OpenedEngine, users: &BuiltInUsers) -> Gauges {
    let mut gauges = Gauges::default();
    match engine.clone() {
        OpenedEngine::Sqlite(store) => gauges.add(move || {
            let stats = store.writer_stats();
            counter!("countersign_writer_groups_total").absolute(stats.groups);
            counter!("countersign_writer_members_total").absolute(stats.members);
            gauge!("countersign_writer_waiting").set(figure(stats.waiting));
        }),
        OpenedEngine::Postgres(store) => gauges.add(move || tell_pool(&store.pool_stats())),
    }
    let hashing = users.hashing.clone();
    gauges.add(move || {
        let load = hashing.load();
        gauge!("countersign_hashing_waiting").set(figure(load.waiting));
        gauge!("countersign_hashing_threads").set(figure(load.threads));
    });
    gauges
}

/// The gauges of the connections to PostgreSQL.
fn tell_pool(stats: &PoolStats) {
    gauge!("countersign_pool_open").set(figure(stats.open));
    gauge!("countersign_pool_idle").set(figure(stats.idle));
    gauge!("countersign_pool_most").set(figure(stats.most));
    gauge!("countersign_pool_waiting").set(figure(stats.waiting));
}

fn figure(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn settings(config: &Config) -> Settings {
    Settings {
        api: config.api.clone(),
        home: config.home.clone(),
        templates: config.templates.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        own_templates: home::templates(),
        own_texts: home::texts(),
        answer_within: Some(REQUEST_TIMEOUT),
        deux: config.deux_path.clone().map(|mount| Deux { mount, lenient: config.deux_lenient }),
        ..Settings::new(config.origins())
    }
}

#[cfg(test)]
mod tests {
    use std::{io, net::SocketAddr, path::Path, sync::Mutex};

    use axum::{body::Body, extract::ConnectInfo};
    use countersign_store::Database;
    use tower::ServiceExt as _;

    use super::*;

    fn request(peer: &str, path: &str) -> Request {
        let peer: SocketAddr = peer.parse().unwrap();
        let mut request = Request::get(path).header("host", "127.0.0.1:8000").body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    }

    async fn answer(served: &Served, peer: &str, request: Request) -> u16 {
        served.to(peer.parse().unwrap()).clone().oneshot(request).await.unwrap().status().as_u16()
    }

    /// The status of the response to a client at this IP address.
    async fn status(served: &Served, peer: &str, path: &str) -> u16 {
        answer(served, peer, request(peer, path)).await
    }

    /// A new installation in this folder, behind one proxy.
    async fn served(folder: &Path) -> Served {
        let [database, keys] = ["database", "keys"].map(|name| folder.join(name));
        let database = Database::Sqlite(database);
        database.migrate().await.unwrap();
        key_file::create(&keys, &OsRandom).unwrap();
        let proxies = vec!["10.0.0.5".parse().unwrap()];
        let config =
            Config { database: Some(database), key_file: Some(keys), trusted_proxies: proxies, ..Config::default() };
        let installation = Installation::open(&config).await.unwrap();
        installation.served(&installation.site(&config).unwrap(), &config)
    }

    /// Captures the log of this thread.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn t147_a_proxy_that_is_not_listed_is_logged_although_it_is_answered_nothing() {
        let (log, folder) = (Log::default(), tempfile::tempdir().unwrap());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let served = served(folder.path()).await;
        for (path, status) in [("/account/login", 403), ("/healthz", 204)] {
            let mut request = request("192.0.2.1:4711", path);
            request.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
            assert_eq!(answer(&served, "192.0.2.1:4711", request).await, status, "{path}");
        }
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("peer=192.0.2.1")), "{log}");
        assert!(lines.iter().all(|line| line.contains("\"203.0.113.9\"") && line.contains("\"10.0.0.5\"")), "{log}");
    }

    #[tokio::test]
    async fn a_stranger_sees_the_probes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let served = served(folder.path()).await;
        for path in ["/", "/account/login", "/nothing"] {
            assert_eq!(status(&served, "192.0.2.1:4711", path).await, 403, "{path}");
            for neighbour in ["127.0.0.1:4711", "10.0.0.5:4711"] {
                assert_ne!(status(&served, neighbour, path).await, 403, "{path} {neighbour}");
            }
        }
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(status(&served, "192.0.2.1:4711", probe).await, 204, "{probe}");
        }
    }
}
