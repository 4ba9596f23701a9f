//! A method of a host's own, which clients of deux answer like any other.

use std::sync::Arc;

use countersign_engine::core::{
    DeviceName, Kind, Secret, Timestamp,
    mark::Mark,
    method::foreign::{ForeignMethod, Word},
};
use serde_json::{Value, json};

use crate::site::{Site, TEXT, asked};

const KIND: Kind = Kind::of("word-sheet");

/// One word, which counts once.
#[derive(Debug)]
struct OneWord;

impl ForeignMethod for OneWord {
    fn kind(&self) -> Kind {
        KIND
    }

    fn check(&self, document: &Value, answer: &Secret, _: Timestamp) -> Word {
        if Some(answer.expose()) == document["word"].as_str() {
            Word::Right { mark: Mark::Once { id: "word".into(), until: None }, next: None }
        } else {
            Word::Wrong
        }
    }
}

#[tokio::test]
async fn dxext_01_a_method_of_the_host_s_own_is_asked_by_its_name() {
    let site = Site::built(false, |parts| parts.foreign = vec![Arc::new(OneWord)]);
    let ada = site.world.user("ada");
    let (name, document) = (DeviceName::parse("Sheet").unwrap(), json!({ "word": "oyster" }));
    site.world.engine.add_foreign_device(&ada.user, &KIND, name, document).await.unwrap();
    let mut client = site.client();
    client.signs_in(&ada, &json!({})).await.is(200, &asked("word-sheet"));
    client.signs_in(&ada, &json!({ "mfa_code": "mussel" })).await.is(400, &json!({ "non_field_errors": [TEXT] }));
    site.world.pass(2);
    client.signs_in(&ada, &json!({ "mfa_code": "oyster" })).await.is(200, &json!({ "token": TEXT }));
    client.get("/mfa/").await.is(200, &json!({ "enabled": true, "challenge_type": "word-sheet" }));
}
