//! Templates of pages and messages: listed, printed, and replaced by files.

use std::fs;

use crate::{
    house::{House, PASSWORD},
    person::Person,
};

#[tokio::test]
async fn a_printed_template_can_be_changed_and_put_in_its_place() {
    let house = House::of(&["ada"]);
    fs::create_dir_all(house.path("pages")).unwrap();
    fs::create_dir_all(house.path("messages/nl")).unwrap();
    let page = house.run("template show account.html").succeeds().to_owned();
    house.write("pages/account.html", &page.replace("{% block main %}", "{% block main %}<p>Look who is here.</p>"));
    house.write("messages/nl/sms.txt", house.run("template show en/sms.txt").succeeds());
    let server = house.serves_with(
        "serve --bind 127.0.0.1:0",
        &[("COUNTERSIGN_TEMPLATE_DIR", "pages"), ("COUNTERSIGN_MESSAGE_TEMPLATE_DIR", "messages")],
    );
    assert!(Person::at(&server, "ada").signs_in(PASSWORD).await.says("Look who is here."));
}

#[test]
fn every_template_is_listed_with_what_it_reads() {
    let house = House::empty();
    let list = house.run("template list --json").json();
    let templates = list.as_array().unwrap();
    let variables = |name: &str| {
        let template = templates.iter().find(|template| template["name"] == name).unwrap();
        (template["setting"].as_str().unwrap(), template["variables"].to_string())
    };
    let (setting, read) = variables("login.html");
    assert!(setting == "template_dir" && read.contains("\"name\"") && !read.contains("\"site\""), "{read}");
    assert_eq!(variables("en/email.txt"), ("message_template_dir", r#"["code","site","minutes","domain"]"#.to_owned()));
    for template in templates {
        house.run(&format!("template show {}", template["name"].as_str().unwrap())).succeeds();
    }
    assert_eq!(
        house.run("template show logn.html").fails(),
        "there is no template \"logn.html\": `countersign template list` lists the templates"
    );
}

#[test]
fn a_file_that_replaces_no_template_stops_the_server_and_is_told_by_doctor() {
    let house = House::of(&["ada"]);
    fs::create_dir_all(house.path("pages")).unwrap();
    house.write("pages/_footer.html", "<p>of our own</p>");
    house.run_in_place("doctor", &[("COUNTERSIGN_TEMPLATE_DIR", "pages")]).succeeds();
    house.write("pages/logn.html", "");
    let environment = [("COUNTERSIGN_TEMPLATE_DIR", "pages")];
    let refused = house.run_in_place("serve --bind 127.0.0.1:0", &environment);
    let replaces_none = refused.err.contains("the template logn.html replaces none of account.html, ");
    assert!(refused.status == 1 && replaces_none, "{}", refused.err);
    let doctor = house.run_in_place("doctor", &environment);
    assert!(doctor.status == 1 && doctor.out.contains("logn.html"), "{}", doctor.out);
    fs::remove_file(house.path("pages/logn.html")).unwrap();
    fs::create_dir_all(house.path("messages/nl")).unwrap();
    house.write("messages/nl/sms.text", "{{ code }}");
    let environment = [("COUNTERSIGN_MESSAGE_TEMPLATE_DIR", "messages")];
    let refused = house.run_in_place("serve --bind 127.0.0.1:0", &environment);
    let replaces_none = refused.err.contains("nl/sms.text replaces no text of a message");
    assert!(refused.status == 1 && replaces_none, "{}", refused.err);
    assert_eq!(house.run_in_place("doctor", &environment).status, 1);
}
