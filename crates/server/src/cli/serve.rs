//! `countersign serve`: the server, until it is told to stop.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use countersign_engine::Engine;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time,
};

use super::SettingFlags;
use crate::{
    config::Config,
    listen::{self},
    telemetry,
    wire::Installation,
};

/// How often what is over is forgotten.
const PURGE_EVERY: Duration = Duration::from_hours(1);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// Where to listen, as in 127.0.0.1:8000
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<String>,
    /// Where browsers reach the site, as in https://id.example.org
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

pub(super) async fn run(Arguments { settings, bind, public_url }: Arguments) -> Result<()> {
    let config = Config::from(&settings.sources_with([("bind", &bind), ("public_url", &public_url)])?)?;
    config.refuse_plain_http()?;
    telemetry::start(&config.log, config.log_format)?;
    let installation = Installation::open(&config)?;
    let (listener, config) = bind_to(config).await?;
    tracing::info!(address = %config.bind, "listening");
    serve(&installation, listener, &config).await
}

/// A listener, and the settings with the port it has.
pub(super) async fn bind_to(config: Config) -> Result<(TcpListener, Config)> {
    let bound = async {
        let listener = TcpListener::bind(config.bind).await?;
        let bind = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, Config { bind, ..config.clone() }))
    };
    bound.await.with_context(|| format!("could not listen on {}: choose another address with --bind", config.bind))
}

/// Serves until the process is told to stop.
pub(super) async fn serve(installation: &Installation, listener: TcpListener, config: &Config) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let told = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    };
    let purging = tokio::spawn(purge(installation.engine.clone()));
    listen::serve(listener, installation.router(config)?, config.connections, told).await;
    purging.abort();
    Ok(())
}

/// Forgets what is over, again and again.
async fn purge(engine: Engine) {
    let mut hours = time::interval(PURGE_EVERY);
    // The first one comes at once; whoever has just started the server has better things to wait for.
    hours.tick().await;
    loop {
        hours.tick().await;
        match engine.purge().await {
            Ok(rows) => tracing::debug!(rows, "forgot what is over"),
            Err(fault) => tracing::warn!(%fault, "could not forget what is over"),
        }
    }
}
