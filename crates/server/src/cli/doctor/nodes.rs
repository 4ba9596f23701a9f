//! Whether the clocks, the versions and the keys of the running nodes agree.

use std::collections::BTreeSet;

use countersign_engine::{
    Engine, Fault, KeyId, LIVE_FOR,
    core::{KeyComparison, Node},
};

use super::Report;

/// What to do about keys that differ between nodes.
const COPY: &str = "copy the same key file to every node (a stopped node counts as running for one minute)";

pub(super) async fn examine(engine: &Engine, report: &mut Report) -> Result<(), Fault> {
    let nodes = engine.nodes().await?;
    clocks(engine, &nodes, report);
    let running: Vec<Node> = nodes.into_iter().filter(|node| engine.is_live(node)).collect();
    if running.is_empty() {
        report.ok("nodes", "no server uses this database");
        return Ok(());
    }
    let before = report.0.len();
    versions(&running, report);
    keys(engine, &running, report);
    if report.0.len() == before {
        let names: Vec<_> = running.iter().map(Node::to_string).collect();
        let text = format!("running, all with the same version and the same keys: {}", names.join(", "));
        report.ok("nodes", text);
    }
    Ok(())
}

fn clocks(engine: &Engine, nodes: &[Node], report: &mut Report) {
    let now = engine.now();
    let ahead = nodes.iter().filter(|node| node.seen > now.after(LIVE_FOR / 6)).count();
    if ahead > 0 {
        report.warn(
            "clock",
            format_args!(
                "{ahead} nodes have reported a time in the future: their clocks or this one are wrong, so codes from \
                 authenticator apps are judged by a wrong time; run a time service on every node"
            ),
        );
    } else {
        report.ok("clock", "no node's clock is ahead of this one");
    }
}

fn versions(running: &[Node], report: &mut Report) {
    let versions: BTreeSet<&str> = running.iter().map(|node| node.version.as_str()).collect();
    if versions.len() > 1 {
        let versions: Vec<&str> = versions.into_iter().collect();
        report.warn("nodes", format_args!("they run versions {}: finish the upgrade", versions.join(" and ")));
    } else if versions.iter().all(|version| *version != env!("CARGO_PKG_VERSION")) {
        report.warn(
            "nodes",
            "they run another version than this command: restart them, or use their version of this command",
        );
    }
}

/// Different keys are a failure if a node cannot unseal what another one seals; otherwise a key change is in progress.
fn keys(engine: &Engine, running: &[Node], report: &mut Report) {
    let here: Vec<String> = engine.key_ids().iter().map(KeyId::to_string).collect();
    for node in running {
        let listed = node.keys.join(", ");
        match KeyComparison::of(&here, &node.keys) {
            KeyComparison::Same => {}
            KeyComparison::Compatible => report.warn(
                "nodes",
                format_args!(
                    "{node} has other keys than the key file here ({listed}): if no key change is in \
                 progress, {COPY}"
                ),
            ),
            KeyComparison::Incompatible => report.fail(
                "nodes",
                format_args!(
                    "{node} has other keys than the key file here ({listed}), so one of the two cannot unseal what the \
                     other seals, and users meet faults: {COPY}"
                ),
            ),
        }
    }
    for (place, node) in running.iter().enumerate() {
        let others = running.iter().skip(place.saturating_add(1));
        for other in others.filter(|other| KeyComparison::of(&node.keys, &other.keys) == KeyComparison::Incompatible) {
            report.fail(
                "nodes",
                format_args!("{node} and {other} have different keys, and users meet faults at one of the two: {COPY}"),
            );
        }
    }
}
