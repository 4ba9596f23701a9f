//! How Twilio signs its requests: HMAC-SHA-1 under the account's token over the address and, in the order of their names, every
//! field of the body, in base64.

use countersign_engine::core::Secret;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// The signature of a request to this address with these fields.
pub(super) fn expected(token: &Secret, url: &str, fields: &[(String, String)]) -> String {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort();
    fields.dedup();
    // An HMAC takes a key of any length, so there is no error to tell of.
    let Ok(mut mac) = <Hmac<Sha1> as KeyInit>::new_from_slice(token.expose().as_bytes()) else { unreachable!() };
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

/// Whether this is it; compared in constant time.
pub(super) fn holds(token: &Secret, url: &str, fields: &[(String, String)], signature: &str) -> bool {
    expected(token, url, fields).as_bytes().ct_eq(signature.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example of Twilio's own papers.
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
}
