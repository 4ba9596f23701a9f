//! SIGHUP: keys and templates are read again, and no session or request ends.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    house::{House, patiently},
    person::Person,
};

#[tokio::test]
async fn t148_a_hangup_reads_keys_and_templates_again_and_ends_nothing() {
    let house = House::of(&["ada"]);
    fs::create_dir(house.path("templates")).unwrap();
    let write = |text: &str| house.write("templates/secret.html", text);
    write("first {{ user.level }}");
    fs::create_dir_all(house.path("messages/en")).unwrap();
    let server = house.serves_with(
        "serve --bind 127.0.0.1:0",
        &[("COUNTERSIGN_TEMPLATE_DIR", "templates"), ("COUNTERSIGN_MESSAGE_TEMPLATE_DIR", "messages")],
    );
    let mut ada = Person::at(&server, "ada");
    ada.sets_up().await;
    assert_eq!(ada.browser.get("/secret").await.body, "first aal2");

    write("second {{ user.level }}");
    house.run("keys new").succeeds();
    server.signal("HUP");
    server.wait_for("SIGHUP: reading keys and templates again");
    server.wait_for("the keys have changed");
    for _ in 0..2000 {
        if ada.browser.get("/secret").await.body == "second aal2" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(ada.browser.get("/secret").await.body, "second aal2", "the session goes on");

    write("{% if %}");
    house.write("messages/en/sms.txt", "{% if %}");
    fs::set_permissions(house.path("countersign.key"), fs::Permissions::from_mode(0o644)).unwrap();
    server.signal("HUP");
    server.wait_for("could not reload the templates of pages");
    server.wait_for("could not reload the templates of messages");
    server.wait_for("other users can read the key file");
    assert_eq!(ada.browser.get("/secret").await.body, "second aal2");
    assert!(ada.is_verified().await);
    assert!(patiently(|| server.log().contains("the templates that were in use stay in use").then_some(())).is_some());
}
