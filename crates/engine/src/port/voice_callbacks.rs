//! What is said on the telephone, in the words of whoever makes the calls.

use std::fmt::Debug;

use countersign_core::{DeliveryStatus, Secret};

use crate::Fault;

/// Speaks with the machine that makes the calls.
///
/// It fetches what is to be said while somebody listens, and tells later what became of a message. Whether a request is its
/// own is decided here, by its signature; which call it is about, and whether the digits may be read out, the engine says.
pub trait VoiceCallbacks: Debug + Send + Sync {
    /// Whether a request to this address, with these fields in its body, is signed by the machine that makes the calls.
    fn is_signed(&self, url: &str, fields: &[(String, String)], signature: &str) -> bool;

    /// The first words: who calls, and that any key is to be pressed; then it comes back to `next`.
    fn greeting(&self, site: &str, language: Option<&str>, next: &str) -> Result<String, Fault>;

    /// The digits, one by one, twice.
    fn digits(&self, code: &Secret, site: &str, language: Option<&str>) -> Result<String, Fault>;

    /// The last words, where there is nothing to be read out.
    fn goodbye(&self, site: &str, language: Option<&str>) -> Result<String, Fault>;

    /// How a delivery went, by the machine's own word for it, if the word says so.
    fn status(&self, word: &str) -> Option<DeliveryStatus>;
}
