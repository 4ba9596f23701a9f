//! Seeds as CSV (RFC 4180): a line of column names, and then a token a line. This module never guesses: a column that it
//! does not know, a value that the token's type has no use for and a quotation mark that is not closed are errors. It keeps
//! the invariant that a line means the same whatever stands in the others.
//!
//! The columns may come in any order. Only `serial`, `type` and the secret are always needed; values may be quoted.
//!
//! | column | for | value |
//! |---|---|---|
//! | `serial` | all | what is printed on the token |
//! | `type` | all | `hotp`, `totp` or `yubikey` |
//! | `user` | all | whose it is, if that is settled |
//! | `secret_hex` | all | the secret in hexadecimal; of a `yubikey`, its AES key |
//! | `secret_base32` | all | or the secret in base32 |
//! | `algorithm` | `hotp`, `totp` | `SHA1` (unless said), `SHA256` or `SHA512` |
//! | `digits` | `hotp`, `totp` | 6 (unless said), 7 or 8 |
//! | `counter` | `hotp` | of the next code, 0 unless said |
//! | `counter` | `yubikey` | sessions that are over, 0 unless said: codes of later ones are accepted |
//! | `period` | `totp` | seconds that a code is shown, 30 unless said |
//! | `t0` | `totp` | when the first period began, in Unix seconds, 0 unless said |
//! | `public_id` | `yubikey` | what every code of it begins with, as it is typed |
//! | `private_id` | `yubikey` | 6 bytes in hexadecimal |

use std::str;

use anyhow::{Context as _, Result, bail, ensure};
use countersign_engine::core::otp::{Totp, base32, yubikey::PublicId};
use csv_core::{ReadRecordResult, Reader};
use zeroize::Zeroizing;

use super::{Seed, SeedSecret, Validity, digits, from_hex, name, oath_key, private_id, step, yubikey_key};

/// Columns that every type has.
const SHARED: [&str; 5] = ["serial", "type", "user", "secret_hex", "secret_base32"];
/// The columns that only some types have.
const HOTP: [&str; 3] = ["algorithm", "digits", "counter"];
const TOTP: [&str; 4] = ["algorithm", "digits", "period", "t0"];
const YUBIKEY: [&str; 3] = ["public_id", "private_id", "counter"];

/// More than there are columns.
const MOST_VALUES: usize = 32;

/// The highest session counter of a YubiKey: it has 15 bits.
const SESSIONS: u64 = 0x7fff;

/// Every seed in `text`, whose lines end in `\n`, the last one too.
pub(super) fn read(text: &str) -> Result<Vec<Seed>> {
    let mut records = Records::of(text);
    let Some(header) = records.next()? else { return Ok(Vec::new()) };
    let columns = columns(&header).with_context(|| format!("line {}", header.line))?;
    let mut seeds = Vec::new();
    while let Some(record) = records.next()? {
        let line = record.line;
        let seed = Row::of(&columns, &record).and_then(|row| row.seed());
        seeds.push(seed.with_context(|| format!("line {line}"))?);
    }
    Ok(seeds)
}

fn columns(header: &Record<'_>) -> Result<Vec<&'static str>> {
    let mut columns = Vec::new();
    for (cell, number) in header.cells().zip(1..) {
        let mut known = SHARED.into_iter().chain(HOTP).chain(TOTP).chain(YUBIKEY);
        let column = known.find(|column| column.eq_ignore_ascii_case(cell.trim()));
        // It may be that there are no names and this is a seed, so it is not quoted.
        let column = column.with_context(|| format!("column {number} has a name that is not known"))?;
        ensure!(!columns.contains(&column), "there are two columns {column}");
        columns.push(column);
    }
    for needed in ["serial", "type"] {
        ensure!(columns.contains(&needed), "there is no column {needed}");
    }
    Ok(columns)
}

/// One line: its values, by column, those that are empty left out.
struct Row<'a> {
    line: usize,
    values: Vec<(&'static str, &'a str)>,
}

impl<'a> Row<'a> {
    fn of(columns: &[&'static str], record: &'a Record<'_>) -> Result<Self> {
        let (count, expected) = (record.cells().count(), columns.len());
        ensure!(count == expected, "there are {count} values for {expected} columns");
        let values = columns.iter().copied().zip(record.cells().map(str::trim));
        let values = values.filter(|(_, value)| !value.is_empty()).collect();
        Ok(Self { line: record.line, values })
    }

    fn seed(&self) -> Result<Seed> {
        let serial = name(self.needed("serial")?).context("the serial number is too long for one")?;
        let user =
            self.value("user").map(|user| name(user).context("the user's name is too long for one")).transpose()?;
        Ok(Seed { line: self.line, serial, user, validity: Validity::default(), secret: self.secret()? })
    }

    fn secret(&self) -> Result<SeedSecret> {
        let kind = self.needed("type")?;
        if kind.eq_ignore_ascii_case("hotp") {
            self.refuse_other_than(&HOTP, "hotp")?;
            self.hotp()
        } else if kind.eq_ignore_ascii_case("totp") {
            self.refuse_other_than(&TOTP, "totp")?;
            self.totp()
        } else if kind.eq_ignore_ascii_case("yubikey") {
            self.refuse_other_than(&YUBIKEY, "yubikey")?;
            self.yubikey()
        } else {
            bail!("the type is none of hotp, totp and yubikey")
        }
    }

    fn hotp(&self) -> Result<SeedSecret> {
        let Totp { algorithm, digits, .. } = self.totp_parameters()?;
        let counter = self.value("counter").unwrap_or("0").parse().ok().context("the counter is not a number")?;
        Ok(SeedSecret::Hotp { key: oath_key(&self.secret_bytes()?)?, algorithm, digits, counter })
    }

    fn totp(&self) -> Result<SeedSecret> {
        Ok(SeedSecret::Totp { key: oath_key(&self.secret_bytes()?)?, totp: self.totp_parameters()? })
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
            // No one knows how many codes there were in that session, so all of them count as used.
            counter: if sessions == 0 { 0 } else { sessions << 8 | 0xff },
        })
    }

    fn totp_parameters(&self) -> Result<Totp> {
        let usual = Totp::default();
        let algorithm = self.value("algorithm").map(str::parse).transpose();
        let t0 = self.value("t0").map(str::parse).transpose();
        Ok(Totp {
            algorithm: algorithm?.unwrap_or(usual.algorithm),
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

/// The lines of a file, one after the other. Those without a value are passed over.
struct Records<'a> {
    reader: Reader,
    rest: &'a str,
    /// Where the rest begins.
    line: usize,
    cells: Zeroizing<Vec<u8>>,
    ends: [usize; MOST_VALUES],
}

/// One of them: its values in a row, and where each of them ends.
struct Record<'a> {
    line: usize,
    cells: &'a str,
    ends: &'a [usize],
}

impl<'a> Records<'a> {
    fn of(text: &'a str) -> Self {
        // No value is longer than the file, so the buffer is never too small.
        let cells = Zeroizing::new(vec![0; text.len()]);
        Self { reader: Reader::new(), rest: text, line: 1, cells, ends: [0; MOST_VALUES] }
    }

    fn next(&mut self) -> Result<Option<Record<'_>>> {
        while !self.rest.is_empty() {
            let input = self.rest.as_bytes();
            let (result, length, _, values) = self.reader.read_record(input, &mut self.cells, &mut self.ends);
            let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
            let blank = taken.chars().take_while(|letter| *letter == '\n').count();
            let line = self.line.saturating_add(blank);
            self.line = self.line.saturating_add(taken.matches('\n').count());
            self.rest = rest;
            match result {
                ReadRecordResult::Record if self.is_empty(values) => {}
                ReadRecordResult::Record => return self.record(line, values).map(Some),
                _ if blank == length => {}
                ReadRecordResult::InputEmpty => bail!("line {line}: a quotation mark is not closed"),
                _ => bail!("line {line}: there are more than {MOST_VALUES} values"),
            }
        }
        Ok(None)
    }

    fn is_empty(&self, values: usize) -> bool {
        let end = self.ends.iter().take(values).max().copied().unwrap_or_default();
        self.cells.iter().take(end).all(u8::is_ascii_whitespace)
    }

    fn record(&self, line: usize, values: usize) -> Result<Record<'_>> {
        let ends = self.ends.get(..values).unwrap_or_default();
        let cells = self.cells.get(..ends.last().copied().unwrap_or_default()).unwrap_or_default();
        // Cut at commas and quotation marks, which are never within a character.
        let cells = str::from_utf8(cells).with_context(|| format!("line {line}: not in UTF-8"))?;
        ensure!(!cells.contains('\n'), "line {line}: a value has several lines; is a quotation mark missing?");
        Ok(Record { line, cells, ends })
    }
}

impl<'a> Record<'a> {
    fn cells(&self) -> impl Iterator<Item = &'a str> {
        let (cells, ends) = (self.cells, self.ends);
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(ends).map(move |(start, end)| cells.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::seeds;

    const SECRET: &str = "3132333435363738393031323334353637383930";

    /// The whole of a seed in one line, secrets and all.
    fn told(seed: &Seed) -> String {
        let Seed { line, serial, user, secret, .. } = seed;
        let mut text = format!("{line} {serial} {} ", user.as_deref().unwrap_or("-"));
        let ascii = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match secret {
            SeedSecret::Hotp { key, algorithm, digits, counter } => {
                let (key, digits) = (ascii(key.as_bytes()), digits.count());
                write!(text, "hotp {key} {} {digits} from {counter}", algorithm.name())
            }
            SeedSecret::Totp { key, totp: Totp { algorithm, digits, step, t0 } } => {
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
        let seeds = seeds::read(include_bytes!("../../tests/seeds/tokens.csv"), None).unwrap();
        let key = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]";
        assert_eq!(seeds.iter().map(told).collect::<Vec<_>>(), [
            "2 1000133508267 ada hotp 12345678901234567890 SHA1 6 from 0".to_owned(),
            "3 1000133508255 - hotp 12345678901234567890 SHA1 8 from 7".to_owned(),
            "4 2600124809778 Lovelace, Ada totp 12345678901234567890 SHA1 6 every 30 s from 0".to_owned(),
            "6 2600124809787 Ada \"the first\" Lovelace totp 12345678901234567890123456789012 SHA256 8 every 60 s from 1000"
                .to_owned(),
            format!("7 283599 ada yubikey cccccccb [1, 2, 3, 4, 5, 6] {key} 0"),
            format!("8 283600 - yubikey cccccccd [1, 2, 3, 4, 5, 6] {key} 2ff"),
        ]);
    }

    #[test]
    fn columns_come_in_any_order_and_case() {
        let text = format!("Type,SECRET_HEX,Serial\nhotp, {SECRET} ,\" 7 \"\n,,\n \n");
        let seeds = seeds::read(text.as_bytes(), None).unwrap();
        assert_eq!(seeds.iter().map(told).collect::<Vec<_>>(), ["2 7 - hotp 12345678901234567890 SHA1 6 from 0"]);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_not_quoted() {
        const ALL: &str =
            "serial,type,user,secret_hex,secret_base32,algorithm,digits,counter,period,t0,public_id,private_id";
        let b32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (line, error) in [
            (format!(",hotp,,{SECRET},,,,,,,,"), "there is no serial"),
            (format!("7,,,{SECRET},,,,,,,,"), "there is no type"),
            (format!("7,ocra,,{SECRET},,,,,,,,"), "the type is none of hotp, totp and yubikey"),
            (format!("7,hotp,,{SECRET},,,,,,,"), "there are 11 values for 12 columns"),
            (format!("7,hotp,,{SECRET},,,,,,,,,"), "there are 13 values for 12 columns"),
            (format!("{},hotp,,{SECRET},,,,,,,,", "7".repeat(256)), "the serial number is too long for one"),
            ("7,hotp,,,,,,,,,,".into(), "there is no secret"),
            (format!("7,hotp,,{SECRET},{b32},,,,,,,"), "there are two secrets"),
            (format!("7,hotp,,{b32},,,,,,,,"), "the secret is not hexadecimal"),
            (format!("7,hotp,,,{SECRET},,,,,,,"), "the secret is not base32"),
            ("7,hotp,,31323334,,,,,,,,".into(), "the secret has 32 bits; it has to have 128 to 1024"),
            (format!("7,hotp,,{},,,,,,,,", "31".repeat(129)), "the secret has 1032 bits; it has to have 128 to 1024"),
            (format!("7,hotp,,{SECRET},,MD5,,,,,,"), "the algorithm is none of SHA1, SHA256 and SHA512"),
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
            let told = format!("{:#}", seeds::read(text.as_bytes(), None).unwrap_err());
            assert_eq!(told, format!("line 4: {error}"), "{line}");
        }
    }

    #[test]
    fn a_first_line_that_is_no_header_is_not_quoted() {
        for (header, error) in [
            (format!("7,hotp,{SECRET}"), "column 1 has a name that is not known"),
            ("serial,type,secret".into(), "column 3 has a name that is not known"),
            ("serial;type;secret_hex".into(), "column 1 has a name that is not known"),
            ("serial,type,Serial".into(), "there are two columns serial"),
            ("serial,secret_hex".into(), "there is no column type"),
            ("type,secret_hex".into(), "there is no column serial"),
        ] {
            let text = format!("\n{header}\n7,hotp,{SECRET}\n");
            let told = format!("{:#}", seeds::read(text.as_bytes(), None).unwrap_err());
            assert_eq!(told, format!("line 2: {error}"), "{header}");
        }
    }
}
