//! Seeds as PSKC (RFC 6030), plain or encrypted. This module reads what token vendors write and no more: HOTP and TOTP
//! keys, and a YubiKey's AES key. It never resolves an entity, never fetches anything and never skips a key. It does
//! not check signatures: the file is authenticated by its MACs or by the way it was delivered. A key with a policy that
//! Countersign cannot enforce is refused (RFC 6030 §5).
//!
//! privacyIDEA writes the names of elements and attributes in lower case, the hash as a separate attribute, the clock
//! drift in seconds, and the last accepted time step as the counter of a TOTP key. This is read with that meaning.

mod element;
mod encryption;

use anyhow::Result;
use countersign_engine::core::{
    Timestamp,
    otp::{Algorithm, Digits, Step, Totp},
};
use roxmltree::{Document, Node, ParsingOptions};
use zeroize::Zeroizing;

use self::{
    element::{at, attribute, base64, children, content, is_named, malformed, needed, only, wrong},
    encryption::Keys,
};
use super::{
    PreShared, Seed, SeedSecret, Validity, algorithm, digits, moment::moment, oath_key, owner, private_id, serial,
    step, yubikey_key,
};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:keyprov:pskc";
const HOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
const TOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:totp";
/// As Yubico's tools write it (draft-josefsson-keyprov-pskc-yubikey).
const YUBIKEY: &str = "http://www.yubico.com/#yubikey-aes";

/// The maximum number of elements, texts and comments; a key has about fifty.
const MAX_NODES: u32 = 2_000_000;

/// All seeds in `text`. Its lines end in `\n` only, so that the parser refers to the text and keeps no copy of a value.
pub(super) fn read(text: &str, pre_shared: Option<&PreShared>) -> Result<Vec<Seed>> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| malformed(text, &error))?;
    let container = document.root_element();
    let is_pskc = is_named(container, "KeyContainer") && container.tag_name().namespace() == Some(NAMESPACE);
    if !is_pskc || attribute(container, "Version") != Some("1.0") {
        return Err(wrong(container, "this is not a PSKC container of version 1.0"));
    }
    let keys = Keys::of(container, pre_shared)?;
    let mut seeds = Vec::new();
    let (mut line, mut before) = (1_usize, 0);
    for package in children(container, "KeyPackage") {
        let key = needed(package, "Key")?;
        let between = text.get(before..key.range().start).unwrap_or_default();
        line = line.saturating_add(between.matches('\n').count());
        before = key.range().start;
        seeds.push(Entry { package, key, keys: keys.as_ref() }.seed(line)?);
    }
    Ok(seeds)
}

/// One key, with the information about its device.
struct Entry<'a> {
    package: Node<'a, 'a>,
    key: Node<'a, 'a>,
    keys: Option<&'a Keys>,
}

impl Entry<'_> {
    fn seed(&self, line: usize) -> Result<Seed> {
        let validity = self.validity()?;
        let secret = self.secret()?;
        Ok(Seed { line, serial: self.serial()?, user: self.user(&secret)?, validity, secret })
    }

    /// The device's serial number, or the key's id if there is none.
    fn serial(&self) -> Result<String> {
        let element = match only(self.package, "DeviceInfo")? {
            Some(device) => only(device, "SerialNo")?,
            None => None,
        };
        if let Some(element) = element {
            return serial(&content(element)).ok_or_else(|| wrong(element, "this is not a serial number"));
        }
        let id = attribute(self.key, "Id").and_then(serial);
        id.ok_or_else(|| wrong(self.key, "the key has no serial number"))
    }

    /// The user of the key, or else of the device.
    fn user(&self, secret: &SeedSecret) -> Result<Option<String>> {
        let of_key = match secret {
            // A YubiKey has its ids there, instead of a user.
            SeedSecret::Yubikey { .. } => None,
            _ => only(self.key, "UserId")?,
        };
        let of_device = match only(self.package, "DeviceInfo")? {
            Some(device) => only(device, "UserId")?,
            None => None,
        };
        let user = of_key.or(of_device);
        user.map(|user| owner(&content(user)).ok_or_else(|| wrong(user, "this is not a user's name"))).transpose()
    }

    fn secret(&self) -> Result<SeedSecret> {
        match attribute(self.key, "Algorithm") {
            Some(HOTP) => {
                let (algorithm, digits) = self.format()?;
                let counter = self.number("Counter")?.unwrap_or(0);
                Ok(SeedSecret::Hotp { key: self.checked(oath_key)?, algorithm, digits, counter })
            }
            Some(TOTP) => {
                let (algorithm, digits) = self.format()?;
                let totp = Totp { algorithm, digits, step: self.step()?, t0: 0 };
                let used = self.number("Counter")?.filter(|used| *used > 0);
                let drift = self.drift(totp.step)?;
                Ok(SeedSecret::Totp { key: self.checked(oath_key)?, totp, used, drift })
            }
            Some(YUBIKEY) => self.yubikey(),
            _ => Err(wrong(self.key, "the algorithm of this key is not HOTP, TOTP or YubiKey")),
        }
    }

    /// The public and the private id are the CN and the UID of a distinguished name.
    fn yubikey(&self) -> Result<SeedSecret> {
        let ids = needed(self.key, "UserId")?;
        let text = content(ids);
        let part = |name: &str| {
            let mut parts = text.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value))
        };
        let public_id = part("CN").and_then(|id| id.parse().ok());
        let private_id = part("UID").and_then(|id| private_id(id).ok());
        let (Some(public_id), Some(private_id)) = (public_id, private_id) else {
            return Err(wrong(ids, "this is not CN=public id, UID=private id"));
        };
        Ok(SeedSecret::Yubikey { public_id, private_id, key: self.checked(yubikey_key)?, counter: 0 })
    }

    /// The hash, and the format of a code (RFC 6030 §4.3.4 and §10.1).
    fn format(&self) -> Result<(Algorithm, Digits)> {
        let parameters = needed(self.key, "AlgorithmParameters")?;
        let format = needed(parameters, "ResponseFormat")?;
        if attribute(format, "Encoding") != Some("DECIMAL") {
            return Err(wrong(format, "codes of this key are not decimal"));
        }
        let check_digit = ["CheckDigit", "CheckDigits"].iter().find_map(|name| attribute(format, name));
        if matches!(check_digit, Some("true" | "1")) {
            return Err(wrong(format, "codes of this key end in a check digit, which Countersign does not support"));
        }
        let digits = digits(attribute(format, "Length").unwrap_or_default()).map_err(|error| at(format, &error))?;
        let algorithm = only(parameters, "Suite")?.map_or(Ok(Algorithm::default()), suite)?;
        Ok((algorithm, digits))
    }

    fn step(&self) -> Result<Step> {
        if self.number("Time")?.is_some_and(|time| time != 0) {
            return Err(wrong(self.key, "the time steps of this key do not start at 0"));
        }
        let seconds = self.number("TimeInterval")?;
        seconds.map_or(Ok(Step::default()), |seconds| step(&seconds.to_string()).map_err(|error| at(self.key, &error)))
    }

    /// How many steps the token's clock is ahead: in steps (RFC 6030 §4.3.4), or in seconds if there is a decimal
    /// point.
    fn drift(&self, step: Step) -> Result<i16> {
        let Some(element) = only(needed(self.key, "Data")?, "TimeDrift")? else { return Ok(0) };
        let Some(plain) = only(element, "PlainValue")? else { return Ok(0) };
        let text = content(plain);
        let drift: f64 = text.parse().ok().ok_or_else(|| wrong(element, "this is not a number"))?;
        let steps = if text.contains('.') { drift / f64::from(step.seconds()) } else { drift };
        let bound = f64::from(i16::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "it is a whole number within the bounds of the type, or 0")]
        Ok(steps.round().clamp(-bound, bound) as i16)
    }

    /// The period within which both the key and its device may be used.
    fn validity(&self) -> Result<Validity> {
        let device = only(self.package, "DeviceInfo")?.map_or(Ok(Validity::default()), device_validity)?;
        Ok(self.key_validity()?.within(device))
    }

    fn key_validity(&self) -> Result<Validity> {
        let mut validity = Validity::default();
        let Some(policy) = only(self.key, "Policy")? else { return Ok(validity) };
        let usages: Vec<_> = children(policy, "KeyUsage").collect();
        for rule in policy.children().filter(Node::is_element) {
            match rule.tag_name().name().to_ascii_lowercase().as_str() {
                "startdate" => validity.from = validity.from.max(Some(time(rule)?)),
                "expirydate" => validity.until = Some(time(rule)?).into_iter().chain(validity.until).min(),
                "keyusage" if usages.iter().any(|usage| content(*usage).as_str() == "OTP") => {}
                // The device itself asks for the PIN before it shows a code.
                "pinpolicy" if attribute(rule, "PINUsageMode") == Some("Local") => {}
                _ => return Err(wrong(rule, "this key has a policy that Countersign cannot enforce")),
            }
        }
        Ok(validity)
    }

    /// The secret, if `check` accepts it.
    fn checked<T>(&self, check: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let secret = needed(needed(self.key, "Data")?, "Secret")?;
        let bytes = match self.value(secret)? {
            Value::Plain(plain) => base64(plain)?,
            Value::Opened(bytes) => bytes,
        };
        check(&bytes).map_err(|error| at(secret, &error))
    }

    /// A number, in decimal or, if encrypted, in up to eight bytes (RFC 6030 §4.2).
    fn number(&self, element: &str) -> Result<Option<u64>> {
        let Some(element) = only(needed(self.key, "Data")?, element)? else { return Ok(None) };
        let number = match self.value(element)? {
            Value::Plain(plain) => content(plain).parse().ok(),
            Value::Opened(bytes) if bytes.len() <= 8 => {
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            Value::Opened(_) => None,
        };
        number.map(Some).ok_or_else(|| wrong(element, "this is not a number"))
    }

    fn value<'a>(&self, element: Node<'a, 'a>) -> Result<Value<'a>> {
        match (only(element, "PlainValue")?, only(element, "EncryptedValue")?, self.keys) {
            (Some(plain), None, _) => Ok(Value::Plain(plain)),
            (None, Some(_), Some(keys)) => Ok(Value::Opened(keys.open(element)?)),
            (None, Some(encrypted), None) => Err(wrong(encrypted, "encrypted, and the container names no key")),
            _ => Err(wrong(element, "this is neither one plain value nor one encrypted value")),
        }
    }
}

enum Value<'a> {
    Plain(Node<'a, 'a>),
    Opened(Zeroizing<Vec<u8>>),
}

/// The hash of the HMAC: the content, or an attribute.
fn suite(suite: Node<'_, '_>) -> Result<Algorithm> {
    let text = content(suite);
    let hash = Some(text.as_str()).filter(|text| !text.is_empty()).or(attribute(suite, "hashalgo"));
    let hash = hash.and_then(algorithm);
    hash.ok_or_else(|| wrong(suite, "this is not HMAC with SHA-1, SHA-256 or SHA-512"))
}

/// The period within which a device may be used (RFC 6030 §4.3.1).
fn device_validity(device: Node<'_, '_>) -> Result<Validity> {
    let at = |name| only(device, name)?.map(time).transpose();
    Ok(Validity { from: at("StartDate")?, until: at("ExpiryDate")? })
}

fn time(element: Node<'_, '_>) -> Result<Timestamp> {
    moment(&content(element)).ok_or_else(|| wrong(element, "this is not a date and time"))
}

#[cfg(test)]
mod tests;
