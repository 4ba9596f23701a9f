//! Tests name the threat or requirement that they cover: `t106_…` is T106 of `docs/threats.md`. The page and the tests
//! must agree: every id in a test has one row there, and every row has a test.
//!
//! A test has an id in its name, as a part followed by an underscore (`t19_t24_every_racer…`, `dxapi_18_w56_…`), or in
//! the doc comment directly above it (`T19`, `W-56`). A test is a function with the attribute `#[test]` or
//! `#[tokio::test]`, or one of the contract suites, which every store runs. Module comments and messages of assertions
//! do not count, since they do not belong to a single test. The rule cannot check whether a test proves what its row
//! says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::tree::Tree;

const PAGE: &str = "docs/threats.md";
const FOLDERS: [&str; 4] = ["crates/", "examples/", "trials/", "xtask/"];
const CONTRACTS: &str = "crates/testkit/src/contract/";
const LISTS: [char; 3] = ['R', 'T', 'W'];

/// Ids of tests that have no row, and rows without a test, duplicate rows and rows without a text.
pub(super) fn unmatched(tree: &Tree) -> Vec<String> {
    let page = match tree.text(PAGE) {
        Ok(page) => page,
        Err(complaint) => return vec![complaint],
    };
    let carried = carried(tree);
    let mut complaints = Vec::new();
    let mut explained = BTreeSet::new();
    for (id, meaning) in rows(page) {
        if !explained.insert(id) {
            complaints.push(format!("{PAGE} has two rows for {id}"));
        }
        if meaning.is_empty() {
            complaints.push(format!("{PAGE} does not say what {id} is"));
        }
    }
    let unknown = carried.iter().filter(|(id, _)| !explained.contains(id));
    complaints.extend(unknown.map(|(id, test)| format!("{PAGE} has no row for {id}, which {test} has")));
    let untested = explained.iter().filter(|id| !carried.contains_key(id));
    complaints.extend(untested.map(|id| format!("{PAGE} has a row for {id}, which no test has")));
    complaints
}

/// The letters of an id, its number, and the part of a requirement that has several (`R59a`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    list: char,
    number: u16,
    part: Option<char>,
}

impl Id {
    /// Parses an id as the page writes it. Zero is not an id: `T0` is the start of RFC 6238's count.
    fn read(word: &str) -> Option<Self> {
        let list = word.chars().next().filter(|letter| LISTS.contains(letter))?;
        let rest = word.strip_prefix(list)?;
        let part = rest.chars().next_back().filter(char::is_ascii_lowercase);
        let digits = part.and_then(|part| rest.strip_suffix(part)).unwrap_or(rest);
        let is_number = digits.chars().all(|digit| digit.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| is_number && *number > 0)?;
        Some(Self { list, number, part })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.list == 'W' { 2 } else { 1 };
        write!(formatter, "{}{:0digits$}", self.list, self.number)?;
        self.part.map_or(Ok(()), |part| write!(formatter, "{part}"))
    }
}

/// The rows of the page's tables that begin with an id: the id, and the cell after it.
fn rows(page: &str) -> impl Iterator<Item = (Id, &str)> {
    page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((Id::read(cells.next()?)?, cells.next().unwrap_or_default()))
    })
}

/// Every id in a test, with the first test that has it.
fn carried(tree: &Tree) -> BTreeMap<Id, String> {
    let mut carried = BTreeMap::new();
    for (path, text) in FOLDERS.iter().flat_map(|folder| tree.texts(folder, ".rs")) {
        for test in tests(path, text) {
            for id in test.ids() {
                carried.entry(id).or_insert_with(|| format!("{} in {path}", test.name));
            }
        }
    }
    carried
}

struct Test<'a> {
    name: &'a str,
    comment: Vec<&'a str>,
}

impl Test<'_> {
    fn ids(&self) -> impl Iterator<Item = Id> {
        let parts = self.name.rsplit('_').skip(1);
        let named = parts.filter(|part| part.starts_with(|letter: char| letter.is_ascii_lowercase()));
        let named = named.filter_map(|part| {
            let (letter, rest) = part.split_at_checked(1)?;
            Id::read(&format!("{}{rest}", letter.to_ascii_uppercase()))
        });
        let told = self.comment.iter().flat_map(|line| {
            let line = line.replace("W-", "W");
            line.split(|letter: char| !letter.is_ascii_alphanumeric()).filter_map(Id::read).collect::<Vec<_>>()
        });
        named.chain(told)
    }
}

/// The tests of a file. Attributes and comments belong to the function directly after them.
fn tests<'a>(path: &str, text: &'a str) -> Vec<Test<'a>> {
    let mut tests = Vec::new();
    let mut comment = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            comment.push(words);
        } else if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        } else if !line.starts_with("//") {
            let comment = std::mem::take(&mut comment);
            let is_test = std::mem::take(&mut is_test) || path.starts_with(CONTRACTS);
            tests.extend(function(line).filter(|_| is_test).map(|name| Test { name, comment }));
        }
    }
    tests
}

/// The name of the function that begins in a line.
fn function(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let begins = before.split_whitespace().all(|word| word == "async" || word.starts_with("pub"));
    let name = after.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next()?;
    begins.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations for this page and this source of all tests.
    fn complaints(page: &str, source: &str) -> Vec<String> {
        unmatched(&Tree::of([(PAGE, page), ("crates/x/tests/all.rs", source)]))
    }

    /// The ids in a source, as they are printed.
    fn ids(path: &str, source: &str) -> Vec<String> {
        tests(path, source).iter().flat_map(Test::ids).map(|id| id.to_string()).collect()
    }

    #[test]
    fn a_page_and_tests_that_agree_are_fine() {
        let page = "# Threats\n\n| id | threat |\n|---|---|\n| T5 | A hook fails. |\n| W01 | One factor is enough. |\n";
        assert_eq!(complaints(page, "/// W-01: as told.\n#[test]\nfn t5_a_hook() {}"), [""; 0]);
    }

    #[test]
    fn an_id_without_a_row_is_named_with_its_test() {
        assert_eq!(
            complaints("| T5 | A hook fails. |", "#[test]\nfn t5_t6_a_hook() {}"),
            ["docs/threats.md has no row for T6, which t5_t6_a_hook in crates/x/tests/all.rs has"]
        );
    }

    #[test]
    fn a_row_without_a_test_is_named() {
        assert_eq!(
            complaints("| T5 | A hook fails. |\n| W06 | A code is good twice. |", "#[test]\nfn t5_a_hook() {}"),
            ["docs/threats.md has a row for W06, which no test has"]
        );
    }

    #[test]
    fn a_row_stands_once_and_says_something() {
        assert_eq!(
            complaints("| T5 | A hook fails. |\n| T5 | |", "#[test]\nfn t5_a_hook() {}"),
            ["docs/threats.md has two rows for T5", "docs/threats.md does not say what T5 is"]
        );
    }

    #[test]
    fn a_missing_page_is_named() {
        assert_eq!(unmatched(&Tree::of([])), ["there is no docs/threats.md"]);
    }

    #[test]
    fn ids_stand_in_names_and_in_the_comment_above() {
        for (source, carried) in [
            ("#[test]\nfn t19_t24_every_racer() {}", vec!["T24", "T19"]),
            ("#[tokio::test(start_paused = true)]\nasync fn dxapi_18_w56_a_code() {}", vec!["W56"]),
            ("/// T20, T21: odds.\n/// R59a and W-05.\n#[test]\nfn odds() {}", vec!["T20", "T21", "R59a", "W05"]),
            ("#[test]\n/// T1.\n// A reason.\n#[cfg(unix)]\nfn leaks() {}", vec!["T1"]),
        ] {
            assert_eq!(ids("crates/x/tests/all.rs", source), carried, "{source}");
        }
    }

    #[test]
    fn what_is_no_id_and_what_is_no_test_carries_nothing() {
        for source in [
            "#[test]\nfn there_is_no_step_before_t0() {}",
            "#[test]\nfn the_step_t0_is_the_first() {}",
            "/// TOTP, SHA1, XT5, T5X, RFC 6238, D4 and t5.\n#[test]\nfn words() {}",
            "/// R6 asks for 160 bits.\nfn t5_a_helper() {}",
            "//! T5: a module.\n#[test]\nfn of_it() {}",
            "/// T5.\n\n#[test]\nfn with_a_gap() {}",
            "#[test]\nfn with_a_message() {\n    assert!(true, \"T5: a message\");\n}",
        ] {
            assert_eq!(ids("crates/x/tests/all.rs", source), [""; 0], "{source}");
        }
    }

    #[test]
    fn what_every_store_runs_is_a_test() {
        let source = "/// T117.\npub(super) async fn t120_of_many(store: Arc<dyn Store>) {}";
        assert_eq!(ids("crates/testkit/src/contract/store/race.rs", source), ["T120", "T117"]);
        assert_eq!(ids("crates/testkit/src/race.rs", source), [""; 0]);
    }
}
