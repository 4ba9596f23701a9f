//! Deliveries: written once, noted as far as they have come, and forgotten with the events.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        AttemptId, Change, Delivery, DeliveryChange, DeliveryId, DeliveryStatus, DeviceId, Kind, Sealed, Timestamp,
        UserId, Written, delivery::Note,
    },
    port::Retention,
};

use super::{ada, at, commit, done};

fn delivery(id: &str, created: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::new(id),
        user: ada(),
        device: DeviceId::new("phone"),
        channel: Kind::SMS,
        attempt: AttemptId::new("attempt"),
        region: "+31".into(),
        price: 80,
        created,
        status: DeliveryStatus::Waiting,
        noted: created,
        reference: None,
        reason: None,
        verified: None,
    }
}

fn note(id: &str, status: DeliveryStatus, reference: Option<&str>) -> Change<Sealed> {
    Change::Delivery(DeliveryChange::Note(Note {
        delivery: DeliveryId::new(id),
        status,
        reference: reference.map(str::to_owned),
        reason: (status == DeliveryStatus::Failed).then(|| "30003".into()),
        at: at(60),
    }))
}

async fn sent(store: &Arc<dyn Store>, user: &UserId) -> Vec<Delivery> {
    store.deliveries(user, 100).await.expect("a read")
}

pub(super) async fn every_column_of_a_delivery_comes_back(store: Arc<dyn Store>) {
    let full = Delivery {
        region: "é'; --".into(),
        price: u32::MAX,
        status: DeliveryStatus::Undelivered,
        noted: Timestamp::from_millis(i64::MAX),
        reference: Some("SM1".into()),
        reason: Some("30003".into()),
        verified: Some(Timestamp::from_millis(i64::MIN)),
        ..delivery("full", at(3))
    };
    let mut written = vec![full, delivery("bare", at(2))];
    for (number, status) in (10..).zip(DeliveryStatus::ALL) {
        written.insert(0, Delivery { status, ..delivery(status.as_str(), at(number)) });
    }
    done(&store, written.iter().cloned().map(DeliveryChange::Add).map(Change::Delivery).collect()).await;
    assert_eq!(sent(&store, &ada()).await, written, "newest first");
    written.truncate(2);
    assert_eq!(store.deliveries(&ada(), 2).await.expect("a read"), written);
    assert!(sent(&store, &UserId::new("bob")).await.is_empty());
}

pub(super) async fn a_delivery_is_added_once(store: Arc<dyn Store>) {
    done(&store, vec![Change::Delivery(DeliveryChange::Add(delivery("one", at(1))))]).await;
    let again =
        vec![Change::Delivery(DeliveryChange::Add(Delivery { region: "+32".into(), ..delivery("one", at(2)) }))];
    assert_eq!(commit(&store, again).await, Written::Conflict);
    assert_eq!(sent(&store, &ada()).await, [delivery("one", at(1))]);
}

/// Every word of a gateway's after every other: it is noted where it follows, and nothing stands against it where it does
/// not.
pub(super) async fn a_last_word_stands_and_a_first_one_comes_first(store: Arc<dyn Store>) {
    for before in DeliveryStatus::ALL {
        for status in DeliveryStatus::ALL.into_iter().filter(|status| *status != DeliveryStatus::Waiting) {
            let id = format!("{before:?} {status:?}");
            let row = Delivery { status: before, reference: Some("first".into()), ..delivery(&id, at(1)) };
            done(&store, vec![Change::Delivery(DeliveryChange::Add(row.clone()))]).await;
            done(&store, vec![note(&id, status, None)]).await;
            let found =
                sent(&store, &ada()).await.into_iter().find(|sent| sent.id.as_str() == id).expect("it is there");
            if status.follows(before) {
                let reason = (status == DeliveryStatus::Failed).then(|| "30003".to_owned());
                assert_eq!(found, Delivery { status, noted: at(60), reason, ..row }, "what was noted, stays");
            } else {
                assert_eq!(found, row, "{id}");
            }
        }
    }
    done(&store, vec![note("nobody's", DeliveryStatus::Sent, Some("SM1"))]).await;
}

pub(super) async fn a_code_that_comes_back_is_noted_once(store: Arc<dyn Store>) {
    done(&store, vec![Change::Delivery(DeliveryChange::Add(delivery("one", at(1))))]).await;
    let verified = |at| vec![Change::Delivery(DeliveryChange::NoteVerified { delivery: DeliveryId::new("one"), at })];
    done(&store, verified(at(5))).await;
    done(&store, verified(at(6))).await;
    done(&store, vec![note("one", DeliveryStatus::Sent, Some("SM1"))]).await;
    let found = sent(&store, &ada()).await;
    assert_eq!(found.first().map(|sent| (sent.verified, sent.status)), Some((Some(at(5)), DeliveryStatus::Sent)));
    done(&store, vec![Change::Delivery(DeliveryChange::NoteVerified { delivery: DeliveryId::new("none"), at: at(5) })])
        .await;
}

pub(super) async fn deliveries_are_forgotten_with_the_events(store: Arc<dyn Store>) {
    let rows = [delivery("old", at(99)), delivery("young", at(100))];
    done(&store, rows.into_iter().map(DeliveryChange::Add).map(Change::Delivery).collect()).await;
    let mut retention = Retention {
        now: at(1000),
        sessions_before: at(0),
        enrolments_before: at(0),
        events_before: None,
        nodes_before: at(0),
        credible_until: at(9999),
    };
    assert_eq!(store.purge(&retention).await.expect("the store can forget"), 0);
    retention.events_before = Some(at(100));
    assert_eq!(store.purge(&retention).await.expect("the store can forget"), 1);
    assert_eq!(sent(&store, &ada()).await, [delivery("young", at(100))]);
}
