//! `otpauth:` URIs, which carry a key into an authenticator app, mostly as a QR image. This module never draws the image and
//! never reads a URI. It keeps the invariant that no name, however hostile, can add, end or overwrite a parameter.
//!
//! There is no RFC; apps follow Google Authenticator's "Key Uri Format". The order is always secret, issuer, algorithm,
//! digits, then period or counter: Microsoft Authenticator wants the secret first, and an app that ignores a parameter
//! at least never has to guess one.

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
        let Totp {
            algorithm,
            digits,
            step,
            ..
        } = self.totp;
        let shared = shared_parameters(self.issuer, algorithm, digits);
        let image = self
            .image
            .map(|image| format!("&image={}", encoded(image, ":/")))
            .unwrap_or_default();
        let parameters = format!("{shared}&period={}{image}", step.seconds());
        assembled(
            "totp",
            &label(self.issuer, self.account),
            self.key,
            &parameters,
        )
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
        assembled(
            "hotp",
            &label(self.issuer, self.account),
            self.key,
            &parameters,
        )
    }
}

/// `issuer:account`, or the one that is there.
fn label(issuer: &str, account: &str) -> String {
    let (issuer, account) = (name(issuer), name(account));
    let colon = if issuer.is_empty() || account.is_empty() {
        ""
    } else {
        ":"
    };
    format!("{issuer}{colon}{account}")
}

fn shared_parameters(issuer: &str, algorithm: Algorithm, digits: Digits) -> String {
    let issuer = match name(issuer) {
        name if name.is_empty() => name,
        name => format!("&issuer={name}"),
    };
    format!(
        "{issuer}&algorithm={}&digits={}",
        algorithm.name(),
        digits.count()
    )
}

/// In one allocation of the exact size: a buffer that grew would leave copies of the key behind.
fn assembled(kind: &str, label: &str, key: &Key, parameters: &str) -> Zeroizing<String> {
    Zeroizing::new(
        [
            "otpauth://",
            kind,
            "/",
            label,
            "?secret=",
            &key.to_base32(),
            parameters,
        ]
        .concat(),
    )
}

/// Encoded and without colons: the first colon of a label divides it, even an encoded one.
fn name(text: &str) -> String {
    encoded(&text.replace(':', ""), "")
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3) and those in `literal`.
fn encoded(text: &str, literal: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric()
            || "-._~".contains(character)
            || literal.contains(character)
        {
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
