//! Checks the open page: axe-core must find nothing in light and dark mode, and the page must not be wider than the
//! window.
//!
//! A page that is tested without scripts is loaded while the browser runs none; scripts are allowed again only while
//! axe runs: the page's own scripts no longer run then, and its content without scripts stays.
//!
//! Pages fetch axe from a server of the inspector, which their content security policy forbids, so the browser is told
//! to ignore the policy. Passing so long a script to each page through the driver would take longer than everything
//! else.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use axum::{
    Router,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL},
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;
use trials::{Person, Scripts};

/// The variable with the path of axe-core.
const VARIABLE: &str = "TRIALS_AXE";

/// The variable that asks for screenshots.
const PICTURES: &str = "TRIALS_PICTURES";

/// The ways to check each page. Colours do not depend on the width, so each scheme is checked once.
const LOOKS: [Look; 3] = [
    Look { width: 320, height: 1100, scheme: "dark", rules: EVERY_RULE },
    Look { width: 390, height: 1100, scheme: "light", rules: EVERY_RULE },
    Look { width: 1280, height: 900, scheme: "light", rules: SIZES },
];

/// All rules of axe for WCAG and best practice; target sizes (WCAG 2.5.8) must be enabled explicitly.
const EVERY_RULE: &str = "{ rules: { 'target-size': { enabled: true } } }";
/// The rules that depend on the width only.
const SIZES: &str = "{ runOnly: ['target-size'] }";

/// Two pages with the same fingerprint are the same for this trial: path, heading, alerts, fields, and their errors.
const PAGE: &str = r"
const texts = (selector) => [...document.querySelectorAll(selector)].map((element) => element.innerText).join('|');
const fields = [...document.querySelectorAll('main [name]:not([type=hidden])')].map((field) => field.name).join();
return [location.pathname, texts('h1'), texts('[role=alert] strong, [role=status], .notice, .state strong'), fields,
        texts('main h2, main label, main form > p, .badge')];";

/// The violations that axe finds, and what it cannot decide.
const FOUND: &str = r"
.then((found) => [...found.violations, ...found.incomplete].flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} at ${node.target}: ${node.failureSummary} ${node.html}`)));";

/// The width of the page, if it is wider than the window.
const WIDE: &str = "
const { scrollWidth } = document.scrollingElement;
return scrollWidth > window.innerWidth ? [scrollWidth] : [];";

#[derive(Clone, Copy)]
struct Look {
    /// In CSS pixels.
    width: u32,
    height: u32,
    /// The preferred colour scheme.
    scheme: &'static str,
    rules: &'static str,
}

/// Checks pages, and collects the findings.
pub(crate) struct Inspector {
    scripts: Scripts,
    /// The prefix of screenshot names, if any are saved.
    pictures: Option<&'static str>,
    /// The script that loads axe-core into a page.
    axe: String,
    /// The pages that were checked.
    pages: BTreeSet<[String; 5]>,
    /// Their paths.
    paths: BTreeSet<String>,
    /// The findings.
    faults: Vec<String>,
}

impl Inspector {
    /// Starts in a browser with or without scripts, and saves screenshots with this prefix if [`PICTURES`] is set: they are
    /// three hundred, and only for people.
    pub(crate) async fn new(person: &Person, scripts: Scripts, pictures: Option<&'static str>) -> Self {
        person.commands("Page.setBypassCSP", json!({ "enabled": true })).await;
        if scripts == Scripts::Off {
            runs_scripts(person, false).await;
        }
        Self {
            scripts,
            pictures: pictures.filter(|_| env::var_os(PICTURES).is_some()),
            axe: serves_axe().await,
            pages: BTreeSet::new(),
            paths: BTreeSet::new(),
            faults: vec![],
        }
    }

    /// Checks the open page, unless the same one was checked before.
    pub(crate) async fn inspects(&mut self, person: &Person) {
        self.paths.insert(person.path().await);
        let page = self.page(person).await;
        if !self.pages.insert(page.clone()) {
            return;
        }
        if self.scripts == Scripts::Off {
            runs_scripts(person, true).await;
        }
        person.runs(&self.axe).await;
        for look in LOOKS {
            self.looks(person, &page, look).await;
        }
        if self.scripts == Scripts::Off {
            runs_scripts(person, false).await;
        }
    }

    async fn page(&self, person: &Person) -> [String; 5] {
        let page: [String; 5] = serde_json::from_value(person.runs(PAGE).await).unwrap();
        page.map(|text| text.chars().filter(|letter| !letter.is_ascii_digit()).collect())
    }

    async fn looks(&mut self, person: &Person, page: &[String; 5], Look { width, height, scheme, rules }: Look) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        person.commands("Emulation.setEmulatedMedia", media).await;
        let window = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        person.commands("Emulation.setDeviceMetricsOverride", window).await;
        let [path, heading, told, ..] = page;
        let name = format!("{path} “{heading}” ({told}), {width} px, {scheme}");
        // The page without scripts has the same colours.
        if self.scripts == Scripts::On || scheme == "light" {
            let found = person.runs(&format!("return axe.run({rules}){FOUND}")).await;
            for fault in found.as_array().unwrap() {
                self.faults.push(format!("{name}: {}", fault.as_str().unwrap()));
            }
        }
        if let [wide] = &person.runs(WIDE).await.as_array().unwrap()[..] {
            self.faults.push(format!("{name}: is {wide} px wide"));
        }
        if let Some(pictures) = self.pictures {
            let last = path.rsplit('/').next().unwrap_or_default();
            person.takes_a_picture(&format!("{pictures}-{:02}-{last}-{width}-{scheme}", self.pages.len())).await;
        }
    }

    /// The paths of all checked pages.
    pub(crate) fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    /// The findings of all checked pages.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }
}

async fn runs_scripts(person: &Person, runs: bool) {
    person.commands("Emulation.setScriptExecutionDisabled", json!({ "value": !runs })).await;
}

/// Serves axe-core, and returns the script with which a page fetches it.
async fn serves_axe() -> String {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/npm/node_modules/axe-core/axe.min.js");
    let file = env::var_os(VARIABLE).map_or_else(|| usual.into(), PathBuf::from);
    let source: &str = fs::read_to_string(&file)
        .unwrap_or_else(|error| {
            let file = file.display();
            panic!("no axe-core at {file}, where `cargo xtask test` puts it, or {VARIABLE} says that it is: {error}")
        })
        .leak();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let headers = [(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CACHE_CONTROL, "max-age=3600")];
    let app = Router::new().route("/axe.js", get(async move || (headers, source)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!(
        "const request = new XMLHttpRequest(); request.open('GET', 'http://{address}/axe.js', false); request.send(); \
         (0, eval)(request.responseText); return null"
    )
}
