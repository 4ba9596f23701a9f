//! Deliveries: the status of a message with a code.
//!
//! The row is written in the commit that makes the code, before anything is sent; the sender records the result
//! afterwards. It holds neither the code nor the address, and nothing is ever sent because of a row: a message that was
//! being sent in a crash is not sent again.
//!
//! ```text
//! waiting ──▶ sent ──▶ delivered | undelivered        (what the gateway says later)
//!     └─────▶ failed                                   (the gateway took no message)
//! ```

use crate::{AttemptId, DeliveryId, DeviceId, Kind, Timestamp, UserId};

/// One message with a code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Names the row.
    pub id: DeliveryId,
    /// The user it is for.
    pub user: UserId,
    /// The device it is sent to.
    pub device: DeviceId,
    /// The channel.
    pub channel: Kind,
    /// The attempt it was sent in.
    pub attempt: AttemptId,
    /// The part of its address that decides the price: a calling code, or a mail domain.
    pub region: String,
    /// Its price, in thousandths of the configured currency.
    pub price: u32,
    /// When its code was made.
    pub created: Timestamp,
    /// Its last known status.
    pub status: DeliveryStatus,
    /// When that status was recorded.
    pub noted: Timestamp,
    /// The gateway's reference for the message.
    pub reference: Option<String>,
    /// The gateway's reason for a failure, in one word.
    pub reason: Option<String>,
    /// When its code was entered correctly.
    pub verified: Option<Timestamp>,
}

/// The status of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryStatus {
    /// The code was made; the status of the message is unknown.
    Waiting,
    /// The gateway has accepted the message.
    Sent,
    /// The gateway has not accepted the message.
    Failed,
    /// The gateway reports that it was delivered.
    Delivered,
    /// The gateway reports that it was not and will not be delivered.
    Undelivered,
}

impl DeliveryStatus {
    /// Every status there is.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Sent, Self::Failed, Self::Delivered, Self::Undelivered];

    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
        }
    }

    /// The status for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether this status may replace `before`: a later report of the gateway is kept, and an earlier status never
    /// returns.
    pub fn follows(self, before: Self) -> bool {
        let rank = |status| match status {
            Self::Waiting => 0,
            Self::Sent => 1,
            Self::Failed | Self::Delivered | Self::Undelivered => 2,
        };
        rank(self) > rank(before)
    }
}

/// A status of a delivery that is to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The status.
    pub status: DeliveryStatus,
    /// The gateway's reference, if it was reported with this status.
    pub reference: Option<String>,
    /// The reason, if it failed.
    pub reason: Option<String>,
    /// When that was known.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_word_stands() {
        use DeliveryStatus::{Delivered, Failed, Sent, Undelivered, Waiting};
        assert!(Sent.follows(Waiting) && Failed.follows(Waiting) && Delivered.follows(Waiting));
        assert!(Delivered.follows(Sent) && Undelivered.follows(Sent));
        for last in [Failed, Delivered, Undelivered] {
            assert!(DeliveryStatus::ALL.into_iter().all(|status| !status.follows(last)));
        }
        assert!(!Waiting.follows(Waiting) && !Sent.follows(Sent));
    }
}
