//! Seeds as CSV (RFC 4180): a line of column names, followed by one token per line. This module never guesses: an
//! unknown column, a value that the token's type does not have and an unclosed quotation mark are errors. The meaning
//! of a line does not depend on other lines.
//!
//! The columns may be in any order, and values may be quoted. A serial number, a type and a secret are always required.
//!
//! | column | also named | for | value |
//! |---|---|---|---|
//! | `serial` | `serial number` | all | the number printed on the token |
//! | `type` | | all | `hotp`, `totp` or `yubikey`; `totp` if there is a column `period`; or what `--type` says |
//! | `user` | `upn`, `username` | all | the owner, if there is one |
//! | `secret_hex` | | all | the secret in hexadecimal; of a `yubikey`, its AES key |
//! | `secret_base32` | `secret key` | all | alternatively, the secret in base32 |
//! | `algorithm` | `hash function` | `hotp`, `totp` | `SHA1` (default), `SHA256` or `SHA512`, or as in `HMAC-SHA-256` |
//! | `digits` | | `hotp`, `totp` | 6 (default), 7 or 8 |
//! | `counter` | | `hotp` | the counter of the next code, 0 by default |
//! | `counter` | | `yubikey` | the number of past sessions, 0 by default: codes of later sessions are accepted |
//! | `period` | `time interval` | `totp` | the time step in seconds, 30 by default |
//! | `t0` | | `totp` | the start of the first time step, in Unix seconds, 0 by default |
//! | `public_id` | | `yubikey` | the prefix of every code, as it is typed |
//! | `private_id` | | `yubikey` | 6 bytes in hexadecimal |
//! | | `manufacturer`, `model`, `vendor` | all | ignored |
//!
//! Without such a first line, values are in the order `serial, secret_hex, type, digits, counter or period`, and the
//! last ones may be left out; with a type, an owner may be in front, where `n/a` means no owner. Values are separated
//! by commas, semicolons, tabs, vertical bars or, without column names, spaces; a first line `sep=;` sets the
//! separator, as spreadsheets do.

mod layout;
mod records;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_engine::core::otp::{Totp, base32, yubikey::PublicId};
use zeroize::Zeroizing;

use self::{
    layout::{IGNORED, Layout, MOVING},
    records::{Record, Records},
};
use super::{
    OathKind, Seed, SeedSecret, Validity, algorithm, digits, from_hex, oath_key, owner, private_id, serial, step,
    yubikey_key,
};

/// Columns of every type.
const SHARED: [&str; 5] = ["serial", "type", "user", "secret_hex", "secret_base32"];
/// Columns of some types.
const HOTP: [&str; 3] = ["algorithm", "digits", "counter"];
const TOTP: [&str; 4] = ["algorithm", "digits", "period", "t0"];
const YUBIKEY: [&str; 3] = ["public_id", "private_id", "counter"];

/// The highest session counter of a YubiKey: it has 15 bits.
const SESSIONS: u64 = 0x7fff;

/// All seeds in `text`, whose lines end in `\n`, including the last one. `kind` is the type of tokens without one.
pub(super) fn read(text: &str, kind: Option<OathKind>) -> Result<Vec<Seed>> {
    let Some(Layout { columns, kind, is_whole, mut records }) = Layout::of(text, kind)? else { return Ok(Vec::new()) };
    let mut seeds = Vec::new();
    while let Some(record) = records.next()? {
        let line = record.line;
        let seed = Row::of(&columns, &record, is_whole, kind).and_then(|row| row.seed());
        seeds.push(seed.with_context(|| format!("line {line}"))?);
    }
    Ok(seeds)
}

/// One line: its values by column, without the empty ones.
struct Row<'a> {
    line: usize,
    values: Vec<(&'static str, &'a str)>,
    /// The type in the line, which should be `hotp`, `totp` or `yubikey`.
    kind: &'a str,
}

impl<'a> Row<'a> {
    fn of(columns: &[&'static str], record: &'a Record<'_>, is_whole: bool, kind: Option<OathKind>) -> Result<Self> {
        let (count, expected) = (record.cells().count(), columns.len());
        let fits = if is_whole { count == expected } else { count <= expected };
        ensure!(fits, "there are {count} values for {expected} columns");
        let values = columns.iter().copied().zip(record.cells());
        let mut values: Vec<_> = values.filter(|(column, value)| *column != IGNORED && !value.is_empty()).collect();
        let said = values.iter().find_map(|(column, value)| (*column == "type").then_some(*value));
        let kind = said.or(kind.map(OathKind::as_str)).context("there is no type: set it with --type")?;
        if !is_whole {
            let moving = if kind.eq_ignore_ascii_case("totp") { "period" } else { "counter" };
            values.retain(|(column, value)| *column != "user" || !value.eq_ignore_ascii_case("n/a"));
            values.iter_mut().filter(|(column, _)| *column == MOVING).for_each(|(column, _)| *column = moving);
        }
        Ok(Self { line: record.line, values, kind })
    }

    fn seed(&self) -> Result<Seed> {
        let serial = serial(self.needed("serial")?).context("the serial number is too long")?;
        let user = self.value("user").map(|user| owner(user).context("the user's name is too long")).transpose()?;
        Ok(Seed { line: self.line, serial, user, validity: Validity::default(), secret: self.secret()? })
    }

    fn secret(&self) -> Result<SeedSecret> {
        if self.kind.eq_ignore_ascii_case("hotp") {
            self.refuse_other_than(&HOTP, "hotp")?;
            self.hotp()
        } else if self.kind.eq_ignore_ascii_case("totp") {
            self.refuse_other_than(&TOTP, "totp")?;
            self.totp()
        } else if self.kind.eq_ignore_ascii_case("yubikey") {
            self.refuse_other_than(&YUBIKEY, "yubikey")?;
            self.yubikey()
        } else {
            bail!("the type is not hotp, totp or yubikey")
        }
    }

    fn hotp(&self) -> Result<SeedSecret> {
        let Totp { algorithm, digits, .. } = self.totp_parameters()?;
        let counter = self.value("counter").unwrap_or("0").parse().ok().context("the counter is not a number")?;
        Ok(SeedSecret::Hotp { key: oath_key(&self.secret_bytes()?)?, algorithm, digits, counter })
    }

    fn totp(&self) -> Result<SeedSecret> {
        let (key, totp) = (oath_key(&self.secret_bytes()?)?, self.totp_parameters()?);
        Ok(SeedSecret::Totp { key, totp, used: None, drift: 0 })
    }

    fn yubikey(&self) -> Result<SeedSecret> {
        let public_id: Option<PublicId> = self.needed("public_id")?.parse().ok();
        let sessions = self.value("counter").unwrap_or("0").parse().ok();
        let sessions: u64 =
            sessions.filter(|sessions| *sessions <= SESSIONS).context("the counter is not 0 to 32767")?;
        Ok(SeedSecret::Yubikey {
            public_id: public_id.context("the public id is not up to 16 bytes in modhex")?,
            private_id: private_id(self.needed("private_id")?)?,
            key: yubikey_key(&self.secret_bytes()?)?,
            // The number of codes in that session is unknown, so all of them count as used.
            counter: if sessions == 0 { 0 } else { sessions << 8 | 0xff },
        })
    }

    fn totp_parameters(&self) -> Result<Totp> {
        let usual = Totp::default();
        let named =
            self.value("algorithm").map(|text| algorithm(text).context("the algorithm is not SHA1, SHA256 or SHA512"));
        let t0 = self.value("t0").map(str::parse).transpose();
        Ok(Totp {
            algorithm: named.transpose()?.unwrap_or(usual.algorithm),
            digits: self.value("digits").map_or(Ok(usual.digits), digits)?,
            step: self.value("period").map_or(Ok(usual.step), step)?,
            t0: t0.ok().context("t0 is not a number of seconds")?.unwrap_or(usual.t0),
        })
    }

    fn secret_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        match (self.value("secret_hex"), self.value("secret_base32")) {
            (Some(hex), None) => from_hex(hex).context("the secret is not hexadecimal"),
            (None, Some(text)) => base32::decode(text).ok().context("the secret is not base32"),
            (None, None) => bail!("there is no secret"),
            (Some(_), Some(_)) => bail!("there are two secrets"),
        }
    }

    fn needed(&self, column: &str) -> Result<&'a str> {
        self.value(column).with_context(|| format!("there is no {column}"))
    }

    fn value(&self, column: &str) -> Option<&'a str> {
        self.values.iter().find_map(|(name, value)| (*name == column).then_some(*value))
    }

    fn refuse_other_than(&self, own: &[&str], kind: &str) -> Result<()> {
        let foreign = self.values.iter().find(|(name, _)| !SHARED.contains(name) && !own.contains(name));
        foreign.map_or(Ok(()), |(name, _)| bail!("{kind} has no {name}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::seeds::{self, Supplement};

    const SECRET: &str = "3132333435363738393031323334353637383930";

    /// A seed in one line, including its secrets.
    fn told(seed: &Seed) -> String {
        let Seed { line, serial, user, secret, .. } = seed;
        let mut text = format!("{line} {serial} {} ", user.as_deref().unwrap_or("-"));
        let ascii = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match secret {
            SeedSecret::Hotp { key, algorithm, digits, counter } => {
                let (key, digits) = (ascii(key.as_bytes()), digits.count());
                write!(text, "hotp {key} {} {digits} from {counter}", algorithm.name())
            }
            SeedSecret::Totp { key, totp: Totp { algorithm, digits, step, t0 }, .. } => {
                let (key, digits, step) = (ascii(key.as_bytes()), digits.count(), step.seconds());
                write!(text, "totp {key} {} {digits} every {step} s from {t0}", algorithm.name())
            }
            SeedSecret::Yubikey { public_id, private_id, key, counter } => {
                write!(text, "yubikey {public_id} {:?} {:?} {counter:x}", private_id.as_bytes(), key.as_bytes())
            }
        }
        .unwrap();
        text
    }

    #[test]
    fn every_kind_of_token_is_read() {
        let seeds = seeds::read(include_bytes!("../../tests/seeds/tokens.csv"), Supplement::default()).unwrap();
        let key = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]";
        assert_eq!(
            seeds.iter().map(told).collect::<Vec<_>>(),
            [
                "2 1000133508267 ada hotp 12345678901234567890 SHA1 6 from 0".to_owned(),
                "3 1000133508255 - hotp 12345678901234567890 SHA1 8 from 7".to_owned(),
                "4 2600124809778 Lovelace, Ada totp 12345678901234567890 SHA1 6 every 30 s from 0".to_owned(),
                "6 2600124809787 Ada \"the first\" Lovelace totp 12345678901234567890123456789012 SHA256 8 every 60 \
             s from 1000"
                    .to_owned(),
                format!("7 283599 ada yubikey cccccccb [1, 2, 3, 4, 5, 6] {key} 0"),
                format!("8 283600 - yubikey cccccccd [1, 2, 3, 4, 5, 6] {key} 2ff"),
            ]
        );
    }

    #[test]
    fn columns_come_in_any_order_and_case() {
        let text = format!("Type,SECRET_HEX,Serial\nhotp, {SECRET} ,\" 7 \"\n,,\n \n");
        let seeds = seeds::read(text.as_bytes(), Supplement::default()).unwrap();
        assert_eq!(seeds.iter().map(told).collect::<Vec<_>>(), ["2 7 - hotp 12345678901234567890 SHA1 6 from 0"]);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_not_quoted() {
        const ALL: &str =
            "serial,type,user,secret_hex,secret_base32,algorithm,digits,counter,period,t0,public_id,private_id";
        let b32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (line, error) in [
            (format!(",hotp,,{SECRET},,,,,,,,"), "there is no serial"),
            (format!("7,,,{SECRET},,,,,,,,"), "there is no type: set it with --type"),
            (format!("7,ocra,,{SECRET},,,,,,,,"), "the type is not hotp, totp or yubikey"),
            (format!("7,hotp,,{SECRET},,,,,,,"), "there are 11 values for 12 columns"),
            (format!("7,hotp,,{SECRET},,,,,,,,,"), "there are 13 values for 12 columns"),
            (format!("{},hotp,,{SECRET},,,,,,,,", "7".repeat(256)), "the serial number is too long"),
            ("7,hotp,,,,,,,,,,".into(), "there is no secret"),
            (format!("7,hotp,,{SECRET},{b32},,,,,,,"), "there are two secrets"),
            (format!("7,hotp,,{b32},,,,,,,,"), "the secret is not hexadecimal"),
            (format!("7,hotp,,,{SECRET},,,,,,,"), "the secret is not base32"),
            ("7,hotp,,31323334,,,,,,,,".into(), "the secret has 32 bits; it must have 80 to 1024"),
            (format!("7,hotp,,{},,,,,,,,", "31".repeat(129)), "the secret has 1032 bits; it must have 80 to 1024"),
            (format!("7,hotp,,{SECRET},,MD5,,,,,,"), "the algorithm is not SHA1, SHA256 or SHA512"),
            (format!("7,hotp,,{SECRET},,,9,,,,,"), "the number of digits is not 6, 7 or 8"),
            (format!("7,hotp,,{SECRET},,,,-1,,,,"), "the counter is not a number"),
            (format!("7,hotp,,{SECRET},,,,,30,,,"), "hotp has no period"),
            (format!("7,hotp,,{SECRET},,,,,,,cccc,"), "hotp has no public_id"),
            (format!("7,totp,,{SECRET},,,,0,,,,"), "totp has no counter"),
            (format!("7,totp,,{SECRET},,,,,0,,,"), "the period is not 1 to 120 seconds"),
            (format!("7,totp,,{SECRET},,,,,121,,,"), "the period is not 1 to 120 seconds"),
            (format!("7,totp,,{SECRET},,,,,,now,,"), "t0 is not a number of seconds"),
            (format!("7,yubikey,,{SECRET},,,,,,,cccc,010203040506"), "the secret of a YubiKey is not 16 bytes"),
            ("7,yubikey,,000102030405060708090a0b0c0d0e0f,,,,,,,,010203040506".into(), "there is no public_id"),
            ("7,yubikey,,000102030405060708090a0b0c0d0e0f,,,,,,,cccc,".into(), "there is no private_id"),
            (
                "7,yubikey,,000102030405060708090a0b0c0d0e0f,,,,,,,abcd,010203040506".into(),
                "the public id is not up to 16 bytes in modhex",
            ),
            (
                "7,yubikey,,000102030405060708090a0b0c0d0e0f,,,,,,,cccc,0102030405".into(),
                "the private id is not 6 bytes in hexadecimal",
            ),
            (
                "7,yubikey,,000102030405060708090a0b0c0d0e0f,,,,32768,,,cccc,010203040506".into(),
                "the counter is not 0 to 32767",
            ),
            (format!("7,hotp,\"ada,{SECRET},,,,,,,,"), "a quotation mark is not closed"),
            (
                format!("7,hotp,\"ada,{SECRET},,,,,,,,\n8,hotp,\",{SECRET},,,,,,,,"),
                "a value has several lines; is a quotation mark missing?",
            ),
            (",".repeat(32), "there are more than 32 values"),
        ] {
            let text = format!("{ALL}\n6,hotp,,{SECRET},,,,,,,,\n\n{line}\n");
            let told = format!("{:#}", seeds::read(text.as_bytes(), Supplement::default()).unwrap_err());
            assert_eq!(told, format!("line 4: {error}"), "{line}");
        }
    }

    #[test]
    fn a_first_line_that_is_no_header_is_not_quoted() {
        let unknown = "has an unknown name: known names are serial, type, user, secret_hex, secret_base32, algorithm, \
                               digits, counter, period, t0, public_id, private_id";
        for (header, error) in [
            (format!("7,hotp,{SECRET}"), &*format!("column 1 {unknown}")),
            ("serial,type,secret".into(), &*format!("column 3 {unknown}")),
            ("sep=,".into(), &*format!("column 1 {unknown}")),
            ("serial,type,Serial".into(), "there are two columns serial"),
            ("serial,type,Serial Number".into(), "there are two columns serial"),
            ("serial,secret_hex".into(), "there is no column type: set the type of the tokens with --type"),
            ("type,secret_hex".into(), "there is no column serial"),
        ] {
            let text = format!("\n{header}\n7,hotp,{SECRET}\n");
            let told = format!("{:#}", seeds::read(text.as_bytes(), Supplement::default()).unwrap_err());
            assert_eq!(told, format!("line 2: {error}"), "{header}");
        }
    }

    fn read_all(text: &str, kind: Option<OathKind>) -> Vec<String> {
        let seeds = seeds::read(text.as_bytes(), Supplement { key: None, kind }).unwrap();
        seeds.iter().map(told).collect()
    }

    /// Microsoft's own example has 26 letters of base32, so the last one has spare bits.
    #[test]
    fn columns_are_named_as_vendors_name_them() {
        let b32 = "GEZDGNBVGY3TQOJQGEZDGNBVGZ";
        let read = ["2 7 ada@contoso.com totp 1234567890123456 SHA1 6 every 60 s from 0"];
        let rest = format!("\nada@contoso.com,7,{b32},60,Contoso,HardwareKey\n");
        for header in [
            "upn,serial number,secret key,time interval,manufacturer,model",
            "UPN,Serial Number,Secret Key,Time Interval,Manufacturer,Model",
            "upn, serial_number, secret-key, timeInterval, manufacturer, model",
        ] {
            assert_eq!(read_all(&format!("{header}{rest}"), None), read, "{header}");
        }
        let hash = format!("serial number,type,secret key,hash function\n7,hotp,{b32},HmacSHA256\n");
        assert_eq!(read_all(&hash, None), ["2 7 - hotp 1234567890123456 SHA256 6 from 0"]);
    }

    #[test]
    fn values_are_separated_as_spreadsheets_separate_them() {
        let text = format!("serial;type;secret_hex;user\n7;hotp;{SECRET};\"Lovelace; Ada\"\n");
        let read = "7 Lovelace; Ada hotp 12345678901234567890 SHA1 6 from 0";
        assert_eq!(read_all(&text, None), [format!("2 {read}")]);
        assert_eq!(read_all(&format!("sep=;\n{text}"), None), [format!("3 {read}")]);
        assert_eq!(read_all(&format!("SEP=;\r\n{text}"), None), [format!("3 {read}")]);
        let tabs = text.replace("; Ada", ", Ada").replace(';', "\t");
        assert_eq!(read_all(&tabs, None), ["2 7 Lovelace, Ada hotp 12345678901234567890 SHA1 6 from 0"]);
        let odd = text.replace("; Ada", ", Ada").replace(';', "!");
        assert_eq!(
            read_all(&format!("sep=!\n{odd}"), None),
            ["3 7 Lovelace, Ada hotp 12345678901234567890 SHA1 6 from 0"]
        );
    }

    #[test]
    fn a_list_without_names_is_read_by_its_order() {
        let hotp = "hotp 12345678901234567890 SHA1 6 from 0";
        let totp = "totp 12345678901234567890 SHA1 6 every 30 s from 0";
        for (text, kind, read) in [
            (
                format!("7,{SECRET}\n8,{SECRET}"),
                Some(OathKind::Hotp),
                vec![format!("1 7 - {hotp}"), format!("2 8 - {hotp}")],
            ),
            (format!("7;{SECRET}"), Some(OathKind::Totp), vec![format!("1 7 - {totp}")]),
            (format!("7\t{SECRET}"), Some(OathKind::Totp), vec![format!("1 7 - {totp}")]),
            (format!("7    {SECRET}"), Some(OathKind::Totp), vec![format!("1 7 - {totp}")]),
            (format!("1000133508267 {SECRET}"), Some(OathKind::Totp), vec![format!("1 1000133508267 - {totp}")]),
            (format!("7, {SECRET}, hotp, 8, 12"), None, vec!["1 7 - hotp 12345678901234567890 SHA1 8 from 12".into()]),
            (
                format!("7, {SECRET}, TOTP, 8, 60\n8, {SECRET}, hotp"),
                None,
                vec!["1 7 - totp 12345678901234567890 SHA1 8 every 60 s from 0".into(), format!("2 8 - {hotp}")],
            ),
            // The format in which privacyIDEA 3.14 exports its tokens.
            (
                format!("ada@shop, T1, {SECRET}, totp, 6, 30\nn/a, O2, {SECRET}, hotp, 6"),
                None,
                vec![format!("1 T1 ada@shop {totp}"), format!("2 O2 - {hotp}")],
            ),
        ] {
            assert_eq!(read_all(&text, kind), read, "{text}");
        }
    }

    #[test]
    fn a_list_without_names_and_types_is_not_guessed_at() {
        for (text, error) in [
            (format!("7,{SECRET}"), "line 1: there is no type: set it with --type"),
            (format!("7,{SECRET}\n8,hello"), "line 1: there is no type: set it with --type"),
            (format!("7,{SECRET},hotp\n8,hello,hotp"), "line 2: the secret is not hexadecimal"),
            (format!("7,{SECRET},hotp,6,0,more"), "line 1: column 1 has an unknown name"),
            (format!("7,{SECRET},ocra"), "line 1: column 1 has an unknown name"),
        ] {
            let told = format!("{:#}", seeds::read(text.as_bytes(), Supplement::default()).unwrap_err());
            assert!(told.starts_with(error), "{text}: {told}");
        }
    }
}
