//! Nodes and their tasks; and devices, read one after the other.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        Change, Device, DeviceChange, DeviceId, EventChange, LeaseChange, Node, NodeChange, NodeId, Sealed, Timestamp,
        Written,
    },
};

use super::{ada, at, commit, device, done, event, node};
use crate::all_at_once;

const MANY: usize = 64;

fn take(holder: &str, at: Timestamp, until: Timestamp) -> Change<Sealed> {
    Change::Lease(LeaseChange::Take { name: "purge".into(), holder: NodeId::new(holder), at, until })
}

pub(super) async fn every_column_of_a_node_comes_back(store: Arc<dyn Store>) {
    assert!(store.nodes().await.expect("a read").is_empty());
    let later = Node {
        id: NodeId::new("b"),
        started: Timestamp::from_millis(-1),
        seen: Timestamp::from_millis(i64::MAX),
        version: "0.1.0-vor ü".into(),
        keys: vec!["k7qx3ab2".into()],
        sealing_since: Timestamp::from_millis(0),
        host: Some("id-ü.example.org".into()),
        listen_address: Some(([10, 0, 0, 11], 8000).into()),
    };
    done(&store, vec![Change::Node(NodeChange::Report(later.clone())), Change::Node(NodeChange::Report(node("a")))])
        .await;
    assert_eq!(store.nodes().await.expect("a read"), [node("a"), later]);
}

pub(super) async fn a_report_takes_the_place_of_the_one_before(store: Arc<dyn Store>) {
    done(&store, vec![Change::Node(NodeChange::Report(node("a")))]).await;
    let keys = vec!["new".to_owned(), "first".into(), "2".into()];
    let (host, listen_address) = (Some("id-1".to_owned()), "[2001:db8::1]:443".parse().ok());
    let now =
        Node { seen: at(30), sealing_since: at(29), version: "2".into(), keys, host, listen_address, ..node("a") };
    done(&store, vec![Change::Node(NodeChange::Report(now.clone()))]).await;
    assert_eq!(store.nodes().await.expect("a read"), [now]);
}

pub(super) async fn a_task_is_one_nodes_until_its_end(store: Arc<dyn Store>) {
    done(&store, vec![take("a", at(0), at(60))]).await;
    assert_eq!(commit(&store, vec![take("b", at(1), at(61))]).await, Written::Conflict);
    let moment = Timestamp::from_millis(at(60).as_millis() - 1);
    assert_eq!(commit(&store, vec![take("b", moment, at(90))]).await, Written::Conflict);
    done(&store, vec![take("a", at(30), at(90))]).await;
    assert_eq!(commit(&store, vec![take("b", at(60), at(120))]).await, Written::Conflict, "a has kept it");
    done(&store, vec![take("b", at(90), at(150))]).await;
    assert_eq!(commit(&store, vec![take("a", at(91), at(150))]).await, Written::Conflict, "b has it now");
    let other =
        Change::Lease(LeaseChange::Take { name: "other".into(), holder: NodeId::new("a"), at: at(91), until: at(150) });
    done(&store, vec![other]).await;
}

pub(super) async fn a_task_is_given_back_by_ending_it(store: Arc<dyn Store>) {
    done(&store, vec![take("a", at(0), at(60))]).await;
    done(&store, vec![take("a", at(10), at(10))]).await;
    done(&store, vec![take("b", at(10), at(70))]).await;
}

pub(super) async fn what_was_to_be_written_with_a_task_is_not_written_without_it(store: Arc<dyn Store>) {
    done(&store, vec![take("a", at(0), at(60))]).await;
    let changes = vec![
        take("b", at(1), at(61)),
        Change::Event(EventChange::Record(event(&ada(), 1))),
        Change::Node(NodeChange::Report(node("b"))),
    ];
    assert_eq!(commit(&store, changes).await, Written::Conflict);
    assert!(store.nodes().await.expect("a read").is_empty());
    assert!(store.events(&ada(), 9).await.expect("a read").is_empty());
}

pub(super) async fn one_of_many_nodes_has_the_task(store: Arc<dyn Store>) {
    for hour in 0..5 {
        let (now, end) = (at(hour * 3600), at(hour * 3600 + 3600));
        let outcomes = all_at_once(MANY, |number| {
            let store = Arc::clone(&store);
            async move { commit(&store, vec![take(&format!("node {number}"), now, end)]).await }
        });
        let taken = outcomes.await.into_iter().filter(|written| *written == Written::Done).count();
        assert_eq!(taken, 1, "hour {hour}");
    }
}

pub(super) async fn devices_come_by_their_ids_and_each_once(store: Arc<dyn Store>) {
    assert!(store.devices_after(None, 10).await.expect("a read").is_empty());
    // In the order of their bytes, whatever a language thinks of it.
    let ids = ["-", "0", "A", "B", "Z", "_", "a", "ab", "b", "z", "é", "ü", "中", "🦊"];
    let devices =
        ids.iter().rev().map(|id| Change::Device(DeviceChange::Add(Device { version: 7, ..device(id, &ada()) })));
    done(&store, devices.collect()).await;
    let mut seen: Vec<DeviceId> = vec![];
    loop {
        let next = store.devices_after(seen.last(), 3).await.expect("a read");
        if next.is_empty() {
            break;
        }
        assert!(next.len() <= 3);
        assert!(next.iter().all(|device| device.version == 7 && device.state.0 == device.id.as_str().as_bytes()));
        seen.extend(next.into_iter().map(|device| device.id));
    }
    assert_eq!(seen.iter().map(DeviceId::as_str).collect::<Vec<_>>(), ids);
    assert!(store.devices_after(Some(&DeviceId::new("🦊")), 10).await.expect("a read").is_empty());
    assert!(store.devices_after(None, 0).await.expect("a read").is_empty());
}

/// T117: nobody waits for a task that a clock which was ahead has taken for a year.
pub(super) async fn a_task_that_a_clock_ahead_has_taken_is_free(store: Arc<dyn Store>) {
    done(&store, vec![take("ahead", at(86_400), at(86_460))]).await;
    done(&store, vec![take("b", at(0), at(60))]).await;
    assert_eq!(commit(&store, vec![take("c", at(1), at(61))]).await, Written::Conflict);
}
