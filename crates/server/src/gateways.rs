//! Builds gateways and services from the settings.
//!
//! An incomplete setting is an error that names what is missing, so that it is not first noticed when a code does not
//! arrive. Secrets are read from their files here, when a server or a command starts.

use std::{fmt::Display, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use countersign_engine::{
    Fault, Parts, SystemClock,
    core::{Kind, Secret},
    port::{Gateway, Validator, VoiceCallbacks},
};
use countersign_gateway::{
    Command, Libphonenumber, Smtp, SmtpSettings, Terminal, Texts, Twilio, TwilioSettings, Webhook, YubicoService,
};

use crate::{
    config::{
        Config,
        gateways::{Carrier, Gateways},
    },
    secret_file,
};

/// The time limit for checking whether a service can be reached.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Adds the gateways and services to the parts of an engine. Returns the texts of messages, which can be reloaded.
pub(crate) fn equip(parts: &mut Parts, config: &Config) -> Result<Arc<Texts>> {
    let gateways = &config.gateways;
    let mut made = Made::of(config)?;
    for (channel, carrier) in channels(gateways) {
        let gateway = made.gateway_for(&channel, carrier)?;
        parts.gateways.insert(channel, gateway);
    }
    parts.voice_callbacks = made.twilio.map(|twilio| twilio as Arc<dyn VoiceCallbacks>);
    parts.numbers = Arc::new(match &gateways.phone_region {
        Some(region) => Libphonenumber::of_region(region).context("could not use phone_region")?,
        None => Libphonenumber::default(),
    });
    parts.validator = validator(gateways)?;
    Ok(made.texts)
}

/// Whether the service behind each gateway can be reached; each is named as in the settings.
pub(crate) async fn reached(config: &Config) -> Result<Vec<(String, Result<(), Fault>)>> {
    let mut made = Made::of(config)?;
    let mut reached = vec![];
    for (channel, carrier) in channels(&config.gateways) {
        let gateway = made.gateway_for(&channel, carrier)?;
        reached.push((format!("{carrier} for {channel}"), in_time(gateway.reachable()).await));
    }
    if let Some(validator) = validator(&config.gateways)? {
        reached.push(("the validation service for YubiKeys".into(), in_time(validator.reachable()).await));
    }
    Ok(reached)
}

async fn in_time(asked: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    let late = |_| Err(Fault::because("reach the service", format!("no answer within {} s", TIMEOUT.as_secs())));
    tokio::time::timeout(TIMEOUT, asked).await.unwrap_or_else(late)
}

/// Each channel for which a gateway is set.
fn channels(gateways: &Gateways) -> impl Iterator<Item = (Kind, Carrier)> {
    let set = [(Kind::SMS, gateways.sms), (Kind::CALL, gateways.call), (Kind::EMAIL, gateways.email)];
    set.into_iter().filter_map(|(channel, carrier)| Some((channel, carrier?)))
}

struct Made<'a> {
    config: &'a Config,
    texts: Arc<Texts>,
    /// One instance for text messages and calls.
    twilio: Option<Arc<Twilio>>,
}

impl<'a> Made<'a> {
    fn of(config: &'a Config) -> Result<Self> {
        let templates = config.gateways.templates.as_deref();
        let texts = Arc::new(Texts::read(templates).context("could not read the texts of messages")?);
        Ok(Self { config, texts, twilio: None })
    }

    fn gateway_for(&mut self, channel: &Kind, carrier: Carrier) -> Result<Arc<dyn Gateway>> {
        self.gateway(carrier).with_context(|| format!("could not use {carrier} for {channel}"))
    }

    fn gateway(&mut self, carrier: Carrier) -> Result<Arc<dyn Gateway>> {
        let gateways = &self.config.gateways;
        Ok(match carrier {
            Carrier::Log if !gateways.allow_log => bail!(
                "it prints codes to the terminal, which is for development only: set another gateway, or set \
                 allow_log_gateway = true"
            ),
            Carrier::Log => Arc::new(Terminal::new(std::io::stdout())),
            Carrier::Twilio => self.twilio()?,
            Carrier::Smtp => {
                let smtp = &gateways.smtp;
                let settings = SmtpSettings {
                    url: needed(smtp.url.as_ref(), "smtp_url")?,
                    password: secret(smtp.password_file.as_ref(), "smtp_password_file")?,
                    ca_file: smtp.ca_file.clone(),
                    from: needed(smtp.from.as_ref(), "email_from")?,
                };
                Arc::new(Smtp::new(&settings, self.texts.clone())?)
            }
            Carrier::Webhook => {
                let url = needed(gateways.webhook.url.as_ref(), "webhook_url")?;
                let secret = needed_secret(gateways.webhook.secret_file.as_ref(), "webhook_secret_file")?;
                let webhook = Webhook::new(&url, secret, Arc::new(SystemClock), self.texts.clone(), self.host());
                Arc::new(webhook.context("webhook_url")?)
            }
            Carrier::Command => {
                let program = needed(gateways.command.as_ref(), "gateway_command")?;
                Arc::new(Command::new(program, self.texts.clone(), self.host()))
            }
        })
    }

    /// The site's host name; `None` if only this machine can reach it.
    fn host(&self) -> Option<String> {
        self.config.public_url.as_ref().map(|url| url.origin.host().to_owned())
    }

    fn twilio(&mut self) -> Result<Arc<Twilio>> {
        if let Some(twilio) = &self.twilio {
            return Ok(twilio.clone());
        }
        let set = self.config.gateways.twilio.clone();
        let public_url = needed(self.config.public_url.as_ref(), "public_url")?;
        let api_key = match set.api_key {
            Some(key) => Some((key, needed_secret(set.secret_file.as_ref(), "twilio_api_secret_file")?)),
            None => None,
        };
        let settings = TwilioSettings {
            url: set.url,
            account: needed(set.account.as_ref(), "twilio_account")?,
            token: needed_secret(set.token_file.as_ref(), "twilio_token_file")?,
            api_key,
            from: set.from,
            messaging_service: set.messaging_service,
            base: format!("{}/account", public_url.origin),
            domain: Some(public_url.origin.host().to_owned()),
        };
        let twilio = Arc::new(Twilio::new(settings, self.texts.clone()).context("twilio_account or twilio_url")?);
        self.twilio = Some(twilio.clone());
        Ok(twilio)
    }
}

fn validator(gateways: &Gateways) -> Result<Option<Arc<dyn Validator>>> {
    let yubikey = &gateways.yubikey;
    if yubikey.urls.is_empty() {
        return Ok(None);
    }
    let client = needed(yubikey.client.as_ref(), "yubikey_client")?;
    let secret = secret(yubikey.secret_file.as_ref(), "yubikey_secret_file")?;
    let service = YubicoService::new(&yubikey.urls, &client, secret.as_ref());
    Ok(Some(Arc::new(service.context("could not use the validation service for YubiKeys")?)))
}

fn needed<T: Clone>(value: Option<&T>, name: &str) -> Result<T> {
    value.cloned().with_context(|| format!("{name} is not set"))
}

fn needed_secret(file: Option<&PathBuf>, name: &str) -> Result<Secret> {
    needed(secret(file, name)?.as_ref(), name)
}

/// The secret in the file of the setting `name`.
fn secret(file: Option<&PathBuf>, name: &str) -> Result<Option<Secret>> {
    file.map(|file| secret_file::first_line(file).with_context(|| format!("could not use {name}"))).transpose()
}

impl Display for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
