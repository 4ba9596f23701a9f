//! A user at a real browser: Chromium, driven through chromedriver.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, key::Key, wd::WebDriverCompatibleCommand};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::free_port;

/// Whether the browser runs scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scripts {
    /// As most users have it.
    On,
    /// As some users have it.
    Off,
}

/// A user at a browser.
#[derive(Debug)]
pub struct Person {
    client: Client,
    driver: Child,
    site: String,
}

impl Person {
    /// Opens a browser with a window of this size, in CSS pixels, for the site at `address`.
    pub async fn at(address: &str, scripts: Scripts, size: (u32, u32)) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver (Debian: chromium-driver) does not start: {error}"));
        let client = connect(port, scripts, size).await;
        Self { client, driver, site: format!("http://{address}") }
    }

    /// Opens a page of the site.
    pub async fn opens(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.site)).await.unwrap();
    }

    /// The path of the page that is open.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.path().to_owned()
    }

    /// The heading of the page that is open.
    pub async fn heading(&self) -> String {
        self.text("h1").await
    }

    /// The text of the first element that this selector finds.
    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// The texts of all elements that this selector finds.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let mut texts = vec![];
        for element in self.client.find_all(Locator::Css(selector)).await.unwrap() {
            texts.push(element.text().await.unwrap());
        }
        texts
    }

    /// Whether this selector finds an element.
    pub async fn sees(&self, selector: &str) -> bool {
        !self.client.find_all(Locator::Css(selector)).await.unwrap().is_empty()
    }

    /// Types into the field of this name, replacing its content.
    pub async fn types(&self, field: &str, text: &str) {
        let element = self.find(&format!("main [name=\"{field}\"]")).await;
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Checks the box of this name.
    pub async fn ticks(&self, field: &str) {
        self.find(&format!("main [name=\"{field}\"]")).await.click().await.unwrap();
    }

    /// Clicks on the first element that this selector finds, and waits for the page it leads to.
    pub async fn clicks(&self, selector: &str) {
        let element = self.find(selector).await;
        self.leads_on(element).await;
    }

    /// Clicks on the button or link with this text, and waits for the page it leads to.
    pub async fn clicks_on(&self, text: &str) {
        let element = self.finds(text).await;
        self.leads_on(element).await;
    }

    /// Clicks on the button or link with this text, on a page that stays.
    pub async fn presses(&self, text: &str) {
        self.finds(text).await.click().await.unwrap();
    }

    /// Presses Enter in the field of this name, on a page that stays.
    pub async fn enters(&self, field: &str) {
        let element = self.find(&format!("main [name=\"{field}\"]")).await;
        element.send_keys(&Key::Enter.to_string()).await.unwrap();
    }

    /// Waits until the page, which its script changes, has this text and no pending request: a text from before the
    /// response is about to be replaced.
    pub async fn waits_for(&self, text: &str) {
        let script = "return document.querySelector('[aria-busy=true]') ? '' : document.body.innerText";
        let give_up = Instant::now() + Duration::from_secs(20);
        while !self.runs(script).await.as_str().unwrap().contains(text) {
            assert!(Instant::now() < give_up, "{text:?} never comes on:\n{}", self.source().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The result of a script in the open page.
    pub async fn runs(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Runs a command of the DevTools protocol, and returns its result.
    pub async fn commands(&self, name: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools { name, parameters }).await.unwrap()
    }

    /// New errors in the browser's console. A refused request does not count as an error.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(Console).await.unwrap();
        let ours = entries.as_array().unwrap().iter().filter(|entry| entry["source"] != "network");
        ours.map(ToString::to_string).collect()
    }

    /// A page is gone when its root element is: a click alone does not wait for a slow response.
    async fn leads_on(&self, element: Element) {
        let page = self.find("html").await;
        element.click().await.unwrap();
        let give_up = Instant::now() + Duration::from_secs(20);
        while page.tag_name().await.is_ok() {
            assert!(Instant::now() < give_up, "the click leads nowhere");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses reload, and confirms resubmission of a form if the browser asks.
    pub async fn reloads(&self) {
        self.client.refresh().await.unwrap();
    }

    /// The path and the width of the page, if it is wider than the window.
    pub async fn sticks_out(&self) -> Option<String> {
        let script = "return [document.documentElement.scrollWidth, window.innerWidth]";
        let widths = self.runs(script).await;
        let (page, window) = (widths[0].as_u64().unwrap(), widths[1].as_u64().unwrap());
        if page > window { Some(format!("{}: {page} > {window}", self.path().await)) } else { None }
    }

    /// The source of the page that is open.
    pub async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// The browser's cookies: name and value.
    pub async fn cookies(&self) -> Vec<(String, String)> {
        let cookies = self.client.get_all_cookies().await.unwrap();
        cookies.iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect()
    }

    /// Saves a screenshot with the test artefacts. On a busy machine the browser may fail to paint one, which is not an
    /// error of the page.
    pub async fn takes_a_picture(&self, name: &str) {
        let mut picture = self.client.screenshot().await;
        for _ in 0..3 {
            if picture.is_ok() {
                break;
            }
            picture = self.client.screenshot().await;
        }
        let picture = picture.unwrap();
        fs::write(artefacts().join(format!("{name}.png")), picture).unwrap();
    }

    /// Closes the browser.
    pub async fn leaves(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }

    async fn finds(&self, text: &str) -> Element {
        let path = format!("//*[self::button or self::a][contains(normalize-space(.), \"{text}\")]");
        let found = self.client.find(Locator::XPath(&path)).await;
        let Ok(element) = found else { panic!("nothing to click says {text:?} on:\n{}", self.source().await) };
        element
    }

    async fn find(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        let Ok(element) = found else { panic!("nothing is found by {selector:?} on:\n{}", self.source().await) };
        element
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Asks chromedriver for new console entries.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, driver: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        driver.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// Passes a command of the DevTools protocol through chromedriver.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, driver: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        driver.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.name, "params": self.parameters }).to_string()))
    }
}

async fn connect(port: u16, scripts: Scripts, (width, height): (u32, u32)) -> Client {
    let blocked = if scripts == Scripts::Off { 2 } else { 1 };
    let options = json!({
        "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
            format!("--window-size={width},{height}"),
        ],
        "prefs": { "profile.managed_default_content_settings.javascript": blocked },
        "mobileEmulation": { "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1.0, "touch": false } },
    });
    let capabilities = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    let capabilities = capabilities.as_object().unwrap().clone();
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.clone());
        match builder.connect(&format!("http://127.0.0.1:{port}")).await {
            Ok(client) => return client,
            Err(error) if Instant::now() > give_up => panic!("no browser opens within 30 s: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The folder for screenshots.
fn artefacts() -> PathBuf {
    let folder = std::env::var_os("TRIALS_ARTEFACTS")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/artefacts").into(), PathBuf::from);
    fs::create_dir_all(&folder).unwrap();
    folder
}
