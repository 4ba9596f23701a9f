//! The meaning of a file's columns: by the names in its first line, or by their order if the first line is a token
//! already. This module never guesses a type: if the file does not give it, the administrator who imports the file
//! does, or a column that only one type has.

use anyhow::{Context as _, Result, ensure};

use super::{Record, Records};
use crate::seeds::{OathKind, from_hex};

/// A known column that is ignored.
pub(super) const IGNORED: &str = "";
/// A value that is a counter or a period, depending on the type of the token.
pub(super) const MOVING: &str = "counter or period";

/// The separators, tried in this order. Spaces come last, because column names contain them.
const DELIMITERS: [u8; 5] = [b',', b';', b'\t', b'|', b' '];

/// Vendors' names for our columns, in lower case and with letters and digits only.
const NAMES: [(&str, &[&str]); 15] = [
    ("serial", &["serial", "serialnumber", "serialno", "tokenserialnumber"]),
    ("type", &["type", "tokentype"]),
    ("user", &["user", "username", "upn", "userprincipalname"]),
    ("secret_hex", &["secrethex", "hexsecret", "seedhex", "hexseed"]),
    // The name and the format (base32) are Microsoft's.
    ("secret_base32", &["secretbase32", "base32secret", "secretkey"]),
    ("algorithm", &["algorithm", "hash", "hashalgorithm", "hashfunction"]),
    ("digits", &["digits"]),
    ("counter", &["counter"]),
    ("period", &["period", "timeinterval", "timestep"]),
    ("t0", &["t0"]),
    ("public_id", &["publicid"]),
    ("private_id", &["privateid"]),
    (IGNORED, &["manufacturer"]),
    (IGNORED, &["model"]),
    (IGNORED, &["vendor"]),
];

/// The order of values in a file without column names, from the serial number on. An owner may be in front.
const IN_ORDER: [&str; 5] = ["serial", "secret_hex", "type", "digits", MOVING];

/// The minimum number of hexadecimal digits of a seed: no serial number is as long.
const SEED_DIGITS: usize = 20;

/// How to read the values of a file.
pub(super) struct Layout<'a> {
    pub(super) columns: Vec<&'static str>,
    /// The type of tokens without one.
    pub(super) kind: Option<OathKind>,
    /// Whether every line must have all columns. In a file without column names the last ones may be left out.
    pub(super) is_whole: bool,
    /// The lines with tokens.
    pub(super) records: Records<'a>,
}

impl<'a> Layout<'a> {
    /// The layout of `text`, if it has a line; `kind` is the type given on the command line.
    pub(super) fn of(text: &'a str, kind: Option<OathKind>) -> Result<Option<Self>> {
        let (text, first, delimiter) = announced(text);
        let mut problem = None;
        for delimiter in delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]) {
            let mut records = Records::of(text, first, delimiter);
            // Text that cannot be parsed with this separator may be valid with another.
            let found = records.next().and_then(|record| record.as_ref().map(Columns::of).transpose());
            match found {
                Ok(Some(Columns::Named(columns))) => {
                    let is_totp = !columns.contains(&"type") && columns.contains(&"period");
                    let kind = kind.or(is_totp.then_some(OathKind::Totp));
                    check(&columns, kind).with_context(|| format!("line {}", line_of(text, first)))?;
                    return Ok(Some(Self { columns, kind, is_whole: true, records }));
                }
                Ok(Some(Columns::InOrder(columns))) => {
                    let records = Records::of(text, first, delimiter);
                    return Ok(Some(Self { columns, kind, is_whole: false, records }));
                }
                Ok(None) => return Ok(None),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or(Ok(None), Err)
    }
}

/// After a line `sep=;`, as spreadsheets write it: the rest of the text, its line number, and the separator.
fn announced(text: &str) -> (&str, usize, Option<u8>) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let announced = first.split_at_checked(4).filter(|(sep, _)| sep.eq_ignore_ascii_case("sep="));
    match announced.map(|(_, delimiter)| delimiter.as_bytes()) {
        Some(&[delimiter]) if delimiter != b'"' => (rest, 2, Some(delimiter)),
        _ => (text, 1, None),
    }
}

/// The position of the first line with a value.
fn line_of(text: &str, first: usize) -> usize {
    let blank = text.lines().take_while(|line| line.trim().is_empty()).count();
    first.saturating_add(blank)
}

/// The meaning of the first line.
enum Columns {
    /// It has the column names.
    Named(Vec<&'static str>),
    /// It is a token.
    InOrder(Vec<&'static str>),
}

impl Columns {
    fn of(record: &Record<'_>) -> Result<Self> {
        if let Some(columns) = in_order(record) {
            return Ok(Self::InOrder(columns));
        }
        named(record).map(Self::Named).with_context(|| format!("line {}", record.line))
    }
}

/// The columns of a line that is a token: a serial number and a hexadecimal seed, optionally followed by a type and
/// more, and with a type optionally preceded by an owner.
fn in_order(record: &Record<'_>) -> Option<Vec<&'static str>> {
    let cells: Vec<&str> = record.cells().collect();
    let is_type = |cell: &&str| ["hotp", "totp"].iter().any(|kind| cell.eq_ignore_ascii_case(kind));
    let is_seed = |place: usize| cells.get(place).is_some_and(|cell| is_seed(cell));
    let fits = |columns: &[&str]| cells.len() <= columns.len();
    if is_seed(1) && fits(&IN_ORDER) && cells.get(2).is_none_or(|cell| cell.is_empty() || is_type(cell)) {
        return Some(IN_ORDER.to_vec());
    }
    let owned: Vec<_> = ["user"].into_iter().chain(IN_ORDER).collect();
    (is_seed(2) && fits(&owned) && cells.get(3).is_some_and(is_type)).then_some(owned)
}

fn is_seed(cell: &str) -> bool {
    cell.len() >= SEED_DIGITS && from_hex(cell).is_some()
}

fn named(header: &Record<'_>) -> Result<Vec<&'static str>> {
    let mut columns = Vec::new();
    for (cell, number) in header.cells().zip(1..) {
        let cell: String = cell.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let column = NAMES.iter().find_map(|(column, names)| names.contains(&cell.as_str()).then_some(*column));
        // The file may have no column names, so this may be a seed: do not quote it.
        let column = column.with_context(|| {
            let known: Vec<_> = NAMES.iter().map(|(column, _)| *column).filter(|column| *column != IGNORED).collect();
            format!("column {number} has an unknown name: known names are {}", known.join(", "))
        })?;
        ensure!(column == IGNORED || !columns.contains(&column), "there are two columns {column}");
        columns.push(column);
    }
    Ok(columns)
}

fn check(columns: &[&str], kind: Option<OathKind>) -> Result<()> {
    ensure!(columns.contains(&"serial"), "there is no column serial");
    ensure!(
        columns.contains(&"type") || kind.is_some(),
        "there is no column type: set the type of the tokens with --type"
    );
    Ok(())
}
