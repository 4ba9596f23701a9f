//! The arithmetic of one-time passwords: HOTP, TOTP, base32 and otpauth URIs.
