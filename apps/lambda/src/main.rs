//! `bootstrap`: Usher as a Lambda function, behind a REST API or an HTTP API.

mod event;

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use lambda_http::{Request, service_fn};
use usher_wiring::{
    AccessLogLines, Deployment, Role,
    config::{Config, ConfigError, Sources},
    init_logging,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let sources = Sources::of_process(None, &candidates());
    let (config, _) = Config::read(sources, false).map_err(|errors| all(&errors))?;
    init_logging(&config.log);
    // The sandbox is frozen as soon as the answer is handed over: what is not written by then is
    // written at the next request, or never.
    let log = AccessLogLines::immediate(config.log.format);
    let deployment = Deployment::open(config, &Role::Lambda, Arc::new(log)).await?;
    let stack = deployment.stack;
    let serve = service_fn(move |event: Request| {
        let stack = stack.clone();
        async move { Ok::<_, std::convert::Infallible>(stack.answer(event::request(event)).await) }
    });
    lambda_http::run(serve)
        .await
        .map_err(anyhow::Error::from_boxed)
        .context("the runtime ended")
}

/// Where a configuration file may ship with the function.
fn candidates() -> Vec<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.join("usher.toml")));
    std::iter::once(PathBuf::from("usher.toml"))
        .chain(beside)
        .collect()
}

fn all(errors: &[ConfigError]) -> anyhow::Error {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the configuration cannot be used:\n{}", lines.join("\n"))
}
