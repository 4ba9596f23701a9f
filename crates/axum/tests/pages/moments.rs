//! Times on pages: how long from now, and when, in UTC where no script runs.

use countersign_testkit::Page;

use crate::site::Site;

/// What stands in the times of a page, each with how exactly the script says it.
fn times(page: &Page) -> Vec<(String, String)> {
    let times = page.body.split("<time datetime=\"").skip(1).map(|rest| {
        let show = rest.split("data-show=\"").nth(1).unwrap().split('"').next().unwrap();
        (show.to_owned(), rest.split(['>', '<']).nth(1).unwrap().to_owned())
    });
    times.collect()
}

#[tokio::test]
async fn what_expires_is_told_by_how_long_it_lasts_and_when() {
    let site = Site::with_every_method();
    let mut ada = site.newcomer("ada").await;
    ada.sets_up_phone(&site.world).await;
    ada.browser = site.browser();
    let page = ada.signs_in("").await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("This sign-in expires in 10 minutes, at <time datetime="), "{}", page.body);
    assert!(page.says("The code expires in 5 minutes, at <time datetime="), "{}", page.body);
    let expected = [("time", "12:06 UTC"), ("time", "12:11 UTC")].map(|(show, text)| (show.into(), text.into()));
    assert_eq!(times(&page), expected);
    site.world.pass(9 * 60);
    let page = ada.browser.get("/account/login/second-factor").await;
    assert!(page.says("This sign-in expires in less than two minutes, at"), "{}", page.body);

    let member = site.member("bob").await;
    let mut browser = member.browser;
    let page = browser.get("/account/two-factor").await;
    let all = times(&page);
    assert!(!all.is_empty() && all.iter().all(|(show, text)| show == "minute" && text.ends_with(" UTC")), "{all:?}");
}

/// Where no script runs there is no button, and where one does it says what it is for.
#[tokio::test]
async fn every_password_has_a_button_that_is_hidden_without_the_script() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    for (path, fields) in [("/account/login", 1), ("/account/password", 3)] {
        let page = ada.browser.get(path).await;
        assert!(!page.says("\nNone\n"), "what asks for the script shows nothing: {}", page.body);
        assert_eq!(page.body.matches("type=\"password\"").count(), fields, "{path}");
        let buttons: Vec<_> = page.body.split("<button").filter(|rest| rest.contains("data-reveal")).collect();
        assert_eq!(buttons.len(), fields, "{path}");
        for button in buttons {
            let (head, text) = button.split_once('>').unwrap();
            assert!(text.starts_with("Show password</button>"), "{button}");
            for part in [" hidden", "type=\"button\"", "aria-pressed=\"false\"", "aria-label=\"Show password: "] {
                assert!(head.contains(part), "{part}: {head}");
            }
            let id = head.split("data-reveal=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(page.says(&format!("<input id=\"{id}\"")), "{id}");
        }
    }
}
