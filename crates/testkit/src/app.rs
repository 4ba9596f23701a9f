//! A soft authenticator app.

use countersign_engine::core::Timestamp;
use countersign_otp::{Key, Totp};

/// An authenticator app that holds one key and shows codes for it.
#[derive(Clone, Debug)]
pub struct SoftApp {
    key: Key,
    totp: Totp,
}

impl SoftApp {
    /// The app after somebody typed the key text of a setup page into it.
    pub fn with_key(text: &str) -> Self {
        Self { key: Key::from_base32(text).expect("the page shows a base32 key"), totp: Totp::default() }
    }

    /// The code it shows at `now`.
    pub fn code_at(&self, now: Timestamp) -> String {
        let step = self.totp.step_at(now.as_seconds()).expect("after the epoch");
        self.totp.value(&self.key, step).as_str().to_owned()
    }

    /// A well-formed code that is wrong at `now` and for several steps around it.
    pub fn wrong_code_at(&self, now: Timestamp) -> String {
        let step = self.totp.step_at(now.as_seconds()).expect("after the epoch");
        let near: Vec<_> = (step.saturating_sub(20)..=step + 20)
            .map(|step| self.totp.value(&self.key, step).as_str().to_owned())
            .collect();
        (0..1000).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("41 codes are not 1000")
    }
}
