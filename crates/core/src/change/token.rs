use crate::{DeviceId, FamilyId, Timestamp, Token, TokenId, UserId};

/// A change to tokens.
#[derive(Clone, Debug)]
pub enum TokenChange {
    /// The batch depends on a token. Conflicts if it was revoked.
    Require(TokenId),
    /// Revokes every token of a user.
    RevokeAll {
        /// Whose tokens.
        user: UserId,
    },
    /// Revokes every token of a user but those of this family.
    RevokeAllExcept {
        /// Whose tokens.
        user: UserId,
        /// The family.
        family: FamilyId,
    },
    /// Revokes every token of a user that this device has verified.
    RevokeVerifiedBy {
        /// Whose tokens.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// A family whose tokens go on all the same.
        except: Option<FamilyId>,
    },
    /// Revokes one token, if it is there.
    Revoke(TokenId),
    /// Issues a token. Conflicts if its name or its key is taken.
    Issue(Token),
    /// Notes that a token was used, if it is there.
    Touch {
        /// The token.
        token: TokenId,
        /// When.
        at: Timestamp,
    },
    /// Bounds how many personal tokens a user may have. Conflicts if, with what this batch issues, more than `max` of them
    /// carry this stamp and expire after `at`.
    LimitPersonal {
        /// The user.
        user: UserId,
        /// The user's credential stamp: tokens with another one are not valid.
        stamp: String,
        /// The current time.
        at: Timestamp,
        /// How many there may be.
        max: u32,
    },
}

impl TokenChange {
    /// The limit comes last, because it counts what the others have issued.
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Require(token) => (0, token.as_str()),
            Self::RevokeAll { user } | Self::RevokeAllExcept { user, .. } => (1, user.as_str()),
            Self::RevokeVerifiedBy { device, .. } => (2, device.as_str()),
            Self::Revoke(token) => (3, token.as_str()),
            Self::Issue(token) => (4, token.id.as_str()),
            Self::Touch { token, .. } => (5, token.as_str()),
            Self::LimitPersonal { user, .. } => (6, user.as_str()),
        }
    }
}
