//! The meaning of Twilio's error codes for refused messages (<https://www.twilio.com/docs/api/errors>).
//!
//! A code is listed here only if another number might have been accepted. Errors of the account, of the sender's number
//! or of the request are never reported to users as an error of their number.

/// A number that does not exist or cannot receive such messages: a landline, a short code, or the sender's own number.
const NO_SUCH: [u32; 11] = [13223, 13224, 21211, 21214, 21217, 21265, 21266, 21401, 21421, 21614, 21635];
/// A premium-rate number, or one whose country or route is not enabled for the account.
const CLOSED: [u32; 6] = [21202, 21215, 21216, 21268, 21408, 21612];
/// A number whose owner has opted out.
const UNWANTED: u32 = 21610;

/// Whether the number is the cause.
pub(super) fn is_unreachable(code: u32) -> bool {
    NO_SUCH.contains(&code) || CLOSED.contains(&code) || code == UNWANTED
}
