//! How often a test repeats what chance decides.

use std::env;

/// The variable that says how many times as often tests repeat themselves; `cargo xtask long` sets it to 100.
const VARIABLE: &str = "COUNTERSIGN_TEST_ROUNDS";

/// `usual`, or so many times as many as the environment says.
pub fn rounds(usual: u32) -> u32 {
    let factor = env::var(VARIABLE).ok().map(|text| text.parse().expect("COUNTERSIGN_TEST_ROUNDS is a number"));
    usual.saturating_mul(factor.unwrap_or(1))
}
