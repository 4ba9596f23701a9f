use crate::{DeviceId, Session, SessionKey, Timestamp, UserId};

/// A change to sessions.
#[derive(Clone, Debug)]
pub enum SessionChange {
    /// The batch depends on a session. Conflicts if it has ended.
    Require(SessionKey),
    /// From now on the call that created this session cannot be repeated. Conflicts unless the session is there and the call
    /// could be.
    CloseRepeat(SessionKey),
    /// Ends every session of a user.
    EndAll {
        /// Whose sessions.
        user: UserId,
    },
    /// Ends every session of a user that this device has verified.
    EndVerifiedBy {
        /// The user.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// A session that goes on all the same.
        except: Option<SessionKey>,
    },
    /// Ends one session, if it is there.
    End(SessionKey),
    /// Creates a session. Conflicts if the key is taken.
    Create(Session),
    /// Notes that a session was used, if it is there.
    Touch {
        /// The session.
        key: SessionKey,
        /// When.
        at: Timestamp,
    },
}

impl SessionChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Require(key) | Self::CloseRepeat(key) => (0, key.as_str()),
            Self::EndAll { user } => (1, user.as_str()),
            Self::EndVerifiedBy { device, .. } => (2, device.as_str()),
            Self::End(key) => (3, key.as_str()),
            Self::Create(session) => (4, session.key.as_str()),
            Self::Touch { key, .. } => (5, key.as_str()),
        }
    }
}
