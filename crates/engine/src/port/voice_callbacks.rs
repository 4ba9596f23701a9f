//! Callbacks of a voice provider: what is said in a call, in the provider's format.

use std::fmt::Debug;

use countersign_core::{DeliveryStatus, Secret};

use crate::Fault;

/// Validates and answers the callbacks of a voice provider.
///
/// The provider fetches what is to be said during the call, and reports later what became of it. This port checks the
/// request's signature; the engine decides which call it is about, and whether the digits may be read out.
pub trait VoiceCallbacks: Debug + Send + Sync {
    /// Whether a request to this URL, with these fields in its body, carries a valid signature of the provider.
    fn is_signed(&self, url: &str, fields: &[(String, String)], signature: &str) -> bool;

    /// The greeting: who calls, and to press any key; the provider then requests `next`.
    fn greeting(&self, site: &str, language: Option<&str>, next: &str) -> Result<String, Fault>;

    /// Reads the digits one by one, twice.
    fn digits(&self, code: &Secret, site: &str, language: Option<&str>) -> Result<String, Fault>;

    /// The end of a call in which there is nothing to read out.
    fn goodbye(&self, site: &str, language: Option<&str>) -> Result<String, Fault>;

    /// The delivery status for the provider's own status word, if it is a known one.
    fn status(&self, word: &str) -> Option<DeliveryStatus>;
}
