//! Parsing the text of a setting, and writing a value back.

use std::{
    borrow::Cow,
    fmt::Display,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use axum::http::Uri;
use countersign_axum::Origin;

use super::PublicUrl;

/// Units of time, longest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A value of a type that implements `FromStr`; `what` describes it for the error.
pub(super) fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T> {
    text.trim().parse().ok().with_context(|| format!("it must be {what}"))
}

/// A whole number from `least` to `most`.
pub(super) fn number<T: FromStr + PartialOrd + Display + Copy>(text: &str, least: T, most: T) -> Result<T> {
    let number = text.trim().parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.with_context(|| format!("it must be a whole number from {least} to {most}"))
}

/// A duration from `least` to `most`.
pub(super) fn span(text: &str, least: Duration, most: Duration) -> Result<Duration> {
    let known = seconds(text).map(Duration::from_secs);
    let span = known.context("it must be a duration such as 90s, 10m, 12h or 7d")?;
    ensure!((least..=most).contains(&span), "it must be from {} to {}", show_span(least), show_span(most));
    Ok(span)
}

fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let (count, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    count.trim_end().parse::<u64>().ok()?.checked_mul(*unit)
}

/// A duration as text, in the largest unit that gives a whole number.
pub(super) fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    let unit = UNITS.iter().find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(name, unit)| format!("{}{name}", seconds / unit))
}

pub(super) fn switch(text: &str) -> Result<bool> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => bail!("it must be true or false"),
    }
}

/// A path that is not empty.
pub(super) fn path(text: &str) -> Result<PathBuf> {
    ensure!(!text.is_empty(), "it must be a path");
    Ok(text.into())
}

/// The text of a setting as it may be printed: without the password in a URL.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    // A password may contain any character, including `@` and `/`, so it ends at the last `@` before the query.
    let (address, query) = rest.find('?').map_or((rest, ""), |place| rest.split_at(place));
    let named = address.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?.0, host)));
    let address = named.map_or(Cow::Borrowed(address), |(user, host)| format!("{user}:[redacted]@{host}").into());
    let pairs = query.split('&').map(|pair| match pair.split_once("password=") {
        Some((before, _)) => format!("{before}password=[redacted]"),
        None => pair.to_owned(),
    });
    format!("{scheme}://{address}{}", pairs.collect::<Vec<_>>().join("&")).into()
}

/// The IP address and port of a listener; `example` is for the error.
pub(super) fn listener(text: &str, example: &str) -> Result<SocketAddr> {
    let text = text.trim();
    ensure!(
        !text.starts_with(['/', '@', '.']) && !text.to_ascii_lowercase().starts_with("unix:"),
        "a Unix socket is not supported: use a loopback address instead, such as {example}, and let the proxy connect \
         to it"
    );
    text.parse().ok().with_context(|| format!("it must be an IP address and a port, such as {example}"))
}

/// An origin, and whether it is on the same machine as the browser.
pub(super) fn public_url(text: &str) -> Result<PublicUrl> {
    if let Ok(uri) = text.trim().parse::<Uri>()
        && let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
    {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        ensure!(
            uri.path() == "/" && uri.query().is_none(),
            "a site below a path is not supported, because its pages and cookies use the whole host: give it a host \
             name of its own, such as {scheme}://id.example.org, and have the proxy pass on all requests for that \
             host; or, if the site may have all of {host}, set {scheme}://{host}"
        );
    }
    let origin: Origin = parse(text, "a URL such as https://id.example.org, without a path")?;
    let uri: Uri = parse(text, "a URL such as https://id.example.org, without a path")?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    let is_loopback =
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback());
    let port = uri.port_u16().unwrap_or(if origin.is_https() { 443 } else { 80 });
    Ok(PublicUrl { host: host.to_owned(), port, origin, is_loopback })
}

/// A list, separated by commas.
pub(super) fn list<T: FromStr>(text: &str, what: &'static str) -> Result<Vec<T>> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| parse(entry, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("12 h", 43_200), ("7d", 604_800), ("0", 0), ("0s", 0)] {
            assert_eq!(seconds_of(text), Some(seconds), "{text}");
        }
        for text in ["", "10", "m", "1.5h", "-1h", "10 minutes", "1h30m", "99999999999999999999d"] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }

    fn seconds_of(text: &str) -> Option<u64> {
        span(text, Duration::ZERO, Duration::MAX).ok().map(|span| span.as_secs())
    }

    #[test]
    fn spans_are_written_as_one_would() {
        for text in ["90s", "10m", "12h", "7d", "0s"] {
            assert_eq!(show_span(span(text, Duration::ZERO, Duration::MAX).unwrap()), text);
        }
    }

    #[test]
    fn bounds_are_told() {
        let error = span("13h", Duration::from_secs(1), Duration::from_hours(12)).unwrap_err();
        assert_eq!(error.to_string(), "it must be from 1s to 12h");
        assert_eq!(number("101", 1, 100).unwrap_err().to_string(), "it must be a whole number from 1 to 100");
        assert!(number::<u8>("-1", 0, 9).is_err() && number("100", 1, 100).is_ok());
    }

    #[test]
    fn a_password_in_a_url_is_not_printed() {
        for (text, printed) in [
            (
                "postgres://ada:hunter2@host:5432/c?sslmode=require",
                "postgres://ada:[redacted]@host:5432/c?sslmode=require",
            ),
            ("postgres://ada:hun/ter@2@host/c", "postgres://ada:[redacted]@host/c"),
            ("postgres://ada@host/c", "postgres://ada@host/c"),
            (
                "postgres:///c?host=/run&password=hunter2&user=ada",
                "postgres:///c?host=/run&password=[redacted]&user=ada",
            ),
            ("postgres:///c?password=hunter2", "postgres:///c?password=[redacted]"),
            ("sqlite:///var/lib/c.db", "sqlite:///var/lib/c.db"),
            ("https://id.example.org", "https://id.example.org"),
            ("info", "info"),
        ] {
            assert_eq!(printable(text), printed);
        }
    }

    #[test]
    fn loopback_is_told_from_the_world() {
        for text in [
            "http://localhost:8000",
            "http://127.0.0.1",
            "http://[::1]:80/",
            "http://[::ffff:127.0.0.1]",
            "http://LOCALHOST",
        ] {
            assert!(public_url(text).unwrap().is_loopback, "{text}");
        }
        for text in ["http://example.org", "https://localhost.example.org", "http://10.0.0.1", "http://[2001:db8::1]"] {
            assert!(!public_url(text).unwrap().is_loopback, "{text}");
        }
    }
}
