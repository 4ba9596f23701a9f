//! What it means when Twilio refuses a message, by its error codes.

/// Codes that say that this number cannot receive such messages: no number, not a mobile one, not called from here, or its
/// owner wants none.
const UNREACHABLE: [u32; 15] =
    [21211, 21214, 21215, 21217, 21265, 21401, 21408, 21421, 21604, 21610, 21612, 21614, 21635, 13223, 13224];

/// Whether the number is the reason.
pub(super) fn is_unreachable(code: u32) -> bool {
    UNREACHABLE.contains(&code)
}
