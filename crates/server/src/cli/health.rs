//! `countersign health`: whether the server of these settings responds and is ready, for supervisors that can run a
//! command but make no requests.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;

use super::{Form, SettingFlags};

/// The time limit of each step.
const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(Arguments { settings, form }: &Arguments) -> Result<()> {
    let address = reachable(settings.config()?.bind);
    let answer = ask(address).with_context(|| format!("the server at {address} does not respond"))?;
    ensure!(
        answer.starts_with("HTTP/1.1 204"),
        "the server at {address} responds but is not ready: its database is unavailable or accepts no writes, \
         and its log says why (`not ready`)"
    );
    form.print(&json!({ "address": address.to_string(), "ready": true }), format!("the server at {address} is ready"))
}

/// Whether the server of these settings is ready; `None` if it cannot be reached or is another program.
pub(super) fn is_ready(bind: SocketAddr) -> Option<bool> {
    let answer = ask(reachable(bind)).ok()?;
    match answer.split(' ').nth(1)? {
        "204" => Some(true),
        "503" => Some(false),
        _ => None,
    }
}

/// The address by which this machine reaches a server that listens here.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, bind.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
