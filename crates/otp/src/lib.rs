//! The arithmetic of one-time passwords: HOTP (RFC 4226), TOTP (RFC 6238), Yubico OTP, base32 keys and `otpauth:` URIs.
//!
//! This crate computes and compares, and nothing else: it keeps no state, reads no clock, draws no randomness and
//! persists nothing. The caller has to limit attempts and to remember accepted codes. Its invariants: a search checks
//! every counter in its range before it returns, nothing secret is compared with `==`, and nothing secret is printed by
//! `Debug` or by an error.
//!
//! ```
//! use countersign_otp::{Code, Digits, Key, Totp};
//!
//! let key = Key::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")?;
//! let totp = Totp::default();
//! let step = totp.step_at(59).unwrap_or_default();
//!
//! let typed = Code::parse("287 082", Digits::SIX)?;
//! assert_eq!(totp.find(&key, &typed, step - 1..=step + 1), Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
pub mod base32;
mod code;
mod digits;
mod grouping;
pub mod hotp;
mod key;
pub mod modhex;
pub mod totp;
pub mod typed;
pub mod uri;
pub mod yubikey;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use code::{Code, MalformedCode};
pub use digits::Digits;
pub use key::{Key, MalformedKey};
pub use totp::{Step, Totp};
pub use uri::{Otpauth, OtpauthHotp};
pub use yubikey::YubikeyKey;
