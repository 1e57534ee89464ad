//! A deployment of which only its address, an API key and a development key are known.

use std::{path::Path, process::Command};

use super::{
    binaries,
    deployment::{Deployment, Entrypoint, Host, Tokens},
    environment, plans,
};

/// The deployment that the environment names, or a server with a development key of its own.
pub(crate) async fn deployment() -> Deployment {
    let Some(url) = environment("USHER_E2E_URL") else {
        return own().await;
    };
    let wanted = |name: &str| {
        environment(name).unwrap_or_else(|| panic!("USHER_E2E_URL is set, so {name} must be too"))
    };
    let (api_key, folder) = (wanted("USHER_E2E_API_KEY"), wanted("USHER_E2E_KEY_DIR"));
    let entrypoint = match environment("USHER_E2E_ENTRYPOINT").as_deref() {
        None | Some("server") => Entrypoint::Server,
        Some("lambda_rest") => Entrypoint::LambdaRest,
        Some("lambda_http") => Entrypoint::LambdaHttp,
        Some("lambda_http_v1") => Entrypoint::LambdaHttpV1,
        Some("lambda_url") => Entrypoint::LambdaUrl,
        Some("lambda_alb") => Entrypoint::LambdaAlb,
        Some("lambda_alb_multi") => Entrypoint::LambdaAlbMulti,
        Some(other) => {
            panic!("USHER_E2E_ENTRYPOINT is {other}, not server, lambda_rest or lambda_http")
        }
    };
    let tokens = Tokens::Folder(folder.into());
    Deployment::new(Host::Elsewhere, entrypoint, tokens, &api_key, None).at(url)
}

async fn own() -> Deployment {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    init(&keys);
    let mut env = plans::write(folder.path());
    env.extend([
        ("USHER_STORE__URL".to_owned(), "memory:".to_owned()),
        trust_in(&keys),
    ]);
    let host = Host::server(env, folder.path()).await;
    let tokens = Tokens::Folder(keys);
    Deployment::new(host, Entrypoint::Server, tokens, plans::AMPLE, Some(folder))
}

/// The variable that makes a deployment accept tokens of the development key in `folder`.
pub(crate) fn trust_in(folder: &Path) -> (String, String) {
    let issuer = serde_json::json!([{
        "kind": "oidc",
        "issuer": "urn:usher:development",
        "audiences": ["usher"],
        "jwks_file": folder.join("jwks.json"),
    }]);
    ("USHER_IDENTITY__ISSUERS".to_owned(), issuer.to_string())
}

/// `usher token init FOLDER`
pub(crate) fn init(folder: &Path) -> String {
    let folder = folder.to_str().expect("a path in UTF-8");
    usher(&["token", "init", folder])
}

/// `usher token SUBJECT --dir FOLDER`
pub(crate) fn token(folder: &Path, subject: &str) -> String {
    let folder = folder.to_str().expect("a path in UTF-8");
    usher(&["token", subject, "--dir", folder])
}

/// Runs the command line to its end; returns what it printed.
fn usher(arguments: &[&str]) -> String {
    let run = Command::new(binaries::server())
        .args(arguments)
        .output()
        .expect("usher runs");
    assert!(
        run.status.success(),
        "usher {arguments:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    let printed = String::from_utf8(run.stdout).expect("text");
    printed.trim_end().to_owned()
}
