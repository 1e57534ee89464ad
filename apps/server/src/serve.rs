//! `usher serve`, `usher check`, `usher migrate`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use usher_wiring::{
    Deployment, Role, Telemetry,
    config::{Config, ControlConfig, Effective, ServerConfig, Sources},
    init_logging,
};

use crate::{
    cli::{ConfigArguments, ServeArguments},
    exit::Failure,
    listener, metrics,
};

pub(crate) async fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let (config, _) = Config::read(sources_of_server(arguments), io::stdout().is_terminal())?;
    run(
        config,
        Role::Server,
        |address| tracing::info!(%address, "listening"),
    )
    .await
}

/// How long what was taken from quotas and not used may take to be given back.
const RETURNING: Duration = Duration::from_secs(5);

/// Opens the deployment, listens, says so through `listening`, and serves until it is told to stop.
pub(crate) async fn run(
    config: Config,
    role: Role,
    listening: impl FnOnce(std::net::SocketAddr),
) -> Result<(), Failure> {
    // First of all: a process that is told to stop while it waits for a database must stop, and as a container's first
    // process it would not otherwise.
    let stop = listener::stopped()?;
    let telemetry = Telemetry::start(&config, &role);
    let telemetry = telemetry.map_err(|error| Failure::Unavailable(error.into()))?;
    let served = open_and_serve(config, role, &telemetry, listening, stop).await;
    telemetry.flush().await;
    served
}

async fn open_and_serve(
    config: Config,
    role: Role,
    telemetry: &Telemetry,
    listening: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let ServerConfig {
        listen,
        metrics_listen,
        shutdown_timeout: patience,
        ..
    } = config.server;
    let mut stop = std::pin::pin!(stop);
    let opening = Box::pin(Deployment::open(config, &role, telemetry.into()));
    let deployment = tokio::select! {
        opened = opening => opened?,
        () = &mut stop => {
            tracing::info!("stopping: nothing was served yet");
            return Ok(());
        }
    };
    listener::raise_open_files();
    let listener = listener::bind(listen, "--listen names another address").await?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::Bug(error.into()))?;
    if let Some(address) = metrics_listen {
        metrics::serve(address, telemetry.metrics()).await?;
    }
    listening(address);
    let returner = deployment.returner();
    listener::serve(listener, deployment.stack, patience, stop).await;
    // A store that does not answer must not keep the process: its calls have deadlines, and what is not
    // given back counts as spent.
    let in_time = tokio::time::timeout(RETURNING, returner.close()).await;
    if in_time.is_err() {
        tracing::warn!(
            "not all calls of quotas were given back in time; the others count as spent"
        );
    }
    Ok(())
}

pub(crate) fn check(arguments: &ConfigArguments) -> Result<(), Failure> {
    let (_, effective) = Config::read(sources(arguments), io::stdout().is_terminal())?;
    let widest = effective
        .iter()
        .map(|line| line.key.len())
        .max()
        .unwrap_or(0);
    let mut output = io::stdout().lock();
    for Effective { key, value, source } in effective {
        // A reader that goes away, such as head, is no failure.
        let _ = writeln!(output, "{key:widest$} = {value}  # {source}");
    }
    Ok(())
}

pub(crate) async fn migrate(arguments: &ConfigArguments) -> Result<(), Failure> {
    let config = ControlConfig::read(sources(arguments), io::stdout().is_terminal())?;
    init_logging(&config.log);
    usher_wiring::migrate(&config).await?;
    tracing::info!("the store's schema is up to date");
    Ok(())
}

pub(crate) fn sources_of_server(arguments: &ServeArguments) -> Sources {
    let sources = sources(&arguments.config);
    match arguments.listen {
        Some(listen) => sources.flag("--listen", "server.listen", &listen.to_string()),
        None => sources,
    }
}

pub(crate) fn sources(arguments: &ConfigArguments) -> Sources {
    let candidates = [PathBuf::from("usher.toml")];
    let sources = Sources::of_process(arguments.config.as_deref(), &candidates);
    match &arguments.log_format {
        Some(format) => sources.flag("--log-format", "log.format", format),
        None => sources,
    }
}
