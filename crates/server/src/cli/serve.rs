//! `countersign serve`: the server, until it is told to stop.

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{SETTINGS, SettingFlags};
use crate::{config::Config, duties, figures, listen, reload::Reloads, telemetry, wire::Installation};

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
    // From the first moment on, since until then SIGHUP would end the process.
    let reloads = Reloads::listen()?;
    let sources = settings.sources_with([("bind", &bind), ("public_url", &public_url)])?;
    let config = Config::from(&sources)?;
    config.refuse_plain_http()?;
    telemetry::start(&config.log, config.log_format)?;
    if !sources.ignored().is_empty() {
        let variables = sources.ignored().join(", ");
        tracing::info!(
            variables,
            "environment variables ignored: Kubernetes sets them for a Service, they are no settings"
        );
    }
    for doubt in config.doubts() {
        tracing::warn!("{doubt}");
    }
    let installation = Installation::open(&config).await?;
    let (listener, config) = bind_to(config).await?;
    tracing::info!(address = %config.bind, "listening");
    serve(&installation, listener, &config, reloads).await
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
pub(super) async fn serve(
    installation: &Installation,
    listener: TcpListener,
    config: &Config,
    reloads: Reloads,
) -> Result<()> {
    let stop = told_to_stop()?;
    let site = installation.site(config)?;
    let served = installation.served(&site, config);
    let figures = match config.metrics_bind {
        Some(bind) => Some(figures::serve(bind, installation.gauges.clone()).await?),
        None => None,
    };
    let duties = tokio::spawn(duties::perform(installation.clone(), site, config.key_file()?.clone(), reloads));
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
