use countersign_core::{SessionChange, SessionKey};

use super::{Rows, Stop, fresh};

impl Rows {
    pub(super) fn change_sessions(&mut self, change: SessionChange) -> Result<(), Stop> {
        match change {
            SessionChange::Require(key) => return self.sessions.get(&key).map(drop).ok_or(Stop::Conflict),
            SessionChange::CloseRepeat(key) => return self.close_repeat(&key),
            SessionChange::EndAll { user } => self.sessions.retain(|_, session| session.user != user),
            SessionChange::EndVerifiedBy { user, device, except } => self.sessions.retain(|key, session| {
                session.user != user || session.device.as_ref() != Some(&device) || except.as_ref() == Some(key)
            }),
            SessionChange::End(key) => drop(self.sessions.remove(&key)),
            SessionChange::Create(session) => return fresh(self.sessions.insert(session.key.clone(), session)),
            SessionChange::Touch { key, at } => {
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.last_seen = session.last_seen.max(at);
                }
            }
        }
        Ok(())
    }

    fn close_repeat(&mut self, key: &SessionKey) -> Result<(), Stop> {
        let repeat = self.sessions.get_mut(key).and_then(|session| session.repeat.as_mut());
        repeat.and_then(|repeat| repeat.sealed.take()).map(drop).ok_or(Stop::Conflict)
    }
}
