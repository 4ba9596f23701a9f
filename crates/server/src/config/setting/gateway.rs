//! The settings of gateways and services: whom messages with codes are handed to, and who knows YubiKeys.

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
        about: "Who brings text messages: twilio, webhook, command or log. Without one, none are sent.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::SMS).map(|carrier| config.gateways.sms = carrier),
    },
    Setting {
        name: "call_gateway",
        about: "Who calls: twilio, webhook, command or log. Without one, nobody is called.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::CALL).map(|carrier| config.gateways.call = carrier),
    },
    Setting {
        name: "email_gateway",
        about: "Who brings mail: smtp, webhook, command or log. Without one, none is sent.",
        default: |_| None,
        set: |config, text| carrier(text, &Carrier::EMAIL).map(|carrier| config.gateways.email = carrier),
    },
    Setting {
        name: "allow_log_gateway",
        about: "Whether a server that is no demo may print codes to its terminal: for development alone.",
        default: |config| Some(config.gateways.allow_log.to_string()),
        set: |config, text| switch(text).map(|allow| config.gateways.allow_log = allow),
    },
    Setting {
        name: "phone_region",
        about: "The country, in two letters, that numbers without a country code are of; none, if it is not set.",
        default: |_| None,
        set: |config, text| {
            let region = text.trim().to_ascii_uppercase();
            let is_region = region.len() == 2 && region.bytes().all(|letter| letter.is_ascii_uppercase());
            ensure!(is_region, "it has to be two letters, as in NL");
            ensure!(region != "UK", "the code of the United Kingdom is GB: write GB");
            Libphonenumber::of_region(&region).context("look the country's code up in ISO 3166-1, as in NL")?;
            config.gateways.phone_region = Some(region);
            Ok(())
        },
    },
    Setting {
        name: "message_template_dir",
        about: "A folder whose files take the place of the templates of messages, by language.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.templates = Some(path)),
    },
    Setting {
        name: "twilio_account",
        about: "The SID of the account with Twilio.",
        default: |_| None,
        set: |config, text| word(text).map(|account| config.gateways.twilio.account = Some(account)),
    },
    Setting {
        name: "twilio_token_file",
        about: "A file with the account's token in its first line: what Twilio signs its own requests with.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.twilio.token_file = Some(path)),
    },
    Setting {
        name: "twilio_api_key",
        about: "The SID of an API key to be used instead of the account's token.",
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
        about: "The number that messages and calls come from, as in +31201234567.",
        default: |_| None,
        set: |config, text| word(text).map(|from| config.gateways.twilio.from = Some(from)),
    },
    Setting {
        name: "twilio_messaging_service",
        about: "The SID of a messaging service that text messages come from instead.",
        default: |_| None,
        set: |config, text| word(text).map(|service| config.gateways.twilio.messaging_service = Some(service)),
    },
    Setting {
        name: "twilio_url",
        about: "Where Twilio is, if not at its own address: a proxy of one's own, or a stand-in.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.twilio.url = Some(url)),
    },
    Setting {
        name: "smtp_url",
        about: "The mail server, as in smtps://user@mail.example.org or smtp://mail.example.org:587; by TLS, unless it is this machine.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.smtp.url = Some(url)),
    },
    Setting {
        name: "smtp_password_file",
        about: "A file with the password for it in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.smtp.password_file = Some(path)),
    },
    Setting {
        name: "smtp_ca_file",
        about: "The certificates, in PEM, by which the mail server proves who it is; those of this machine, if not set.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.smtp.ca_file = Some(path)),
    },
    Setting {
        name: "email_from",
        about: "The address that mail comes from, as in Countersign <no-reply@example.org>.",
        default: |_| None,
        set: |config, text| word(text).map(|from| config.gateways.smtp.from = Some(from)),
    },
    Setting {
        name: "webhook_url",
        about: "Where messages are posted to, signed, for a provider of one's own.",
        default: |_| None,
        set: |config, text| word(text).map(|url| config.gateways.webhook.url = Some(url)),
    },
    Setting {
        name: "webhook_secret_file",
        about: "A file with the secret that they are signed with in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.webhook.secret_file = Some(path)),
    },
    Setting {
        name: "gateway_command",
        about: "A program that is given each message, as JSON, on its standard input.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.command = Some(path)),
    },
    Setting {
        name: "yubikey_urls",
        about: "The validation services that know YubiKeys; all of them are asked at once.",
        default: |_| None,
        set: |config, text| value::list(text, "addresses").map(|urls| config.gateways.yubikey.urls = urls),
    },
    Setting {
        name: "yubikey_client",
        about: "The number by which they know this installation.",
        default: |_| None,
        set: |config, text| word(text).map(|client| config.gateways.yubikey.client = Some(client)),
    },
    Setting {
        name: "yubikey_secret_file",
        about: "A file with the secret shared with them, in base64, in its first line.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.gateways.yubikey.secret_file = Some(path)),
    },
];

/// One of those that can, or nobody.
fn carrier(text: &str, able: &[Carrier]) -> Result<Option<Carrier>> {
    let known = able.iter().copied().find(|carrier| carrier.as_str() == text.trim());
    let words: Vec<_> = able.iter().map(|carrier| carrier.as_str()).collect();
    ensure!(known.is_some() || text.trim() == "none", "it has to be none or one of {}", words.join(", "));
    Ok(known)
}

/// Text that is not empty.
fn word(text: &str) -> Result<String> {
    let text = text.trim();
    ensure!(!text.is_empty(), "it must not be empty");
    Ok(text.to_owned())
}
