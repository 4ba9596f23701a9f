//! `otpauth:` URIs, which carry a key into an authenticator app, mostly as a QR image. This module never draws the image and
//! never reads a URI. It keeps the invariant that no name, however hostile, can add, end or overwrite a parameter.
//!
//! There is no RFC; apps follow Google Authenticator's "Key Uri Format". The order is always secret, issuer, algorithm,
//! digits, then period or counter: Microsoft Authenticator wants the secret first, and none is left out for being the
//! default, because apps differ in what they assume.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::{Algorithm, Digits, Key, Totp};

/// A TOTP key and what an app shows next to it. Contains the key: show its URI once, to its owner.
///
/// `t0` has no place in the format: apps count from the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub struct Otpauth<'a> {
    /// The shared key.
    pub key: &'a Key,
    /// Algorithm, digits and step.
    pub totp: Totp,
    /// The site or organisation; colons are dropped from it. May be empty.
    pub issuer: &'a str,
    /// The user's name at the issuer; colons are dropped from it.
    pub account: &'a str,
    /// Where an app finds the issuer's picture. Few apps look.
    pub image: Option<&'a str>,
}

impl Otpauth<'_> {
    /// `otpauth://totp/<issuer>:<account>?secret=…&issuer=…&algorithm=…&digits=…&period=…`, and `&image=…` if there is one.
    pub fn to_uri(&self) -> Zeroizing<String> {
        let Totp { algorithm, digits, step, .. } = self.totp;
        let shared = shared_parameters(self.issuer, algorithm, digits);
        let image = self.image.map(|image| format!("&image={}", encoded(image, ":/"))).unwrap_or_default();
        let parameters = format!("{shared}&period={}{image}", step.seconds());
        assembled("totp", &label(self.issuer, self.account), self.key, &parameters)
    }
}

/// A HOTP key and what an app shows next to it. Contains the key: show its URI once, to its owner.
#[derive(Clone, Copy, Debug)]
pub struct OtpauthHotp<'a> {
    /// The shared key.
    pub key: &'a Key,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// The counter of the first code the app will show.
    pub counter: u64,
    /// The site or organisation; colons are dropped from it. May be empty.
    pub issuer: &'a str,
    /// The user's name at the issuer; colons are dropped from it.
    pub account: &'a str,
}

impl OtpauthHotp<'_> {
    /// `otpauth://hotp/<issuer>:<account>?secret=…&issuer=…&algorithm=…&digits=…&counter=…`
    pub fn to_uri(&self) -> Zeroizing<String> {
        let shared = shared_parameters(self.issuer, self.algorithm, self.digits);
        let parameters = format!("{shared}&counter={}", self.counter);
        assembled("hotp", &label(self.issuer, self.account), self.key, &parameters)
    }
}

/// `issuer:account`, or the one that is there. The format allows blanks after the colon, but not every app trims them.
fn label(issuer: &str, account: &str) -> String {
    let (issuer, account) = (name(issuer), name(account));
    let colon = if issuer.is_empty() || account.is_empty() { "" } else { ":" };
    format!("{issuer}{colon}{account}")
}

fn shared_parameters(issuer: &str, algorithm: Algorithm, digits: Digits) -> String {
    let issuer = match name(issuer) {
        name if name.is_empty() => name,
        name => format!("&issuer={name}"),
    };
    format!("{issuer}&algorithm={}&digits={}", algorithm.name(), digits.count())
}

/// In one allocation of the exact size: a buffer that grew would leave copies of the key behind.
fn assembled(kind: &str, label: &str, key: &Key, parameters: &str) -> Zeroizing<String> {
    Zeroizing::new(["otpauth://", kind, "/", label, "?secret=", &key.to_base32(), parameters].concat())
}

/// Encoded and without colons: the first colon of a label divides it, even an encoded one.
fn name(text: &str) -> String {
    encoded(&text.replace(':', ""), "")
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3) and those in `literal`.
fn encoded(text: &str, literal: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || "-._~".contains(character) || literal.contains(character) {
            encoded.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn label_and_issuer(issuer: &str, account: &str) -> (String, Option<String>) {
        let key = Key::from_base32(SECRET).unwrap();
        let otpauth = Otpauth { key: &key, totp: Totp::default(), issuer, account, image: None };
        let uri = otpauth.to_uri();
        let rest = uri.strip_prefix("otpauth://totp/").unwrap();
        let (label, rest) = rest.split_once(&format!("?secret={SECRET}")).unwrap();
        let issuer = rest.strip_suffix("&algorithm=SHA1&digits=6&period=30").unwrap();
        (label.to_owned(), issuer.strip_prefix("&issuer=").map(str::to_owned))
    }

    #[test]
    fn a_totp_uri_has_its_parameters_in_order() {
        let key = Key::from_base32(SECRET).unwrap();
        let totp =
            Totp { algorithm: Algorithm::Sha512, digits: Digits::EIGHT, step: crate::Step::new(60).unwrap(), t0: 5 };
        let image = Some("https://example.com/a logo.png?size=64&x=y#z");
        let uri = Otpauth { key: &key, totp, issuer: "Example Inc.", account: "ada@example.com", image }.to_uri();
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/Example%20Inc.:ada%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20Inc.&algorithm=SHA512&digits=8&period=60\
             &image=https://example.com/a%20logo.png%3Fsize%3D64%26x%3Dy%23z"
        );
    }

    #[test]
    fn a_hotp_uri_ends_with_its_counter() {
        let key = Key::from_base32(SECRET).unwrap();
        let (algorithm, digits) = (Algorithm::Sha1, Digits::SIX);
        let otpauth =
            OtpauthHotp { key: &key, algorithm, digits, counter: u64::MAX, issuer: "Example", account: "ada" };
        assert_eq!(
            otpauth.to_uri().as_str(),
            "otpauth://hotp/Example:ada\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA1&digits=6&counter=18446744073709551615"
        );
    }

    #[test]
    fn names_are_encoded_whatever_they_are() {
        for (issuer, account, label, parameter) in [
            ("Example", "ada", "Example:ada", "Example"),
            ("Two words", "ada lovelace", "Two%20words:ada%20lovelace", "Two%20words"),
            ("Ex:ample", "a:d:a", "Example:ada", "Example"),
            ("::", "ada", "ada", ""),
            ("", "ada", "ada", ""),
            ("Example", "", "Example", "Example"),
            ("Example", ":", "Example", "Example"),
            ("a/b", "c\\d", "a%2Fb:c%5Cd", "a%2Fb"),
            ("AT&T", "x=1&secret=AAAA", "AT%26T:x%3D1%26secret%3DAAAA", "AT%26T"),
            ("who?", "#ada", "who%3F:%23ada", "who%3F"),
            ("100%", "%3A%20", "100%25:%253A%2520", "100%25"),
            ("a+b", "ada+test@example.com", "a%2Bb:ada%2Btest%40example.com", "a%2Bb"),
            ("-._~", "!*'()", "-._~:%21%2A%27%28%29", "-._~"),
            ("\r\n", "a\0b", "%0D%0A:a%00b", "%0D%0A"),
            ("<script>", "\"ada\"", "%3Cscript%3E:%22ada%22", "%3Cscript%3E"),
            ("B\u{fc}cher", "\u{df}", "B%C3%BCcher:%C3%9F", "B%C3%BCcher"),
            ("\u{65e5}\u{672c}", "\u{5c71}", "%E6%97%A5%E6%9C%AC:%E5%B1%B1", "%E6%97%A5%E6%9C%AC"),
            ("\u{1f511}", "\u{202e}ada", "%F0%9F%94%91:%E2%80%AEada", "%F0%9F%94%91"),
        ] {
            let (got_label, got_issuer) = label_and_issuer(issuer, account);
            assert_eq!(got_label, label, "{issuer:?} {account:?}");
            assert_eq!(got_issuer.unwrap_or_default(), parameter, "{issuer:?} {account:?}");
        }
    }

    #[test]
    fn an_empty_issuer_is_left_out() {
        assert_eq!(label_and_issuer("", "ada").1, None);
    }
}
