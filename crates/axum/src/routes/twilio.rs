//! What the machine that makes the calls asks for, the words of a call, and what it tells: what became of a message.
//!
//! It has no cookie and no form of ours. What lets it in is its signature, over the address that it was given under this
//! site's own name and over every field; that is checked before anything else is looked at, and without it there is nothing
//! here for anybody. The digits are read out once, and only after whoever answered has pressed a key. A call that is over,
//! was read out already or never was gets a good-bye, because somebody may be listening.
//!
//! ```text
//! call ──▶ who calls; press any key ──Digits──▶ the digits, once
//!   └─over─▶ good-bye ◀──────────over───────────┘
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

/// Where the machine says whose request it is.
const SIGNATURE: &str = "x-twilio-signature";
const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=utf-8");
/// No name or word of the machine's that is kept is longer, in bytes.
const MAX_WORD_LENGTH: usize = 64;

/// Both addresses, at their full paths.
pub(crate) fn router(paths: &Paths) -> Router {
    Router::new()
        .route(&format!("{}/call/{{call}}", paths.twilio), get(words).post(words))
        .route(&format!("{}/status/{{delivery}}", paths.twilio), post(status))
}

/// A request of the machine's own.
struct Signed<'a> {
    app: &'a dyn VoiceCallbacks,
    /// The address it was given.
    address: String,
    fields: Vec<(String, String)>,
}

impl<'a> Signed<'a> {
    /// The request, if it is signed.
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

    /// What a field says, if it says anything.
    fn says(&self, wanted: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| name == wanted);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The same, as it is kept.
    fn word(&self, wanted: &str) -> Option<String> {
        self.says(wanted).filter(|word| word.len() <= MAX_WORD_LENGTH).map(str::to_owned)
    }
}

/// The words of a call: the first ones, or, once a key was pressed, the digits.
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

/// What became of a message or a call. A word that says nothing of it is taken and forgotten.
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
