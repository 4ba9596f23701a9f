//! The rules for new passwords.
//!
//! Only the length and a list of common passwords count; there are no composition rules, and passwords never expire
//! (NIST SP 800-63B-4 §3.1.1.2). A password is too common if an attacker would try it early: if it is an entry of the
//! list, a sequence of adjacent keys, a repetition, or two such pieces in a row, regardless of case, punctuation and
//! digits that stand for letters. The user's own name and e-mail address and the site's name do not count towards a
//! password. Only new passwords are checked, never those in use. A character is one code point, after NFC.

mod common;

use countersign_engine::core::{Refusal, Secret};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use self::common::{fold, weight};

/// The maximum length of a password, in characters.
pub(crate) const MAX_LENGTH: usize = 1024;

/// A password of at most this many common pieces is itself common.
const FEW: usize = 2;

/// The rules of an installation for new passwords.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The minimum length, in characters.
    pub(crate) shortest: usize,
    /// The name of this site.
    pub(crate) site: String,
}

/// The user whose password it will be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: Option<&'a str>,
}

impl Rules {
    /// The minimum that `shortest` may be set to, for installations where a password alone is never enough to sign in.
    pub(crate) const MIN_LENGTH: usize = 8;
    /// The default of `shortest`: enough where a password alone is enough to sign in.
    pub(crate) const USUAL: usize = 15;

    /// Refuses a password that breaks a rule, with the reason.
    pub(crate) fn check(&self, password: &Secret, owner: Owner<'_>) -> Result<(), Refusal> {
        let password = normal(password);
        let characters = password.expose().chars().count();
        if characters < self.shortest {
            return Err(Refusal::PasswordShort { shortest: self.shortest });
        }
        if characters > MAX_LENGTH {
            return Err(Refusal::PasswordLong { longest: MAX_LENGTH });
        }
        let folded = Zeroizing::new(fold(password.expose()));
        if weight(&folded, &[]) <= FEW {
            return Err(Refusal::PasswordCommon);
        }
        if weight(&folded, &self.context(owner)) <= FEW {
            return Err(Refusal::PasswordPersonal);
        }
        Ok(())
    }

    /// Words that an attacker who knows the user and the site would try.
    fn context(&self, owner: Owner<'_>) -> Vec<String> {
        let parts = |text: &str| text.split(|letter: char| !letter.is_alphanumeric()).map(fold).collect::<Vec<_>>();
        let (local, domain) = owner.email.and_then(|email| email.split_once('@')).unwrap_or_default();
        let whole = [&self.site, owner.name, local, domain].map(fold);
        let parts = [&self.site, owner.name, local, domain].into_iter().flat_map(parts);
        let words = whole.into_iter().chain(parts).chain(["countersign".into()]);
        words.filter(|word| word.chars().count() > 2).collect()
    }
}

/// The form in which a password is hashed: NFC, so that all keyboards give the same result.
pub(crate) fn normal(password: &Secret) -> Secret {
    let typed = password.expose();
    if typed.is_ascii() {
        return password.clone();
    }
    // Allocate the maximum length, because a buffer that grows would leave partial copies in memory.
    let mut normal = String::with_capacity(typed.len().saturating_mul(3));
    normal.extend(typed.nfc());
    Secret::new(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Owner<'_> = Owner { name: "Ada.Lovelace", email: Some("ada@analytical-engine.example") };

    fn rules() -> Rules {
        Rules { shortest: Rules::USUAL, site: "Babbage Works".into() }
    }

    fn verdict(password: &str) -> Result<(), Refusal> {
        rules().check(&password.into(), ADA)
    }

    #[test]
    fn length_counts_code_points_after_nfc() {
        const FITS: &str = "zwölf Boxkämpfer";
        let decomposed: String = FITS.nfd().collect();
        assert_eq!((FITS.chars().count(), decomposed.chars().count()), (16, 18));
        assert_eq!(verdict(FITS), Ok(()));
        assert_eq!(verdict("zo\u{308}lf Mooskuh..."), Ok(()), "15 after NFC");
        assert_eq!(verdict("zo\u{308}lf Mooskuh.."), Err(Refusal::PasswordShort { shortest: 15 }), "14 after NFC");
        assert_eq!(verdict("🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦆"), Ok(()));
    }

    #[test]
    fn long_ones_are_taken_whole_and_only_absurd_ones_refused() {
        let long = |letters| "vqxnztkbwhrfjmpdgl 39".chars().cycle().take(letters).collect::<String>();
        assert_eq!(verdict(&long(64)), Ok(()));
        assert_eq!(verdict(&long(MAX_LENGTH)), Ok(()));
        assert_eq!(verdict(&long(MAX_LENGTH + 1)), Err(Refusal::PasswordLong { longest: MAX_LENGTH }));
    }

    #[test]
    fn no_composition_is_asked_for() {
        for good in [
            "abandon rivet mossy pretzel",
            "zxmqpwnrkvjtbhfgd",
            "482 915 377 046 21",
            "ünïcødé für täglich",
            "correct donkey battery paperclip",
            "§¶•≠‡†…∞±÷¿¡«»°",
            "                vqz7",
        ] {
            assert_eq!(verdict(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn what_everybody_takes_is_refused() {
        for common in [
            "passwordpassword",
            "Password12345678",
            "P@ssw0rdP@ssw0rd",
            "pa$$word-pa$$word",
            "qwertyuiopasdfgh",
            "1qaz2wsx3edc4rfv",
            "123456789012345678",
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "ILOVEYOUFOREVER",
            "correct horse battery staple",
            "Administrator2024!",
            "letmeinletmeinletmein",
            "LetMeIn-LetMeIn-1",
            "!@#$%^&*()!@#$%^&*()",
            "................",
            "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
        ] {
            assert_eq!(verdict(common), Err(Refusal::PasswordCommon), "{common}");
        }
    }

    #[test]
    fn a_random_one_is_never_refused() {
        let mut seed = 1_u64;
        let mut draw = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for letters in ["abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "ABCDEFGHJKLMNPQRSTUVWXYZ23456789!?-_"] {
            for _ in 0..300 {
                let letter = |place: u64| letters.chars().nth(place.try_into().unwrap()).unwrap();
                let password: String = (0..15).map(|_| letter(draw(letters.len().try_into().unwrap()))).collect();
                assert_eq!(verdict(&password), Ok(()), "{password}");
            }
        }
    }

    #[test]
    fn what_everybody_knows_of_the_user_adds_nothing() {
        for personal in [
            "ada.lovelace.1815",
            "Lovelace-Lovelace-1",
            "analytical engine 1",
            "BabbageWorks2024",
            "4d4l0v3l4c3ada!!",
            "countersign-babbage",
        ] {
            assert_eq!(verdict(personal), Err(Refusal::PasswordPersonal), "{personal}");
        }
        let other = Owner { name: "grace", email: None };
        let rules = Rules { shortest: Rules::USUAL, site: "Navy".into() };
        assert_eq!(rules.check(&"ada.lovelace.wrote.it".into(), other), Ok(()));
    }

    #[test]
    fn a_shorter_one_will_do_where_it_is_never_enough_alone() {
        let rules = Rules { shortest: Rules::MIN_LENGTH, ..rules() };
        assert_eq!(rules.check(&"vqxn tkb".into(), ADA), Ok(()));
        assert_eq!(rules.check(&"vqxntkb".into(), ADA), Err(Refusal::PasswordShort { shortest: 8 }));
        assert_eq!(rules.check(&"dragon77".into(), ADA), Err(Refusal::PasswordCommon));
    }
}
