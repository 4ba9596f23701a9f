//! The method meets the contract of all methods, and a user can sign in with it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign::engine::{
    core::{DeviceName, Refusal, Secret, Timestamp, method::Methods},
    memory::MemoryStore,
};
use countersign_testkit::{
    World,
    contract::method::{RightAnswers, Subject, foreign_device},
    refusal,
};
use own_method::WordSheets;

const WORDS: [&str; 4] = ["Marmalade", "umbrella", "kiosk", "lantern"];

#[derive(Debug)]
struct Sheet;

impl RightAnswers for Sheet {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        WORDS[number].into()
    }
}

#[test]
fn a_sheet_of_words_keeps_the_contract() {
    let now = Timestamp::from_seconds(1_767_268_800);
    Subject {
        device: foreign_device(WordSheets::KIND, WordSheets::sheet(&WORDS), now),
        methods: Methods { foreign: vec![Arc::new(WordSheets)], ..Methods::default() },
        right: &Sheet,
        wrong: "oyster".into(),
        malformed: Some("no".into()),
        now,
    }
    .keeps_the_contract();
}

#[tokio::test]
async fn each_word_signs_in_once() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.foreign = vec![Arc::new(WordSheets)]);
    let ada = world.user("ada");
    let name = DeviceName::parse("The sheet in the drawer").unwrap();
    let sheet = WordSheets::sheet(&WORDS);
    world.engine.add_foreign_device(&ada.user, &WordSheets::KIND, name, sheet).await.unwrap();
    ada.signs_in("Kiosk ").await.unwrap();
    assert_eq!(refusal(ada.signs_in("kiosk").await), Refusal::CodeUsed);
    ada.signs_in("lantern").await.unwrap();
}
