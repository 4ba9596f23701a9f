//! Invariants, for any key, counter and text.

use std::ops::RangeInclusive;

use countersign_otp::modhex;
use countersign_otp::typed::Decimal;
use countersign_otp::yubikey::{Plain, PrivateId, PublicId, Token, YubikeyKey};
use countersign_otp::{Algorithm, Code, Digits, Key, Otpauth, Step, Totp, base32, hotp};
use proptest::collection::vec;
use proptest::prelude::*;

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)]
}

fn digits() -> impl Strategy<Value = Digits> {
    (6_u8..=8).prop_filter_map("not a length of a code", Digits::new)
}

/// Shorter and longer than a block of any of the hashes, none at all included.
fn keys() -> impl Strategy<Value = Key> {
    vec(any::<u8>(), 0..200).prop_map(Key::new)
}

fn plains() -> impl Strategy<Value = Plain> {
    let fields = (any::<[u8; 6]>(), any::<u16>(), any::<u8>(), 0_u32..1 << 24, any::<u16>());
    fields.prop_map(|(private_id, session_counter, usage, timestamp, random)| {
        let private_id = PrivateId::new(private_id);
        Plain { private_id, session_counter, usage, timestamp, random }
    })
}

proptest! {
    #[test]
    fn totp_rs_computes_the_same_codes(
        key in keys(), algorithm in algorithms(), digits in digits(), seconds in 0..i64::MAX, step in 1_u32..=3600,
    ) {
        let oracle = totp_rs::Builder::new()
            .with_secret(key.as_bytes().to_vec())
            .with_algorithm(match algorithm {
                Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
                Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
                Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
            })
            .with_digits(digits.count())
            .with_step_duration(step.into())
            .build_noncompliant();
        let totp = Totp { algorithm, digits, step: Step::new(step).unwrap(), t0: 0 };

        let code = totp.value(&key, totp.step_at(seconds).unwrap());
        let expected = oracle.generate(seconds.unsigned_abs()).to_string();
        prop_assert_eq!(code.as_str(), expected);
    }

    #[test]
    fn a_search_finds_what_a_plain_loop_finds(
        key in keys(), algorithm in algorithms(), digits in digits(), first in any::<u64>(), length in 0_u64..20, at in 0_u64..30,
    ) {
        let counters: RangeInclusive<u64> = first..=first.saturating_add(length);
        let code = hotp::value(&key, first.saturating_add(at), algorithm, digits);

        let by_hand = counters.clone().find(|&counter| {
            hotp::value(&key, counter, algorithm, digits).as_str() == code.as_str()
        });
        prop_assert_eq!(hotp::find(&key, &code, counters, algorithm, digits), by_hand);
    }

    #[test]
    fn what_is_shown_is_read_back(key in keys(), counter in any::<u64>(), digits in digits()) {
        let code = hotp::value(&key, counter, Algorithm::Sha1, digits);
        prop_assert_eq!(code.as_str().len(), usize::from(digits.count()));
        let typed = Code::parse(code.as_str(), digits).unwrap();
        prop_assert!(bool::from(typed.matches(&code)));
    }

    #[test]
    fn a_text_is_a_code_only_by_its_decimal_digits(text in any::<String>(), digits in digits()) {
        if let Ok(code) = Code::parse(&text, digits) {
            let typed: String = text.chars().filter_map(Decimal::of).map(Decimal::to_ascii).collect();
            prop_assert_eq!(code.as_str(), typed);
        }
    }

    #[test]
    fn base32_brings_every_key_back(bytes in vec(any::<u8>(), 0..100)) {
        let text = base32::encode(&bytes);
        prop_assert!(text.chars().all(|c| matches!(c, 'A'..='Z' | '2'..='7')));
        prop_assert_eq!(&*base32::decode(&text).unwrap(), &bytes);
    }

    #[test]
    fn groups_case_and_padding_do_not_matter(bytes in vec(any::<u8>(), 1..100), size in 1_usize..9) {
        let letters: Vec<char> = base32::encode(&bytes).to_lowercase().chars().collect();
        let groups: Vec<String> = letters.chunks(size).map(|group| group.iter().collect()).collect();
        for separator in [" ", "-", "\u{a0}"] {
            let text = format!("{}====", groups.join(separator));
            let key = Key::from_base32(&text).unwrap();
            prop_assert_eq!(key.as_bytes(), &bytes);
        }
    }

    #[test]
    fn two_canonical_texts_never_mean_one_key(one in "[A-Z2-7]{1,12}", other in "[A-Z2-7]{1,12}") {
        let canonical = |text: &str| Key::from_base32(text).ok().filter(|key| key.to_base32().as_str() == text);
        if let (Some(a), Some(b)) = (canonical(&one), canonical(&other)) {
            prop_assert_eq!(a.as_bytes() == b.as_bytes(), one == other);
        }
    }

    #[test]
    fn no_name_adds_ends_or_overwrites_a_parameter(issuer in any::<String>(), account in any::<String>(), image in any::<String>()) {
        let key = Key::new(*b"12345678901234567890");
        let uri = Otpauth { key: &key, totp: Totp::default(), issuer: &issuer, account: &account, image: Some(&image) }.to_uri();

        prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
        let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
        prop_assert!(!label.contains(['/', '#', '&']) && label.matches(':').count() <= 1);
        let names: Vec<&str> = query.split('&').map(|parameter| parameter.split_once('=').unwrap().0).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| *name != "issuer").collect();
        prop_assert_eq!(names, ["secret", "algorithm", "digits", "period", "image"]);
        prop_assert!(query.starts_with("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&"));
        prop_assert!(!query.contains(['#', '?', '+']));
    }

    #[test]
    fn what_a_yubikey_types_is_opened_with_its_key(
        plain in plains(), key in any::<[u8; 16]>(), id in vec(any::<u8>(), 0..=16), blanks in "[ \\t\\r\\n]{0,4}",
    ) {
        let (key, id) = (YubikeyKey::new(key), PublicId::new(&id).unwrap());
        let text = plain.encrypt(&key, id.clone()).to_modhex().to_uppercase();
        prop_assert_eq!(text.len(), 32 + 2 * id.as_bytes().len());

        let token = Token::parse(&format!("{blanks}{text}{blanks}")).unwrap();
        prop_assert_eq!(token.public_id(), &id);
        let opened = key.decrypt(&token).unwrap();
        prop_assert!(bool::from(opened.private_id.matches(&plain.private_id)));
        prop_assert_eq!(opened.counter(), plain.counter());
        prop_assert_eq!(
            (opened.session_counter, opened.usage, opened.timestamp, opened.random),
            (plain.session_counter, plain.usage, plain.timestamp, plain.random),
        );
    }

    /// The private id stands in for the sixteen bits that a check sum leaves to chance.
    #[test]
    fn another_key_opens_nothing_of_ours(plain in plains(), key in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
        prop_assume!(key != other);
        let token = plain.encrypt(&YubikeyKey::new(key), PublicId::new(&[]).unwrap());
        if let Ok(opened) = YubikeyKey::new(other).decrypt(&token) {
            prop_assert!(!bool::from(opened.private_id.matches(&plain.private_id)));
        }
    }

    #[test]
    fn one_private_id_matches_itself_alone(one in any::<[u8; 6]>(), other in any::<[u8; 6]>(), bit in 0_usize..48) {
        let matches = |a, b| bool::from(PrivateId::new(a).matches(&PrivateId::new(b)));
        let mut close = one;
        close[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(matches(one, one) && !matches(one, close));
        prop_assert_eq!(matches(one, other), one == other);
    }

    #[test]
    fn modhex_brings_every_byte_back(bytes in vec(any::<u8>(), 0..40)) {
        let text = modhex::encode(&bytes);
        prop_assert_eq!(&*modhex::decode(&text).unwrap(), &bytes);
        prop_assert_eq!(&*modhex::decode_typed(&text.to_uppercase()).unwrap(), &bytes);
    }

    #[test]
    fn a_plain_text_is_never_taken_for_another_layout(text in "[a-z.\\u{131}]{0,12}") {
        if let Ok(bytes) = modhex::decode(&text) {
            prop_assert_eq!(modhex::decode_typed(&text).unwrap(), bytes);
        }
    }

    #[test]
    fn any_text_is_a_token_or_malformed(text in any::<String>()) {
        if let Ok(token) = Token::parse(&text) {
            prop_assert!(Token::parse(&token.to_modhex()).is_ok());
        }
    }
}
