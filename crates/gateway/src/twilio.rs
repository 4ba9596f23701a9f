//! Twilio: text messages and calls.
//!
//! A text message has its code in its body. A call has none: Twilio fetches its text later, by a random name, and the
//! digits are read out only after the person who answered has pressed a key, so that no answering machine gets them. A
//! URL never contains the code. Every request that claims to come from Twilio is checked by its signature.

mod client;
mod refused;
mod signature;
mod twiml;
mod voice;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    core::{DeliveryStatus, Kind, Secret},
    port::{Gateway, Message, NotTaken, Taken, VoiceCallbacks},
};

use self::client::Client;
use crate::{Texts, message::words, request::NotAnAddress};

/// The URL of Twilio's API.
const USUAL: &str = "https://api.twilio.com";
const DOING: &str = "send a message by Twilio";
/// The maximum validity period that Twilio accepts for a text message, in seconds.
const MAX_WAIT: u64 = 36_000;

/// How to reach Twilio, and how Twilio reaches this server.
pub struct TwilioSettings {
    /// The URL of the API, if it is not Twilio's own.
    pub url: Option<String>,
    /// The SID of the account.
    pub account: String,
    /// The account's auth token, with which Twilio signs its own requests.
    pub token: Secret,
    /// The SID and the secret of an API key to use instead of the token.
    pub api_key: Option<(String, Secret)>,
    /// The number that messages and calls come from.
    pub from: Option<String>,
    /// The SID of a messaging service to send text messages with, instead of a number.
    pub messaging_service: Option<String>,
    /// Where Twilio reaches this server: the public URL and the path of the mount.
    pub base: String,
    /// The host for which browsers fill in codes.
    pub domain: Option<String>,
}

/// Sends text messages and makes calls by Twilio.
pub struct Twilio {
    client: Client,
    token: Secret,
    from: Option<String>,
    messaging_service: Option<String>,
    base: String,
    domain: Option<String>,
    texts: Arc<Texts>,
}

impl Twilio {
    /// Sends with these settings and these templates.
    pub fn new(settings: TwilioSettings, texts: Arc<Texts>) -> Result<Self, NotAnAddress> {
        let TwilioSettings { url, account, token, api_key, from, messaging_service, base, domain } = settings;
        let login = api_key.unwrap_or_else(|| (account.clone(), token.clone()));
        let client = Client::new(url.as_deref().unwrap_or(USUAL), &account, login)?;
        Ok(Self { client, token, from, messaging_service, base, domain, texts })
    }

    async fn text(&self, message: &Message) -> Result<Taken, NotTaken> {
        let words = words(message, self.domain.as_deref());
        let body =
            self.texts.render("sms.txt", message.language.as_deref(), &words).map_err(|error| unspoken(&error))?;
        let sender = match (&self.messaging_service, &self.from) {
            (Some(service), _) => ("MessagingServiceSid", service.as_str()),
            (None, Some(from)) => ("From", from.as_str()),
            (None, None) => return Err(failed("no number to send from is set")),
        };
        let callback = self.callback(message);
        // An expired code is useless, so Twilio must not deliver it any more.
        let validity = message.lifetime.as_secs().clamp(1, MAX_WAIT).to_string();
        let fields = [
            ("To", message.to.expose()),
            sender,
            ("Body", &body),
            ("StatusCallback", &callback),
            ("ValidityPeriod", &validity),
        ];
        self.client.create("Messages.json", &fields).await
    }

    async fn call(&self, message: &Message) -> Result<Taken, NotTaken> {
        let (Some(from), Some(call)) = (&self.from, &message.call) else {
            return Err(failed("no number to call from is set"));
        };
        let language =
            message.language.as_deref().filter(|tag| tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'));
        let query = language.map(|language| format!("?language={language}")).unwrap_or_default();
        let words = format!("{}/twilio/call/{}{query}", self.base, call.expose());
        let callback = self.callback(message);
        let fields = [
            ("To", message.to.expose()),
            ("From", from),
            ("Url", &words),
            ("Method", "POST"),
            ("Timeout", "15"),
            ("StatusCallback", &callback),
        ];
        self.client.create("Calls.json", &fields).await
    }

    /// The URL to which Twilio later reports the status of the message.
    fn callback(&self, message: &Message) -> String {
        format!("{}/twilio/status/{}", self.base, message.delivery)
    }
}

fn failed(cause: &'static str) -> NotTaken {
    NotTaken::Failed(Fault::because(DOING, cause))
}

/// A text could not be rendered. A template's error may quote the code, so only its kind is reported.
fn unspoken(error: &minijinja::Error) -> NotTaken {
    NotTaken::Failed(Fault::because(DOING, format!("a template failed: {:?}", error.kind())))
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio").field("client", &self.client).finish_non_exhaustive()
    }
}

#[async_trait]
impl Gateway for Twilio {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        match &message.channel {
            channel if *channel == Kind::SMS => self.text(message).await,
            channel if *channel == Kind::CALL => self.call(message).await,
            _ => Err(failed("it brings no such messages")),
        }
    }

    async fn reachable(&self) -> Result<(), Fault> {
        self.client.knows_us().await
    }
}

impl VoiceCallbacks for Twilio {
    fn is_signed(&self, url: &str, fields: &[(String, String)], signature: &str) -> bool {
        signature::holds(&self.token, url, fields, signature)
    }

    fn greeting(&self, site: &str, language: Option<&str>, next: &str) -> Result<String, Fault> {
        twiml::greeting(&self.texts, site, language, next)
    }

    fn digits(&self, code: &Secret, site: &str, language: Option<&str>) -> Result<String, Fault> {
        twiml::digits(&self.texts, code, site, language)
    }

    fn goodbye(&self, site: &str, language: Option<&str>) -> Result<String, Fault> {
        twiml::goodbye(&self.texts, site, language)
    }

    fn status(&self, word: &str) -> Option<DeliveryStatus> {
        Some(match word {
            "delivered" | "read" | "completed" => DeliveryStatus::Delivered,
            "undelivered" | "failed" | "busy" | "no-answer" | "canceled" => DeliveryStatus::Undelivered,
            _ => return None,
        })
    }
}
