//! The callbacks of the voice and message gateway: the words of a call, and the delivery status of messages.
//!
//! Callbacks have no cookie and no form token. They are authenticated by their signature over the URL, which contains
//! this site's own name, and over every field. The signature is checked first; without it the response is 403. The
//! digits are read out once, and only after a key was pressed. A call that has ended, was read out already or never
//! existed hears a goodbye.
//!
//! ```text
//! call ──▶ greeting; press any key ──Digits──▶ the digits, once
//!   └─over─▶ goodbye ◀───────────over───────────┘
//! ```

use axum::{
    Router,
    extract::{Path, Request},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use countersign_engine::{
    CallToken, Error, Fault,
    core::{DeliveryId, delivery::Note},
    port::VoiceCallbacks,
};
use serde::Deserialize;

use crate::{Visitor, form, message::Message, site::Paths};

/// The header with the signature.
const SIGNATURE: &str = "x-twilio-signature";
const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=utf-8");
/// The maximum length of a name or status from the gateway that is stored, in bytes.
const MAX_WORD_LENGTH: usize = 64;

/// The two routes, at their full paths.
pub(crate) fn router(paths: &Paths) -> Router {
    Router::new()
        .route(&format!("{}/call/{{call}}", paths.twilio), get(words).post(words))
        .route(&format!("{}/status/{{delivery}}", paths.twilio), post(status))
}

/// A signed request of the gateway.
struct Signed<'a> {
    app: &'a dyn VoiceCallbacks,
    /// The URL that was signed.
    address: String,
    fields: Vec<(String, String)>,
}

impl<'a> Signed<'a> {
    /// The request, if its signature is valid.
    async fn read(visitor: &'a Visitor, request: Request) -> Result<Self, StatusCode> {
        let app = visitor.engine().voice_callbacks().ok_or(StatusCode::NOT_FOUND)?;
        let signature = request.headers().get(SIGNATURE).and_then(|signature| signature.to_str().ok());
        let signature = signature.ok_or(StatusCode::FORBIDDEN)?.to_owned();
        let path = request.uri().path_and_query().ok_or(StatusCode::FORBIDDEN)?.to_string();
        let reading = async |request| form::text(request).await.map_err(Message::status);
        let text = if request.method().is_safe() { String::new() } else { reading(request).await? };
        let fields: Vec<_> = serde_html_form::from_str(&text).map_err(|_| StatusCode::BAD_REQUEST)?;
        let mut addresses = visitor.site().origins.addresses().into_iter().map(|origin| format!("{origin}{path}"));
        let address = addresses.find(|address| app.is_signed(address, &fields, &signature));
        Ok(Self { app, address: address.ok_or(StatusCode::FORBIDDEN)?, fields })
    }

    /// The value of a field, unless it is empty.
    fn says(&self, wanted: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| name == wanted);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a field, unless it is too long to be stored.
    fn word(&self, wanted: &str) -> Option<String> {
        self.says(wanted).filter(|word| word.len() <= MAX_WORD_LENGTH).map(str::to_owned)
    }
}

/// The words of a call: the greeting or, after a key was pressed, the digits.
async fn words(visitor: Visitor, Path(call): Path<String>, request: Request) -> Response {
    #[derive(Default, Deserialize)]
    struct Query {
        language: Option<String>,
    }
    let signed = match Signed::read(&visitor, request).await {
        Ok(signed) => signed,
        Err(status) => return status.into_response(),
    };
    let Query { language } = serde_html_form::from_str(visitor.query()).unwrap_or_default();
    match said(&visitor, &signed, &CallToken::new(call), language.as_deref()).await {
        Ok(words) => ([(CONTENT_TYPE, XML)], words).into_response(),
        Err(fault) => visitor.fault(&fault),
    }
}

async fn said(
    visitor: &Visitor,
    signed: &Signed<'_>,
    call: &CallToken,
    language: Option<&str>,
) -> Result<String, Fault> {
    let (engine, app) = (visitor.engine(), signed.app);
    let said = if signed.says("Digits").is_some() {
        engine.speak_call(call).await.map(|spoken| app.digits(&spoken.code, &spoken.site, language))
    } else {
        engine.greet_call(call).await.map(|site| app.greeting(&site, language, &signed.address))
    };
    match said {
        Ok(words) => words,
        Err(Error::Refused(_)) => app.goodbye(&engine.config().issuer, language),
        Err(Error::Faulted(fault)) => Err(fault),
    }
}

/// Records the delivery status of a message or a call. An unknown status is ignored.
async fn status(visitor: Visitor, Path(delivery): Path<String>, request: Request) -> StatusCode {
    let signed = match Signed::read(&visitor, request).await {
        Ok(signed) => signed,
        Err(status) => return status,
    };
    let word = signed.says("MessageStatus").or_else(|| signed.says("CallStatus"));
    if let Some(status) = word.and_then(|word| signed.app.status(word)) {
        let engine = visitor.engine();
        let reference = signed.word("MessageSid").or_else(|| signed.word("CallSid"));
        let (delivery, reason) = (DeliveryId::new(delivery), signed.word("ErrorCode"));
        engine.note(Note { delivery, status, reference, reason, at: engine.now() }).await;
    }
    StatusCode::NO_CONTENT
}
