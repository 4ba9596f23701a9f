//! Keys and codes are not printed by accident, and cannot be compared in a time that depends on them.

use countersign_otp::modhex::MalformedModhex;
use countersign_otp::yubikey::{MalformedToken, Plain, PrivateId, Token, WrongKey, YubikeyKey};
use countersign_otp::{Code, Digits, Key, MalformedCode, MalformedKey, Otpauth, Totp};

const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn a_key_is_redacted() {
    let key = Key::from_base32(BASE32).unwrap();
    assert_eq!(format!("{key:?}"), "Key([redacted])");
    assert_eq!(format!("{key:#?}"), "Key([redacted])");
}

#[test]
fn a_code_is_redacted() {
    let code = Code::parse("045675", Digits::SIX).unwrap();
    assert_eq!(format!("{code:?}"), "Code([redacted])");
    assert_eq!(format!("{code:#?}"), "Code([redacted])");
}

#[test]
fn an_otpauth_is_printed_without_its_key() {
    let key = Key::from_base32(BASE32).unwrap();
    let otpauth = Otpauth { key: &key, totp: Totp::default(), issuer: "Example", account: "ada", image: None };
    assert!(format!("{otpauth:?}").contains("key: Key([redacted])"));
}

#[test]
fn what_a_yubikey_knows_and_types_is_redacted() {
    let token = Token::parse("cccccccbdvgtiblfkbgturecfllberrvkinnctnn").unwrap();
    let key = YubikeyKey::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    assert_eq!(format!("{token:?} {key:?}"), "Token([redacted]) YubikeyKey([redacted])");
    let plain = key.decrypt(&token).unwrap();
    assert!(format!("{plain:?}").starts_with("Plain { private_id: PrivateId([redacted]), session_counter: 1,"));
}

#[test]
fn secrets_are_wiped_when_dropped() {
    fn wiped<Secret: zeroize::ZeroizeOnDrop>() {}
    wiped::<Key>();
    wiped::<Code>();
    wiped::<YubikeyKey>();
    wiped::<PrivateId>();
    wiped::<Plain>();
    wiped::<Token>();
}

#[test]
fn errors_do_not_hold_the_text() {
    assert_eq!(size_of::<MalformedCode>(), 0);
    assert_eq!(size_of::<MalformedKey>(), 0);
    assert_eq!(size_of::<MalformedModhex>(), 0);
    assert_eq!(size_of::<MalformedToken>(), 0);
    assert_eq!(size_of::<WrongKey>(), 0);
}

/// Compiles only as long as nobody derives `PartialEq`: one more implementation, and the compiler no longer knows which is
/// meant.
#[test]
fn secrets_have_no_equals_sign() {
    trait Incomparable<Because> {
        fn holds() {}
    }
    struct ItHasPartialEq;
    impl<T: ?Sized> Incomparable<()> for T {}
    impl<T: ?Sized + PartialEq> Incomparable<ItHasPartialEq> for T {}

    <Key as Incomparable<_>>::holds();
    <Code as Incomparable<_>>::holds();
    <YubikeyKey as Incomparable<_>>::holds();
    <PrivateId as Incomparable<_>>::holds();
    <Plain as Incomparable<_>>::holds();
    <Token as Incomparable<_>>::holds();
}
