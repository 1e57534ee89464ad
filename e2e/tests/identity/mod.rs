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

use std::{fmt, path::Path};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use usher_testkit::process::{Process, ProcessSpec};

use crate::support::{
    Deployment, Entrypoint,
    call::Call,
    deployment::{Host, Tokens},
};

/// Runs a script of `e2e/identity`; its files, if it makes any, are in `dir`.
fn start(script: &str, arguments: &[String], dir: &Path) -> Process {
    // The tools are beside the build, whatever its folder is.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let tools = target.expect("the build's folder").join("tools/identity");
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("identity")
        .join(script);
    let is_python = script.extension().is_some_and(|kind| kind == "py");
    let binary = tools.join(if is_python { "bin/python" } else { "bin/node" });
    assert!(
        binary.exists(),
        "there is no {}: run .ci/identity-tools",
        binary.display()
    );
    let options = if is_python {
        None
    } else {
        Some("--no-warnings")
    };
    let spec = ProcessSpec {
        binary,
        args: options
            .map(str::to_owned)
            .into_iter()
            .chain([script.display().to_string()])
            .chain(arguments.iter().cloned())
            .collect(),
        // Node looks beside the script for what `import` names, and for `require` here as well. It
        // is why the scripts are CommonJS.
        env: vec![(
            "NODE_PATH".to_owned(),
            tools.join("node_modules").display().to_string(),
        )],
        dir: dir.to_owned(),
    };
    Process::spawn(spec).unwrap_or_else(|error| panic!("{error}"))
}

/// What a script prints that ends by itself.
async fn printed<T: DeserializeOwned>(script: &str, arguments: &[String]) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = start(script, arguments, folder.path()).ended().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert!(ended.status.success(), "{script}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{script}: {error}"))
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
