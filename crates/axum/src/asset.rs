//! Files that pages load: a style sheet, one small script, an icon.
//!
//! The name in the URL of each file changes with its content, so browsers may cache it for ever. A file in the host's
//! folder replaces the embedded one of the same name.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{Settings, SettingsError, headers, redirect::LocalPath, text};

const EMBEDDED: [(&str, &str, &str, HeaderValue); 3] = [
    (
        "countersign",
        "css",
        include_str!("../static/countersign.css"),
        HeaderValue::from_static("text/css; charset=utf-8"),
    ),
    (
        "countersign",
        "js",
        include_str!("../static/countersign.js"),
        HeaderValue::from_static("text/javascript; charset=utf-8"),
    ),
    ("icon", "svg", include_str!("../static/icon.svg"), HeaderValue::from_static("image/svg+xml")),
];

/// The static files of a site.
#[derive(Clone, Debug)]
pub(crate) struct Assets(Vec<Asset>);

#[derive(Clone, Debug)]
struct Asset {
    /// The file name that templates use.
    name: String,
    /// The name in the URL, with a hash of the content.
    served: String,
    /// The full URL path.
    address: String,
    content: Arc<str>,
    kind: HeaderValue,
}

impl Assets {
    pub(crate) fn read(settings: &Settings, folder: &LocalPath) -> Result<Self, SettingsError> {
        let asset = |(stem, ending, embedded, kind): (&str, &str, &str, HeaderValue)| {
            let name = format!("{stem}.{ending}");
            let theirs = settings.templates.as_deref().map_or(Ok(vec![]), |folder| text::files(folder, ending))?;
            let theirs = theirs.into_iter().find_map(|(file, content)| (file == name).then_some(content));
            let content: Arc<str> = theirs.unwrap_or_else(|| embedded.to_owned()).into();
            let served = format!("{stem}-{}.{ending}", digest(&content));
            Ok(Asset { address: format!("{folder}/{served}"), name, served, content, kind })
        };
        EMBEDDED.into_iter().map(asset).collect::<Result<_, _>>().map(Self)
    }

    /// These files and those of `before`, so that a page loaded before a reload still finds its files.
    pub(crate) fn besides(&self, before: &Self) -> Self {
        let is_gone = |asset: &&Asset| !self.0.iter().any(|other| other.served == asset.served);
        Self(self.0.iter().chain(before.0.iter().filter(is_gone)).cloned().collect())
    }

    /// The name and URL path of every file.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|asset| (asset.name.as_str(), asset.address.as_str()))
    }

    /// The file that is served under this name.
    pub(crate) fn serve(&self, served: &str) -> Option<Response> {
        let asset = self.0.iter().find(|asset| asset.served == served)?;
        let headers = [(header::CONTENT_TYPE, asset.kind.clone()), (header::CACHE_CONTROL, headers::FOR_EVER)];
        Some((headers, asset.content.to_string()).into_response())
    }
}

/// A fingerprint that distinguishes versions of a file. It need not resist forgery.
fn digest(content: &str) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
