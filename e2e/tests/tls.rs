//! An issuer's keys over TLS: whose certificates are believed, and what is said of the others.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use usher_testkit::{
    authority::Authority,
    key_server::{Answer, KeyServer},
    process::{ServerProcess, Stream},
    tokens::TestKey,
};

use crate::{
    command::usher,
    support::{deployment::client, issuer},
};

/// Where every key server of the kit is.
const HOST: &str = "127.0.0.1";

/// A server that believes one authority, as `SSL_CERT_FILE` or `SSL_CERT_DIR` tells it to.
struct Scene {
    server: ServerProcess,
    _folder: TempDir,
}

fn environment(issuers: &[Value], variable: &str, folder: &Path) -> Vec<(String, String)> {
    let certificates = match variable {
        "SSL_CERT_DIR" => folder.join("authorities"),
        _ => folder.join("authorities/ours.pem"),
    };
    [
        ("USHER_STORE__URL", "memory:".to_owned()),
        ("USHER_USAGE__API_KEY_REQUIRED", "false".to_owned()),
        ("USHER_IDENTITY__ISSUERS", json!(issuers).to_string()),
        (variable, certificates.display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Scene {
    async fn start(issuers: &[Value], variable: &str, certificates: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authorities = folder.path().join("authorities");
        std::fs::create_dir(&authorities).expect("a folder in it");
        std::fs::write(authorities.join("ours.pem"), certificates).expect("a file in that");
        let env = environment(issuers, variable, folder.path());
        let server = ServerProcess::start(usher(&[], env, folder.path())).await;
        Self {
            server: server.unwrap_or_else(|error| panic!("{error}")),
            _folder: folder,
        }
    }

    /// What is answered to a token: the status, whether it says when to come again, and the body.
    async fn ask(&self, token: &str) -> (u16, bool, String) {
        let url = format!("{}/users/me/profile", self.server.base_url());
        let answer = client().get(url).bearer_auth(token).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        let comes_again = answer.headers().contains_key("retry-after");
        (status, comes_again, answer.text().await.expect("a body"))
    }

    /// Nobody has a profile here, so this is who was let in.
    async fn assert_accepted(&self, token: &str) {
        let (status, _, body) = self.ask(token).await;
        assert_eq!(status, 404, "{body}\n{}", self.server.output());
        assert!(body.contains("profile_not_found"), "{body}");
    }

    /// It is not the client's fault, and nobody else's business whose.
    async fn assert_unavailable(&self, token: &str, logged: &str) {
        let (status, comes_again, body) = self.ask(token).await;
        assert_eq!((status, comes_again), (503, true), "{body}");
        for secret in [HOST, "certificate", "issuer", token] {
            assert!(!body.contains(secret), "{body}");
        }
        // The line is on its way when the answer is there.
        let is_it = |line: &str| line.contains(logged).then_some(());
        let told = self.server.process().line(Stream::Stderr, is_it).await;
        told.unwrap_or_else(|error| panic!("no {logged}: {error}"));
        let output = self.server.output();
        assert!(!output.contains(token), "{output}");
    }
}

/// An issuer of this name, whose keys are at `keys`, or where it says.
fn trusted(issuer: &str, keys: Option<String>) -> Value {
    // Each has its own, and a user id has no slash.
    let prefix = issuer.replace('/', "|");
    let mut settings = json!({
        "kind": "oidc",
        "issuer": issuer,
        "audiences": [issuer::AUDIENCE],
        "algorithms": ["ES256"],
        "subject_prefix": prefix,
    });
    if let Some(keys) = keys {
        settings["jwks_uri"] = keys.into();
    }
    settings
}

fn token(key: &TestKey, issuer: &str) -> String {
    let mut claims = issuer::claims("alice");
    claims["iss"] = issuer.into();
    key.sign(&claims)
}

#[tokio::test]
async fn keys_are_fetched_from_a_server_that_a_private_authority_vouches_for() {
    const BY_ADDRESS: &str = "https://by-address.example.com";
    let (authority, key) = (Authority::new("ours"), TestKey::es256("a"));
    let keys = Answer::KeySet(key.jwks());
    let server = KeyServer::start_tls(keys, authority.certify(HOST)).await;
    let issuers = [
        trusted(BY_ADDRESS, Some(server.uri())),
        trusted(&server.issuer(), None),
    ];
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let scene = Scene::start(&issuers, variable, &authority.pem()).await;
        scene.assert_accepted(&token(&key, BY_ADDRESS)).await;
        scene.assert_accepted(&token(&key, &server.issuer())).await;
    }
    assert_eq!((server.requests(), server.metadata_requests()), (4, 2));
}

#[tokio::test]
async fn a_server_whose_certificate_proves_nothing_is_not_asked() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let key = TestKey::es256("a");
    let mut servers = Vec::new();
    for (certified, why) in [
        (theirs.certify(HOST), "UnknownIssuer"),
        (ours.certify("issuer.example.com"), "not valid for name"),
        (ours.certify_until(HOST, 2001), "expired"),
    ] {
        let keys = Answer::KeySet(key.jwks());
        servers.push((KeyServer::start_tls(keys, certified).await, why));
    }
    let issuers: Vec<_> = servers
        .iter()
        .map(|(server, _)| trusted(&server.issuer(), Some(server.uri())))
        .collect();
    let scene = Scene::start(&issuers, "SSL_CERT_FILE", &ours.pem()).await;
    for (server, why) in &servers {
        let token = token(&key, &server.issuer());
        scene.assert_unavailable(&token, why).await;
        assert_eq!(server.requests(), 0);
    }
}

/// What is on the network has no business with this machine's own ports.
#[tokio::test]
async fn metadata_from_the_network_do_not_lead_to_this_machine_in_clear() {
    let (authority, key) = (Authority::new("ours"), TestKey::es256("a"));
    let keys = Answer::KeySet(key.jwks());
    let inside = KeyServer::start(keys).await;
    let server = KeyServer::start_tls(Answer::Stall, authority.certify(HOST)).await;
    let metadata = inside.metadata(&server.issuer());
    server.answer_metadata(Answer::KeySet(metadata));
    let issuers = [trusted(&server.issuer(), None)];
    let scene = Scene::start(&issuers, "SSL_CERT_FILE", &authority.pem()).await;
    let token = token(&key, &server.issuer());
    scene.assert_unavailable(&token, "jwks_uri").await;
    assert_eq!((server.metadata_requests(), inside.requests()), (1, 0));
}

/// In an image without certificates nobody on the network can be asked, and the log says why.
#[tokio::test]
async fn without_any_authority_nobody_on_the_network_is_asked() {
    let (authority, key) = (Authority::new("theirs"), TestKey::es256("a"));
    let keys = Answer::KeySet(key.jwks());
    let server = KeyServer::start_tls(keys, authority.certify(HOST)).await;
    let issuers = [trusted(&server.issuer(), Some(server.uri()))];
    let scene = Scene::start(&issuers, "SSL_CERT_FILE", "").await;
    let token = token(&key, &server.issuer());
    scene.assert_unavailable(&token, "No CA certificates").await;
    assert_eq!(server.requests(), 0);
}

/// An emulator beside the server, in an image without certificates.
#[tokio::test]
async fn without_any_authority_an_issuer_on_this_machine_is_good() {
    let key = TestKey::es256("a");
    let server = KeyServer::start(Answer::KeySet(key.jwks())).await;
    let issuers = [trusted(&server.issuer(), Some(server.uri()))];
    let scene = Scene::start(&issuers, "SSL_CERT_FILE", "").await;
    let token = token(&key, &server.issuer());
    scene.assert_accepted(&token).await;
}
