//! What a host says about its site. Everything is checked once, when a [`Countersign`](crate::Countersign) is made.

use std::path::PathBuf;

use crate::hosts::{Network, Origins};

/// What a host says about its site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the pages are: a path such as `/account`, without a slash at its end.
    pub mount: String,
    /// Where the JSON API is: a path such as `/api/v1`, without a slash at its end; nothing: nowhere.
    pub api: Option<String>,
    /// Under which addresses browsers reach the site.
    pub origins: Origins,
    /// Where one goes after signing in, unless somewhere else was asked for.
    pub home: String,
    /// What the site is called, in titles and headings.
    pub site_name: String,
    /// The language of the pages, as a BCP 47 tag. What it has no text for is said in English.
    pub language: String,
    /// A folder whose files take the place of the embedded templates of the same name. Read once, at the start.
    pub templates: Option<PathBuf>,
    /// A folder whose `*.ftl` files take the place of single messages. Read once, at the start.
    pub locales: Option<PathBuf>,
    /// The host's own templates: name and source. A file in the folder overrides these too.
    pub own_templates: Vec<(String, String)>,
    /// The host's own texts, as Fluent sources.
    pub own_texts: Vec<String>,
    /// The reverse proxies whose `X-Forwarded-For` is believed. Nothing else that a request says of its sender is.
    pub trusted_proxies: Vec<Network>,
}

impl Settings {
    /// Settings for a site at `origins`, everything else by default: pages at `/account`, the JSON API at `/api/v1`, home at `/`, in English.
    pub fn new(origins: Origins) -> Self {
        Self {
            mount: "/account".into(),
            api: Some("/api/v1".into()),
            origins,
            home: "/".into(),
            site_name: "Countersign".into(),
            language: "en".into(),
            templates: None,
            locales: None,
            own_templates: vec![],
            own_texts: vec![],
            trusted_proxies: vec![],
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The mount is not a plain absolute path.
    #[error("the mount {0:?} is not a path such as /account")]
    Mount(String),
    /// The place of the JSON API is not a plain absolute path.
    #[error("the place of the API {0:?} is not a path such as /api/v1")]
    Api(String),
    /// Pages and API would be below each other.
    #[error("the pages at {mount} and the API at {api} are in each other's way")]
    Apart {
        /// Where the pages are to be.
        mount: String,
        /// Where the API is to be.
        api: String,
    },
    /// Home is not a path on this site.
    #[error("home {0:?} is not a path on this site")]
    Home(String),
    /// The language is not a language tag.
    #[error("the language {0:?} is not a language tag")]
    Language(String),
    /// A folder or file could not be read.
    #[error("could not read {path}", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A template does not parse.
    #[error("the template {name} does not parse")]
    Template {
        /// Which.
        name: String,
        /// Why.
        source: Box<minijinja::Error>,
    },
    /// A Fluent source does not parse.
    #[error("the texts in {name} do not parse: {problem}")]
    Texts {
        /// Which.
        name: String,
        /// What is wrong with them.
        problem: String,
    },
}
