//! What a host says about its site. Everything is checked once, when a [`Countersign`](crate::Countersign) is made.

use std::{path::PathBuf, time::Duration};

use crate::hosts::{Network, Origins};

/// What a host says about its site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the pages are: a path such as `/account`, without a slash at its end.
    pub mount: String,
    /// Where the JSON API is: a path such as `/api/v1`, without a slash at its end; nothing: nowhere.
    pub api: Option<String>,
    /// What deux offered, for clients that were written for it; nothing: nowhere.
    pub deux: Option<Deux>,
    /// Under which addresses browsers reach the site.
    pub origins: Origins,
    /// Where a sign-in leads that was asked to lead nowhere else, and where links to the start page lead: a path on this site,
    /// and none of the pages of signing in, out, and proving a factor again.
    pub home: String,
    /// The language of the pages, as a BCP 47 tag. What it has no text for is said in English.
    pub language: String,
    /// A folder whose files take the place of the embedded templates of the same name. Read at the start, and
    /// again by [`Countersign::reload`](crate::Countersign::reload).
    pub templates: Option<PathBuf>,
    /// A folder whose `*.ftl` files take the place of single messages. Read at the start, and again by
    /// [`Countersign::reload`](crate::Countersign::reload).
    pub locales: Option<PathBuf>,
    /// The host's own templates: name and source. A file in the folder overrides these too.
    pub own_templates: Vec<(String, String)>,
    /// The host's own texts, as Fluent sources.
    pub own_texts: Vec<String>,
    /// The reverse proxies whose `X-Forwarded-For` is believed. Nothing else that a request says of its sender is.
    pub trusted_proxies: Vec<Network>,
    /// How long a request may take until its answer begins. Then it is given up, which is a fault like any other; nothing:
    /// as long as it likes.
    pub answer_within: Option<Duration>,
}

impl Settings {
    /// Settings for a site at `origins`, everything else by default: pages at `/account`, the JSON API at `/api/v1`, home at `/`, in English.
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

/// The entrance for clients that were written for deux.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deux {
    /// Where it is: a path such as `/mfa`, without a slash at its end.
    pub mount: String,
    /// Whether clients that know of no proof are spared it: then a token alone switches two-factor authentication off and
    /// makes backup codes, a GET makes them too, and whoever signs in with one has no second factor afterwards.
    pub lenient: bool,
}

impl Default for Deux {
    /// At `/mfa`, and asking for what every other entrance asks for.
    fn default() -> Self {
        Self { mount: "/mfa".into(), lenient: false }
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
    /// Two entrances would be below each other.
    #[error("what is to be at {one} and what is to be at {other} are in each other's way")]
    Apart {
        /// Where one of them is to be.
        one: String,
        /// Where the other is to be.
        other: String,
    },
    /// The place of deux's entrance is not a plain absolute path.
    #[error("the place of deux's entrance {0:?} is not a path such as /mfa")]
    Deux(String),
    /// Home is not a path on this site, or is a page of signing in or out.
    #[error("home {0:?} is not a path on this site such as /, or is a page that signs in or out")]
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
    /// A file in the folder of templates replaces none: its name is misspelt, or that of another version.
    #[error("the template {name} replaces none of {known}; the name of a part that templates include begins with _")]
    UnknownTemplate {
        /// The file's name.
        name: String,
        /// The names there are, with commas between them.
        known: String,
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
