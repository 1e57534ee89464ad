//! An entrypoint over a store, with identity, plans and keys of its own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use usher_testkit::{
    containers::unique_name,
    lambda::{Front, LambdaHost, LambdaSpec},
    process::{ProcessSpec, ServerProcess},
};

use super::{
    binaries,
    call::{Address, Call, Caller},
    differences::Difference,
    external,
    issuer::TestIssuer,
    plans,
    rules::{self, Rules},
    store::Store,
};

/// So many lines of a deployment's output go with a failure.
const SHOWN: usize = 20;

/// How requests get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrypoint {
    /// The container: `usher serve`.
    Server,
    /// The Lambda function behind a REST API.
    LambdaRest,
    /// The Lambda function behind an HTTP API, payload format 2.0.
    LambdaHttp,
    /// The same in payload format 1.0.
    LambdaHttpV1,
    /// The Lambda function by its own URL.
    LambdaUrl,
    /// The Lambda function behind an Application Load Balancer.
    LambdaAlb,
    /// The same with all values of headers.
    LambdaAlbMulti,
}

/// A deployment that answers. It ends when this is dropped.
pub(crate) struct Deployment {
    address: Address,
    host: Host,
    tokens: Tokens,
    api_key: String,
    /// What was made for it, and is to be discarded.
    store: Option<(Store, String)>,
    /// Held for its drop: the store's file and the plans are in it.
    _folder: Option<TempDir>,
}

/// What runs it.
pub(crate) enum Host {
    Server(ServerProcess),
    Lambda(LambdaHost),
    /// Somebody else.
    Elsewhere,
}

/// Where its tokens come from.
pub(crate) enum Tokens {
    /// An issuer of this test.
    Issuer(Box<TestIssuer>),
    /// `usher token`, with the development key in this folder.
    Folder(PathBuf),
}

impl Deployment {
    /// Starts an entrypoint over a fresh store.
    pub(crate) async fn start(entrypoint: Entrypoint, store: Store, rules: Rules) -> Self {
        let settings = |folder: &Path| {
            let mut env = plans::write(folder);
            env.extend(rules::write(rules, folder));
            env
        };
        Self::with(entrypoint, store, settings).await
    }

    /// Starts an entrypoint over a fresh store with other plans, keys and rules: `settings` writes what
    /// they need into a folder, and returns the variables.
    pub(crate) async fn with(
        entrypoint: Entrypoint,
        store: Store,
        settings: impl FnOnce(&Path) -> Vec<(String, String)>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = TestIssuer::new();
        let url = store.fresh(folder.path()).await;
        let mut env = settings(folder.path());
        env.extend([
            ("USHER_IDENTITY__ISSUERS".to_owned(), issuer.configuration()),
            ("USHER_STORE__URL".to_owned(), url.clone()),
        ]);
        let host = Host::start(entrypoint, env, folder.path()).await;
        let tokens = Tokens::Issuer(Box::new(issuer));
        let mut deployment = Self::new(host, entrypoint, tokens, plans::AMPLE, Some(folder));
        deployment.store = Some((store, url));
        deployment
    }

    /// Ends a deployment that has done what it was asked to: it has no errors to tell of.
    pub(crate) async fn end(self) {
        let log = self.stop().await;
        let mut errors = log
            .lines()
            .filter(|line| line.contains("\"level\":\"ERROR\"") || line.contains("panicked at"));
        assert_eq!(errors.next(), None, "it logged an error");
    }

    /// Ends a deployment, which ends as it should. Returns what it logged.
    pub(crate) async fn stop(mut self) -> String {
        let log = std::mem::replace(&mut self.host, Host::Elsewhere)
            .stop()
            .await;
        if let Some((store, url)) = self.store.take() {
            store.discard(&url).await;
        }
        log
    }

    pub(crate) fn new(
        host: Host,
        entrypoint: Entrypoint,
        tokens: Tokens,
        api_key: &str,
        folder: Option<TempDir>,
    ) -> Self {
        let base_url = host.base_url();
        Self {
            address: Address {
                base_url,
                client: client(),
                entrypoint,
            },
            host,
            tokens,
            api_key: api_key.to_owned(),
            store: None,
            _folder: folder,
        }
    }

    /// The same deployment at another address than its host's own.
    pub(crate) fn at(mut self, base_url: String) -> Self {
        self.address.base_url = base_url;
        self
    }

    /// Whether this entrypoint differs in that way.
    pub(crate) fn has(&self, difference: Difference) -> bool {
        difference.is_of(self.address.entrypoint)
    }

    /// A caller whom no other test has.
    pub(crate) fn somebody(&self) -> Caller {
        self.caller(&unique_name("user"))
    }

    /// The caller whose token has this subject.
    pub(crate) fn caller(&self, subject: &str) -> Caller {
        let token = match &self.tokens {
            Tokens::Issuer(issuer) => issuer.token(subject),
            Tokens::Folder(folder) => external::token(folder, subject),
        };
        Caller {
            address: self.address.clone(),
            id: subject.to_owned(),
            token,
            api_key: self.api_key.clone(),
        }
    }

    /// A request without token and key.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.address, method, path)
    }

    /// The issuer of this deployment's tokens.
    pub(crate) fn issuer(&self) -> &TestIssuer {
        match &self.tokens {
            Tokens::Issuer(issuer) => issuer,
            Tokens::Folder(_) => panic!("this case needs a deployment of the suite's own"),
        }
    }
}

impl Host {
    async fn start(entrypoint: Entrypoint, env: Vec<(String, String)>, dir: &Path) -> Self {
        let front = match entrypoint {
            Entrypoint::Server => return Self::server(env, dir).await,
            Entrypoint::LambdaRest => Front::RestApi,
            Entrypoint::LambdaHttp => Front::HttpApi,
            Entrypoint::LambdaHttpV1 => Front::HttpApiV1,
            Entrypoint::LambdaUrl => Front::FunctionUrl,
            Entrypoint::LambdaAlb => Front::LoadBalancer { multi_value: false },
            Entrypoint::LambdaAlbMulti => Front::LoadBalancer { multi_value: true },
        };
        let binary = binaries::lambda();
        let started = LambdaHost::start(LambdaSpec { binary, env, front }).await;
        Self::Lambda(started.unwrap_or_else(|error| {
            panic!(
                "{error}\n(the Lambda binary has all stores after `cargo build --workspace --bins`)"
            )
        }))
    }

    pub(crate) async fn server(env: Vec<(String, String)>, dir: &Path) -> Self {
        let spec = ProcessSpec {
            binary: binaries::server(),
            args: Vec::new(),
            env,
            dir: dir.to_owned(),
        };
        let started = ServerProcess::start(spec).await;
        Self::Server(started.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Ends it: a server by SIGTERM, which it answers with exit code 0, and a function by what a
    /// sandbox does to it.
    async fn stop(self) -> String {
        match self {
            Self::Server(server) => {
                let ended = server.terminate().await;
                let ended = ended.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
                ended.stderr
            }
            Self::Lambda(lambda) => {
                assert_eq!(lambda.failures(), Vec::<String>::new());
                lambda.stop().await
            }
            Self::Elsewhere => String::new(),
        }
    }

    fn base_url(&self) -> String {
        match self {
            Self::Server(server) => server.base_url().to_owned(),
            Self::Lambda(lambda) => lambda.base_url(),
            Self::Elsewhere => String::new(),
        }
    }

    fn output(&self) -> String {
        match self {
            Self::Server(server) => server.output(),
            Self::Lambda(lambda) => format!("{}{}", lambda.output(), lambda.failures().join("\n")),
            Self::Elsewhere => String::new(),
        }
    }
}

/// A client that sends what it is told to, wherever this machine's proxy is.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.host.output();
            let lines: Vec<&str> = output.lines().collect();
            let last = lines.get(lines.len().saturating_sub(SHOWN)..);
            let last = last.unwrap_or_default().join("\n");
            eprintln!("the last that the deployment wrote:\n{last}");
        }
    }
}
