//! Licence expressions as manifests write them: SPDX identifiers joined by `AND`, `OR`, `WITH` and parentheses, and the
//! slash that old manifests use for `OR`. Source: SPDX 2.3, annex D; the slash: the Cargo Book, "the license field".

use anyhow::{Result, bail, ensure};

/// How deep parentheses may nest, so that a made-up expression cannot exhaust the stack.
const DEPTH: usize = 16;

/// Whether the expression can be satisfied with licences that `allowed` accepts. `allowed` is called with one licence
/// at a time, together with its exception if it has one (`Apache-2.0 WITH LLVM-exception`). An invalid expression is an
/// error, never a result.
pub(super) fn met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut parser = Parser { words: spaced.split_whitespace().collect(), next: 0, allowed };
    let met = parser.any(DEPTH)?;
    match parser.take() {
        None => Ok(met),
        Some(word) => bail!("`{expression}` has `{word}` where it should end"),
    }
}

struct Parser<'a> {
    words: Vec<&'a str>,
    next: usize,
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    /// Alternatives: one of them must be satisfied. All are parsed, so that an error after a satisfied one is found
    /// too.
    fn any(&mut self, depth: usize) -> Result<bool> {
        let mut met = self.all(depth)?;
        while self.accept("OR") {
            met |= self.all(depth)?;
        }
        Ok(met)
    }

    /// Conditions: all must be satisfied. They bind tighter than alternatives.
    fn all(&mut self, depth: usize) -> Result<bool> {
        let mut met = self.one(depth)?;
        while self.accept("AND") {
            met &= self.one(depth)?;
        }
        Ok(met)
    }

    fn one(&mut self, depth: usize) -> Result<bool> {
        if !self.accept("(") {
            return self.licence();
        }
        let Some(depth) = depth.checked_sub(1) else { bail!("the parentheses nest more than {DEPTH} deep") };
        let met = self.any(depth)?;
        ensure!(self.accept(")"), "a parenthesis is not closed");
        Ok(met)
    }

    fn licence(&mut self) -> Result<bool> {
        let licence = self.identifier()?;
        if self.accept("WITH") {
            let exception = self.identifier()?;
            return Ok((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.allowed)(licence))
    }

    fn identifier(&mut self) -> Result<&'a str> {
        match self.take() {
            None => bail!("the expression ends where a licence should stand"),
            Some(word) if is_identifier(word) => Ok(word),
            Some(word) => bail!("`{word}` stands where a licence should"),
        }
    }

    fn accept(&mut self, word: &str) -> bool {
        let here = self.words.get(self.next) == Some(&word);
        self.next += usize::from(here);
        here
    }

    fn take(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word
    }
}

fn is_identifier(word: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '+' | ':');
    !matches!(word, "AND" | "OR" | "WITH") && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met_with(expression: &str, allow: &[&str]) -> bool {
        met(expression, &|licence| allow.contains(&licence)).unwrap()
    }

    #[test]
    fn one_alternative_is_enough_and_every_condition_counts() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("MIT OR GPL-3.0-only", true),
            ("GPL-3.0-only/MIT", true),
            ("GPL-3.0-only / MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("GPL-3.0-only AND MIT", false),
            ("MIT AND ISC", true),
        ] {
            assert_eq!(met_with(expression, &["MIT", "ISC"]), expected, "{expression}");
        }
    }

    #[test]
    fn conditions_bind_tighter_than_alternatives_and_parentheses_tighter_still() {
        for (expression, expected) in [
            ("MIT OR ISC AND GPL-3.0-only", true),
            ("GPL-3.0-only AND ISC OR MIT", true),
            ("(MIT OR ISC) AND GPL-3.0-only", false),
            ("GPL-3.0-only AND (ISC OR MIT)", false),
            ("ISC AND (GPL-3.0-only OR (MIT AND ISC))", true),
        ] {
            assert_eq!(met_with(expression, &["MIT", "ISC"]), expected, "{expression}");
        }
    }

    #[test]
    fn a_licence_with_an_exception_is_allowed_only_as_the_two_together() {
        let expression = "Apache-2.0 WITH LLVM-exception";
        assert!(!met_with(expression, &["Apache-2.0"]));
        assert!(met_with(expression, &[expression]));
        assert!(!met_with("Apache-2.0", &[expression]));
        assert!(met_with("Apache-2.0 WITH LLVM-exception OR MIT", &["MIT"]));
    }

    #[test]
    fn an_expression_that_breaks_the_grammar_is_an_error_even_behind_an_allowed_licence() {
        let deep = format!("{}MIT{}", "(".repeat(DEPTH + 1), ")".repeat(DEPTH + 1));
        for broken in ["", "MIT OR", "OR MIT", "MIT ISC", "(MIT", "MIT)", "()", "MIT OR AND", "MIT WITH", "MI_T", &deep]
        {
            assert!(met(broken, &|_| true).is_err(), "{broken}");
        }
    }
}
