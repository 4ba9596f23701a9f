//! Every refusal has a text: a code of the closed list without one would be shown as an empty page, and only when it is
//! first refused.

use std::collections::BTreeSet;

use super::tree::Tree;

const REFUSALS: &str = "crates/core/src/refusal.rs";
const LOCALE: &str = "crates/axum/locales/en/";

/// Codes of `Refusal` that have no message `refusal-<code>` in the English texts.
pub(super) fn unspoken(tree: &Tree) -> Vec<String> {
    let codes = match tree.text(REFUSALS).and_then(codes) {
        Ok(codes) => codes,
        Err(complaint) => return vec![complaint],
    };
    let messages: BTreeSet<&str> = tree.texts(LOCALE, ".ftl").flat_map(|(_, text)| messages(text)).collect();
    if messages.is_empty() {
        return vec![format!("there is no text under {LOCALE}")];
    }
    let unspoken = codes.into_iter().filter(|code| !messages.contains(format!("refusal-{code}").as_str()));
    unspoken.map(|code| format!("no message refusal-{code} under {LOCALE}")).collect()
}

/// The literals that the function `code` returns.
fn codes(source: &str) -> Result<Vec<&str>, String> {
    let body = source.split_once("fn code(").map(|(_, rest)| body(rest)).unwrap_or_default();
    let codes: Vec<&str> = body.split('"').skip(1).step_by(2).filter(|literal| is_code(literal)).collect();
    if codes.is_empty() { Err(format!("{REFUSALS} has no function `code` that returns codes")) } else { Ok(codes) }
}

/// The text between the next brace and the one that closes it.
fn body(source: &str) -> &str {
    let mut depth = 0_usize;
    let end = source.find(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => return false,
        }
        depth == 0
    });
    end.and_then(|end| source.get(..end)).unwrap_or_default()
}

fn is_code(literal: &str) -> bool {
    !literal.is_empty()
        && literal.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// The names of the messages in a Fluent file, without attributes and comments.
fn messages(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| Some(line.split_once('=')?.0.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        impl Refusal {
            /// The stable code.
            pub fn code(&self) -> &'static str {
                match self {
                    Self::WrongCode { .. } => "wrong-code",
                    Self::Locked { until: _ } => "locked",
                }
            }
            pub fn field(&self) -> &'static str { "not-a-code" }
        }
    "#;

    fn complaints(text: &str) -> Vec<String> {
        unspoken(&Tree::of([(REFUSALS, SOURCE), ("crates/axum/locales/en/refusals.ftl", text)]))
    }

    #[test]
    fn only_the_literals_of_the_function_code_are_codes() {
        assert_eq!(codes(SOURCE).unwrap(), ["wrong-code", "locked"]);
    }

    #[test]
    fn a_code_with_a_message_is_spoken() {
        assert_eq!(complaints("refusal-wrong-code = Wrong.\nrefusal-locked =\n    Locked.\n"), [""; 0]);
    }

    #[test]
    fn a_code_without_one_is_named() {
        let text = "refusal-locked-until = Not the same.\n# refusal-locked = A remark.\nrefusal-wrong-code = Wrong.";
        assert_eq!(complaints(text), ["no message refusal-locked under crates/axum/locales/en/"]);
    }

    #[test]
    fn missing_inputs_are_named() {
        assert_eq!(unspoken(&Tree::of([])), ["there is no crates/core/src/refusal.rs"]);
        assert_eq!(unspoken(&Tree::of([(REFUSALS, SOURCE)])), ["there is no text under crates/axum/locales/en/"]);
        assert_eq!(
            unspoken(&Tree::of([(REFUSALS, "enum Refusal {}")])),
            ["crates/core/src/refusal.rs has no function `code` that returns codes"]
        );
    }
}
