//! The settings of gateways for messages and of the validation service for YubiKeys, before the gateways are built.
//!
//! This module holds no secret: each secret is alone in the first line of a file of its own, which is read when the
//! server starts.

use std::path::PathBuf;

/// The settings of gateways and services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateways {
    /// The gateway for text messages.
    pub(crate) sms: Option<Carrier>,
    /// The gateway for calls.
    pub(crate) call: Option<Carrier>,
    /// The gateway for e-mails.
    pub(crate) email: Option<Carrier>,
    /// Whether a server that is not the demo may print codes to the terminal.
    pub(crate) allow_log: bool,
    /// The country of phone numbers without a country code.
    pub(crate) phone_region: Option<String>,
    pub(crate) templates: Option<PathBuf>,
    pub(crate) twilio: Twilio,
    pub(crate) smtp: Smtp,
    pub(crate) webhook: Webhook,
    pub(crate) command: Option<PathBuf>,
    pub(crate) yubikey: Yubikey,
}

/// The kinds of gateways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    /// The terminal, for development.
    Log,
    /// Twilio: text messages and calls.
    Twilio,
    /// A mail server.
    Smtp,
    /// A service that receives signed requests.
    Webhook,
    /// A program on this machine.
    Command,
}

impl Carrier {
    /// The gateways that can send text messages.
    pub(crate) const SMS: [Self; 4] = [Self::Log, Self::Twilio, Self::Webhook, Self::Command];
    /// The gateways that can make calls.
    pub(crate) const CALL: [Self; 4] = Self::SMS;
    /// The gateways that can send e-mails.
    pub(crate) const EMAIL: [Self; 4] = [Self::Log, Self::Smtp, Self::Webhook, Self::Command];

    /// The word for it in the settings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Twilio => "twilio",
            Self::Smtp => "smtp",
            Self::Webhook => "webhook",
            Self::Command => "command",
        }
    }
}

/// The settings of Twilio.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twilio {
    /// The URL of its service, if it is not Twilio's own.
    pub(crate) url: Option<String>,
    pub(crate) account: Option<String>,
    /// An API key, whose secret is in `secret_file`; without one, the account's token is used.
    pub(crate) api_key: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    /// The file with the account's token, which also signs the account's requests.
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) from: Option<String>,
    pub(crate) messaging_service: Option<String>,
}

/// The settings of a mail server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Smtp {
    pub(crate) url: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) from: Option<String>,
}

/// The settings of a service that receives signed requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Webhook {
    pub(crate) url: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
}

/// The settings of a validation service for YubiKeys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Yubikey {
    pub(crate) urls: Vec<String>,
    pub(crate) client: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
}
