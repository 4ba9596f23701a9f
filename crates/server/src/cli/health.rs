//! `countersign health`: whether the server of these settings answers and is ready, for supervisors that can
//! run a command and make no requests.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;

use super::{Form, SettingFlags};

/// How long each step may take.
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
    let answer = ask(address).with_context(|| format!("the server at {address} does not answer"))?;
    ensure!(
        answer.starts_with("HTTP/1.1 204"),
        "the server at {address} answers and is not ready: its database is away or takes no writes, and its log says why (`not ready`)"
    );
    form.print(&json!({ "address": address.to_string(), "ready": true }), format!("the server at {address} is ready"))
}

/// How the server of these settings answers, as far as it can be reached: whether it is ready.
pub(super) fn is_ready(bind: SocketAddr) -> Option<bool> {
    let answer = ask(reachable(bind)).ok()?;
    match answer.split(' ').nth(1)? {
        "204" => Some(true),
        "503" => Some(false),
        _ => None,
    }
}

/// An address at which a server that listens here is reached from this machine.
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
