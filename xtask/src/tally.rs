//! Counting tests: each test binary ends with a line such as `test result: ok. 3 passed; 0 failed; …`, and a run of the
//! workspace has dozens of them. This computes the sum.

use std::{
    fmt,
    io::{BufRead, Write},
    ops::AddAssign,
};

use anyhow::Result;

/// The number of tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Prints a test run's output line by line, and sums the result lines.
    pub(crate) fn while_copying(mut from: impl BufRead, mut to: impl Write) -> Result<Self> {
        let mut sum = Self::default();
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line)? > 0 {
            to.write_all(&line)?;
            to.flush()?;
            if let Some(tally) = Self::of_line(&String::from_utf8_lossy(&line)) {
                sum += tally;
            }
            line.clear();
        }
        Ok(sum)
    }

    fn of_line(line: &str) -> Option<Self> {
        let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| counts.split("; ").find_map(|count| count.strip_suffix(what)?.trim().parse().ok());
        Some(Self { passed: count("passed")?, failed: count("failed")? })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "\
running 2 tests
test one ... ok
test result: lines::may::be::named::so ... ok

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 40 passed; 3 failed; 1 ignored; 0 measured; 5 filtered out; finished in 1.20s
";

    #[test]
    fn result_lines_are_summed() {
        let tally = Tally::while_copying(RUN.as_bytes(), Vec::new()).unwrap();
        assert_eq!(tally.to_string(), "42 passed, 4 failed");
    }

    #[test]
    fn what_is_counted_is_also_passed_on_byte_for_byte() {
        let run: &[u8] = b"not UTF-8: \xff\r\ntest result: ok. 1 passed; 0 failed; 0 ignored\nno newline at the end";
        let mut copy = Vec::new();
        let tally = Tally::while_copying(run, &mut copy).unwrap();
        assert_eq!(copy, run);
        assert_eq!(tally, Tally { passed: 1, failed: 0 });
    }

    #[test]
    fn nothing_else_is_counted() {
        for line in ["7 passed; 0 failed", "test result: ok", "test result: ok. many passed; 0 failed", ""] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }
}
