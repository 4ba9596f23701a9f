//! A validation service for YubiKeys (the Yubico validation protocol, version 2.0).
//!
//! All servers are asked in parallel, and the first conclusive response counts: one that is signed with the shared
//! secret, refers to this request, and says that this answer is right, wrong or a replay. All other responses are
//! ignored. The answer and its nonce are never logged. Without a secret the response cannot be verified, and TLS is the
//! only protection.

use std::{collections::BTreeMap, fmt, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    core::{
        Secret,
        method::validation::{ValidationRequest, ValidationResponse},
    },
    port::Validator,
};
use data_encoding::BASE64;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Url};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::request::{self, NotAnAddress};

/// The time limit of a service.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The counter of a key, as the service reports it.
const COUNTED: [&str; 3] = ["sessioncounter", "sessionuse", "timestamp"];

/// Asks the services at these URLs.
pub struct YubicoService {
    client: Client,
    urls: Vec<Url>,
    id: String,
    secret: Option<Zeroizing<Vec<u8>>>,
}

/// Why a service cannot be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum YubicoError {
    /// No URL is set.
    #[error("no address of a validation service is set")]
    Nobody,
    /// A URL is not valid.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// The client id is not valid.
    #[error("the number of the client has to be digits")]
    Client,
    /// The secret is not valid.
    #[error("the secret shared with the validation service has to be base64")]
    Secret,
}

/// What a service replied, if its reply can be trusted.
enum Word {
    Said(ValidationResponse),
    /// Why it cannot be trusted, in one word for the log.
    Unclear(String),
}

impl YubicoService {
    /// Asks at these URLs, with this client id, signing with this secret (base64) if there is one.
    pub fn new(urls: &[String], client: &str, secret: Option<&Secret>) -> Result<Self, YubicoError> {
        if urls.is_empty() {
            return Err(YubicoError::Nobody);
        }
        if client.is_empty() || !client.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(YubicoError::Client);
        }
        let secret = secret.map(|text| BASE64.decode(text.expose().as_bytes()).map(Zeroizing::new));
        let secret = secret.transpose().map_err(|_| YubicoError::Secret)?;
        // A file without a secret must not mean that no signature is required.
        if secret.as_ref().is_some_and(|secret| secret.is_empty()) {
            return Err(YubicoError::Secret);
        }
        Ok(Self {
            client: request::client(TIMEOUT).map_err(|_| NotAnAddress)?,
            urls: urls.iter().map(|url| request::address(url)).collect::<Result<_, _>>()?,
            id: client.to_owned(),
            secret,
        })
    }

    /// The fields of a request, signed.
    fn fields(&self, request: &ValidationRequest) -> BTreeMap<&'static str, Zeroizing<String>> {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let mut fields = BTreeMap::from([
            ("id", text(&self.id)),
            ("nonce", text(&request.nonce)),
            ("otp", text(request.answer.expose())),
            ("timestamp", text("1")),
        ]);
        if let Some(signature) = self.signature(fields.iter().map(|(name, value)| (*name, value.as_str()))) {
            fields.insert("h", Zeroizing::new(signature));
        }
        fields
    }

    /// The signature over the fields, sorted by name, if there is a secret.
    fn signature<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f str)>) -> Option<String> {
        let secret = self.secret.as_ref()?;
        let signed = fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let signed = Zeroizing::new(signed);
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret).ok()?;
        mac.update(signed.as_bytes());
        Some(BASE64.encode(&mac.finalize().into_bytes()))
    }

    /// Whether this is the signature over these fields; without a secret nothing is checked.
    fn holds(&self, fields: &BTreeMap<&str, &str>, signature: &str) -> bool {
        let expected = || self.signature(fields.iter().map(|(name, value)| (*name, *value)));
        let is = |expected: String| expected.as_bytes().ct_eq(signature.as_bytes()).into();
        self.secret.is_none() || expected().is_some_and(is)
    }

    async fn ask_at(&self, url: &Url, request: &ValidationRequest) -> Word {
        let fields = self.fields(request);
        let query: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut url = url.clone();
        url.query_pairs_mut().extend_pairs(query);
        let response = match self.client.get(url).send().await {
            Ok(response) => response,
            Err(error) => return Word::Unclear(request::cause(error)),
        };
        let status = response.status();
        if !status.is_success() {
            return Word::Unclear(format!("status {}", status.as_u16()));
        }
        match request::body(response).await.map(String::from_utf8) {
            Ok(Ok(text)) => self.read(&text, request),
            Ok(Err(_)) => Word::Unclear("a reply that is no text".into()),
            Err(cause) => Word::Unclear(cause),
        }
    }

    /// What a reply says, if it can be trusted.
    fn read(&self, text: &str, request: &ValidationRequest) -> Word {
        let unclear = |what: &str| Word::Unclear(what.to_owned());
        let mut fields = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once('=') else { return unclear("a line without a value") };
            if fields.insert(name, value).is_some() {
                return unclear("a field twice");
            }
        }
        let signature = fields.remove("h").unwrap_or_default();
        if !self.holds(&fields, signature) {
            // Some services do not sign the key's counters. Then they are ignored.
            fields.retain(|name, _| !COUNTED.contains(name));
            if !self.holds(&fields, signature) {
                return unclear("a signature that does not fit");
            }
        }
        let status = fields.get("status").copied().unwrap_or_default();
        let is = |name, expected: &str| fields.get(name).is_some_and(|value| *value == expected);
        let is_ours = is("nonce", &request.nonce) && is("otp", request.answer.expose());
        match status {
            "OK" | "REPLAYED_OTP" | "BAD_OTP" if !is_ours => unclear("a reply to another request"),
            "OK" => Word::Said(ValidationResponse::Right { counter: counter(&fields) }),
            "REPLAYED_OTP" => Word::Said(ValidationResponse::Used),
            "BAD_OTP" => Word::Said(ValidationResponse::Wrong),
            "REPLAYED_REQUEST"
            | "BAD_SIGNATURE"
            | "MISSING_PARAMETER"
            | "NO_SUCH_CLIENT"
            | "OPERATION_NOT_ALLOWED"
            | "BACKEND_ERROR"
            | "NOT_ENOUGH_ANSWERS" => unclear(status),
            _ => unclear("a status that nobody knows"),
        }
    }
}

/// Session and use counter as one number that only increases, if the service reports them.
fn counter(fields: &BTreeMap<&str, &str>) -> Option<u64> {
    /// The highest bit means that Caps Lock was on.
    const SESSIONS: u64 = 0x7fff;
    let number = |name| fields.get(name)?.parse::<u64>().ok();
    let (session, usage) = (number("sessioncounter")?, number("sessionuse").filter(|usage| *usage <= 0xff)?);
    Some((session & SESSIONS) << 8 | usage)
}

impl fmt::Debug for YubicoService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.urls.iter().filter_map(Url::host_str).collect();
        f.debug_struct("YubicoService").field("hosts", &hosts).field("id", &self.id).finish_non_exhaustive()
    }
}

#[async_trait]
impl Validator for YubicoService {
    async fn ask(&self, request: &ValidationRequest) -> ValidationResponse {
        let mut asked: FuturesUnordered<_> = self.urls.iter().map(|url| self.ask_at(url, request)).collect();
        while let Some(word) = asked.next().await {
            match word {
                Word::Said(reply) => return reply,
                Word::Unclear(what) => tracing::warn!(what, "a validation service gave no clear word"),
            }
        }
        ValidationResponse::Unavailable
    }

    async fn reachable(&self) -> Result<(), Fault> {
        let mut cause = String::new();
        for url in &self.urls {
            match self.client.get(url.clone()).send().await {
                Ok(_) => return Ok(()),
                Err(error) => cause = request::cause(error),
            }
        }
        Err(Fault::because("reach a validation service", cause))
    }
}
