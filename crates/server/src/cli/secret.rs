//! Secrets that are read from the standard input, and passwords that are generated for a user.

use std::io::{self, BufRead as _, Read as _};

use anyhow::{Context as _, Result, ensure};
use countersign_engine::{Random, core::Secret};
use zeroize::Zeroizing;

use crate::secret_file::without_byte_order_mark;

/// An upper limit for a line, in bytes: longer than any password or code.
const MAX_SIZE: u64 = 64 * 1024;

/// Characters that are not easily confused: 32 of them, so each has five bits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The first line of the standard input, without a byte order mark.
pub(super) fn read_line() -> Result<Secret> {
    // Room for the longest line: a buffer that grew would leave copies behind.
    let mut line = Zeroizing::new(String::with_capacity(usize::try_from(MAX_SIZE).unwrap_or_default()));
    io::stdin().lock().take(MAX_SIZE).read_line(&mut line).context("could not read standard input")?;
    let secret = without_byte_order_mark(&line);
    let secret = secret.strip_suffix('\n').unwrap_or(secret);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    ensure!(!secret.is_empty(), "standard input is empty: it must be a line with the secret");
    Ok(Secret::new(secret))
}

/// A new password of 125 random bits, in groups that are easy to copy by hand.
pub(super) fn draw_password(random: &dyn Random) -> Secret {
    let mut bytes = Zeroizing::new([0; 25]);
    random.fill(&mut *bytes);
    let mut text = Zeroizing::new(String::with_capacity(30));
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            text.push('-');
        }
        text.extend(LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
    }
    Secret::new(text.as_str())
}

#[cfg(test)]
mod tests {
    use countersign_engine::OsRandom;

    use super::*;
    use crate::password::{Owner, Rules};

    #[test]
    fn a_drawn_password_keeps_the_rules_and_is_never_the_same() {
        let rules = Rules { shortest: Rules::USUAL, site: "Countersign".into() };
        let owner = Owner { name: "demo", email: None };
        let (one, other) = (draw_password(&OsRandom), draw_password(&OsRandom));
        assert_eq!(one.expose().len(), 29);
        assert!(rules.check(&one, owner).is_ok());
        assert_ne!(one.expose(), other.expose());
    }
}
