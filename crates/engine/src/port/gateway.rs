//! Gateways: deliver messages to users.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use countersign_core::{Address, DeliveryId, Kind, PhoneNumber, Secret, Timestamp};

use crate::{CallToken, Fault};

/// A message with a code; the gateway adds the text.
#[derive(Clone, Debug)]
pub struct Message {
    /// The permanent id of the delivery: usable as an idempotency key.
    pub delivery: DeliveryId,
    /// The channel: [`Kind::SMS`], [`Kind::CALL`] or [`Kind::EMAIL`].
    pub channel: Kind,
    /// The recipient's address.
    pub to: Address,
    /// The digits.
    pub code: Secret,
    /// When the code expires.
    pub until: Timestamp,
    /// The lifetime of the code.
    pub lifetime: Duration,
    /// The same in whole minutes, rounded up.
    pub minutes: u64,
    /// The name of the site that sends it.
    pub site: String,
    /// The language of the request, as a BCP 47 tag, if the front end knows.
    pub language: Option<String>,
    /// For a call: the token with which the provider fetches the text of the call. It grants nothing else.
    pub call: Option<CallToken>,
}

/// The gateway has accepted a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// The gateway's reference, for later status reports.
    pub reference: Option<String>,
}

/// The gateway has not accepted a message.
#[derive(Debug)]
pub enum NotTaken {
    /// This address cannot receive such messages: the number does not exist, is a landline, or its owner has opted out.
    Unreachable {
        /// The gateway's own reason, without the address.
        reason: String,
    },
    /// Another failure; the next message may succeed.
    Failed(Fault),
}

/// Delivers messages by one channel or several.
///
/// A message is delivered at most once: a gateway may retry only if its service recognises a message by its id. A
/// gateway never decides whether to send, and it logs neither code nor address.
#[async_trait]
pub trait Gateway: Debug + Send + Sync {
    /// Hands the message over. The engine waits for some seconds; then delivery continues in the background.
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken>;

    /// Checks whether the gateway's service can be reached; for diagnostics.
    async fn reachable(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// Parses telephone numbers.
pub trait PhoneNumberParser: Debug + Send + Sync {
    /// The typed number, if it is a possible one.
    fn parse(&self, typed: &str) -> Option<PhoneNumber>;
}

/// Accepts any number with a `+`: the default without a parser. The calling code is taken to be the first two digits.
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
