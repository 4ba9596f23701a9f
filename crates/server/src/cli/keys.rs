//! `countersign keys`: the keys that seal the secrets in the database, and their rotation while the server runs.
//!
//! ```text
//! new ──▶ copy the file to every node ──▶ promote ──▶ copy it again ──▶ rotate ──▶ login_timeout ──▶ remove
//! ```
//!
//! Each step fails if the step before it is not complete, as far as the database can tell.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use countersign_engine::{
    Keeping, KeyId, OsRandom, Stopwatch,
    core::{Node, Timestamp},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use tokio::time;

use super::{Form, SettingFlags};
use crate::{key_file, wire::Installation};

/// How many devices are resealed in one commit.
const PAGE: u32 = 100;
/// How long `rotate` waits for nodes that have not read their key file yet.
const TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key file, or add a key to one: the new key unseals, but does not seal yet
    New {
        /// The key file; by default the one in the settings
        file: Option<PathBuf>,
        #[command(flatten)]
        form: Form,
    },
    /// List the keys, how many devices each has sealed, and which nodes have it
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Make a key the sealing key, which encrypts all new data
    Promote {
        /// The key's id
        #[arg(value_name = "ID")]
        key: KeyId,
        /// Even if a running node does not have the key: users who sign in there meet faults until it does
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Reseal every device with the sealing key, while the server runs
    Rotate {
        #[command(flatten)]
        form: Form,
    },
    /// Remove a key from the key file, once no data depends on it
    Remove {
        /// The key's id
        #[arg(value_name = "ID")]
        key: KeyId,
        #[command(flatten)]
        form: Form,
    },
}

pub(super) async fn run(Arguments { settings, command }: Arguments) -> Result<()> {
    match command {
        Command::New { file, form } => {
            let file = match file {
                Some(file) => file,
                None => settings.config()?.key_file()?.clone(),
            };
            new(&file, form)
        }
        Command::List { form } => list(&settings, form).await,
        Command::Promote { key, force, form } => promote(&settings, key, force, form).await,
        Command::Rotate { form } => rotate(&settings, form).await,
        Command::Remove { key, form } => remove(&settings, key, form).await,
    }
}

fn new(file: &PathBuf, form: Form) -> Result<()> {
    let (key, text) = if file.exists() {
        let key = key_file::add(file, &OsRandom)?;
        let next = "copy the file to every node, then run `countersign keys promote`";
        (key, format!("{} has a new key, {key}, which unseals but does not seal yet: {next}", file.display()))
    } else {
        let key = key_file::create(file, &OsRandom)?;
        (key, format!("{} has a new key, {key}: keep a copy of the file, apart from the database", file.display()))
    };
    form.print(&json!({ "key_file": file, "key": key.to_string() }), text)
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    /// Whether it is in the key file.
    here: bool,
    seals: bool,
    devices: u64,
    /// The running nodes that have it.
    nodes: Vec<String>,
}

async fn list(settings: &SettingFlags, form: Form) -> Result<()> {
    let installation = Installation::open(&settings.config()?).await?;
    let engine = &installation.engine;
    let seals = engine.count_seals().await?;
    let nodes: Vec<Node> = engine.nodes().await?.into_iter().filter(|node| engine.is_live(node)).collect();
    let mut ids = engine.key_ids();
    ids.extend(seals.by_key.keys().filter(|id| !engine.key_ids().contains(id)));
    let listed = ids.into_iter().map(|id| Listed {
        id: id.to_string(),
        here: engine.key_ids().contains(&id),
        seals: id == engine.sealing_key(),
        devices: seals.by_key.get(&id).copied().unwrap_or_default(),
        nodes: nodes.iter().filter(|node| node.keys.contains(&id.to_string())).map(short).collect(),
    });
    let listed: Vec<Listed> = listed.collect();
    let mut lines: Vec<String> = listed.iter().map(|key| in_a_line(key, nodes.len())).collect();
    if seals.broken > 0 {
        lines.push(format!("the states of {} devices are not sealed data", seals.broken));
    }
    lines.extend(nodes.iter().map(|node| format!("{node} runs {} with {}", node.version, node.keys.join(", "))));
    let nodes: Vec<_> = nodes.iter().map(in_json).collect();
    form.print(&json!({ "keys": listed, "nodes": nodes, "broken": seals.broken }), lines.join("\n"))
}

fn in_json(node: &Node) -> serde_json::Value {
    let Node { id, keys, host, listen_address, .. } = node;
    json!({ "id": id.as_str(), "host": host, "listen_address": listen_address, "keys": keys })
}

fn in_a_line(Listed { id, here, seals, devices, nodes }: &Listed, running: usize) -> String {
    let role = match (here, seals) {
        (true, true) => "seals",
        (true, false) => "opens",
        (false, _) => "MISSING from the key file",
    };
    format!("{id}  {role}, {devices} devices, at {} of {running} running nodes", nodes.len())
}

async fn promote(settings: &SettingFlags, key: KeyId, force: bool, form: Form) -> Result<()> {
    let config = settings.config()?;
    let installation = Installation::open(&config).await?;
    let engine = &installation.engine;
    ensure!(
        engine.key_ids().contains(&key),
        "there is no key {key} in the key file: `countersign keys list` lists the keys"
    );
    let without = engine.nodes_without(key).await?;
    if let (Some(node), false) = (without.first(), force) {
        bail!(
            "{} running nodes do not have key {key}, the first of them {node}: they could not unseal what it seals, \
             and users who sign in there would meet faults; copy the key file to them and wait a moment (a stopped \
             node counts as running for one minute), or use --force",
            without.len()
        );
    }
    key_file::promote(config.key_file()?, key)?;
    let text = format!(
        "key {key} now seals on every node that has this file, within seconds: copy it to the others, then run \
         `countersign keys rotate`"
    );
    form.print(&json!({ "seals": key.to_string(), "without": without.len() }), text)
}

async fn rotate(settings: &SettingFlags, form: Form) -> Result<()> {
    let installation = Installation::open(&settings.config()?).await?;
    let engine = &installation.engine;
    let key = engine.sealing_key();
    wait_for_nodes(&installation).await?;
    let seals = engine.count_seals().await?;
    let done = seals.by_key.get(&key).copied().unwrap_or_default();
    let bar = progress(seals.total());
    let (mut cursor, mut resealed, mut closed) = (None, 0_u64, vec![]);
    loop {
        let watch = Stopwatch::start();
        let Some(page) = engine.reseal(cursor.as_ref(), PAGE).await? else { break };
        bar.inc(page.looked_at);
        resealed = resealed.saturating_add(page.resealed);
        closed.extend(page.closed);
        cursor = Some(page.last);
        // Users who sign in meanwhile have priority: half of the time is left to them.
        if page.resealed > 0 {
            time::sleep(watch.elapsed()).await;
        }
    }
    bar.finish_and_clear();
    if let Some(first) = closed.first() {
        bail!(
            "{} devices could not be unsealed, the first of them {first}: their keys are not in the key file, or their \
             data was changed; `countersign keys list` shows which keys are missing ({resealed} others were resealed \
             with key {key})",
            closed.len()
        );
    }
    let text = format!("{resealed} devices were resealed with key {key}; {done} were sealed with it already");
    form.print(&json!({ "key": key.to_string(), "resealed": resealed, "before": done }), text)
}

/// Waits until every running node seals with the key that seals here: otherwise their new data would be missed.
async fn wait_for_nodes(installation: &Installation) -> Result<()> {
    let watch = Stopwatch::start();
    loop {
        let behind = installation.engine.nodes_behind().await?;
        let Some(node) = behind.first() else { return Ok(()) };
        ensure!(
            watch.elapsed() < TIMEOUT,
            "{} running nodes seal with another key, the first of them {node}: copy the key file to them, and run this \
             command again (a stopped node counts as running for one minute)",
            behind.len()
        );
        time::sleep(LOOK_EVERY).await;
    }
}

/// A progress bar on a terminal, and nothing elsewhere.
fn progress(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {eta} to go");
    let bar = ProgressBar::new(total);
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

async fn remove(settings: &SettingFlags, key: KeyId, form: Form) -> Result<()> {
    let config = settings.config()?;
    let installation = Installation::open(&config).await?;
    let engine = &installation.engine;
    ensure!(
        engine.key_ids().contains(&key),
        "there is no key {key} in the key file: `countersign keys list` lists the keys"
    );
    if let Some(keeping) = engine.keeping(key).await? {
        bail!("key {key} cannot be removed: {}", why(&keeping, engine.now()));
    }
    key_file::remove(config.key_file()?, key)?;
    let text = format!(
        "key {key} is removed from the key file: remove it from the key files of the other nodes and from your copy, \
         but keep it as long as there are backups that need it"
    );
    form.print(&json!({ "removed": key.to_string() }), text)
}

fn why(keeping: &Keeping, now: Timestamp) -> String {
    match keeping {
        Keeping::Seals => "it is the sealing key; promote another key first".into(),
        Keeping::Needed { states } => format!("{states} devices are sealed with it; run `countersign keys rotate`"),
        Keeping::SealsAt(node) => {
            format!("{node} seals with it; copy the key file there, then rotate once more")
        }
        Keeping::Pending { until } => format!(
            "logins and setups that were started with it may continue for another {} seconds",
            until.since(now).as_secs().saturating_add(1)
        ),
    }
}

/// The first characters of a node's id, enough to distinguish it.
fn short(node: &Node) -> String {
    node.id.as_str().chars().take(8).collect()
}
