//! Keys and codes are not printed by accident, and cannot be compared in a time that depends on them.

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
fn secrets_are_wiped_when_dropped() {
    fn wiped<Secret: zeroize::ZeroizeOnDrop>() {}
    wiped::<Key>();
    wiped::<Code>();
}

#[test]
fn errors_do_not_hold_the_text() {
    assert_eq!(size_of::<MalformedCode>(), 0);
    assert_eq!(size_of::<MalformedKey>(), 0);
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
}
