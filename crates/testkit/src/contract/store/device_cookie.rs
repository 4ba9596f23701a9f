//! Device cookies: each slot of a user holds one, and one that is not written never fails a commit.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        BrowserId, Change, DeviceCookie, DeviceCookieChange, DeviceId, Sealed, UserId, device_cookie::MAX_BROWSERS,
    },
};

use super::{ada, at, done};
use crate::all_at_once;

pub(super) fn cookie(user: &UserId, slot: u8, browser: &str) -> DeviceCookie {
    DeviceCookie {
        user: user.clone(),
        slot,
        browser: BrowserId::new(browser),
        stamp: "stamp".into(),
        device: Some(DeviceId::new("phone")),
        created: at(10),
        last_seen: at(20),
    }
}

pub(super) fn put(cookie: DeviceCookie, replaces: Option<&str>) -> Change<Sealed> {
    Change::DeviceCookie(DeviceCookieChange::Put { cookie, replaces: replaces.map(BrowserId::new) })
}

async fn cookies(store: &Arc<dyn Store>, user: &UserId) -> Vec<DeviceCookie> {
    store.device_cookies(user).await.expect("the store can read")
}

pub(super) async fn every_column_of_a_device_cookie_comes_back(store: Arc<dyn Store>) {
    let bare = DeviceCookie { device: None, stamp: String::new(), ..cookie(&ada(), 0, "ü \"'") };
    let last = cookie(&ada(), MAX_BROWSERS - 1, "last");
    done(&store, vec![put(last.clone(), None), put(bare.clone(), None)]).await;
    assert_eq!(cookies(&store, &ada()).await, [bare.clone(), last.clone()]);
    let changed = DeviceCookie { stamp: "other".into(), created: at(-1), last_seen: at(99), ..last.clone() };
    done(&store, vec![put(changed.clone(), Some("last"))]).await;
    assert_eq!(cookies(&store, &ada()).await, [bare, changed]);
}

pub(super) async fn a_slot_is_taken_from_the_browser_that_is_named(store: Arc<dyn Store>) {
    done(&store, vec![put(cookie(&ada(), 0, "first"), None)]).await;
    for replaces in [None, Some("another")] {
        done(&store, vec![put(cookie(&ada(), 0, "second"), replaces)]).await;
        assert_eq!(cookies(&store, &ada()).await, [cookie(&ada(), 0, "first")]);
    }
    done(&store, vec![put(cookie(&ada(), 0, "second"), Some("first"))]).await;
    assert_eq!(cookies(&store, &ada()).await, [cookie(&ada(), 0, "second")]);
    done(&store, vec![put(cookie(&ada(), 1, "third"), Some("none"))]).await;
    assert_eq!(cookies(&store, &ada()).await.len(), 1);
}

pub(super) async fn a_slot_goes_to_one_of_many(store: Arc<dyn Store>) {
    let tasks = all_at_once(32, |number| {
        let store = Arc::clone(&store);
        async move { done(&store, vec![put(cookie(&ada(), 3, &number.to_string()), None)]).await }
    });
    tasks.await;
    assert_eq!(cookies(&store, &ada()).await.len(), 1);
}

pub(super) async fn device_cookies_end_by_user_and_by_browser(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    let all = [cookie(&ada(), 0, "home"), cookie(&ada(), 1, "work"), cookie(&bob, 0, "home")];
    done(&store, all.into_iter().map(|cookie| put(cookie, None)).collect()).await;
    done(&store, vec![Change::DeviceCookie(DeviceCookieChange::End { user: ada(), browser: BrowserId::new("home") })])
        .await;
    assert_eq!(cookies(&store, &ada()).await, [cookie(&ada(), 1, "work")]);
    let anew = put(cookie(&ada(), 1, "anew"), None);
    done(&store, vec![anew, Change::DeviceCookie(DeviceCookieChange::EndAll { user: ada() })]).await;
    assert_eq!(cookies(&store, &ada()).await, [cookie(&ada(), 1, "anew")], "ends come first");
    assert_eq!(cookies(&store, &bob).await.len(), 1);
}
