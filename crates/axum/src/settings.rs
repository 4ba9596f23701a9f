//! The settings of a host's site. They are checked once, when a [`Countersign`](crate::Countersign) is created.

use std::{path::PathBuf, time::Duration};

use crate::hosts::{Network, Origins};

/// The settings of a host's site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The path of the pages, such as `/account`, without a trailing slash.
    pub mount: String,
    /// The path of the JSON API, such as `/api/v1`, without a trailing slash; `None` disables it.
    pub api: Option<String>,
    /// The front end for deux's clients; `None` disables it.
    pub deux: Option<Deux>,
    /// The origins under which browsers reach the site.
    pub origins: Origins,
    /// The redirect after a sign-in without `next`, and the target of the link "Home": a path on this site that is not
    /// one of the pages for sign-in, sign-out or step-up.
    pub home: String,
    /// The language of the pages, as a BCP 47 tag. Missing texts are shown in English.
    pub language: String,
    /// A folder whose files replace the embedded templates of the same name. Read at the start and by
    /// [`Countersign::reload`](crate::Countersign::reload).
    pub templates: Option<PathBuf>,
    /// A folder whose `*.ftl` files replace single texts. Read at the start and by
    /// [`Countersign::reload`](crate::Countersign::reload).
    pub locales: Option<PathBuf>,
    /// The host's own templates: name and source. A file in the folder overrides these too.
    pub own_templates: Vec<(String, String)>,
    /// The host's own texts, as Fluent sources.
    pub own_texts: Vec<String>,
    /// The trusted reverse proxies: only their `X-Forwarded-For` is read. No other forwarding header is used.
    pub trusted_proxies: Vec<Network>,
    /// The time within which a response must start. A request that takes longer is cancelled, which is a fault; `None`
    /// sets no limit.
    pub answer_within: Option<Duration>,
}

impl Settings {
    /// Settings for a site at `origins` with defaults: pages at `/account`, the JSON API at `/api/v1`, home at `/`, in
    /// English.
    pub fn new(origins: Origins) -> Self {
        Self {
            mount: "/account".into(),
            api: Some("/api/v1".into()),
            deux: None,
            origins,
            home: "/".into(),
            language: "en".into(),
            templates: None,
            locales: None,
            own_templates: vec![],
            own_texts: vec![],
            trusted_proxies: vec![],
            answer_within: None,
        }
    }
}

/// The front end for clients that were written for deux.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deux {
    /// Its path, such as `/mfa`, without a trailing slash.
    pub mount: String,
    /// Whether clients that cannot verify a second factor again are exempt from it: then a token alone turns off
    /// two-factor authentication and creates backup codes, a GET creates them too, and a sign-in with a backup code
    /// turns off two-factor authentication.
    pub lenient: bool,
}

impl Default for Deux {
    /// At `/mfa`, with the same requirements as the other front ends.
    fn default() -> Self {
        Self { mount: "/mfa".into(), lenient: false }
    }
}

/// Why settings are invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The mount is not a plain absolute path.
    #[error("the mount {0:?} is not a path such as /account")]
    Mount(String),
    /// The path of the JSON API is not a plain absolute path.
    #[error("the API path {0:?} is not a path such as /api/v1")]
    Api(String),
    /// The paths of two front ends are nested.
    #[error("the paths {one} and {other} overlap: neither may be below the other")]
    Apart {
        /// The path of the first.
        one: String,
        /// The path of the second.
        other: String,
    },
    /// The path of the front end for deux's clients is not a plain absolute path.
    #[error("the path {0:?} for deux's clients is not a path such as /mfa")]
    Deux(String),
    /// Home is not a path on this site, or is a page for sign-in or sign-out.
    #[error("home {0:?} is not a path on this site such as /, or is a page that signs in or out")]
    Home(String),
    /// The language is not a language tag.
    #[error("the language {0:?} is not a language tag")]
    Language(String),
    /// A folder or file could not be read.
    #[error("could not read {path}", path = .path.display())]
    Read {
        /// The path of the folder or file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A template does not parse.
    #[error("the template {name} does not parse")]
    Template {
        /// The name of the template.
        name: String,
        /// The cause.
        source: Box<minijinja::Error>,
    },
    /// A file in the folder of templates replaces none: its name is misspelt, or from another version.
    #[error("the template {name} replaces none of {known}; the name of a part that templates include begins with _")]
    UnknownTemplate {
        /// The name of the file.
        name: String,
        /// The names of the templates, separated by commas.
        known: String,
    },
    /// A Fluent source does not parse.
    #[error("the texts in {name} do not parse: {problem}")]
    Texts {
        /// The name of the source.
        name: String,
        /// The first syntax error.
        problem: String,
    },
}
