//! Whom messages with codes are handed to, and who knows YubiKeys: what is set, before any of it is made.
//!
//! Nothing here holds a secret: each stands alone in the first line of a file of its own, which is read when the server
//! starts.

use std::path::PathBuf;

/// What is set about gateways and services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateways {
    /// Who brings text messages.
    pub(crate) sms: Option<Carrier>,
    /// Who calls.
    pub(crate) call: Option<Carrier>,
    /// Who brings mail.
    pub(crate) email: Option<Carrier>,
    /// Whether codes may be printed by a server that is no demo.
    pub(crate) allow_log: bool,
    /// The country that numbers without a country code are of.
    pub(crate) phone_region: Option<String>,
    pub(crate) templates: Option<PathBuf>,
    pub(crate) twilio: Twilio,
    pub(crate) smtp: Smtp,
    pub(crate) webhook: Webhook,
    pub(crate) command: Option<PathBuf>,
    pub(crate) yubikey: Yubikey,
}

/// Who brings messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    /// The terminal, for whoever develops.
    Log,
    /// Twilio: text messages and calls.
    Twilio,
    /// A mail server.
    Smtp,
    /// A service that takes signed requests.
    Webhook,
    /// A program on this machine.
    Command,
}

impl Carrier {
    /// Those that can bring each kind of message.
    pub(crate) const SMS: [Self; 4] = [Self::Log, Self::Twilio, Self::Webhook, Self::Command];
    /// The same, for calls.
    pub(crate) const CALL: [Self; 4] = Self::SMS;
    /// The same, for mail.
    pub(crate) const EMAIL: [Self; 4] = [Self::Log, Self::Smtp, Self::Webhook, Self::Command];

    /// The word in the settings.
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

/// What is set about Twilio.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twilio {
    /// Where its service is, if not where everybody's is.
    pub(crate) url: Option<String>,
    pub(crate) account: Option<String>,
    /// An API key, whose secret is in `secret_file`; without one the account's token is used.
    pub(crate) api_key: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    /// The file with the account's token, by which its requests are signed too.
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) from: Option<String>,
    pub(crate) messaging_service: Option<String>,
}

/// What is set about a mail server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Smtp {
    pub(crate) url: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) from: Option<String>,
}

/// What is set about a service that takes signed requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Webhook {
    pub(crate) url: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
}

/// What is set about a validation service for YubiKeys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Yubikey {
    pub(crate) urls: Vec<String>,
    pub(crate) client: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
}
