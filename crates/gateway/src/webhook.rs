//! A service of the operator as a gateway: it gets each message as a signed POST request.
//!
//! The signature covers the timestamp and the body: `HMAC-SHA-256(secret, timestamp ‖ "." ‖ body)` in hexadecimal
//! digits, so that an old request cannot be replayed. A request that may not have arrived is repeated with the same
//! idempotency key, by which the service recognises it. Status 422 with the reason `unreachable` means that the address
//! cannot receive messages; 422 alone does not, because many frameworks send it for a document that they cannot parse.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Clock, Fault,
    core::Secret,
    port::{Gateway, Message, NotTaken, Taken},
};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, StatusCode, Url, header::CONTENT_TYPE};
use serde::Deserialize;
use sha2::Sha256;

use crate::{
    Texts,
    message::Wording,
    request::{self, NotAnAddress},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of attempts to post a message.
const TRIES: u32 = 3;
/// The delay before the second attempt; it is doubled before the third.
const PAUSE: Duration = Duration::from_millis(300);
/// The maximum length of a stored reference, in bytes.
const MAX_REFERENCE_LENGTH: usize = 128;
/// The reason with which a service reports an address that cannot receive messages.
const UNREACHABLE: &str = "unreachable";
const DOING: &str = "post a message";

/// Posts every message.
pub struct Webhook {
    client: Client,
    url: Url,
    secret: Secret,
    clock: Arc<dyn Clock>,
    wording: Wording,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    reference: Option<String>,
    reason: Option<String>,
}

impl Answer {
    /// The service's reference for the message, if it is a word that can be shown.
    fn reference(self) -> Option<String> {
        let is_word = |text: &str| text.len() <= MAX_REFERENCE_LENGTH && text.chars().all(|c| c.is_ascii_graphic());
        self.reference.filter(|text| is_word(text))
    }

    fn is_unreachable(&self) -> bool {
        self.reason.as_deref() == Some(UNREACHABLE)
    }
}

impl Webhook {
    /// Posts to this URL, signed with this secret. The text of a message comes from these templates; `host` is the
    /// site's host name, for autofill.
    pub fn new(
        url: &str,
        secret: Secret,
        clock: Arc<dyn Clock>,
        texts: Arc<Texts>,
        host: Option<String>,
    ) -> Result<Self, NotAnAddress> {
        let client = request::client(TIMEOUT).map_err(|_| NotAnAddress)?;
        Ok(Self { client, url: request::address(url)?, secret, clock, wording: Wording::new(texts, host) })
    }

    /// `None` only if the hash accepts no key of this length, which HMAC always does (RFC 2104 §2); then the request is
    /// not signed, and the service rejects it.
    fn signature(&self, moment: &str, body: &[u8]) -> Option<String> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.secret.expose().as_bytes()).ok()?;
        mac.update(moment.as_bytes());
        mac.update(b".");
        mac.update(body);
        Some(HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    async fn post(&self, message: &Message, body: &[u8]) -> Result<(StatusCode, Answer), reqwest::Error> {
        let moment = self.clock.now().as_seconds().to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", message.delivery.as_str())
            .header("X-Countersign-Signature", self.signature(&moment, body).unwrap_or_default())
            .header("X-Countersign-Timestamp", moment)
            .body(body.to_vec());
        let response = request.send().await?;
        let status = response.status();
        let answer = request::body(response).await.unwrap_or_default();
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default()))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Gateway for Webhook {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let body = self.wording.json(message, DOING)?;
        let mut cause = String::new();
        for number in 0..TRIES {
            if number > 0 {
                tokio::time::sleep(PAUSE.saturating_mul(number)).await;
            }
            match self.post(message, &body).await {
                Ok((status, answer)) if status.is_success() => return Ok(Taken { reference: answer.reference() }),
                Ok((StatusCode::UNPROCESSABLE_ENTITY, answer)) if answer.is_unreachable() => {
                    return Err(NotTaken::Unreachable { reason: UNREACHABLE.into() });
                }
                Ok((status, _)) => {
                    cause = format!("status {}", status.as_u16());
                    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
                        break;
                    }
                }
                Err(error) => cause = request::cause(error),
            }
        }
        Err(NotTaken::Failed(Fault::because(DOING, cause)))
    }

    async fn reachable(&self) -> Result<(), Fault> {
        let asked = self.client.head(self.url.clone()).send().await;
        asked.map(drop).map_err(|error| Fault::because("reach the service that sends messages", request::cause(error)))
    }
}
