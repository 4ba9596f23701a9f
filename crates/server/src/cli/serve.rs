//! `countersign serve`: the server, until it is told to stop.

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{SETTINGS, SettingFlags};
use crate::{config::Config, duties, figures, listen, telemetry, wire::Installation};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// Where to listen, as in 127.0.0.1:8000
    #[arg(long, help_heading = SETTINGS, value_name = "ADDRESS")]
    bind: Option<String>,
    /// Where browsers reach the site, as in https://id.example.org
    #[arg(long, help_heading = SETTINGS, value_name = "URL")]
    public_url: Option<String>,
}

pub(super) async fn run(Arguments { settings, bind, public_url }: Arguments) -> Result<()> {
    let config = Config::from(&settings.sources_with([("bind", &bind), ("public_url", &public_url)])?)?;
    config.refuse_plain_http()?;
    telemetry::start(&config.log, config.log_format)?;
    for doubt in config.doubts() {
        tracing::warn!("{doubt}");
    }
    let installation = Installation::open(&config).await?;
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
    let stop = told_to_stop()?;
    let served = installation.served(config)?;
    let figures = match config.metrics_bind {
        Some(bind) => Some(figures::serve(bind, installation.gauges.clone()).await?),
        None => None,
    };
    let duties = tokio::spawn(duties::perform(
        installation.engine.clone(),
        config.key_file()?.clone(),
        installation.database.clone(),
    ));
    listen::serve(listener, |peer| served.to(peer).clone(), config.connections, stop).await;
    installation.engine.finish_deliveries().await;
    duties.abort();
    figures.inspect(JoinHandle::abort);
    Ok(())
}

/// Ends when somebody types Ctrl-C or a supervisor wants the process to end. It listens from now on.
#[cfg(unix)]
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// Ends when somebody types Ctrl-C.
#[cfg(not(unix))]
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
    })
}
