//! `countersign device`: what users answer with, what was sent to them, and tokens that come with a file of seeds.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use countersign_engine::{
    User,
    core::{
        Delivery, DeviceId, DeviceName, Kind, Timestamp,
        device::Envelope,
        mark::Marks,
        method::{State, hotp, totp, yubikey},
        view::DeviceView,
    },
};
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Form, SettingFlags, all_of, one_of, reason, secret, told};
use crate::{
    seeds::{self, PreShared, Seed, SeedSecret},
    users::seen,
    wire::Installation,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Show what a user answers with
    List(One),
    /// Show the latest codes that were sent to a user, and what became of them
    Deliveries(Latest),
    /// Give hardware tokens to users, from a file of seeds in CSV or PSKC; they count at once
    Import(Import),
}

#[derive(Args, Debug)]
struct One {
    /// The user's name
    name: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
struct Latest {
    /// The user's name
    name: String,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
struct Import {
    /// The file
    file: PathBuf,
    /// The user whose tokens they are, where the file does not say
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file is encrypted: read the key, in hexadecimal digits, from the first line of the standard input
    #[arg(long, conflicts_with = "password_stdin")]
    key_stdin: bool,
    /// The file is encrypted: read the password from the first line of the standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read and check everything, and give nobody anything
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, deed }: Arguments) -> Result<()> {
    let installation = Installation::open(&settings.config()?).await?;
    match deed {
        Deed::List(arguments) => list(&installation, arguments).await,
        Deed::Deliveries(arguments) => deliveries(&installation, arguments).await,
        Deed::Import(arguments) => import(&installation, arguments).await,
    }
}

async fn list(installation: &Installation, One { name, form }: One) -> Result<()> {
    let user = one_of(&installation.users, &name).await?;
    let devices = installation.engine.devices_of(&user.id).await?;
    let data: Vec<Value> = devices.iter().map(device).collect();
    let lines: Vec<String> = devices.iter().map(device_line).collect();
    form.print(&data, if lines.is_empty() { format!("{}: none", user.name) } else { lines.join("\n") })
}

/// A moment as RFC 3339 has it.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_seconds()).unwrap_or(jiff::Timestamp::MAX).to_string()
}

fn device(device: &DeviceView) -> Value {
    json!({
        "id": device.id.as_str(),
        "kind": device.kind.as_str(),
        "name": device.name.as_str(),
        "to": device.to,
        "status": device.status.as_str(),
        "preferred": device.preferred,
        "created": device.created.as_millis(),
        "last_used": device.last_used.map(Timestamp::as_millis),
        "failures": device.failures,
    })
}

fn device_line(device: &DeviceView) -> String {
    let to = device.to.as_ref().map(|to| format!(", {to}")).unwrap_or_default();
    let used = device.last_used.map_or_else(|| "never used".into(), |at| format!("last used {}", moment(at)));
    format!("{}: {}{to}, {}, {used}", device.name, device.kind, device.status.as_str())
}

async fn deliveries(installation: &Installation, Latest { name, limit, form }: Latest) -> Result<()> {
    let user = one_of(&installation.users, &name).await?;
    let sent = installation.engine.sent_to(&user.id, limit).await?;
    let data: Vec<Value> = sent.iter().map(delivery).collect();
    let lines: Vec<String> = sent.iter().map(delivery_line).collect();
    form.print(&data, if lines.is_empty() { format!("{}: nothing was sent", user.name) } else { lines.join("\n") })
}

fn delivery(sent: &Delivery) -> Value {
    json!({
        "id": sent.id.as_str(),
        "device": sent.device.as_str(),
        "channel": sent.channel.as_str(),
        "region": sent.region,
        "price": f64::from(sent.price) / 1000.0,
        "created": sent.created.as_millis(),
        "status": sent.status.as_str(),
        "noted": sent.noted.as_millis(),
        "reference": sent.reference,
        "reason": sent.reason,
        "verified": sent.verified.map(Timestamp::as_millis),
    })
}

fn delivery_line(sent: &Delivery) -> String {
    let Delivery { channel, region, status, .. } = sent;
    let reason = sent.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let verified = sent.verified.map(|at| format!(", given back {}", moment(at))).unwrap_or_default();
    format!("{} {channel} {region} {}{reason}{verified}", moment(sent.created), status.as_str())
}

/// A token about to be given to somebody.
struct Token {
    user: User,
    id: DeviceId,
    kind: Kind,
    name: DeviceName,
    state: Envelope,
}

async fn import(installation: &Installation, arguments: Import) -> Result<()> {
    let Import { file, user, key_stdin, password_stdin, dry_run, form } = arguments;
    let key = match (key_stdin, password_stdin) {
        (true, _) => Some(PreShared::key_from_hex(&secret::read_line()?)?),
        (_, true) => Some(PreShared::Password(secret::read_line()?)),
        _ => None,
    };
    let doing = || format!("could not read {}", file.display());
    let seeds = seeds::read(&whole(&file)?, key.as_ref()).with_context(doing)?;
    let tokens = tokens_of(installation, seeds, user.as_deref()).await.with_context(doing)?;
    let (mut data, mut lines) = (vec![], vec![]);
    for token in tokens {
        let Token { user, id, kind, name, state } = token;
        let is_new = !installation.engine.has_device(&id).await?;
        if is_new && !dry_run {
            installation.engine.add_device(&user, &id, &kind, name.clone(), state).await.map_err(told)?;
        }
        let outcome = match (is_new, dry_run) {
            (false, _) => "there already",
            (true, true) => "would be given",
            (true, false) => "given",
        };
        lines.push(format!("{}: {name} ({kind}) {outcome}", user.name));
        data.push(json!({ "user": user.name, "kind": kind.as_str(), "name": name.as_str(), "outcome": outcome }));
    }
    form.print(&data, lines.join("\n"))
}

fn whole(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let doing = || format!("could not read {}", file.display());
    let most = u64::try_from(seeds::LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    // Room for all that is read, and for the look whether there is more: a buffer that grew would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(seeds::LARGEST.saturating_add(64)));
    File::open(file).with_context(doing)?.take(most).read_to_end(&mut text).with_context(doing)?;
    ensure!(text.len() <= seeds::LARGEST, "could not read {}: it has more than 16 MiB", file.display());
    Ok(text)
}

/// Whose each token is to be, all of them or none.
async fn tokens_of(installation: &Installation, seeds: Vec<Seed>, user: Option<&str>) -> Result<Vec<Token>> {
    let now = installation.engine.now();
    let mut tokens = vec![];
    for seed in seeds {
        let line = seed.line;
        tokens.push(token_of(installation, seed, user, now).await.with_context(|| format!("line {line}"))?);
    }
    Ok(tokens)
}

async fn token_of(installation: &Installation, seed: Seed, user: Option<&str>, now: Timestamp) -> Result<Token> {
    let Seed { serial, user: named, validity, secret, .. } = seed;
    let name = named.as_deref().or(user).context("it does not say whose token this is: name them with --user")?;
    let row = all_of(&installation.users, &[name.to_owned()]).await?.into_iter().next();
    let user = seen(row.ok_or_else(|| anyhow!("there is no user {name:?}"))?);
    if validity.from.is_some_and(|from| now < from) {
        bail!("the token is not valid yet");
    }
    if validity.until.is_some_and(|until| now > until) {
        bail!("the token is not valid any more");
    }
    let (kind, state) = state_of(secret);
    let id = id_of(&kind, &serial);
    let name = DeviceName::parse(&serial).map_err(|refusal| anyhow!(reason(&refusal)))?;
    Ok(Token { user, id, kind, name, state })
}

/// What is remembered of a token that nobody has used here.
fn state_of(secret: SeedSecret) -> (Kind, Envelope) {
    match secret {
        SeedSecret::Hotp { key, algorithm, digits, counter } => {
            let state = State::Hotp(hotp::State::at(key, algorithm, digits, counter));
            (Kind::HOTP, used_below(state, counter))
        }
        SeedSecret::Totp { key, totp } => (Kind::TOTP, Envelope::new(State::Totp(totp::State::with(key, totp)))),
        SeedSecret::Yubikey { public_id, private_id, key, counter } => {
            let state = State::Yubikey(yubikey::State::own(public_id, private_id, key));
            (Kind::YUBIKEY, used_below(state, counter.saturating_add(1)))
        }
    }
}

/// A state that takes no counter below this one.
fn used_below(state: State, counter: u64) -> Envelope {
    let marks = counter.checked_sub(1).map(Marks::with_floor).unwrap_or_default();
    Envelope { marks, ..Envelope::new(state) }
}

/// The name of the row: of the token itself, so that a file that is imported again gives nothing twice.
fn id_of(kind: &Kind, serial: &str) -> DeviceId {
    let hash = Sha256::digest(format!("{kind}\n{serial}"));
    let letters = BASE32_NOPAD.encode(hash.get(..16).unwrap_or_default());
    DeviceId::new(letters.to_ascii_lowercase())
}
