//! How Twilio signs its requests: HMAC-SHA-1 under the account's auth token over the URL and all fields of the body,
//! sorted by name, in base64.

use countersign_engine::core::Secret;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// The signature of a request to this URL with these fields. `None` only if the hash accepts no key of this length,
/// which HMAC always does (RFC 2104 §2); then no signature is valid.
pub(super) fn expected(token: &Secret, url: &str, fields: &[(String, String)]) -> Option<String> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort();
    fields.dedup();
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.expose().as_bytes()).ok()?;
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    Some(BASE64.encode(&mac.finalize().into_bytes()))
}

/// Whether the signature is valid, in constant time. Twilio omits the port from some URLs that it signs and adds it to
/// others, so both forms are accepted, as in its own library.
pub(super) fn holds(token: &Secret, url: &str, fields: &[(String, String)], signature: &str) -> bool {
    let is = |url: &str| {
        expected(token, url, fields).is_some_and(|expected| expected.as_bytes().ct_eq(signature.as_bytes()).into())
    };
    is(url) || other_port(url).is_some_and(|url| is(&url))
}

/// The URL without its port or, if it has none, with the default port of its scheme.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let usual = if scheme == "https" { 443 } else { 80 };
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let host = match host.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, _)) => host.to_owned(),
        None => format!("{host}:{usual}"),
    };
    Some(format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example of Twilio's own documentation.
    #[test]
    fn the_published_example_holds() {
        let fields = fields(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]);
        let (token, url) = (Secret::new("12345"), "https://mycompany.com/myapp.php?foo=1&bar=2");
        assert!(holds(&token, url, &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        let backwards: Vec<_> = fields.iter().rev().cloned().collect();
        assert!(holds(&token, url, &backwards, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!holds(&Secret::new("1234"), url, &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!holds(&token, "https://mycompany.com/myapp.php?foo=1", &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!holds(&token, url, &fields[1..], "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!holds(&token, url, &fields, ""));
    }

    #[test]
    fn a_port_may_be_signed_or_left_out() {
        let token = Secret::new("12345");
        for (signed, seen, holds_too) in [
            ("https://id.example.org/a?b=1", "https://id.example.org:443/a?b=1", true),
            ("https://id.example.org:443/a?b=1", "https://id.example.org/a?b=1", true),
            ("https://id.example.org/a", "https://id.example.org:8443/a", true),
            ("http://id.example.org:80", "http://id.example.org", true),
            ("https://[::1]:443/a", "https://[::1]/a", true),
            ("https://id.example.org:8443/a", "https://id.example.org/a", false),
            ("https://id.example.org:443/a", "https://id.example.com/a", false),
        ] {
            let signature = expected(&token, signed, &[]).unwrap();
            assert_eq!(holds(&token, seen, &[], &signature), holds_too, "{signed} {seen}");
        }
    }
}
