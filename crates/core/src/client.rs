//! Registered clients: programs to which tokens are issued (RFC 6749 §2).
//!
//! A confidential client authenticates with a secret of 256 random bits, of which only the hash is stored; a public
//! client has none and is not authenticated. A client has no access of its own: its tokens depend on a user's proof and
//! never exceed the client's scopes. They are revoked with the client.

use std::fmt;

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;

use crate::{DeviceName, Refusal, Scopes, Timestamp, id::Id};

/// Marks the id of a registered client.
#[derive(Debug)]
pub enum OfClient {}

/// The id of a registered client: its `client_id` (RFC 6749 §2.2).
pub type ClientId = Id<OfClient>;

/// The name that administrators give a client; the same rules as for a device.
pub type ClientName = DeviceName;

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Names the row.
    pub id: ClientId,
    /// The name that administrators gave it.
    pub name: ClientName,
    /// How it authenticates.
    pub kind: ClientKind,
    /// The scopes its tokens may have at most.
    pub scopes: Scopes,
    /// When it was registered.
    pub created: Timestamp,
}

impl Client {
    /// Whether client authentication succeeds with the secret of this hash, or with none. A public client presents
    /// none.
    pub fn is_known_by(&self, shown: Option<&ClientSecretHash>) -> bool {
        match (&self.kind, shown) {
            (ClientKind::Public, None) => true,
            (ClientKind::Confidential { secret }, Some(shown)) => secret.is_same(shown),
            (ClientKind::Public, Some(_)) | (ClientKind::Confidential { .. }, None) => false,
        }
    }

    /// The scopes granted for this request: those wanted or, if it names none, all that the client may have.
    pub fn grant(&self, wanted: Option<&Scopes>) -> Result<Scopes, Refusal> {
        let wanted = wanted.unwrap_or(&self.scopes);
        if wanted.within(&self.scopes) { Ok(wanted.clone()) } else { Err(Refusal::ScopeInvalid) }
    }
}

/// How a client authenticates.
#[derive(Clone, Debug)]
pub enum ClientKind {
    /// It does not: it has an id only.
    Public,
    /// With a secret.
    Confidential {
        /// The hash of the secret.
        secret: ClientSecretHash,
    },
}

impl ClientKind {
    /// The type of this client.
    pub fn client_type(&self) -> ClientType {
        match self {
            Self::Public => ClientType::Public,
            Self::Confidential { .. } => ClientType::Confidential,
        }
    }

    /// The hash of the secret, if there is one.
    pub fn secret(&self) -> Option<&ClientSecretHash> {
        match self {
            Self::Public => None,
            Self::Confidential { secret } => Some(secret),
        }
    }

    /// The kind for a stored type and the hash of a confidential client.
    pub fn from_parts(client_type: ClientType, secret: Option<ClientSecretHash>) -> Option<Self> {
        match (client_type, secret) {
            (ClientType::Public, None) => Some(Self::Public),
            (ClientType::Confidential, Some(secret)) => Some(Self::Confidential { secret }),
            (ClientType::Public, Some(_)) | (ClientType::Confidential, None) => None,
        }
    }
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClientType {
    /// It runs where users can read its secrets: on a telephone, in a browser.
    Public,
    /// It runs where only its operator can read its secrets: on a server.
    Confidential,
}

impl ClientType {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Public, Self::Confidential];

    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Confidential => "confidential",
        }
    }

    /// The type for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client_type| client_type.as_str() == word)
    }
}

/// SHA-256 of a client's secret. A fast hash is enough for 256 random bits. It is never printed, and compared in
/// constant time only.
#[derive(Clone)]
pub struct ClientSecretHash([u8; 32]);

impl ClientSecretHash {
    /// The hash with this digest.
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Parses the stored form: lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digest = HEXLOWER.decode(text.as_bytes()).ok()?;
        digest.try_into().ok().map(Self)
    }

    /// The stored form: lower-case hexadecimal digits.
    pub fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Whether both are equal, compared in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecretHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(kind: ClientKind) -> Client {
        Client {
            id: ClientId::new("wiki"),
            name: ClientName::parse("Wiki").unwrap(),
            kind,
            scopes: Scopes::default(),
            created: Timestamp::from_seconds(1),
        }
    }

    #[test]
    fn a_client_is_known_by_its_own_secret_or_by_none_at_all() {
        let (right, wrong) = (ClientSecretHash::new([1; 32]), ClientSecretHash::new([2; 32]));
        let confidential = client(ClientKind::Confidential { secret: right.clone() });
        for (shown, known) in [(Some(&right), true), (Some(&wrong), false), (None, false)] {
            assert_eq!(confidential.is_known_by(shown), known, "{shown:?}");
        }
        let public = client(ClientKind::Public);
        assert!(public.is_known_by(None) && !public.is_known_by(Some(&right)));
    }

    #[test]
    fn a_hash_is_kept_as_digits_and_never_printed() {
        let hash = ClientSecretHash::new([0xab; 32]);
        assert_eq!(hash.text(), "ab".repeat(32));
        assert!(ClientSecretHash::parse(&hash.text()).unwrap().is_same(&hash));
        for text in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(ClientSecretHash::parse(text).is_none(), "{text}");
        }
        let printed = format!("{:?}", client(ClientKind::Confidential { secret: hash }));
        assert!(printed.contains("[redacted]") && !printed.contains("ab"), "{printed}");
    }

    #[test]
    fn a_client_is_granted_what_it_asks_for_and_never_more_than_it_may_have() {
        let scopes = |text| Scopes::parse(text).unwrap();
        let client = Client { scopes: scopes("read write"), ..client(ClientKind::Public) };
        for (wanted, granted) in [(None, "read write"), (Some("write"), "write"), (Some(""), "")] {
            assert_eq!(client.grant(wanted.map(scopes).as_ref()), Ok(scopes(granted)), "{wanted:?}");
        }
        assert_eq!(client.grant(Some(&scopes("read admin"))), Err(Refusal::ScopeInvalid));
    }

    #[test]
    fn only_a_confidential_client_has_a_secret() {
        let hash = || Some(ClientSecretHash::new([1; 32]));
        for client_type in ClientType::ALL {
            assert_eq!(ClientType::parse(client_type.as_str()), Some(client_type));
            let kinds = [None, hash()].map(|secret| ClientKind::from_parts(client_type, secret));
            let kind = kinds.into_iter().flatten().next().unwrap();
            assert_eq!(
                (kind.client_type(), kind.secret().is_some()),
                (client_type, client_type == ClientType::Confidential)
            );
        }
        assert!(ClientKind::from_parts(ClientType::Public, hash()).is_none());
        assert!(ClientKind::from_parts(ClientType::Confidential, None).is_none());
    }
}
