//! A message in the form in which other programs are given it.

use countersign_engine::port::Message;
use serde::Serialize;

/// What a program or a service of the operator's own is told. It holds the code: that is its purpose.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    delivery: &'a str,
    channel: &'a str,
    to: &'a str,
    code: &'a str,
    /// When the code is over, in Unix milliseconds.
    until: i64,
    minutes: u64,
    site: &'a str,
    language: Option<&'a str>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(message: &'a Message) -> Self {
        Self {
            delivery: message.delivery.as_str(),
            channel: message.channel.as_str(),
            to: message.to.expose(),
            code: message.code.expose(),
            until: message.until.as_millis(),
            minutes: message.minutes,
            site: &message.site,
            language: message.language.as_deref(),
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> zeroize::Zeroizing<Vec<u8>> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}
