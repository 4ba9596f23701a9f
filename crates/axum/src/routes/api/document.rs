//! The documents of the API. Moments are whole seconds since 1970-01-01T00:00:00Z; what is not there is left out.

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

/// Who is signed in, how surely, and since when.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionDocument {
    /// The user.
    user: UserDocument,
    /// What opens it: `session` or `token`.
    kind: &'static str,
    /// How surely: `aal1`, `aal2` or `phishing-resistant`.
    acr: &'static str,
    /// By which methods, as RFC 8176 names them.
    amr: Vec<&'static str>,
    /// When something was last proved.
    auth_time: i64,
    /// When the password was last proved.
    signed_in_at: i64,
    /// When a device was last proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<i64>,
    /// When it ends unless it is used before.
    expires_at: i64,
    /// What a token opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    /// The token that a browser sends along with its cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(super) struct UserDocument {
    id: String,
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

/// A session that was just opened.
#[derive(Serialize, ToSchema)]
pub(super) struct Opened {
    /// It.
    pub(super) session: SessionDocument,
    /// What opens it: shown as `Authorization: Bearer`. A browser has it in a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    /// What to send along from now on in the header `Countersign-Device`, so that failures of others do not count against
    /// this program. It opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) browser: Option<String>,
    /// The token that a browser sends along with its cookies from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) csrf: Option<String>,
}

impl Document for Opened {}

/// What the first step of signing in came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Step {
    /// Whether a device is owed: `pending`, or `signed-in`.
    pub(super) status: &'static str,
    /// The session, if nothing is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Opened>,
    /// What is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
}

impl Document for Step {}

/// A device is asked: which one, what an answer looks like, and which others there are.
#[derive(Serialize, ToSchema)]
pub(super) struct Pending {
    /// The run of a login, to come back with. A browser has it in a cookie instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login: Option<String>,
    /// The run of a step-up, to come back with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step_up: Option<String>,
    /// What is expected next: `answer`, or `send` where a code has to be sent first.
    expects: &'static str,
    /// When the run ends by itself.
    expires_at: i64,
    /// The device that is asked.
    asked: PromptDocument,
    /// The user's other devices, any of which may be chosen instead.
    others: Vec<PromptDocument>,
    /// Devices that too many wrong codes have disabled.
    disabled: Vec<PromptDocument>,
    /// Why no code was sent, if one should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<ProblemDocument>,
    /// The token that a browser sends along with its cookies from now on.
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

/// A device that is asked, or could be. A client that has proved the password alone is told what is needed to answer.
#[derive(Serialize, ToSchema)]
pub(super) struct PromptDocument {
    /// Names it.
    id: String,
    /// Its method.
    method: String,
    /// What its owner calls it. Before the second factor, without a device cookie: only where that tells it from another
    /// device of the same method and address, or where the method is the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether it is asked first.
    preferred: bool,
    /// Wrong answers in a row since it was last used. Left out before the second factor without a device cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    /// Until when it refuses to listen.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
    /// Where codes are sent, as much of it as its owner needs to recognise it.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// What an answer looks like.
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

/// A device as its owner sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceDocument {
    /// Names it.
    id: String,
    /// Its method.
    method: String,
    /// What its owner calls it.
    name: String,
    /// Whether it counts: `active`, `enrolling` or `disabled`.
    status: &'static str,
    /// Whether it is asked first.
    preferred: bool,
    /// When it was made.
    created_at: i64,
    /// When it last verified its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<i64>,
    /// Wrong answers in a row since then.
    failures: u32,
    /// Until when it refuses to listen.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
    /// Where codes are sent, as much of it as its owner needs to recognise it.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// When its validity ends, if its issuer has set an end: no answer is accepted after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    /// What an answer looks like.
    answer: AnswerDocument,
}

/// What an answer looks like.
#[derive(Serialize, ToSchema)]
pub(super) struct AnswerDocument {
    /// `digits`, `sent`, `press`, `backup-code` or `text`.
    form: &'static str,
    /// How many digits it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
    /// When the code that was sent is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_until: Option<i64>,
    /// How many backup codes are left. Left out before the second factor without a device cookie.
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

/// What is set up.
#[derive(Serialize, ToSchema)]
pub(super) struct FactorsDocument {
    /// Whether a second factor is asked at login.
    enabled: bool,
    /// The devices.
    devices: Vec<DeviceDocument>,
    /// Backup codes not used yet; left out if there never were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_codes_left: Option<usize>,
    /// The methods that may be set up in this session now; left out if something has to be proved first.
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
    /// The run, to come back with.
    pub(super) setup: String,
    /// When it ends by itself.
    pub(super) expires_at: i64,
    /// The device, which counts for nothing yet.
    pub(super) device: DeviceDocument,
    /// The key of an app, in groups of four, to be typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The `otpauth:` address of an app, to be shown as a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
}

impl Document for SetupDocument {}

/// Backup codes, told once.
#[derive(Serialize, ToSchema)]
pub(super) struct CodesDocument {
    pub(super) codes: Vec<String>,
    /// The session that goes on in the place of this one, if an old backup code had verified this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opened: Option<Opened>,
}

impl Document for CodesDocument {}

/// The token that a browser sends along with its cookies.
#[derive(Serialize, ToSchema)]
pub(super) struct CsrfDocument {
    /// The token, bound to the session, the login or the browser.
    pub(super) csrf: String,
    /// The header to send it in.
    pub(super) header: String,
}

impl Document for CsrfDocument {}

/// The device that was chosen, if one was.
pub(super) fn choice(device: Option<&String>) -> Option<DeviceId> {
    device.map(|device| DeviceId::new(device.as_str()))
}
