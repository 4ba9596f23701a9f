//! What a key container says, and what is read of it.

use data_encoding::BASE64;

use super::*;
use crate::seeds::{self, Supplement};

const FIGURE_3: &str = include_str!("../../../tests/seeds/rfc6030-figure-3.xml");

fn read(text: &str) -> Result<Vec<Seed>, String> {
    read_with(text, None)
}

fn read_with(text: &str, key: Option<&PreShared>) -> Result<Vec<Seed>, String> {
    let supplement = Supplement { key, kind: None };
    seeds::read(text.as_bytes(), supplement).map_err(|error| format!("{error:#}"))
}

#[test]
fn rfc_6030_figure_3() {
    let seeds = read(FIGURE_3).unwrap();
    let [Seed { line, serial, user, secret: SeedSecret::Hotp { key, algorithm, digits, counter }, .. }] = &seeds[..]
    else {
        panic!("{seeds:?}")
    };
    assert_eq!((*line, serial.as_str(), key.as_bytes()), (15, "987654321", &b"12345678901234567890"[..]));
    assert_eq!(user.as_deref(), Some("UID=jsmith,DC=example-bank,DC=net"));
    assert_eq!((*algorithm, digits.count(), *counter), (Algorithm::Sha1, 8, 0));
}

/// In figure 5, the device's key is read; the PIN beside it is a key that Countersign does not support.
#[test]
fn figures_of_rfc_6030_that_hold_no_whole_key_are_refused() {
    for (text, error) in [
        (include_str!("../../../tests/seeds/rfc6030-figure-2.xml"), "line 7: there is no <AlgorithmParameters> in it"),
        (include_str!("../../../tests/seeds/rfc6030-figure-4.xml"), "line 23: there is no <Secret> in it"),
        (
            include_str!("../../../tests/seeds/rfc6030-figure-5.xml"),
            "line 45: the algorithm of this key is not HOTP, TOTP or YubiKey",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), error);
    }
    let (one, _) = include_str!("../../../tests/seeds/rfc6030-figure-5.xml").rsplit_once("<KeyPackage>").unwrap();
    assert_eq!(read(&format!("{one}</KeyContainer>")).unwrap().len(), 1);
}

#[test]
fn a_yubikey_is_read_as_yubico_writes_it() {
    let seeds = read(include_str!("../../../tests/seeds/yubikey.xml")).unwrap();
    let [Seed { serial, user, secret: SeedSecret::Yubikey { public_id, private_id, key, counter }, .. }] = &seeds[..]
    else {
        panic!("{seeds:?}")
    };
    assert_eq!((serial.as_str(), user, *counter), ("283599", &None, 0));
    assert_eq!(public_id.to_string(), "ekhgjhbctrgn");
    assert_eq!(private_id.as_bytes(), &[0xca, 0x62, 0xba, 0xca, 0x62, 0xba]);
    assert_eq!(BASE64.encode(key.as_bytes()), "K34VFiiu0qar9xWICc9PPA==");
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (before, after, error) in [
        ("Version=\"1.0\"", "Version=\"2.0\"", "line 3: this is not a PSKC container of version 1.0"),
        ("keyprov:pskc\"", "keyprov:pskc:1.0\"", "line 3: this is not a PSKC container of version 1.0"),
        ("pskc:hotp", "pskc:ocra", "line 15: the algorithm of this key is not HOTP, TOTP or YubiKey"),
        ("DECIMAL", "ALPHANUMERIC", "line 19: codes of this key are not decimal"),
        ("Length=\"8\"", "Length=\"9\"", "line 19: the number of digits is not 6, 7 or 8"),
        ("Length=\"8\"", "", "line 19: the number of digits is not 6, 7 or 8"),
        (
            "/>",
            " CheckDigits=\"true\"/>",
            "line 19: codes of this key end in a check digit, which Countersign does not support",
        ),
        ("<Issuer>", "<Key/><Issuer>", ""),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNA==", "line 22: the secret has 32 bits; it must have 80 to 1024"),
        ("MTIzNDU2", "MTIz!DU2", "line 23: this is not base64"),
        (">0<", ">many<", "line 26: this is not a number"),
        (">0<", ">-1<", "line 26: this is not a number"),
        ("<Counter>", "<Secret/><Counter>", "line 26: there is a second <Secret>"),
        ("SerialNo", "IssueNo", ""),
        (">987654321<", "><", "line 9: this is not a serial number"),
        ("UserId>DC", "UserId><!-- -->DC", ""),
        ("</KeyContainer>", "", "line 32: the file ends too early"),
        ("</Key>", "</key>", "line 31: this is not well-formed XML"),
        ("UID=jsmith", "&jsmith;", "line 30: this is not well-formed XML"),
    ] {
        assert!(FIGURE_3.contains(before), "{before}");
        let told = read(&FIGURE_3.replace(before, after)).err().unwrap_or_default();
        assert_eq!(told, error, "{before} {after}");
    }
}

#[test]
fn no_entity_is_resolved() {
    let dtd = "<!DOCTYPE x [<!ENTITY jsmith SYSTEM 'file:///etc/passwd'>]>\n<KeyContainer Version";
    let text = FIGURE_3.replace("UID=jsmith", "&jsmith;").replace("<KeyContainer Version", dtd);
    assert_eq!(read(&text).unwrap_err(), "line 3: a document type is declared, and none is allowed");
}

#[test]
fn a_policy_is_kept_or_the_key_is_refused() {
    let with = |rule: &str| read(&FIGURE_3.replace("</Data>", &format!("</Data>\n<Policy>\n{rule}</Policy>")));
    let refused = "line 31: this key has a policy that Countersign cannot enforce";
    for rule in [
        "<KeyUsage>CR</KeyUsage>",
        "<PINPolicy PINUsageMode=\"Append\"/>",
        "<PINPolicy/>",
        "<NumberOfTransactions>5</NumberOfTransactions>",
        "<Weather>fine</Weather>",
    ] {
        assert_eq!(with(rule).unwrap_err(), refused, "{rule}");
    }
    assert_eq!(with("<ExpiryDate>soon</ExpiryDate>").unwrap_err(), "line 31: this is not a date and time");

    let [seed] = with("<KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>")
        .unwrap()
        .try_into()
        .unwrap();
    assert!(seed.validity.from.is_none());
    assert_eq!(seed.validity.until.unwrap().as_seconds(), 2_145_830_400);
}

/// freeipa's `full.xml`: a key without an end date, on a device that has one.
#[test]
fn a_key_ends_in_any_year_and_with_its_device() {
    const END: i64 = 2_145_830_400;
    let until = |key: &str, device: &str| {
        let dated = |element: &str, date: &str| match date {
            "" => String::new(),
            date => format!("<{element}>{date}</{element}>"),
        };
        let text = FIGURE_3.replace("</SerialNo>", &format!("</SerialNo>{}", dated("ExpiryDate", device)));
        let policy = format!("</Data><Policy>{}</Policy>", dated("ExpiryDate", key));
        let [seed] = read(&text.replace("</Data>", &policy)).unwrap().try_into().unwrap();
        seed.validity.until.map(Timestamp::as_seconds)
    };
    assert_eq!(until("9999-12-31T23:59:59Z", ""), Some(253_402_300_799));
    assert_eq!(until("2037-12-31T00:00:00", ""), Some(END), "without a zone it is in UTC");
    assert_eq!(until("2037-12-31T02:00:00+02:00", ""), Some(END));
    assert_eq!(until("9999-12-31T23:59:59Z", "2037-12-31T00:00:00Z"), Some(END));
    assert_eq!(until("2037-12-31T00:00:00Z", "20000-12-31T00:00:00Z"), Some(END));
    assert_eq!(until("", "2037-12-31T00:00:00Z"), Some(END));
    assert_eq!(until("", ""), None);

    let start = FIGURE_3.replace("</SerialNo>", "</SerialNo><StartDate>2030-01-01T00:00:00</StartDate>");
    let policy = "</Data><Policy><StartDate>2029-01-01T00:00:00Z</StartDate></Policy>";
    let [seed] = read(&start.replace("</Data>", policy)).unwrap().try_into().unwrap();
    assert_eq!(seed.validity.from.map(Timestamp::as_seconds), Some(1_893_456_000), "the later one");
}

/// The format in which privacyIDEA 3.14 exports its tokens.
#[test]
fn names_in_lower_case_are_read() {
    let key = PreShared::key_from_hex(&"d6119d0033234661c836e0abe22c17ee".into()).unwrap();
    let text = include_str!("../../../tests/seeds/privacyidea.xml");
    let error = read_with(text, Some(&key)).unwrap_err();
    assert_eq!(error, "line 87: the algorithm of this key is not HOTP, TOTP or YubiKey", "a static password");
    let packages = text.split_inclusive("</keypackage>").filter(|package| !package.contains("PW0001"));
    let seeds = read_with(&packages.collect::<String>(), Some(&key)).unwrap();
    let serials: Vec<_> = seeds.iter().map(|seed| seed.serial.as_str()).collect();
    assert_eq!(serials, ["TOTP0003", "OATH0002", "OATH0001", "TOTP0002", "TOTP0001"]);
    let SeedSecret::Totp { key, totp, used, drift } = &seeds[4].secret else { panic!("{:?}", seeds[4]) };
    assert_eq!(key.to_base32().as_str(), "IKDNYRQJAG43EOVSUPYF4WSTNDXRC3SU");
    assert_eq!((*totp, *used, *drift), (Totp::default(), Some(58_949_280), -2));
    let SeedSecret::Totp { totp, used, .. } = &seeds[3].secret else { panic!("{:?}", seeds[3]) };
    assert_eq!((totp.algorithm, totp.digits.count(), totp.step.seconds()), (Algorithm::Sha256, 8, 60));
    assert_eq!(*used, None);

    let small: String = FIGURE_3.replace("KeyContainer", "keycontainer").replace("Key ", "key ");
    let small = small.replace("</Key>", "</key>").replace("SerialNo", "serialno").replace("Version=", "version=");
    assert_eq!(read(&small).unwrap().len(), 1);
    let twice = FIGURE_3.replace("</SerialNo>", "</SerialNo><serialno>1</serialno>");
    assert_eq!(read(&twice).unwrap_err(), "line 9: there is a second <SerialNo>", "in whatever case");
}

#[test]
fn totp_takes_its_parameters_from_the_file() {
    let totp = |data: &str| {
        let text = FIGURE_3.replace("pskc:hotp", "pskc:totp").replace("<Counter>", &format!("{data}<Counter>"));
        let text = text.replace("<ResponseFormat", "<Suite>HMAC-SHA-512</Suite><ResponseFormat");
        let [seed] = read(&text)?.try_into().unwrap();
        let SeedSecret::Totp { totp, .. } = seed.secret else { panic!("{:?}", seed.secret) };
        Ok::<_, String>((totp.algorithm, totp.digits.count(), totp.step.seconds(), totp.t0))
    };
    let value = |element: &str, value: &str| format!("<{element}><PlainValue>{value}</PlainValue></{element}>");
    assert_eq!(totp(""), Ok((Algorithm::Sha512, 8, 30, 0)));
    assert_eq!(totp(&(value("Time", "0") + &value("TimeInterval", "60"))), Ok((Algorithm::Sha512, 8, 60, 0)));
    for interval in ["0", "121", "3600"] {
        let error = totp(&value("TimeInterval", interval)).unwrap_err();
        assert_eq!(error, "line 15: the period is not 1 to 120 seconds", "{interval}");
    }
    assert_eq!(totp(&value("Time", "5")).unwrap_err(), "line 15: the time steps of this key do not start at 0");
}

/// A recursive parser would run out of stack.
#[test]
fn elements_may_be_nested_as_deep_as_the_file_is_long() {
    let deep = "<a>".repeat(500_000);
    assert_eq!(read(&deep).unwrap_err(), "line 1: the file ends too early");
}
