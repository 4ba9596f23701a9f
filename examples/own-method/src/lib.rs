//! A second factor of one's own: a printed sheet of words, each good once, in any order.
//!
//! All that a method does is look at one answer. That nothing is accepted twice, that guesses are counted and slowed down,
//! and that two answers at once do not both count, the core sees to; this file could forget all of it and still be safe.

use countersign::engine::core::{
    Kind, Secret, Timestamp,
    mark::Mark,
    method::foreign::{ForeignMethod, Word},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is kept of a sheet. It is sealed before it is stored.
#[derive(Serialize, Deserialize)]
struct Sheet {
    words: Vec<String>,
}

/// Words on paper.
#[derive(Clone, Copy, Debug)]
pub struct WordSheets;

impl WordSheets {
    /// The kind of its devices.
    pub const KIND: Kind = Kind::of("word-sheet");

    /// The memory of a sheet with these words: for [`Engine::add_foreign_device`].
    ///
    /// [`Engine::add_foreign_device`]: countersign::engine::Engine::add_foreign_device
    pub fn sheet(words: &[&str]) -> Value {
        json!(Sheet { words: words.iter().map(|word| word.to_lowercase()).collect() })
    }
}

impl ForeignMethod for WordSheets {
    fn kind(&self) -> Kind {
        Self::KIND
    }

    fn check(&self, document: &Value, answer: &Secret, _: Timestamp) -> Word {
        let typed = answer.expose().trim().to_lowercase();
        if !(3..=32).contains(&typed.chars().count()) || !typed.chars().all(char::is_alphabetic) {
            return Word::Malformed;
        }
        let Ok(Sheet { words }) = serde_json::from_value(document.clone()) else { return Word::Wrong };
        // Every word is compared, whichever matches, and in constant time.
        let typed = Secret::new(typed);
        let matching = words.into_iter().enumerate().filter(|(_, word)| typed.is_same(&Secret::new(word.as_str())));
        match matching.fold(None, |_, found| Some(found)) {
            Some((place, _)) => Word::Right { mark: Mark::Once { id: place.to_string(), until: None }, next: None },
            None => Word::Wrong,
        }
    }
}
