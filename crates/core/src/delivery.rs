//! Deliveries: what became of a message with a code.
//!
//! The row is written in the commit that makes the code, before anything is sent; whoever sends notes afterwards how it
//! went. It holds neither the code nor the address, and nothing is ever sent because of a row: a message that was under
//! way in a crash is not sent again.
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
    /// For whom.
    pub user: UserId,
    /// To which device.
    pub device: DeviceId,
    /// By which channel.
    pub channel: Kind,
    /// For which run of a flow.
    pub attempt: AttemptId,
    /// What its address shares with others that cost alike: a calling code, or a mail domain.
    pub region: String,
    /// What it was charged at, in thousandths of the currency that prices are given in.
    pub price: u32,
    /// When its code was made.
    pub created: Timestamp,
    /// How it went, as far as is known.
    pub status: DeliveryStatus,
    /// When that became known.
    pub noted: Timestamp,
    /// What the gateway calls it.
    pub reference: Option<String>,
    /// Why it failed, in a word of the gateway's.
    pub reason: Option<String>,
    /// When its code was given back.
    pub verified: Option<Timestamp>,
}

/// How a delivery went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryStatus {
    /// Its code was made; nothing is known of the message.
    Waiting,
    /// The gateway has taken the message.
    Sent,
    /// The gateway has not taken the message.
    Failed,
    /// The gateway says that it has arrived.
    Delivered,
    /// The gateway says that it has not arrived and will not.
    Undelivered,
}

impl DeliveryStatus {
    /// Every status there is.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Sent, Self::Failed, Self::Delivered, Self::Undelivered];

    /// The word a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
        }
    }

    /// The status a store kept as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether this may be noted of a delivery whose status is `before`: what the gateway says later stands, and what it
    /// said first does not come back.
    pub fn follows(self, before: Self) -> bool {
        let rank = |status| match status {
            Self::Waiting => 0,
            Self::Sent => 1,
            Self::Failed | Self::Delivered | Self::Undelivered => 2,
        };
        rank(self) > rank(before)
    }
}

/// How a delivery went, to be noted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The delivery.
    pub delivery: DeliveryId,
    /// How it went.
    pub status: DeliveryStatus,
    /// What the gateway calls it, if it says so now.
    pub reference: Option<String>,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// When that became known.
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
