//! Tokens: the credentials of programs that act for a user.
//!
//! A token's row is found by the hash of the token, like a session's, and it carries the user's credential stamp, the
//! level that was reached and when. It is never stronger or fresher than the session in which it was made, it expires
//! at a fixed time, and it grants access only within its scopes. It is not a session and cannot change an account.

use std::time::Duration;

use crate::{
    ClientId, DeviceId, Kind, Level, Refusal, Timestamp, UserId, assurance::Proved, device::DeviceName, id::Id,
};

/// Marks the hash of a token.
#[derive(Debug)]
pub enum OfToken {}

/// Marks the id of a token.
#[derive(Debug)]
pub enum NameOfToken {}

/// Marks the id of a token family.
#[derive(Debug)]
pub enum OfFamily {}

/// The hash of a token, by which its row is found.
pub type TokenKey = Id<OfToken>;
/// The id of a token's row, by which its owner revokes it.
pub type TokenId = Id<NameOfToken>;
/// The id of a family: tokens from one grant, which are revoked together.
pub type FamilyId = Id<OfFamily>;

/// The credential of a program that acts for a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Names the row.
    pub id: TokenId,
    /// The hash of the token.
    pub key: TokenKey,
    /// The user it belongs to.
    pub user: UserId,
    /// Its kind.
    pub kind: TokenKind,
    /// The name its owner gave it.
    pub name: TokenName,
    /// Its scopes.
    pub scopes: Scopes,
    /// The assurance level when it was made.
    pub level: Level,
    /// The user's credential stamp when it was made: the token is invalid once the stamp changes.
    pub stamp: String,
    /// The device that had verified its owner: the token is revoked when that is removed.
    pub device: Option<DeviceId>,
    /// The method of that device.
    pub method: Option<Kind>,
    /// When its owner had last proved a password.
    pub signed_in: Timestamp,
    /// When its owner had last proved a device.
    pub verified: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
    /// The registered client that it was issued to, if any.
    pub client: Option<ClientId>,
    /// The family of its grant, if it has one.
    pub family: Option<FamilyId>,
}

impl Token {
    /// What its owner had proved when it was made.
    pub fn proved(&self) -> Proved {
        let Self { level, method, signed_in, verified, .. } = self;
        Proved { level: *level, method: method.clone(), signed_in: *signed_in, verified: *verified }
    }

    /// Whether it has not expired, and was not dated by a clock that was ahead.
    pub fn is_running(&self, now: Timestamp) -> bool {
        now < self.expires && self.is_credible(now)
    }

    /// Whether a correct clock can have written its times.
    pub fn is_credible(&self, now: Timestamp) -> bool {
        let mut moments = [self.created, self.signed_in].into_iter().chain(self.verified);
        moments.all(|moment| moment.is_credible(now))
    }
}

/// The name its owner gives a token; the same rules as for a device.
pub type TokenName = DeviceName;

/// The kind of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenKind {
    /// Made by a user for a program of theirs.
    Personal,
    /// An access token of a registered client.
    Access,
    /// A refresh token of a registered client.
    Refresh,
}

impl TokenKind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Personal, Self::Access, Self::Refresh];

    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }

    /// The kind for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The scopes of a token: words without repetition (RFC 6749 §3.3).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scopes(Vec<Box<str>>);

impl Scopes {
    /// The maximum number of scopes.
    pub const MAX_COUNT: usize = 32;
    /// The maximum length of a scope in characters.
    pub const MAX_LENGTH: usize = 64;

    /// These scopes, if each is well-formed and there are not too many.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        let mut scopes: Vec<Box<str>> = vec![];
        for word in words {
            let is_word = (1..=Self::MAX_LENGTH).contains(&word.len()) && word.bytes().all(is_of_word);
            if !is_word {
                return Err(Refusal::ScopeInvalid);
            }
            if !scopes.iter().any(|known| **known == *word) {
                scopes.push(word.into());
            }
        }
        if scopes.len() > Self::MAX_COUNT { Err(Refusal::ScopeInvalid) } else { Ok(Self(scopes)) }
    }

    /// Parses scopes separated by blanks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::new(text.split(' ').filter(|word| !word.is_empty()))
    }

    /// Whether all of them are among `others`.
    pub fn within(&self, others: &Self) -> bool {
        self.iter().all(|scope| others.include(scope))
    }

    /// Whether this scope is among them.
    pub fn include(&self, scope: &str) -> bool {
        self.iter().any(|word| word == scope)
    }

    /// The scopes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The scopes, separated by blanks.
    pub fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// Whether a scope may contain this character: visible ASCII without quotes and backslashes.
fn is_of_word(c: u8) -> bool {
    c.is_ascii_graphic() && c != b'"' && c != b'\\'
}

/// How long tokens live, and how many a user may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenRule {
    /// The maximum lifetime of a personal token.
    pub longest: Duration,
    /// The maximum number of personal tokens per user.
    pub most: u32,
    /// The maximum lifetime of a client's access token.
    pub access: Duration,
}

impl Default for TokenRule {
    /// A year; fifty tokens; ten hours.
    fn default() -> Self {
        Self { longest: Duration::from_hours(365 * 24), most: 50, access: Duration::from_hours(10) }
    }
}

impl TokenRule {
    /// When a token made now expires, with this lifetime or the maximum.
    pub fn end(&self, lifetime: Option<Duration>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let lifetime = lifetime.unwrap_or(self.longest);
        if lifetime.is_zero() || lifetime > self.longest {
            return Err(Refusal::LifetimeInvalid { longest: self.longest });
        }
        Ok(now.after(lifetime))
    }

    /// Whether one more token is allowed beside this number of valid ones.
    pub fn room(&self, running: usize) -> Result<(), Refusal> {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        if running < most { Ok(()) } else { Err(Refusal::TooManyTokens { most: self.most }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_and_none_is_there_twice() {
        let scopes = Scopes::parse("  read write:all read ").unwrap();
        assert_eq!(scopes.text(), "read write:all");
        assert!(scopes.include("read") && !scopes.include("rea") && !scopes.include("write"));
        assert_eq!(Scopes::parse("").unwrap(), Scopes::default());
        for word in ["a b", "", "\"", "\\", "é", "\n", "a\u{0}"] {
            assert_eq!(Scopes::new([word]), Err(Refusal::ScopeInvalid), "{word:?}");
        }
        assert_eq!(Scopes::new([&*"a".repeat(Scopes::MAX_LENGTH + 1)]), Err(Refusal::ScopeInvalid));
        let many: Vec<_> = (0..=Scopes::MAX_COUNT).map(|number| number.to_string()).collect();
        assert_eq!(Scopes::new(many.iter().map(String::as_str)), Err(Refusal::ScopeInvalid));
    }

    #[test]
    fn a_token_lives_as_long_as_was_asked_and_no_longer_than_may_be() {
        const NOW: Timestamp = Timestamp::from_seconds(100);
        let rule = TokenRule { longest: Duration::from_mins(1), ..TokenRule::default() };
        let invalid = Err(Refusal::LifetimeInvalid { longest: rule.longest });
        assert_eq!(rule.end(None, NOW), Ok(Timestamp::from_seconds(160)));
        assert_eq!(rule.end(Some(Duration::from_mins(1)), NOW), Ok(Timestamp::from_seconds(160)));
        assert_eq!(rule.end(Some(Duration::from_secs(1)), NOW), Ok(Timestamp::from_seconds(101)));
        assert_eq!(rule.end(Some(Duration::from_secs(61)), NOW), invalid);
        assert_eq!(rule.end(Some(Duration::ZERO), NOW), invalid);
    }
}
