//! Words that the project does not use, because they mean something else here, or nothing to a reader of the field. STYLE.md
//! says what is written instead.

use super::tree::Tree;

/// A word, as it is found in any case and as a part of an identifier, and what is written instead.
const BANNED: [(&str, &str); 19] = [
    ("advance.rs", "flow.rs"),
    ("anybody", "any user, any client"),
    ("AtOnce", "Stateless"),
    ("COME_BACK", "RETRY_AFTER"),
    ("deed", "action"),
    ("firm ground", "the precondition that is checked"),
    ("InTurn", "SeparateReads"),
    ("known browser", "device cookie"),
    ("known_browser", "device cookie"),
    ("LONGEST_", "MAX_"),
    ("MOST_", "MAX_"),
    ("MoveFactors", "BumpFactorSet"),
    ("PATIENCE", "TIMEOUT"),
    ("surer", "stronger"),
    ("surest", "strongest"),
    ("the house", "the project, or the architecture"),
    ("too surely", "with too much assurance"),
    ("weakly", "with too little assurance"),
    ("whoever", "the user, the client, the caller, the attacker"),
];

/// Files in which a word means what it says elsewhere: what the word is, where, and why.
const EXCEPTIONS: [(&str, &str, &str); 10] = [
    ("", "CHANGELOG.md", "upgrade notes name what was renamed"),
    ("", "STYLE.md", "the rules name the words"),
    ("", "xtask/src/tidy.rs", "a test of this rule"),
    ("", "xtask/src/tidy/words.rs", "this list"),
    ("known browser", "crates/engine/src/keyring.rs", "a key is derived under this name"),
    ("known_browser", "crates/server/src/config/source.rs", "a setting that was renamed"),
    ("known browser", "crates/store/src/postgres/migrate.rs", "a migration that was applied"),
    ("known_browser", "crates/store/src/postgres/migrate.rs", "a migration that was applied"),
    ("known browser", "crates/store/src/sqlite/migrate.rs", "a migration that was applied"),
    ("known_browser", "crates/store/src/sqlite/migrate.rs", "a migration that was applied"),
];

const ENDINGS: [&str; 5] = [".rs", ".md", ".html", ".ftl", ".toml"];

/// Lines with a word that is not used.
pub(super) fn banned(tree: &Tree) -> Vec<String> {
    let files = ENDINGS.iter().flat_map(|ending| tree.texts("", ending));
    files.flat_map(|(path, text)| in_file(path, text)).collect()
}

fn in_file(path: &str, text: &str) -> Vec<String> {
    // A migration that was applied stays as it is.
    if path.contains("/migrations/") {
        return vec![];
    }
    let allowed =
        |word: &str| EXCEPTIONS.iter().any(|(exempt, file, _)| *file == path && (exempt.is_empty() || *exempt == word));
    let words: Vec<_> = BANNED.iter().filter(|(word, _)| !allowed(word)).collect();
    let lines = text.lines().zip(1_u32..);
    lines
        .flat_map(|(line, number)| {
            let found = words.iter().filter(move |(word, _)| has(line, word));
            found.map(move |(word, instead)| format!("{path}:{number} says `{word}`: write {instead}"))
        })
        .collect()
}

/// Whether a line has the word, not in the middle of a longer one. A word in lower case is found in any case.
fn has(line: &str, word: &str) -> bool {
    let is_lower = word.chars().all(|c| !c.is_uppercase());
    let line = if is_lower { line.to_lowercase() } else { line.to_owned() };
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line.get(..at).unwrap_or_default(), line.get(at + word.len()..).unwrap_or_default());
        let plural = after.strip_prefix('s').unwrap_or(after);
        !is_letter(before.chars().next_back()) && (word.ends_with('_') || !is_letter(plural.chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_used_is_found_with_what_is_written_instead() {
        let tree = Tree::of([("crates/x/src/lib.rs", "/// The Deed of the surest.\nconst LONGEST_NAME: usize = 1;")]);
        assert_eq!(
            banned(&tree),
            [
                "crates/x/src/lib.rs:1 says `deed`: write action",
                "crates/x/src/lib.rs:1 says `surest`: write strongest",
                "crates/x/src/lib.rs:2 says `LONGEST_`: write MAX_",
            ]
        );
    }

    #[test]
    fn parts_of_other_words_and_files_with_a_reason_are_left_alone() {
        let tree = Tree::of([
            ("crates/x/src/lib.rs", "indeed, a measurest; the ALMOST_ALL"),
            ("CHANGELOG.md", "`known_browser` is `device_cookie_lifetime`"),
            ("crates/x/migrations/1.rs", "known browsers"),
        ]);
        assert_eq!(banned(&tree), [""; 0]);
    }
}
