//! Looks at the page that is open: axe-core finds nothing on it, in light and in dark, and it is no wider than the window.
//!
//! A page that is tried without scripts is loaded while the browser runs none, and scripts are allowed again for as long as
//! axe looks: what the page would have run is not run any more, and what it shows to people without scripts stays.
//!
//! Pages fetch axe from a server of the inspector's, which their content security policy would forbid; so the browser is told
//! to overlook the policy. To hand so long a script to each page through the driver would take longer than all the rest.

use std::{collections::BTreeSet, fs, path::PathBuf};

use axum::{
    Router,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL},
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;
use trials::{Person, Scripts};

/// The variable that says where axe-core is.
const VARIABLE: &str = "TRIALS_AXE";

/// How each page is looked at. Colours do not depend on the width, so each scheme is looked at once.
const LOOKS: [Look; 3] = [
    Look { width: 320, height: 1100, scheme: "dark", rules: EVERY_RULE },
    Look { width: 390, height: 1100, scheme: "light", rules: EVERY_RULE },
    Look { width: 1280, height: 900, scheme: "light", rules: SIZES },
];

/// Everything axe knows of WCAG and good practice; target sizes (WCAG 2.5.8) have to be asked for.
const EVERY_RULE: &str = "{ rules: { 'target-size': { enabled: true } } }";
/// What depends on the width alone.
const SIZES: &str = "{ runOnly: ['target-size'] }";

/// What makes two pages the same for our purposes: path, heading, what is told, fields, and what is said at them.
const PAGE: &str = r"
const texts = (selector) => [...document.querySelectorAll(selector)].map((element) => element.innerText).join('|');
const fields = [...document.querySelectorAll('main [name]:not([type=hidden])')].map((field) => field.name).join();
return [location.pathname, texts('h1'), texts('[role=alert] strong, [role=status], .notice, .state strong'), fields,
        texts('main h2, main label, main form > p, .badge')];";

/// What axe finds, and what it cannot decide.
const FOUND: &str = r"
.then((found) => [...found.violations, ...found.incomplete].flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} at ${node.target}: ${node.failureSummary} ${node.html}`)));";

/// How wide the page is, if that is wider than the window.
const WIDE: &str = "
const { scrollWidth } = document.scrollingElement;
return scrollWidth > window.innerWidth ? [scrollWidth] : [];";

#[derive(Clone, Copy)]
struct Look {
    /// In CSS pixels.
    width: u32,
    height: u32,
    /// The colour scheme that the person prefers.
    scheme: &'static str,
    rules: &'static str,
}

/// Looks at pages, and keeps what it has found.
pub(crate) struct Inspector {
    scripts: Scripts,
    /// How the names of pictures begin, if any are taken.
    pictures: Option<&'static str>,
    /// What brings axe-core into a page.
    axe: String,
    /// Pages that were looked at.
    pages: BTreeSet<[String; 5]>,
    /// Their paths.
    paths: BTreeSet<String>,
    /// What is wrong with them.
    faults: Vec<String>,
}

impl Inspector {
    /// Begins in a browser that runs scripts or does not, and keeps pictures of such a name.
    pub(crate) async fn new(person: &Person, scripts: Scripts, pictures: Option<&'static str>) -> Self {
        person.commands("Page.setBypassCSP", json!({ "enabled": true })).await;
        if scripts == Scripts::Off {
            runs_scripts(person, false).await;
        }
        Self {
            scripts,
            pictures,
            axe: serves_axe().await,
            pages: BTreeSet::new(),
            paths: BTreeSet::new(),
            faults: vec![],
        }
    }

    /// Looks at the page that is open, unless it has looked at the same before.
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
        let found = person.runs(&format!("return axe.run({rules}){FOUND}")).await;
        for fault in found.as_array().unwrap() {
            self.faults.push(format!("{name}: {}", fault.as_str().unwrap()));
        }
        if let [wide] = &person.runs(WIDE).await.as_array().unwrap()[..] {
            self.faults.push(format!("{name}: is {wide} px wide"));
        }
        if let Some(pictures) = self.pictures {
            let last = path.rsplit('/').next().unwrap_or_default();
            person.takes_a_picture(&format!("{pictures}-{:02}-{last}-{width}-{scheme}", self.pages.len())).await;
        }
    }

    /// The paths of all pages that were looked at.
    pub(crate) fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    /// What is wrong with the pages that were looked at.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }
}

async fn runs_scripts(person: &Person, runs: bool) {
    person.commands("Emulation.setScriptExecutionDisabled", json!({ "value": !runs })).await;
}

/// Serves axe-core, and gives the script with which a page fetches it.
async fn serves_axe() -> String {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/npm/node_modules/axe-core/axe.min.js");
    let file = std::env::var_os(VARIABLE).map_or_else(|| usual.into(), PathBuf::from);
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
