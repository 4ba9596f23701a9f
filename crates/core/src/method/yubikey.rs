//! One-time passwords that a YubiKey types when it is touched (Yubico OTP).
//!
//! Either the key's secret is stored here and its code is decrypted and judged locally, or a validation service has the
//! secret and is asked. Both consume the key's counter, which only rises. A key that only the service knows is bound to
//! the public id of the first answer that the service confirms; from then on no other key is accepted, and a key
//! without a public id never is.

use std::time::Duration;

use countersign_otp::yubikey::{PrivateId, PublicId, Token, YubikeyKey};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Check,
    validation::{ValidationRequest, ValidationResponse},
};
use crate::{Kind, Secret, Timestamp, mark::Mark};

/// The state of a YubiKey.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The public id of the key, in modhex; `None` while it is not bound.
    #[serde(with = "public_id_text")]
    public_id: Option<PublicId>,
    /// Its secret, if it is stored here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<Own>,
}

/// The secret of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Own {
    #[serde(with = "key_text")]
    key: YubikeyKey,
    #[serde(with = "private_id_text")]
    private_id: PrivateId,
}

impl State {
    /// A key that a validation service knows, and that is bound by its first answer.
    pub fn unbound() -> Self {
        Self { public_id: None, own: None }
    }

    /// The public id of the key, in modhex, once it is bound.
    pub fn public_id(&self) -> Option<&PublicId> {
        self.public_id.as_ref()
    }

    /// Whether both know the same secret of the same key, compared in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let secrets = self.own.as_ref().zip(other.own.as_ref());
        let matches = secrets.is_some_and(|(own, other)| {
            (own.key.matches(&other.key) & own.private_id.matches(&other.private_id)).into()
        });
        matches && self.public_id == other.public_id
    }

    /// A key whose secret is stored here.
    pub fn own(public_id: PublicId, private_id: PrivateId, key: YubikeyKey) -> Self {
        Self { public_id: Some(public_id), own: Some(Own { key, private_id }) }
    }
}

pub(super) fn check(state: &State, answer: &Secret, nonce: impl FnOnce() -> String) -> Check {
    // Under some keyboard layouts a code has several readings: the one with this key's public id counts.
    let token = match &state.public_id {
        Some(bound) => Token::parse_of(bound, answer.expose()),
        None => Token::parse(answer.expose()),
    };
    let Ok(token) = token else { return Check::Malformed };
    if token.public_id().is_empty() || state.public_id.as_ref().is_some_and(|bound| bound != token.public_id()) {
        return Check::Wrong;
    }
    let Some(own) = &state.own else {
        let answer = Secret::new(&**token.to_modhex());
        return Check::Ask(ValidationRequest { kind: Kind::YUBIKEY, answer, nonce: nonce() });
    };
    match own.key.decrypt(&token) {
        Ok(plain) if plain.private_id.matches(&own.private_id).into() => {
            Check::right(Mark::Rising(plain.counter()), None)
        }
        _ => Check::Wrong,
    }
}

/// The meaning of the service's result for this key.
pub(super) fn take(state: &State, request: &ValidationRequest, reply: &ValidationResponse, now: Timestamp) -> Check {
    let Ok(token) = Token::parse(request.answer.expose()) else { return Check::Malformed };
    let ValidationResponse::Right { counter } = reply else { return Check::Wrong };
    if state.public_id.as_ref().is_some_and(|bound| bound != token.public_id()) {
        return Check::Wrong;
    }
    let bound = State { public_id: Some(token.public_id().clone()), ..state.clone() };
    let next = state.public_id.is_none().then_some(super::State::Yubikey(bound));
    let mark = counter.map_or_else(|| once(&request.answer, now), Mark::Rising);
    Check::right(mark, next)
}

/// The mark of an answer whose counter the service does not return: a hash, which reveals nothing. It is kept for a
/// day; the service itself refuses the answer for ever.
fn once(answer: &Secret, now: Timestamp) -> Mark {
    let id = HEXLOWER.encode(&Sha256::digest(answer.expose().as_bytes()));
    Mark::Once { id, until: Some(now.after(Duration::from_hours(24))) }
}

mod public_id_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::PublicId;

    #[expect(clippy::ref_option, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(id: &Option<PublicId>, to: S) -> Result<S::Ok, S::Error> {
        id.as_ref().map(ToString::to_string).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PublicId>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("not a public id"))).transpose()
    }
}

mod key_text {
    use serde::{Deserializer, Serializer};

    use super::{YubikeyKey, hex};

    pub(super) fn serialize<S: Serializer>(key: &YubikeyKey, to: S) -> Result<S::Ok, S::Error> {
        hex::serialize(key.as_bytes(), to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<YubikeyKey, D::Error> {
        hex::deserialize(from).map(|bytes| YubikeyKey::new(*bytes))
    }
}

mod private_id_text {
    use serde::{Deserializer, Serializer};

    use super::{PrivateId, hex};

    pub(super) fn serialize<S: Serializer>(id: &PrivateId, to: S) -> Result<S::Ok, S::Error> {
        hex::serialize(id.as_bytes(), to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PrivateId, D::Error> {
        hex::deserialize(from).map(|bytes| PrivateId::new(*bytes))
    }
}

/// Secret bytes as hexadecimal digits.
mod hex {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(HEXLOWER.encode(bytes)))
    }

    pub(super) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Zeroizing<[u8; N]>, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = HEXLOWER.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| D::Error::custom("not hexadecimal digits"))?;
        <[u8; N]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| D::Error::custom("of another length"))
    }
}
