//! `countersign serve`: runs the server until it is told to stop.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use countersign_engine::{Engine, REPORT_EVERY, Running, Stopwatch, core::Node};
use tokio::{net::TcpListener, task::JoinHandle, time};

use super::{SETTINGS, SettingFlags};
use crate::{
    config::{CLIENTS_WITHOUT_PATH, Config},
    duties, figures, listen,
    reload::Reloads,
    telemetry,
    wire::Installation,
};

/// How long a running node may take until it reports itself again.
const REPORTS_WITHIN: Duration = REPORT_EVERY.saturating_add(Duration::from_secs(2));
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// Where to listen, such as 127.0.0.1:8000
    #[arg(long, help_heading = SETTINGS, value_name = "ADDRESS")]
    bind: Option<String>,
    /// The public URL of the site, such as https://id.example.org
    #[arg(long, help_heading = SETTINGS, value_name = "URL")]
    public_url: Option<String>,
}

pub(super) async fn run(Arguments { settings, bind, public_url }: Arguments) -> Result<()> {
    // As early as possible: until then SIGHUP would end the process.
    let reloads = Reloads::listen()?;
    let sources = settings.sources_with([("bind", &bind), ("public_url", &public_url)])?;
    let config = Config::from(&sources)?;
    config.refuse_plain_http()?;
    telemetry::start(&config.log, config.log_format)?;
    if !sources.ignored().is_empty() {
        let variables = sources.ignored().join(", ");
        tracing::info!(
            variables,
            "environment variables ignored: Kubernetes sets them for a Service, they are not settings"
        );
    }
    for doubt in config.doubts() {
        tracing::warn!("{doubt}");
    }
    let mut stop = Box::pin(told_to_stop()?);
    let installation = tokio::select! {
        opened = Installation::open_when_reachable(&config) => opened?,
        () = &mut stop => return Ok(()),
    };
    tokio::select! {
        checked = refuse_other_keys(&installation.engine) => checked?,
        () = &mut stop => return Ok(()),
    }
    let (listener, config) = bind_to(config).await?;
    tracing::info!(address = %config.bind, "listening");
    serve(&installation, listener, &config, reloads, stop).await
}

/// An error if a running node and this one have different keys: users would meet faults at one of the two. A stopped
/// node counts as running for a minute, so it has to report itself once more before this counts as an error.
pub(super) async fn refuse_other_keys(engine: &Engine) -> Result<()> {
    let before = engine.incompatible_nodes().await?;
    let Some(node) = before.first() else { return Ok(()) };
    tracing::warn!(
        "{node} has other keys than the key file here: waiting {} s to see whether it still runs",
        REPORTS_WITHIN.as_secs()
    );
    let watch = Stopwatch::start();
    while watch.elapsed() < REPORTS_WITHIN {
        time::sleep(LOOK_EVERY).await;
        let now = engine.incompatible_nodes().await?;
        let reported = |node: &&Node| before.iter().any(|old| old.id == node.id && old.seen < node.seen);
        if let Some(node) = now.iter().find(reported) {
            let here: Vec<_> = engine.key_ids().iter().map(ToString::to_string).collect();
            bail!(
                "{node} uses this database with other keys ({}) than the key file here ({}), so users would meet \
                 faults: copy the same key file to every node",
                node.keys.join(", "),
                here.join(", ")
            );
        }
    }
    Ok(())
}

/// A listener, and the settings with the port that it got.
pub(super) async fn bind_to(config: Config) -> Result<(TcpListener, Config)> {
    let bound = async {
        let listener = TcpListener::bind(config.bind).await?;
        let bind = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, Config { bind, ..config.clone() }))
    };
    bound.await.with_context(|| format!("could not listen on {}: choose another address with --bind", config.bind))
}

/// Serves until `stop` comes.
pub(super) async fn serve(
    installation: &Installation,
    listener: TcpListener,
    config: &Config,
    reloads: Reloads,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let engine = &installation.engine;
    if config.deux_path.is_none() && !engine.clients().await?.is_empty() {
        tracing::warn!("{CLIENTS_WITHOUT_PATH}");
    }
    let site = installation.site(config)?;
    let served = installation.served(&site, config);
    let figures = match config.metrics_bind {
        Some(bind) => Some(figures::serve(bind, installation.gauges.clone()).await?),
        None => None,
    };
    let duties = tokio::spawn(duties::perform(
        installation.clone(),
        site,
        node(engine, config),
        config.key_file()?.clone(),
        reloads,
    ));
    let app = |peer| served.to(peer).clone();
    listen::serve(listener, app, config.connections, stop, engine.finish_deliveries()).await;
    duties.abort();
    figures.inspect(JoinHandle::abort);
    Ok(())
}

/// This node, with its host and listen address.
fn node(engine: &Engine, config: &Config) -> Running {
    let host = hostname::get().ok().map(|name| name.to_string_lossy().into_owned());
    Running {
        host: host.filter(|name| !name.is_empty()),
        listen_address: Some(config.bind),
        ..engine.start_node(env!("CARGO_PKG_VERSION"))
    }
}

/// Ends at Ctrl-C or when a supervisor stops the process. It listens for signals from the call on.
#[cfg(unix)]
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>> {
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

/// Ends at Ctrl-C.
#[cfg(not(unix))]
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
    })
}
