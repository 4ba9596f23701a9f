//! What a running application does besides answering: one call to spawn.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use countersign_testkit::World;

#[tokio::test(start_paused = true)]
async fn t136_one_spawned_call_deletes_what_has_expired_and_reports_the_node() {
    let world = World::new();
    let ada = world.user("ada");
    ada.signs_in_with_password().await;
    world.pass(400 * 24 * 3600);
    assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), 1);
    let housekeeping = tokio::spawn(world.engine.housekeeping("1.2.3"));
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.store.sessions(&ada.user.id).await.unwrap(), [], "soon after the start");
    let nodes = world.engine.nodes().await.unwrap();
    assert!(nodes.len() == 1 && nodes[0].version == "1.2.3" && world.engine.is_live(&nodes[0]), "{nodes:?}");

    ada.signs_in_with_password().await;
    world.pass(400 * 24 * 3600);
    tokio::time::sleep(Duration::from_mins(61)).await;
    assert_eq!(world.store.sessions(&ada.user.id).await.unwrap(), [], "and every hour");
    assert!(!housekeeping.is_finished(), "until the application ends");
}
