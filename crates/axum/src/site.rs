//! The shared state of all requests of a site: engine, paths, texts and templates.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::extract::{ConnectInfo, Request, connect_info::MockConnectInfo};
use countersign_engine::Engine;

use crate::{
    Settings, SettingsError,
    asset::Assets,
    bearer::{BEARER, TOKEN},
    cookies::Names,
    hosts::{self, Network, Origins},
    log_limit::LogLimits,
    page::Templates,
    redirect::LocalPath,
    visitor::within,
};

/// One site.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) origins: Origins,
    pub(crate) proxies: Vec<Network>,
    pub(crate) answer_within: Option<Duration>,
    pub(crate) names: Names,
    pub(crate) paths: Paths,
    /// The path of the JSON API, if it is enabled.
    pub(crate) api: Option<LocalPath>,
    /// The path of the front end for deux's clients, if it is enabled.
    pub(crate) deux: Option<LocalPath>,
    spares_old_clients: bool,
    pub(crate) home: LocalPath,
    /// The settings for reading templates, texts and static files again.
    settings: Settings,
    look: RwLock<Look>,
    pub(crate) log_limits: LogLimits,
}

/// Templates, texts and static files, which can be reloaded.
#[derive(Clone)]
struct Look {
    assets: Arc<Assets>,
    templates: Arc<Templates>,
}

/// The paths of the pages.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) mount: LocalPath,
    pub(crate) login: LocalPath,
    pub(crate) second_factor: LocalPath,
    pub(crate) send: LocalPath,
    pub(crate) restart: LocalPath,
    pub(crate) backup_code_used: LocalPath,
    pub(crate) logout: LocalPath,
    pub(crate) account: LocalPath,
    pub(crate) setup: LocalPath,
    pub(crate) confirm: LocalPath,
    pub(crate) setup_send: LocalPath,
    pub(crate) cancel: LocalPath,
    pub(crate) complete: LocalPath,
    pub(crate) qr_svg: LocalPath,
    pub(crate) qr_png: LocalPath,
    pub(crate) backup_codes: LocalPath,
    pub(crate) disable: LocalPath,
    pub(crate) devices: LocalPath,
    pub(crate) password: LocalPath,
    pub(crate) verify: LocalPath,
    pub(crate) verify_send: LocalPath,
    pub(crate) twilio: LocalPath,
    pub(crate) assets: LocalPath,
}

impl Site {
    pub(crate) fn new(engine: Engine, settings: Settings) -> Result<Self, SettingsError> {
        let mount = || SettingsError::Mount(settings.mount.clone());
        let paths = LocalPath::plain(&settings.mount).map(|mount| Paths::below(&mount)).ok_or_else(mount)?;
        let home = paths.next(&settings.home).ok_or_else(|| SettingsError::Home(settings.home.clone()))?;
        let place = |text: &str, otherwise: fn(String) -> SettingsError| {
            LocalPath::plain(text).ok_or_else(|| otherwise(text.to_owned()))
        };
        let api = settings.api.as_deref().map(|api| place(api, SettingsError::Api)).transpose()?;
        let deux = settings.deux.as_ref().map(|deux| place(&deux.mount, SettingsError::Deux)).transpose()?;
        apart(&paths.mount, api.as_ref(), deux.as_ref())?;
        let spares_old_clients = settings.deux.as_ref().is_some_and(|deux| deux.lenient);
        let look = RwLock::new(Look::read(&engine, &settings, &paths, &home, None)?);
        let names = Names::new(settings.origins.is_https());
        let (origins, proxies) = (settings.origins.clone(), settings.trusted_proxies.clone());
        let answer_within = settings.answer_within;
        Ok(Self {
            engine,
            origins,
            proxies,
            answer_within,
            names,
            paths,
            api,
            deux,
            spares_old_clients,
            home,
            settings,
            look,
            log_limits: LogLimits::default(),
        })
    }

    /// Reads templates, texts and static files again. After an error nothing has changed.
    pub(crate) fn reload(&self) -> Result<(), SettingsError> {
        let before = self.assets();
        let look = Look::read(&self.engine, &self.settings, &self.paths, &self.home, Some(&before))?;
        *self.look.write().unwrap_or_else(PoisonError::into_inner) = look;
        Ok(())
    }

    /// The current templates and texts.
    pub(crate) fn templates(&self) -> Arc<Templates> {
        self.look.read().unwrap_or_else(PoisonError::into_inner).templates.clone()
    }

    /// The current static files.
    pub(crate) fn assets(&self) -> Arc<Assets> {
        self.look.read().unwrap_or_else(PoisonError::into_inner).assets.clone()
    }

    /// The IP address of the client, if the server provides it.
    pub(crate) fn remote_ip(&self, request: &Request) -> Option<IpAddr> {
        peer(request).map(|peer| hosts::client(peer, request.headers(), &self.proxies))
    }

    /// Logs a request that names its client in `X-Forwarded-For` although its peer is not a trusted proxy: either a
    /// client tries to be another one, or `trusted_proxies` lacks the proxy, and all its clients share one IP address.
    pub(crate) fn warn_of_unlisted_proxy(&self, request: &Request) {
        let headers = request.headers();
        if !headers.contains_key(hosts::FORWARDED_FOR) {
            return;
        }
        let Some(peer) = peer(request).filter(|peer| !hosts::listed(*peer, &self.proxies)) else { return };
        if let Some(left_out) = self.log_limits.unlisted_proxy.admit(self.engine.now()) {
            // Logs only a valid IP address: a client can write anything into the header.
            let forwarded_for = hosts::claimed(headers).map_or_else(|| "unreadable".to_owned(), |ip| ip.to_string());
            let trusted_proxies = self.proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            tracing::warn!(
                %peer,
                forwarded_for,
                trusted_proxies,
                left_out,
                "X-Forwarded-For ignored: the request comes from a peer that is not among the trusted proxies"
            );
        }
    }

    /// The accepted authentication schemes for tokens.
    pub(crate) fn schemes(&self) -> &'static [&'static str] {
        if self.deux.is_some() { &[BEARER, TOKEN] } else { &[BEARER] }
    }

    /// Whether deux's clients are exempt from verifying a second factor again.
    pub(crate) fn spares_old_clients(&self) -> bool {
        self.spares_old_clients
    }

    /// The `next` of a request, if it is on this site and not a page for sign-in or sign-out, which would loop.
    pub(crate) fn next(&self, text: &str) -> Option<LocalPath> {
        self.paths.next(text)
    }
}

/// The IP address of the peer, if the server provides it.
fn peer(request: &Request) -> Option<IpAddr> {
    let extensions = request.extensions();
    let peer = extensions.get().map(|ConnectInfo(peer)| peer);
    let peer: Option<&SocketAddr> = peer.or_else(|| extensions.get().map(|MockConnectInfo(peer)| peer));
    peer.map(|peer| peer.ip().to_canonical())
}

impl Look {
    fn read(
        engine: &Engine,
        settings: &Settings,
        paths: &Paths,
        home: &LocalPath,
        before: Option<&Assets>,
    ) -> Result<Self, SettingsError> {
        let assets = Assets::read(settings, &paths.assets)?;
        let templates = Templates::read(engine, settings, paths, home, &assets)?;
        let assets = before.map_or_else(|| assets.clone(), |before| assets.besides(before));
        Ok(Self { assets: Arc::new(assets), templates: Arc::new(templates) })
    }
}

/// Rejects nested paths of pages, API and the front end for deux's clients.
fn apart(pages: &LocalPath, api: Option<&LocalPath>, deux: Option<&LocalPath>) -> Result<(), SettingsError> {
    for (one, other) in [(Some(pages), api), (Some(pages), deux), (api, deux)] {
        let (Some(one), Some(other)) = (one, other) else { continue };
        if within(one.as_str(), other) || within(other.as_str(), one) {
            return Err(SettingsError::Apart { one: one.to_string(), other: other.to_string() });
        }
    }
    Ok(())
}

impl Paths {
    /// Parses `text` as a path on this site that is not a page for sign-in or sign-out.
    fn next(&self, text: &str) -> Option<LocalPath> {
        let circles = [&self.login, &self.logout, &self.verify];
        LocalPath::parse(text).filter(|next| !circles.iter().any(|page| within(next.path(), page)))
    }

    /// The paths of the pages below this mount.
    fn below(mount: &LocalPath) -> Self {
        let at = |page: &str| LocalPath::own(format!("{mount}{page}"));
        Self {
            mount: at(""),
            login: at("/login"),
            second_factor: at("/login/second-factor"),
            send: at("/login/send"),
            restart: at("/login/restart"),
            backup_code_used: at("/two-factor/backup-code-used"),
            logout: at("/logout"),
            account: at("/two-factor"),
            setup: at("/two-factor/setup"),
            confirm: at("/two-factor/setup/confirm"),
            setup_send: at("/two-factor/setup/send"),
            cancel: at("/two-factor/setup/cancel"),
            complete: at("/two-factor/setup/complete"),
            qr_svg: at("/two-factor/qr.svg"),
            qr_png: at("/two-factor/qr.png"),
            backup_codes: at("/two-factor/backup-codes"),
            disable: at("/two-factor/disable"),
            devices: at("/two-factor/devices"),
            password: at("/password"),
            verify: at("/verify"),
            verify_send: at("/verify/send"),
            twilio: at("/twilio"),
            assets: at("/static"),
        }
    }
}
