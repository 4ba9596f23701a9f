//! The running servers.

use countersign_engine::core::{Node, NodeChange};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const ALL: &str = "
    SELECT id, started, seen, version, keys, sealing_since, host, listen_address FROM node ORDER BY id";
pub(crate) const REPORT: &str = "
    INSERT INTO node (id, started, seen, version, keys, sealing_since, host, listen_address)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO UPDATE SET
        started = excluded.started, seen = excluded.seen, version = excluded.version, keys = excluded.keys,
        sealing_since = excluded.sealing_since, host = excluded.host, listen_address = excluded.listen_address";
pub(crate) const PURGE: &str = "
    DELETE FROM node WHERE id IN (SELECT id FROM node WHERE seen < $1 OR seen > $2 LIMIT $3)
        AND (seen < $1 OR seen > $2)";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b NodeChange) {
    match change {
        NodeChange::Report(node) => plan.step(Must::OneRow, REPORT, reported(node)),
    }
}

fn reported(node: &Node) -> Values<'_> {
    vec![
        (&node.id).into(),
        node.started.into(),
        node.seen.into(),
        node.version.as_str().into(),
        node.keys.join(" ").into(),
        node.sealing_since.into(),
        node.host.as_deref().into(),
        node.listen_address.map(|address| address.to_string()).into(),
    ]
}

impl FromColumns for Node {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self {
            id: columns.id()?,
            started: columns.time()?,
            seen: columns.time()?,
            version: columns.text()?.to_owned(),
            keys: columns.text()?.split_whitespace().map(str::to_owned).collect(),
            sealing_since: columns.time()?,
            host: columns.text_if_any()?.map(str::to_owned),
            listen_address: columns.parsed_if_any("listen_address")?,
        })
    }
}
