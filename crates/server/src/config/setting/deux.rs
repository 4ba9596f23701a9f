//! The settings of deux's entrance, for clients that were written for it.

use super::{DAY, SECOND, Setting, api::place};
use crate::config::value::{self, show_span, span};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "deux_path",
        about: "Where deux's REST API is offered to clients that were written for it, as in /mfa; if this is empty, nowhere.",
        default: |_| None,
        set: |config, text| place(text).map(|place| config.deux_path = place),
    },
    Setting {
        name: "deux_lenient",
        about: "Whether such clients are spared what deux did not ask for: a token alone then switches two-factor \
                authentication off and makes backup codes, and a backup code that is used switches it off.",
        default: |_| Some("false".into()),
        set: |config, text| value::switch(text).map(|lenient| config.deux_lenient = lenient),
    },
    Setting {
        name: "access_token",
        about: "How long an access token lives that a registered client is given; no longer than its grant.",
        default: |config| Some(show_span(config.core.tokens.access)),
        set: |config, text| span(text, SECOND, DAY).map(|life| config.core.tokens.access = life),
    },
];
