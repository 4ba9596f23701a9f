//! What an attacker adds to a request in the hope that something reads it.

/// Names of fields and members that no form and no document has, and that would decide something if one had.
pub const WISHES: [&str; 24] = [
    "skip",
    "skip_second_factor",
    "skipEmailVerification",
    "verified",
    "is_verified",
    "mfa",
    "mfa_required",
    "trusted",
    "remember",
    "level",
    "acr",
    "amr",
    "admin",
    "staff",
    "user",
    "user_id",
    "confirmed",
    "enabled",
    "bypass",
    "status",
    "opened",
    "session",
    "factors",
    "recent",
];
