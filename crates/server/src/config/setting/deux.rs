//! The settings of deux's REST API, for clients that were written for it.

use super::{DAY, SECOND, Setting, api::place};
use crate::config::value::{self, show_span, span};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "deux_path",
        about: "The path of deux's REST API, for clients that were written for it, such as /mfa; empty: off.",
        default: |_| None,
        set: |config, text| place(text).map(|place| config.deux_path = place),
    },
    Setting {
        name: "deux_lenient",
        about: "Whether such clients are exempt from checks that deux did not make: a token alone can then turn off \
            two-factor authentication and create backup codes, and using a backup code turns it off.",
        default: |_| Some("false".into()),
        set: |config, text| value::switch(text).map(|lenient| config.deux_lenient = lenient),
    },
    Setting {
        name: "access_token",
        about: "How long an access token of a registered client is valid; never longer than its grant.",
        default: |config| Some(show_span(config.core.tokens.access)),
        set: |config, text| span(text, SECOND, DAY).map(|life| config.core.tokens.access = life),
    },
];
