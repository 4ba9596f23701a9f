use countersign_core::{Token, TokenChange, TokenKind};

use super::{Rows, Stop, fresh, within};

impl Rows {
    pub(super) fn change_tokens(&mut self, change: TokenChange) -> Result<(), Stop> {
        match change {
            TokenChange::Require(token) => return self.tokens.get(&token).map(drop).ok_or(Stop::Conflict),
            TokenChange::RevokeAll { user } => self.tokens.retain(|_, token| token.user != user),
            TokenChange::RevokeAllExcept { user, family } => {
                self.tokens.retain(|_, token| token.user != user || token.family.as_ref() == Some(&family));
            }
            TokenChange::RevokeVerifiedBy { user, device, except } => {
                let goes_on = |token: &Token| except.is_some() && token.family == except;
                let is_of = |token: &Token| token.user == user && token.device.as_ref() == Some(&device);
                self.tokens.retain(|_, token| !is_of(token) || goes_on(token));
            }
            TokenChange::Revoke(token) => drop(self.tokens.remove(&token)),
            TokenChange::Issue(token) => {
                if self.tokens.values().any(|other| other.key == token.key) {
                    return Err(Stop::Conflict);
                }
                return fresh(self.tokens.insert(token.id.clone(), token));
            }
            TokenChange::Touch { token, at } => {
                if let Some(token) = self.tokens.get_mut(&token) {
                    token.last_used = token.last_used.max(Some(at));
                }
            }
            TokenChange::LimitPersonal { user, stamp, at, max } => {
                let is_personal = |token: &&Token| token.user == user && token.kind == TokenKind::Personal;
                let is_running = |token: &&Token| token.stamp == stamp && token.is_running(at);
                return within(self.tokens.values().filter(is_personal).filter(is_running).count(), max);
            }
        }
        Ok(())
    }
}
