//! The actions of users, each one form or one page; and the steps before them.

use countersign_engine::flow::RequestContext;
use countersign_testkit::{Browser, Form, Page, Person, SoftApp, World};
use trials::{Site, Walk};

const LOGIN: &str = "/account/login";
const SECOND_FACTOR: &str = "/account/login/second-factor";
const RESTART: &str = "/account/login/restart";
const SETUP: &str = "/account/two-factor/setup";
const CONFIRM: &str = "/account/two-factor/setup/confirm";
const CANCEL: &str = "/account/two-factor/setup/cancel";
const QR: &str = "/account/two-factor/qr.svg";
const ACCOUNT: &str = "/account/two-factor";
const BACKUP_CODES: &str = "/account/two-factor/backup-codes";
const DISABLE: &str = "/account/two-factor/disable";
const PASSWORD: &str = "/account/password";
const VERIFY: &str = "/account/verify";
const LOGOUT: &str = "/account/logout";
pub(crate) const NEW_PASSWORD: &str = "another long password";

/// An action: one form that is sent, or one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    SignInWithoutFactor,
    GuessPassword,
    GivePassword,
    StartOver,
    Answer,
    AnswerWrong,
    BeginSetup,
    CancelSetup,
    ConfirmSetup,
    MakeBackupCodes,
    Prefer,
    Remove,
    Verify,
    ChangePassword,
    Disable,
    SignOut,
    SeeChallenge,
    SeeKey,
    SeeQr,
    SeeAccount,
    SeeRemoval,
    SeeGuarded,
}

/// Forms that are sent.
pub(crate) const ACTIONS: [Action; 16] = [
    Action::SignInWithoutFactor,
    Action::GuessPassword,
    Action::GivePassword,
    Action::StartOver,
    Action::Answer,
    Action::AnswerWrong,
    Action::BeginSetup,
    Action::CancelSetup,
    Action::ConfirmSetup,
    Action::MakeBackupCodes,
    Action::Prefer,
    Action::Remove,
    Action::Verify,
    Action::ChangePassword,
    Action::Disable,
    Action::SignOut,
];

/// Pages that are opened.
pub(crate) const LOOKS: [Action; 6] =
    [Action::SeeChallenge, Action::SeeKey, Action::SeeQr, Action::SeeAccount, Action::SeeRemoval, Action::SeeGuarded];

/// A form that is filled in, or a page that is about to be opened, with its browser.
pub(crate) struct Ready {
    pub(crate) person: Person,
    browser: Browser<Site>,
    at: String,
    form: Option<Form>,
    filled: Vec<(&'static str, String)>,
}

impl Ready {
    /// Sends the form, or opens the page.
    pub(crate) async fn act(&self) -> Page {
        let filled: Vec<_> = self.filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut browser = self.browser.clone();
        match &self.form {
            Some(form) => browser.submit(form, &self.at, &filled).await,
            None => browser.get(&self.at).await,
        }
    }

    /// Whether this is the user's password now, and the other one is not.
    pub(crate) async fn has_password(&self, password: &str) -> bool {
        let other = if password == NEW_PASSWORD { &self.person.password } else { NEW_PASSWORD };
        let is_accepted = async |password: &str| {
            let mut browser = self.browser.clone();
            browser.cookies.clear();
            browser.gives_password(&self.person.user.name, password).await.says("name=\"code\"")
        };
        is_accepted(password).await && !is_accepted(other).await
    }
}

/// How far a user is before an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    SignedOut,
    Halfway,
    SettingUp,
    SignedIn,
}

impl Action {
    /// Whether it is a wrong answer, which is refused.
    pub(crate) fn is_a_guess(self) -> bool {
        matches!(self, Self::GuessPassword | Self::AnswerWrong)
    }

    fn stage(self) -> Stage {
        match self {
            Self::SignInWithoutFactor | Self::GuessPassword | Self::GivePassword => Stage::SignedOut,
            Self::Answer | Self::AnswerWrong | Self::StartOver | Self::SeeChallenge => Stage::Halfway,
            Self::CancelSetup | Self::ConfirmSetup | Self::SeeKey | Self::SeeQr => Stage::SettingUp,
            _ => Stage::SignedIn,
        }
    }

    /// How many apps the user of this action has.
    fn apps(self) -> usize {
        match self {
            Self::SignInWithoutFactor | Self::GuessPassword | Self::BeginSetup => 0,
            Self::Prefer | Self::Remove | Self::SeeRemoval => 2,
            action if action.stage() == Stage::SettingUp => 0,
            _ => 1,
        }
    }

    /// The steps before the action, by a new user of this name.
    pub(crate) async fn ready(self, world: &World, name: &str) -> Ready {
        let person = world.user(name);
        let mut browser = Site::of(world).browser();
        has_apps(self.apps(), world, &person).await;
        if self.stage() != Stage::SignedOut {
            browser.gives_password(name, &person.password).await;
        }
        if self.apps() > 0 && self.stage() == Stage::SignedIn {
            let page = browser.answers(&person.code()).await;
            assert!(page.status.is_redirection(), "{self:?}: {}", page.body);
            world.pass(30);
        }
        let code = match self.stage() {
            Stage::SettingUp => begins_setup(&mut browser).await.code_at(world.now()),
            _ if self.apps() > 0 => person.code(),
            _ => String::new(),
        };
        let password = |password: &str| vec![("name", name.to_owned()), ("password", password.to_owned())];
        let (page, action, filled) = match self {
            Self::SignInWithoutFactor | Self::GivePassword => (LOGIN, Some(LOGIN), password(&person.password)),
            Self::GuessPassword => (LOGIN, Some(LOGIN), password("a guess")),
            Self::StartOver => (SECOND_FACTOR, Some(RESTART), vec![]),
            Self::Answer => (SECOND_FACTOR, Some(SECOND_FACTOR), vec![("code", code)]),
            Self::AnswerWrong => (SECOND_FACTOR, Some(SECOND_FACTOR), vec![("code", person.wrong_code())]),
            Self::BeginSetup => (SETUP, Some(SETUP), vec![]),
            Self::CancelSetup => (CONFIRM, Some(CANCEL), vec![]),
            Self::ConfirmSetup => (CONFIRM, Some(CONFIRM), vec![("code", code)]),
            Self::MakeBackupCodes => (BACKUP_CODES, Some(BACKUP_CODES), vec![]),
            Self::Prefer => (ACCOUNT, Some("/prefer"), vec![]),
            Self::Remove => (&*removal(&mut browser).await, Some("/remove"), vec![]),
            Self::Verify => (VERIFY, Some(VERIFY), vec![("code", code)]),
            Self::ChangePassword => {
                let new = ["new", "again"].map(|field| (field, NEW_PASSWORD.to_owned()));
                (PASSWORD, Some(PASSWORD), [("current", person.password.clone())].into_iter().chain(new).collect())
            }
            Self::Disable => (DISABLE, Some(DISABLE), vec![("sure", "yes".to_owned())]),
            Self::SignOut => (LOGOUT, Some(LOGOUT), vec![]),
            Self::SeeChallenge => (SECOND_FACTOR, None, vec![]),
            Self::SeeKey => (CONFIRM, None, vec![]),
            Self::SeeQr => (QR, None, vec![]),
            Self::SeeAccount => (ACCOUNT, None, vec![]),
            Self::SeeRemoval => (&*removal(&mut browser).await, None, vec![]),
            Self::SeeGuarded => (Site::GUARDED, None, vec![]),
        };
        let at = page.to_owned();
        let form = match action {
            Some(action) => {
                let page = browser.get(&at).await;
                let form = page.forms().into_iter().find(|form| form.action.ends_with(action));
                Some(form.unwrap_or_else(|| panic!("{self:?}: no such form ({}):\n{}", page.status, page.body)))
            }
            None => None,
        };
        Ready { person, browser, at, form, filled }
    }
}

/// Sets up this many apps; the first one is the default.
async fn has_apps(count: usize, world: &World, person: &Person) {
    if count == 0 {
        return;
    }
    let signed_in = person.sets_up().await;
    for _ in 1..count {
        let (run, app) = person.begins_setup(&signed_in).await.unwrap();
        let code = app.code_at(world.now());
        world
            .engine
            .confirm_enrolment(&signed_in, &run, &code.as_str().into(), &RequestContext::default())
            .await
            .unwrap();
    }
}

/// Starts to set up an app at the pages.
async fn begins_setup(browser: &mut Browser<Site>) -> SoftApp {
    let form = browser.get(SETUP).await.form_with("method");
    let begun = browser.submit(&form, SETUP, &[]).await;
    let page = browser.follow(begun).await;
    let (_, key) = page.body.split_once("<code class=\"key\"").unwrap();
    SoftApp::with_key(key.split_once('>').unwrap().1.split_once('<').unwrap().0)
}

/// The form that removes the device that is not the default.
async fn removal(browser: &mut Browser<Site>) -> String {
    let forms = browser.get(ACCOUNT).await.forms();
    let device = forms.iter().find_map(|form| form.action.strip_suffix("/prefer"));
    format!("{}/remove", device.unwrap())
}
