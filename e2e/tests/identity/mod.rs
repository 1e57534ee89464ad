//! Tokens that others make, and what others say of tokens.
//!
//! * `cognito::…`: sign up and sign in at npm's cognito-local, with AWS's own client.
//! * `algorithms::…`: keys and tokens of npm's jose and of `PyPI`'s `PyJWT`, in every algorithm.
//! * `denied::…`: the list of those whose tokens do not count.
//! * `agreement::…`: a corpus of tokens that npm's aws-jwt-verify, AWS's own, judges too.
//!
//! The other half of each test is a script in `e2e/identity`. What the scripts need is installed by
//! `.ci/identity-tools`, and by nothing here.

mod agreement;
mod algorithms;
mod cognito;
mod denied;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{
    Deployment, Entrypoint,
    call::Call,
    deployment::{Host, Tokens},
    scripts,
};

/// What a script of `e2e/identity` prints.
async fn printed<T: DeserializeOwned>(script: &str, arguments: &[String]) -> T {
    let output = scripts::output(&format!("identity/{script}"), arguments).await;
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{script}: {error}"))
}

/// A server that accepts these issuers' tokens, and asks for no API key.
async fn usher(issuers: &[Value], settings: &[(&str, Value)]) -> Deployment {
    let folder = tempfile::tempdir().expect("a folder");
    let mut env = vec![
        ("USHER_STORE__URL".to_owned(), "memory:".to_owned()),
        (
            "USHER_USAGE__API_KEY_REQUIRED".to_owned(),
            "false".to_owned(),
        ),
        (
            "USHER_IDENTITY__ISSUERS".to_owned(),
            json!(issuers).to_string(),
        ),
    ];
    let own = settings.iter();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    env.extend(own.map(|(name, value)| ((*name).to_owned(), text(value))));
    let host = Host::server(env, folder.path()).await;
    // It has no development key: every token here is somebody else's.
    let tokens = Tokens::Folder(folder.path().to_owned());
    Deployment::new(host, Entrypoint::Server, tokens, "", Some(folder))
}

/// A request with a token.
fn ask(deployment: &Deployment, token: &str, method: &str, path: &str) -> Call {
    let call = deployment.call(method, path);
    call.header("authorization", &format!("Bearer {token}"))
}

/// What became of a token.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// Neither, and never right.
    Other(u16, String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused => f.write_str("refused"),
            Self::Other(status, body) => write!(f, "{status} {body}"),
        }
    }
}

/// Whether the deployment accepts the token: its subject has no profile, which is to say that it was
/// let in.
async fn verdict(deployment: &Deployment, token: &str) -> Verdict {
    let answer = ask(deployment, token, "GET", "/users/me/profile").await;
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match (answer.status, problem["code"].as_str()) {
        (404, Some("profile_not_found")) => Verdict::Accepted,
        (401, Some("invalid_token" | "token_expired")) => Verdict::Refused,
        (status, _) => Verdict::Other(status, answer.body),
    }
}
