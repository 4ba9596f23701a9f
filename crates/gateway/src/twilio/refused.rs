//! What it means when Twilio refuses a message, by its error codes (<https://www.twilio.com/docs/api/errors>).
//!
//! A code stands here only if another number might have been taken. What is wrong with the account, with the number that
//! messages come from or with what was asked is never told to anybody as a fault of their own number.

/// Nobody's number, or one that gets no such messages: a landline, a short code, the very number that they come from.
const NO_SUCH: [u32; 11] = [13223, 13224, 21211, 21214, 21217, 21265, 21266, 21401, 21421, 21614, 21635];
/// One that costs its callers extra, or whose country or way there is closed to the account.
const CLOSED: [u32; 6] = [21202, 21215, 21216, 21268, 21408, 21612];
/// Its owner wants none.
const UNWANTED: u32 = 21610;

/// Whether the number is the reason.
pub(super) fn is_unreachable(code: u32) -> bool {
    NO_SUCH.contains(&code) || CLOSED.contains(&code) || code == UNWANTED
}
