//! `bootstrap`: Usher as a Lambda function.

use std::path::PathBuf;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use lambda_http::{
    Error, LambdaEvent,
    lambda_runtime::{run, service_fn},
};
use serde_json::Value;
use usher_http::Stack;
use usher_lambda::{answer, event};
use usher_wiring::{
    Deployment, Listeners, Role, Telemetry,
    config::{Config, ConfigError, Sources},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let sources = Sources::of_process(None, &candidates());
    let (config, _) = Config::read(sources, false).map_err(|errors| all(&errors))?;
    let telemetry = Telemetry::start(&config, &Role::Lambda)?;
    let deployment = Deployment::open(config, &Role::Lambda, Listeners::from(&telemetry)).await?;
    let stack = deployment.stack;
    let serve = service_fn(move |event: LambdaEvent<Value>| {
        let (stack, telemetry) = (stack.clone(), telemetry.clone());
        async move {
            let answer = serve(&stack, &event.payload).await;
            // The sandbox is frozen as soon as the answer is handed over.
            telemetry.flush().await;
            answer
        }
    });
    run(serve)
        .await
        .map_err(anyhow::Error::from_boxed)
        .context("the runtime ended")
}

/// Answers one event. What is no HTTP request is an error of the invocation, and the function lives on.
async fn serve(stack: &Stack, event: &Value) -> Result<Value, Error> {
    let call = event::read(event)?;
    let (parts, body) = stack.answer(call.request).await.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(answer::write(
        call.kind,
        parts.status,
        &parts.headers,
        &body,
    ))
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
