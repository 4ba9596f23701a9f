//! `countersign device`: users' devices, the codes sent to them, and hardware tokens that come with a file of seeds.

mod import;

use anyhow::Result;
use clap::{Args, Subcommand};
use countersign_engine::core::{Delivery, Timestamp, view::DeviceView};
use serde_json::{Value, json};

use super::{Form, SettingFlags, one_of};
use crate::wire::Installation;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a user's devices
    List(One),
    /// Show the latest codes sent to a user, and their delivery status
    Deliveries(Latest),
    /// Import hardware tokens from a file of seeds in CSV or PSKC; users can sign in with them at once
    Import(import::Arguments),
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
    /// How many codes to show
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, command }: Arguments) -> Result<()> {
    let installation = Installation::open(&settings.config()?).await?;
    match command {
        Command::List(arguments) => list(&installation, arguments).await,
        Command::Deliveries(arguments) => deliveries(&installation, arguments).await,
        Command::Import(arguments) => import::run(&installation, arguments).await,
    }
}

async fn list(installation: &Installation, One { name, form }: One) -> Result<()> {
    let user = one_of(&installation.users, &name).await?;
    let devices = installation.engine.devices_of(&user.id).await?;
    let data: Vec<Value> = devices.iter().map(device).collect();
    let lines: Vec<String> = devices.iter().map(device_line).collect();
    form.print(&data, if lines.is_empty() { format!("{}: none", user.name) } else { lines.join("\n") })
}

/// A time in the format of RFC 3339.
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
        "valid_until": device.valid_until.map(Timestamp::as_millis),
        "weak_key": device.weak_key,
    })
}

fn device_line(device: &DeviceView) -> String {
    let to = device.to.as_ref().map(|to| format!(", {to}")).unwrap_or_default();
    let used = device.last_used.map_or_else(|| "never used".into(), |at| format!("last used {}", moment(at)));
    let end = device.valid_until.map(|until| format!(", {}", end(until, device.is_expired))).unwrap_or_default();
    let weak = if device.weak_key { ", weak key" } else { "" };
    format!("{}: {}{to}, {}, {used}{end}{weak}", device.name, device.kind, device.status.as_str())
}

fn end(until: Timestamp, is_expired: bool) -> String {
    format!("{} {}", if is_expired { "expired" } else { "valid until" }, moment(until))
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
    let verified = sent.verified.map(|at| format!(", verified {}", moment(at))).unwrap_or_default();
    format!("{} {channel} {region} {}{reason}{verified}", moment(sent.created), status.as_str())
}
