//! The documents of the API. Times are whole seconds since 1970-01-01T00:00:00Z; absent values are omitted.

use countersign_engine::{
    Caller, Engine, SignedIn,
    core::{
        DeviceId, Proved, Timestamp,
        view::{AnswerForm, DeviceView, FactorsView, PromptView},
    },
    flow::LoginChallenge,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::Document;
use crate::{Visitor, trouble::ProblemDocument};

/// The signed-in user, the assurance level and the times of authentication.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionDocument {
    /// The user.
    user: UserDocument,
    /// The kind of credential: `session` or `token`.
    kind: &'static str,
    /// The assurance level: `aal1`, `aal2` or `phishing-resistant`.
    acr: &'static str,
    /// The authentication methods (RFC 8176).
    amr: Vec<&'static str>,
    /// The time of the last successful authentication, by password or device.
    auth_time: i64,
    /// The time when the password was last verified.
    signed_in_at: i64,
    /// The time when a device was last verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<i64>,
    /// The time when it expires if it is not used until then.
    expires_at: i64,
    /// The scopes of a personal token.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    /// The CSRF token that a browser must send with its cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(super) struct UserDocument {
    /// The id of the user.
    id: String,
    /// The name that the user signs in with.
    name: String,
}

impl Document for SessionDocument {}

impl SessionDocument {
    pub(super) fn of(caller: &Caller, visitor: &Visitor, csrf: Option<String>) -> Self {
        let document = match caller {
            Caller::Session(signed_in) => Self::of_session(signed_in, visitor.engine()),
            Caller::Token(presented) => {
                let token = presented.token();
                let scopes = Some(token.scopes.iter().map(str::to_owned).collect());
                let user = presented.user();
                let user = UserDocument { id: user.id.to_string(), name: user.name.clone() };
                Self { scopes, ..Self::new(user, "token", &presented.proved(), token.expires) }
            }
        };
        Self { csrf, ..document }
    }

    pub(super) fn of_session(signed_in: &SignedIn, engine: &Engine) -> Self {
        let (user, session) = (signed_in.user(), signed_in.session());
        let user = UserDocument { id: user.id.to_string(), name: user.name.clone() };
        Self::new(user, "session", &session.proved(), engine.config().lifetimes.end(session))
    }

    fn new(user: UserDocument, kind: &'static str, proved: &Proved, end: Timestamp) -> Self {
        Self {
            user,
            kind,
            acr: proved.level.as_str(),
            amr: proved.amr(),
            auth_time: proved.auth_time().as_seconds(),
            signed_in_at: proved.signed_in.as_seconds(),
            verified_at: proved.verified.map(Timestamp::as_seconds),
            expires_at: end.as_seconds(),
            scopes: None,
            csrf: None,
        }
    }
}

/// A new session.
#[derive(Serialize, ToSchema)]
pub(super) struct Opened {
    /// The session.
    pub(super) session: SessionDocument,
    /// The session token, to be sent as `Authorization: Bearer`. A browser gets a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    /// The value to send in the header `Countersign-Device` from now on, so that failed attempts of other clients do
    /// not lock this one out. It does not authenticate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) browser: Option<String>,
    /// The CSRF token that a browser must send with its cookies from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) csrf: Option<String>,
}

impl Document for Opened {}

/// The result of a user name and a password.
#[derive(Serialize, ToSchema)]
pub(super) struct Step {
    /// `pending` if a second factor is required, or `signed-in`.
    pub(super) status: &'static str,
    /// The session, if no second factor is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Opened>,
    /// The pending login, if a second factor is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
}

impl Document for Step {}

/// A pending login or step-up: the selected device, the form of its code, and the other devices.
#[derive(Serialize, ToSchema)]
pub(super) struct Pending {
    /// The token of the pending login, to be sent with the next request. A browser gets a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login: Option<String>,
    /// The token of the pending step-up, to be sent with the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step_up: Option<String>,
    /// The next request: `answer`, or `send` if a code must be sent first.
    expects: &'static str,
    /// The time when the login or step-up expires.
    expires_at: i64,
    /// The selected device.
    asked: PromptDocument,
    /// The user's other devices; each of them can be selected instead.
    others: Vec<PromptDocument>,
    /// Devices that were disabled after too many incorrect codes.
    disabled: Vec<PromptDocument>,
    /// The reason why no code was sent, if one was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<ProblemDocument>,
    /// The CSRF token that a browser must send with its cookies from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) csrf: Option<String>,
}

impl Document for Pending {}

impl Pending {
    pub(super) fn of(challenge: &LoginChallenge, visitor: &Visitor) -> Self {
        let view = &challenge.view;
        let unsent = matches!(view.device.answer, AnswerForm::Sent { until: None, .. });
        Self {
            login: None,
            step_up: None,
            expects: if unsent { "send" } else { "answer" },
            expires_at: challenge.until.as_seconds(),
            asked: (&view.device).into(),
            others: view.others.iter().map(PromptDocument::from).collect(),
            disabled: view.disabled.iter().map(PromptDocument::from).collect(),
            unsent: challenge.unsent.as_ref().map(|refusal| visitor.document(refusal)),
            csrf: None,
        }
    }
}

/// A device that is selected, or can be. Before the second factor, members that are not needed are omitted.
#[derive(Serialize, ToSchema)]
pub(super) struct PromptDocument {
    /// The id of the device.
    id: String,
    /// The method of the device.
    method: String,
    /// The name that the user gave it. Before the second factor and without a device cookie, it is present only to
    /// distinguish devices of the same method and address, or for a method of the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether it is the default device.
    preferred: bool,
    /// Failed attempts in a row since it was last used. Omitted before the second factor without a device cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    /// The time until which it accepts no codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
    /// The phone number or e-mail address that codes are sent to, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// The form of its codes.
    answer: AnswerDocument,
}

impl From<&PromptView> for PromptDocument {
    fn from(view: &PromptView) -> Self {
        Self {
            id: view.id.to_string(),
            method: view.kind.to_string(),
            name: view.name.as_ref().map(ToString::to_string),
            preferred: view.preferred,
            failures: view.failures,
            locked_until: view.locked_until.map(Timestamp::as_seconds),
            to: view.to.clone(),
            answer: view.answer.into(),
        }
    }
}

/// A device of the user.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceDocument {
    /// The id of the device.
    id: String,
    /// The method of the device.
    method: String,
    /// The name that the user gave it.
    name: String,
    /// `active`, `enrolling` or `disabled`.
    status: &'static str,
    /// Whether it is the default device.
    preferred: bool,
    /// The time when it was set up.
    created_at: i64,
    /// The time when it last verified the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<i64>,
    /// Failed attempts in a row since then.
    failures: u32,
    /// The time until which it accepts no codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
    /// The phone number or e-mail address that codes are sent to, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// The time when its validity ends, if its issuer has set one. After that, no codes are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    /// The form of its codes.
    answer: AnswerDocument,
}

/// The form of a device's codes.
#[derive(Serialize, ToSchema)]
pub(super) struct AnswerDocument {
    /// `digits`, `sent`, `press`, `backup-code` or `text`.
    form: &'static str,
    /// The number of digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
    /// The time when the code that was sent expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_until: Option<i64>,
    /// The number of unused backup codes. Omitted before the second factor without a device cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<usize>,
}

impl From<&DeviceView> for DeviceDocument {
    fn from(view: &DeviceView) -> Self {
        Self {
            id: view.id.to_string(),
            method: view.kind.to_string(),
            name: view.name.to_string(),
            status: view.status.as_str(),
            preferred: view.preferred,
            created_at: view.created.as_seconds(),
            last_used_at: view.last_used.map(Timestamp::as_seconds),
            failures: view.failures,
            locked_until: view.locked_until.map(Timestamp::as_seconds),
            to: view.to.clone(),
            valid_until: view.valid_until.map(Timestamp::as_seconds),
            answer: view.answer.into(),
        }
    }
}

impl From<AnswerForm> for AnswerDocument {
    fn from(form: AnswerForm) -> Self {
        let (form, digits, sent_until, left) = match form {
            AnswerForm::Digits(digits) => ("digits", Some(digits), None, None),
            AnswerForm::Sent { digits, until } => ("sent", Some(digits), until.map(Timestamp::as_seconds), None),
            AnswerForm::Press => ("press", None, None, None),
            AnswerForm::BackupCode { left } => ("backup-code", None, None, left),
            AnswerForm::Text => ("text", None, None, None),
        };
        Self { form, digits, sent_until, left }
    }
}

/// The second factors of the user.
#[derive(Serialize, ToSchema)]
pub(super) struct FactorsDocument {
    /// Whether two-factor authentication is enabled.
    enabled: bool,
    /// The devices.
    devices: Vec<DeviceDocument>,
    /// The number of unused backup codes; omitted if none were ever created.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_codes_left: Option<usize>,
    /// The methods that can be set up in this session now; omitted if the session must be verified again first.
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
}

impl Document for FactorsDocument {}

impl FactorsDocument {
    pub(super) fn of(view: &FactorsView, methods: Option<Vec<String>>) -> Self {
        Self {
            enabled: view.enabled,
            devices: view.devices.iter().map(DeviceDocument::from).collect(),
            backup_codes_left: view.backup_codes_left,
            methods,
        }
    }
}

/// A device that is being set up.
#[derive(Serialize, ToSchema)]
pub(super) struct SetupDocument {
    /// The token of the pending setup, to be sent with the next request.
    pub(super) setup: String,
    /// The time when the setup expires.
    pub(super) expires_at: i64,
    /// The device, which is not active yet.
    pub(super) device: DeviceDocument,
    /// The secret key to enter in an authenticator app, in groups of four characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The `otpauth:` URI, to be shown as a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
}

impl Document for SetupDocument {}

/// New backup codes, returned only once.
#[derive(Serialize, ToSchema)]
pub(super) struct CodesDocument {
    /// The codes.
    pub(super) codes: Vec<String>,
    /// The new session, if this one was verified by an old backup code and is therefore replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Opened>,
}

impl Document for CodesDocument {}

/// The CSRF token that a browser must send with its cookies.
#[derive(Serialize, ToSchema)]
pub(super) struct CsrfDocument {
    /// The token, bound to the session, the pending login or the browser.
    pub(super) csrf: String,
    /// The name of the header for the token.
    pub(super) header: String,
}

impl Document for CsrfDocument {}

/// The device that the request selects, if any.
pub(super) fn choice(device: Option<&String>) -> Option<DeviceId> {
    device.map(|device| DeviceId::new(device.as_str()))
}
