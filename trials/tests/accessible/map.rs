//! Compares the checked pages with `docs/paths.md`, which other tests compare with the router: a page that is added
//! there but not checked is an error, and so is an exception that is no longer needed.

use std::{collections::BTreeSet, fs};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/paths.md");

/// Paths that answer GET but are not pages, each with the reason.
const NO_PAGES: [(&str, &str); 15] = [
    ("/.well-known/change-password", "leads to the password page"),
    ("/account", "leads to the account page"),
    ("/account/static/{file}", "the style sheet, the script and the icon, which pages bring with them"),
    ("/account/two-factor/qr.svg", "a picture that is on a page"),
    ("/account/two-factor/qr.png", "the same picture for a host's pages"),
    ("/account/twilio/call/{call}", "XML for Twilio"),
    ("/api/v1", "JSON"),
    ("/api/v1/", "JSON"),
    ("/api/v1/{*rest}", "JSON"),
    ("/api/v1/csrf", "JSON"),
    ("/api/v1/devices", "JSON"),
    ("/api/v1/openapi.json", "JSON"),
    ("/api/v1/session", "JSON"),
    ("/api/v1/sessions", "JSON"),
    ("/api/v1/tokens", "JSON"),
];
/// All paths below this one return JSON in the format of a foreign API, and so does the list of devices.
const DEUX: &str = "/mfa";

/// What is wrong with the set of checked pages.
pub(crate) fn omissions(visited: &BTreeSet<String>) -> Vec<String> {
    let (known, excepted) = (paths(), NO_PAGES.map(|(path, _)| path));
    let excepted: BTreeSet<_> = excepted.into_iter().map(str::to_owned).collect();
    let visited: BTreeSet<_> = visited.iter().map(|visited| line_of(visited, &known)).collect();
    let wanted = known.iter().filter(|path| !excepted.contains(*path) && !path.starts_with(DEUX));
    let missing = wanted.filter(|path| !visited.contains(*path)).map(|path| format!("{path}: it is not checked"));
    let gone = excepted.difference(&known).map(|path| format!("{path}: an exception, and not in docs/paths.md"));
    let pages = excepted.intersection(&visited).map(|path| format!("{path}: an exception, and yet a page"));
    missing.chain(gone).chain(pages).collect()
}

/// Every path in the inventory that answers GET.
fn paths() -> BTreeSet<String> {
    let text = fs::read_to_string(KEPT).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `/"));
    let cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let found: BTreeSet<_> = cells
        .filter(|cells| ["GET", "ANY"].contains(&cells[2]))
        .map(|cells| cells[1].trim_matches('`').to_owned())
        .collect();
    assert!(found.len() > 30, "docs/paths.md is not written as it was: {found:?}");
    found
}

/// The line of the inventory for a path: the literal one, or else one with variable parts.
fn line_of(path: &str, known: &BTreeSet<String>) -> String {
    if known.contains(path) {
        return path.to_owned();
    }
    let fits = |line: &&String| {
        let (mut parts, mut given) = (line.split('/'), path.split('/'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(_)) if part.starts_with("{*") => return true,
                (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    // The longest line is the most specific: `/account/{*rest}` matches almost everything.
    known.iter().filter(fits).max_by_key(|line| line.split('/').count()).cloned().unwrap_or_else(|| path.to_owned())
}

#[test]
fn a_path_that_nobody_looks_at_is_named_and_so_is_an_exception_that_is_a_page() {
    let visited =
        ["/account/login", "/account/two-factor/devices/x1/rename", "/account/nowhere/at/all", "/api/v1/csrf"];
    let said = omissions(&visited.map(str::to_owned).into());
    assert!(said.contains(&"/account/two-factor: it is not checked".into()), "{said:?}");
    assert!(said.contains(&"/api/v1/csrf: an exception, and yet a page".into()), "{said:?}");
    for path in ["/account/login:", "/account/two-factor/devices/{id}/rename:", "/account/{*rest}:"] {
        assert!(!said.iter().any(|line| line.starts_with(path)), "{path} {said:?}");
    }
}
