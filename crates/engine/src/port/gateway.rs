//! Whoever brings a message to a person.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use countersign_core::{Address, DeliveryId, Kind, PhoneNumber, Secret, Timestamp};

use crate::{CallToken, Fault};

/// A message with a code, complete but for its words.
#[derive(Clone, Debug)]
pub struct Message {
    /// Names the delivery, once and for ever: good as an idempotency key.
    pub delivery: DeliveryId,
    /// By which channel: [`Kind::SMS`], [`Kind::CALL`] or [`Kind::EMAIL`].
    pub channel: Kind,
    /// To where.
    pub to: Address,
    /// The digits.
    pub code: Secret,
    /// When the code is over.
    pub until: Timestamp,
    /// How long that is from when the code was made.
    pub lifetime: Duration,
    /// The same in whole minutes, rounded up.
    pub minutes: u64,
    /// The name of the site that sends it.
    pub site: String,
    /// The language of whoever asked for it, as a BCP 47 tag, if an entrance knows.
    pub language: Option<String>,
    /// Of a call: what the gateway fetches the words of the call with. It tells nothing, and opens nothing but those.
    pub call: Option<CallToken>,
}

/// The gateway has taken a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// What the gateway calls it, for whoever asks later what became of it.
    pub reference: Option<String>,
}

/// The gateway has not taken a message.
#[derive(Debug)]
pub enum NotTaken {
    /// This address cannot receive such messages, now or ever: no such number, a landline, or its owner does not want any.
    Unreachable {
        /// The gateway's own word for it, without the address.
        reason: String,
    },
    /// Something else was wrong; the next message may go through.
    Failed(Fault),
}

/// Brings messages to people, by one channel or several.
///
/// A message is brought once at most: a gateway may ask its service again only where that service knows a message by its
/// id. It never decides whether to send, and it writes neither code nor address to any log.
#[async_trait]
pub trait Gateway: Debug + Send + Sync {
    /// Hands the message over. The engine waits for some seconds, and goes on waiting behind the person's back.
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken>;

    /// A fault unless whatever is behind the gateway can be reached; for whoever looks for what may be wrong.
    async fn reachable(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Knows telephone numbers.
pub trait PhoneNumberParser: Debug + Send + Sync {
    /// The number somebody typed, if it is one that exists.
    fn parse(&self, typed: &str) -> Option<PhoneNumber>;
}

/// Numbers with their `+`, all of them: who brings no knowledge of numbers gets this. A calling code counts as its first
/// two digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAnyNumber;

impl PhoneNumberParser for AcceptAnyNumber {
    fn parse(&self, typed: &str) -> Option<PhoneNumber> {
        let digits = typed.trim().strip_prefix('+')?;
        let digits: String = digits.chars().filter(|c| !" -().".contains(*c)).collect();
        let code = digits.get(..2).filter(|_| (8..=15).contains(&digits.len()))?.parse().ok()?;
        PhoneNumber::new(&digits, &format!("+{digits}"), code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_its_country_is_nobodys() {
        for typed in ["+31 6 12345658", "+31-(6)-12.34.56.58"] {
            assert_eq!(
                AcceptAnyNumber.parse(typed).map(|number| number.international().to_owned()).as_deref(),
                Some("+31612345658")
            );
        }
        for typed in ["", "0612345658", "+31", "+3161234x658", "+3161234565812345678", "++31612345658"] {
            assert!(AcceptAnyNumber.parse(typed).is_none(), "{typed}");
        }
    }
}
