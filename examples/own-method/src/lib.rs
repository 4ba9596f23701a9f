//! A second factor of your own: a printed sheet of words, each valid once, in any order.
//!
//! A method only checks one answer. The core makes sure that nothing is accepted twice, that guesses are counted and
//! slowed down, and that of two parallel answers only one counts; a mistake in this file could not undo that.

use countersign::engine::core::{
    Kind, Secret, Timestamp,
    mark::Mark,
    method::foreign::{ForeignMethod, Word},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The state of a sheet. It is sealed before it is stored.
#[derive(Serialize, Deserialize)]
struct Sheet {
    words: Vec<String>,
}

/// The method: words on paper.
#[derive(Clone, Copy, Debug)]
pub struct WordSheets;

impl WordSheets {
    /// The kind of its devices.
    pub const KIND: Kind = Kind::of("word-sheet");

    /// The initial state of a sheet with these words, for [`Engine::add_foreign_device`].
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
        // Every word is compared, even after a match, and in constant time.
        let typed = Secret::new(typed);
        let matching = words.into_iter().enumerate().filter(|(_, word)| typed.is_same(&Secret::new(word.as_str())));
        match matching.fold(None, |_, found| Some(found)) {
            Some((place, _)) => Word::Right { mark: Mark::Once { id: place.to_string(), until: None }, next: None },
            None => Word::Wrong,
        }
    }
}
