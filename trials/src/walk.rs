//! The steps that several trials share, page by page as a user takes them.

use std::{
    convert::Infallible,
    process::Command,
    thread,
    time::{Duration, SystemTime},
};

use countersign_testkit::{Browser, Page};
use http::{Request, Response};
use http_body::Body;
use tower::Service;

const LOGIN: &str = "/account/login";
const SECOND_FACTOR: &str = "/account/login/second-factor";
const SETUP: &str = "/account/two-factor/setup";
const CONFIRM: &str = "/account/two-factor/setup/confirm";
const BACKUP_CODES: &str = "/account/two-factor/backup-codes";

/// What a user does at the pages of any site.
#[expect(async_fn_in_trait, reason = "trials do not hand it across threads")]
pub trait Walk {
    /// Submits a name and a password, and follows redirects.
    async fn gives_password(&mut self, name: &str, password: &str) -> Page;

    /// Sets up an authenticator app and returns its key, as the page shows it.
    async fn sets_up(&mut self) -> String;

    /// Generates backup codes.
    async fn makes_backup_codes(&mut self) -> Vec<String>;

    /// Answers with the default device; the redirect that means "accepted" is not followed.
    async fn answers(&mut self, code: &str) -> Page;

    /// Answers with a backup code instead.
    async fn answers_with_backup_code(&mut self, code: &str) -> Page;

    /// Answers with a backup code, if the page for it is reached at all.
    async fn answers_with_backup_code_if_asked(&mut self, code: &str) -> Option<Page>;
}

impl<S, B> Walk for Browser<S>
where
    S: Service<Request<String>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: std::fmt::Debug,
{
    async fn gives_password(&mut self, name: &str, password: &str) -> Page {
        let form = self.get(LOGIN).await.form_with("password");
        let page = self.submit(&form, LOGIN, &[("name", name), ("password", password)]).await;
        self.follow(page).await
    }

    async fn sets_up(&mut self) -> String {
        let form = self.get(&format!("{SETUP}?method=totp")).await.form_with("method");
        let begun = self.submit(&form, SETUP, &[]).await;
        let page = self.follow(begun).await;
        let key = between(&page, "<code class=\"key\"", "</code>").split_once('>').unwrap().1.to_owned();
        let confirmed = self.submit(&page.form_with("code"), CONFIRM, &[("code", &code_of(&key))]).await;
        assert!(confirmed.status.is_redirection(), "the first code is refused:\n{}", confirmed.body);
        key
    }

    async fn makes_backup_codes(&mut self) -> Vec<String> {
        let form = self.get(BACKUP_CODES).await.form_with("attempt");
        let page = self.submit(&form, BACKUP_CODES, &[]).await;
        let codes = page.body.split("<li><code>").skip(1);
        codes.filter_map(|rest| rest.split_once("</code>")).map(|(code, _)| code.to_owned()).collect()
    }

    async fn answers(&mut self, code: &str) -> Page {
        let form = self.get(SECOND_FACTOR).await.form_with("device");
        self.submit(&form, SECOND_FACTOR, &[("code", code)]).await
    }

    async fn answers_with_backup_code(&mut self, code: &str) -> Page {
        self.answers_with_backup_code_if_asked(code).await.unwrap()
    }

    async fn answers_with_backup_code_if_asked(&mut self, code: &str) -> Option<Page> {
        let page = self.get(SECOND_FACTOR).await;
        let (_, others) = page.body.split_once("id=\"others\"")?;
        let (_, other) = others.split_once("name=\"device\" value=\"")?;
        let other = other.split('"').next()?;
        let page = self.get(&format!("{SECOND_FACTOR}?device={other}")).await;
        let form = page.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "device"))?;
        Some(self.submit(&form, SECOND_FACTOR, &[("code", code)]).await)
    }
}

/// The text between two others; the trial fails if there is none.
fn between<'a>(page: &'a Page, before: &str, after: &str) -> &'a str {
    let found = page.body.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before:?} on this page ({}):\n{}", page.status, page.body)).0
}

/// The code for this key now, by an independent authenticator.
pub fn code_of(key: &str) -> String {
    code_at(key, "now")
}

/// The code for this key at another time, such as `now + 30 seconds`.
pub fn code_at(key: &str, time: &str) -> String {
    codes(key, &["--now", time]).trim().to_owned()
}

/// A code that is wrong for the next minutes, at every node.
pub fn wrong_code(key: &str) -> String {
    let right = codes(key, &["--now", "now - 10 minutes", "--window", "60"]);
    let candidates = (0..).map(|number: u32| format!("{:06}", number * 7919 % 1_000_000));
    candidates.into_iter().find(|code| !right.lines().any(|line| line == code)).unwrap()
}

fn codes(key: &str, words: &[&str]) -> String {
    let key: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    let output = Command::new("oathtool")
        .args(["--totp", "--base32"])
        .args(words)
        .arg(&key)
        .output()
        .unwrap_or_else(|error| panic!("oathtool (Debian: oathtool) does not run: {error}"));
    assert!(output.status.success(), "oathtool does not take the key");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until one second after the app shows the next code.
pub fn wait_for_a_fresh_code() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let into = Duration::from_millis(u64::try_from(now.as_millis() % 30_000).unwrap());
    thread::sleep(Duration::from_secs(31).saturating_sub(into));
}
