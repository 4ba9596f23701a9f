//! How long a code is. This module keeps the one rule that a code has six to eight digits: fewer can be guessed
//! (RFC 4226 requirement R4), and the arithmetic of RFC 4226 has no ninth digit worth having.

/// The number of digits of a code: 6, 7 or 8.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Digits(u8);

impl Digits {
    /// Six digits, what nearly every authenticator app shows.
    pub const SIX: Digits = Digits(6);
    /// Seven digits.
    pub const SEVEN: Digits = Digits(7);
    /// Eight digits.
    pub const EIGHT: Digits = Digits(8);

    /// `None` unless `count` is 6, 7 or 8.
    pub fn new(count: u8) -> Option<Digits> {
        (6..=8).contains(&count).then_some(Digits(count))
    }

    /// How many digits: 6, 7 or 8.
    pub fn count(self) -> u8 {
        self.0
    }

    /// The last digits of `number` in decimal, as many as this says.
    pub(crate) fn last_of(self, number: u32) -> u32 {
        // Constant divisors become multiplications; a division takes a time that depends on the number, which is secret.
        match self.0 {
            6 => number % 1_000_000,
            7 => number % 10_000_000,
            _ => number % 100_000_000,
        }
    }
}

/// Six.
impl Default for Digits {
    fn default() -> Digits {
        Digits::SIX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_seven_and_eight_are_lengths_of_a_code() {
        let lengths: Vec<u8> = (0..=u8::MAX).filter_map(Digits::new).map(Digits::count).collect();
        assert_eq!(lengths, [6, 7, 8]);
        assert_eq!(Digits::default(), Digits::SIX);
    }
}
