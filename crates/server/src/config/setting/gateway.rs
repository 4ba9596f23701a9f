//! The settings of gateways for messages and of the validation service for YubiKeys.

use anyhow::{Context as _, Result, ensure};
use countersign_gateway::Libphonenumber;

use super::Setting;
use crate::config::{
    gateways::Carrier,
    value::{self, switch},
};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "sms_gateway",
        about: "The gateway for text messages: twilio, webhook, command or log. Without one, none are sent.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::SMS).map(|carrier| config.gateways.sms = carrier),
    },
    Setting {
        name: "call_gateway",
        about: "The gateway for calls: twilio, webhook, command or log. Without one, no calls are made.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::CALL).map(|carrier| config.gateways.call = carrier),
    },
    Setting {
        name: "email_gateway",
        about: "The gateway for e-mails: smtp, webhook, command or log. Without one, none are sent.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::EMAIL).map(|carrier| config.gateways.email = carrier),
    },
    Setting {
        name: "allow_log_gateway",
        about: "Whether a server that is not the demo may print codes to its terminal: for development only.",
        default: |config| Some(config.gateways.allow_log.to_string()),
        set: |config, text| switch(text).map(|allow| config.gateways.allow_log = allow),
    },
    Setting {
        name: "phone_region",
        about: "The country of phone numbers without a country code, as two letters; none unless set.",
        default: |_| None,
        set: |config, text| {
            let region = text.trim().to_ascii_uppercase();
            let is_region = region.len() == 2 && region.bytes().all(|letter| letter.is_ascii_uppercase());
            ensure!(is_region, "it must be two letters, such as NL");
            ensure!(region != "UK", "the code of the United Kingdom is GB: write GB");
            Libphonenumber::of_region(&region).context("use the country's code in ISO 3166-1, such as NL")?;
            config.gateways.phone_region = Some(region);
            Ok(())
        },
    },
    Setting {
        name: "message_template_dir",
        about: "A folder whose files replace the message templates of the same name, by language.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.templates = Some(path)),
    },
    Setting {
        name: "twilio_account",
        about: "The SID of the Twilio account.",
        default: |_| None,
        set: |config, text| word(text).map(|account| config.gateways.twilio.account = Some(account)),
    },
    Setting {
        name: "twilio_token_file",
        about: "A file with the account's auth token in its first line, with which Twilio also signs its own requests.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.twilio.token_file = Some(path)),
    },
    Setting {
        name: "twilio_api_key",
        about: "The SID of an API key to use instead of the account's auth token.",
        default: |_| None,
        set: |config, text| word(text).map(|key| config.gateways.twilio.api_key = Some(key)),
    },
    Setting {
        name: "twilio_api_secret_file",
        about: "A file with the secret of that key in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.twilio.secret_file = Some(path)),
    },
    Setting {
        name: "twilio_from",
        about: "The number that messages and calls come from, such as +31201234567.",
        default: |_| None,
        set: |config, text| word(text).map(|from| config.gateways.twilio.from = Some(from)),
    },
    Setting {
        name: "twilio_messaging_service",
        about: "The SID of a messaging service to send text messages with, instead of a number.",
        default: |_| None,
        set: |config, text| word(text).map(|service| config.gateways.twilio.messaging_service = Some(service)),
    },
    Setting {
        name: "twilio_url",
        about: "The URL of Twilio's API, if it is not Twilio's own: for a proxy, or a test double.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.twilio.url = Some(url)),
    },
    Setting {
        name: "smtp_url",
        about: "The mail server, such as smtps://user@mail.example.org or smtp://mail.example.org:587; it must use \
            TLS, except on this machine.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.smtp.url = Some(url)),
    },
    Setting {
        name: "smtp_password_file",
        about: "A file with the mail server's password in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.smtp.password_file = Some(path)),
    },
    Setting {
        name: "smtp_ca_file",
        about: "A file with the CA certificates, in PEM, by which the mail server's certificate is verified; by \
            default those of this machine.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.smtp.ca_file = Some(path)),
    },
    Setting {
        name: "email_from",
        about: "The sender of e-mails, such as Countersign <no-reply@example.org>.",
        default: |_| None,
        set: |config, text| word(text).map(|from| config.gateways.smtp.from = Some(from)),
    },
    Setting {
        name: "webhook_url",
        about: "The URL to which messages are posted as signed requests, for a provider of your own.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.webhook.url = Some(url)),
    },
    Setting {
        name: "webhook_secret_file",
        about: "A file with the secret that signs these requests in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.webhook.secret_file = Some(path)),
    },
    Setting {
        name: "gateway_command",
        about: "A program that gets each message, as JSON, on its standard input.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.command = Some(path)),
    },
    Setting {
        name: "yubikey_urls",
        about: "The URLs of validation services for YubiKeys; all of them are asked in parallel.",
        default: |_| None,
        set: |config, text| value::list(text, "URLs").map(|urls| config.gateways.yubikey.urls = urls),
    },
    Setting {
        name: "yubikey_client",
        about: "The client id of this installation at these services.",
        default: |_| None,
        set: |config, text| word(text).map(|client| config.gateways.yubikey.client = Some(client)),
    },
    Setting {
        name: "yubikey_secret_file",
        about: "A file with the secret shared with these services, in base64, in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.yubikey.secret_file = Some(path)),
    },
];

/// One of the gateways that are able to do it, or none.
fn carrier(text: &str, able: &[Carrier]) -> Result<Option<Carrier>> {
    let known = able.iter().copied().find(|carrier| carrier.as_str() == text.trim());
    let words: Vec<_> = able.iter().map(|carrier| carrier.as_str()).collect();
    ensure!(known.is_some() || text.trim() == "none", "it must be none or one of {}", words.join(", "));
    Ok(known)
}

/// A text that is not empty.
fn word(text: &str) -> Result<String> {
    let text = text.trim();
    ensure!(!text.is_empty(), "it must not be empty");
    Ok(text.to_owned())
}
