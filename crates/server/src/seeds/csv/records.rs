//! The records of a file of comma-separated values (RFC 4180), or of values with another separator, one by one. Lines
//! without a value are skipped. The number and the meaning of a line do not depend on other lines: an unclosed
//! quotation mark is an error.

use std::str;

use anyhow::{Context as _, Result, bail, ensure};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use zeroize::Zeroizing;

/// The maximum number of values in a line: more than there are columns.
const MAX_VALUES: usize = 32;

/// The records of a file, without lines that have no value.
pub(super) struct Records<'a> {
    reader: Reader,
    delimiter: u8,
    rest: &'a str,
    /// The start of the rest.
    line: usize,
    cells: Zeroizing<Vec<u8>>,
    ends: [usize; MAX_VALUES],
}

/// One record: its values one after the other, and the end of each.
pub(super) struct Record<'a> {
    pub(super) line: usize,
    cells: &'a str,
    ends: &'a [usize],
    /// Whether values are separated by spaces: then several of them count as one.
    is_spaced: bool,
}

impl<'a> Records<'a> {
    /// The records of `text`, which begins in this line of the file.
    pub(super) fn of(text: &'a str, line: usize, delimiter: u8) -> Self {
        // No value is longer than the file, so the buffer is never too small.
        let cells = Zeroizing::new(vec![0; text.len()]);
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, delimiter, rest: text, line, cells, ends: [0; MAX_VALUES] }
    }

    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>> {
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
                _ => bail!("line {line}: there are more than {MAX_VALUES} values"),
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
        // Cut at separators and quotation marks, which are never within a character.
        let cells = str::from_utf8(cells).with_context(|| format!("line {line}: not in UTF-8"))?;
        ensure!(!cells.contains('\n'), "line {line}: a value has several lines; is a quotation mark missing?");
        Ok(Record { line, cells, ends, is_spaced: self.delimiter == b' ' })
    }
}

impl<'a> Record<'a> {
    /// The values, without surrounding spaces.
    pub(super) fn cells(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (cells, ends, is_spaced) = (self.cells, self.ends, self.is_spaced);
        let starts = [0].into_iter().chain(ends.iter().copied());
        let cells = starts.zip(ends).map(move |(start, end)| cells.get(start..*end).unwrap_or_default().trim());
        cells.filter(move |cell| !is_spaced || !cell.is_empty())
    }
}
