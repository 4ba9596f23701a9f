//! The settings of the JSON API: its path, and its personal tokens.

use anyhow::{Context as _, Result, ensure};
use countersign_axum::LocalPath;

use super::{SECOND, Setting, YEAR};
use crate::{
    config::value::{number, show_span, span},
    home,
};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "api_path",
        about: "The path of the JSON API; empty: off.",
        default: |config| config.api.clone(),
        set: |config, text| place(text).map(|place| config.api = place),
    },
    Setting {
        name: "personal_token_max_lifetime",
        about: "The maximum lifetime of a personal token, which is also its default.",
        default: |config| Some(show_span(config.core.tokens.longest)),
        set: |config, text| {
            span(text, SECOND, YEAR.saturating_mul(10)).map(|longest| config.core.tokens.longest = longest)
        },
    },
    Setting {
        name: "personal_tokens_per_user",
        about: "The maximum number of personal tokens of a user.",
        default: |config| Some(config.core.tokens.most.to_string()),
        set: |config, text| number(text, 1, 10_000).map(|most| config.core.tokens.most = most),
    },
];

/// A path for an API that the server uses for nothing else.
pub(super) fn place(text: &str) -> Result<Option<String>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let path = LocalPath::plain(text).context("it must be a path such as /api/v1, or empty")?;
    let first = path.as_str().split('/').nth(1).unwrap_or_default();
    ensure!(!home::TAKEN.contains(&first), "the server uses paths below /{first} itself");
    Ok(Some(path.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_at_a_path_of_its_own_or_nowhere() {
        assert_eq!(place(" /v2/api ").unwrap().as_deref(), Some("/v2/api"));
        assert_eq!(place("").unwrap(), None);
        for (text, error) in [
            ("/", "it must be a path such as /api/v1, or empty"),
            ("api", "it must be a path such as /api/v1, or empty"),
            ("/account/api", "the server uses paths below /account itself"),
            ("/healthz", "the server uses paths below /healthz itself"),
        ] {
            assert_eq!(place(text).unwrap_err().to_string(), error);
        }
    }
}
