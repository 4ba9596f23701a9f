//! A message as other programs get it: its parts, and a text that can be sent as it is.

use std::sync::Arc;

use countersign_engine::{
    Fault,
    core::Kind,
    port::{Message, NotTaken},
};
use minijinja::{Value, context};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::Texts;

/// The sources of a message's text: the templates, and the site's host name.
#[derive(Clone, Debug)]
pub(crate) struct Wording {
    texts: Arc<Texts>,
    host: Option<String>,
}

/// What an operator's program or service gets. It contains the code: that is its purpose.
#[derive(Serialize)]
struct Told<'a> {
    delivery: &'a str,
    channel: &'a str,
    to: &'a str,
    code: &'a str,
    /// The text, ready to be sent or, in a call, to be spoken.
    text: &'a str,
    /// The subject of an e-mail.
    subject: Option<&'a str>,
    /// How long the code is valid after its creation, in seconds.
    expires_in: u64,
    /// When the code expires, in Unix seconds.
    expires_at: i64,
    /// When the code expires, in Unix milliseconds.
    until: i64,
    /// `expires_in` in whole minutes, rounded up, for texts.
    minutes: u64,
    site: &'a str,
    host: Option<&'a str>,
    language: Option<&'a str>,
}

impl Wording {
    pub(crate) fn new(texts: Arc<Texts>, host: Option<String>) -> Self {
        Self { texts, host }
    }

    /// A message as JSON; `doing` describes the operation, for the fault if a template fails.
    pub(crate) fn json(&self, message: &Message, doing: &'static str) -> Result<Zeroizing<Vec<u8>>, NotTaken> {
        // A template's error may quote the code, so only its kind is reported.
        let unspoken = |error: minijinja::Error| {
            NotTaken::Failed(Fault::because(doing, format!("a template failed: {:?}", error.kind())))
        };
        let text = Zeroizing::new(self.text(message).map_err(unspoken)?);
        let subject = self.subject(message).map_err(unspoken)?.map(Zeroizing::new);
        let told = Told {
            delivery: message.delivery.as_str(),
            channel: message.channel.as_str(),
            to: message.to.expose(),
            code: message.code.expose(),
            text: &text,
            subject: subject.as_deref().map(String::as_str),
            expires_in: message.lifetime.as_secs(),
            expires_at: message.until.as_seconds(),
            until: message.until.as_millis(),
            minutes: message.minutes,
            site: &message.site,
            host: self.host.as_deref(),
            language: message.language.as_deref(),
        };
        let json = serde_json::to_vec(&told).map_err(|error| NotTaken::Failed(Fault::because(doing, error)))?;
        Ok(json.into())
    }

    fn render(&self, file: &str, message: &Message) -> Result<String, minijinja::Error> {
        self.texts.render(file, message.language.as_deref(), &words(message, self.host.as_deref()))
    }

    fn text(&self, message: &Message) -> Result<String, minijinja::Error> {
        match &message.channel {
            channel if *channel == Kind::EMAIL => self.render("email.txt", message),
            channel if *channel == Kind::CALL => self.spoken(message),
            _ => self.render("sms.txt", message),
        }
    }

    /// The digits one by one; otherwise a voice would read them as one number.
    fn spoken(&self, message: &Message) -> Result<String, minijinja::Error> {
        let digits: Vec<String> = message.code.expose().chars().map(String::from).collect();
        let [intro, goodbye] = ["call_code.txt", "call_goodbye.txt"].map(|file| self.render(file, message));
        Ok(format!("{} {}. {}", intro?, digits.join(", "), goodbye?))
    }

    fn subject(&self, message: &Message) -> Result<Option<String>, minijinja::Error> {
        if message.channel != Kind::EMAIL {
            return Ok(None);
        }
        // A header must be one line.
        self.render("email_subject.txt", message).map(|subject| Some(subject.replace(char::is_control, " ")))
    }
}

/// The variables of a message template. `host` is empty if the site has no host name that browsers could compare.
pub(crate) fn words(message: &Message, host: Option<&str>) -> Value {
    context! {
        code => message.code.expose(),
        site => message.site.as_str(),
        minutes => message.minutes,
        domain => host.unwrap_or_default(),
    }
}
