//! Whatever code panics with, all that is told of it, in every way that there is, is that it did.

use std::{net::SocketAddr, process::Command, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request},
};
use usher_domain::{
    ports::{
        Deleted, Expected, ProfileStore, Put, StoreError, StoredProfile, TokenError, TokenVerifier,
        VouchedClaims,
    },
    principal::Principal,
    profile::Profile,
    service::{FrontDoor, ProfileRules, Profiles, UsagePolicy},
    time::Timestamp,
    user_id::UserId,
};
use usher_http::{App, CorsOrigins, Limits, Settings, Stack};
use usher_testkit::{
    fakes::{FakeKeyDirectory, FakePacer, FakeUsageStore},
    otlp::OtlpReceiver,
};
use usher_wiring::{
    Listeners, Role, SystemClock, Telemetry,
    config::{Config, Sources},
};

const IN_TOKEN: &str = "marked-token";
const IN_CONTENT: &str = "marked-content";
const IN_QUERY: &str = "marked-query";
const IN_KEY: &str = "marked-key-0123456789012345";

/// Says to this test's own program that it is the deployment, and where traces go.
const COLLECTOR: &str = "USHER_TEST_COLLECTOR";

/// Adapters with faults, which put what they know into their words.
#[derive(Debug)]
struct Careless;

#[async_trait]
impl TokenVerifier for Careless {
    async fn verify(&self, token: &str, _: Timestamp) -> Result<Arc<Principal>, TokenError> {
        let good = token.strip_suffix("-good");
        let user = good.unwrap_or_else(|| panic!("{token} does not end as it should"));
        Ok(Arc::new(Principal::new(user, "https://issuer.test")))
    }

    fn vouched(&self, claims: &VouchedClaims) -> Result<Arc<Principal>, TokenError> {
        panic!("{claims:?}")
    }
}

#[async_trait]
impl ProfileStore for Careless {
    async fn get(&self, _: &UserId) -> Result<Option<StoredProfile>, StoreError> {
        Ok(None)
    }

    async fn put(&self, id: &UserId, profile: &Profile, _: &Expected) -> Result<Put, StoreError> {
        let content = profile.render(id);
        assert!(content.contains(IN_CONTENT), "the content got here");
        no_room(&content).expect("there is room");
        Ok(Put::Conflict)
    }

    async fn delete(&self, id: &UserId, _: &Expected) -> Result<Deleted, StoreError> {
        unreachable!("{id} is never deleted, with {IN_QUERY} or without");
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn no_room(content: &str) -> Result<(), String> {
    Err(format!(
        "postgres://usher:{IN_KEY}@store/ has no room for {content}"
    ))
}

/// What a process says is its own: so a process of its own is the deployment.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
async fn whatever_panics_nothing_that_it_knew_comes_out() {
    if let Some(collector) = std::env::var_os(COLLECTOR) {
        return deployment(collector.to_str().expect("an address")).await;
    }
    let receiver = OtlpReceiver::start().await;
    let collector = receiver.endpoint();
    let child = tokio::task::spawn_blocking(move || {
        let this = std::env::current_exe().expect("a program");
        let name = "whatever_panics_nothing_that_it_knew_comes_out";
        let mut command = Command::new(this);
        command.args(["--exact", "--nocapture", name]);
        command.env(COLLECTOR, collector).output().expect("it runs")
    });
    let child = child.await.expect("it ended");
    let [lines, diagnostics] =
        [&child.stdout, &child.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(child.status.success(), "{diagnostics}");
    let traces = receiver.text();
    // Lines, metrics in both forms, bodies, diagnostics and traces: what is searched is there.
    let told = [
        (&lines, r#""requestTime""#),
        (&lines, r#""5XXError":1"#),
        (&lines, r#""code":"internal""#),
        (&lines, r#"status_class="5xx"} 1"#),
        (&diagnostics, r#""message":"a panic""#),
    ];
    for (text, said) in told {
        assert_eq!(text.matches(said).count(), 3, "{said} in {text}");
    }
    let roots = receiver
        .spans()
        .into_iter()
        .filter(|span| span.name.contains("/users/"));
    assert_eq!(roots.count(), 3, "{traces}");
    for secret in [IN_TOKEN, IN_CONTENT, IN_QUERY, IN_KEY] {
        for (what, text) in [
            ("lines", &lines),
            ("diagnostics", &diagnostics),
            ("traces", &traces),
        ] {
            assert!(!text.contains(secret), "{secret} in the {what}: {text}");
        }
    }
}

/// Answers requests in each of which something panics, and prints the answers and Prometheus' metrics.
#[allow(clippy::print_stdout, reason = "the test reads it")]
async fn deployment(collector: &str) {
    let config = format!(
        r#"
        [store]
        url = "memory:"
        [server]
        metrics_listen = "127.0.0.1:1"
        [[identity.issuers]]
        kind = "oidc"
        issuer = "https://issuer.test"
        audiences = ["app"]
        [usage]
        api_key_required = false
        [metrics]
        emf = true
        [traces]
        otlp_endpoint = "{collector}"
        [log]
        level = "trace"
        format = "json"
        "#
    );
    let sources = Sources::default().toml("usher.toml", &config);
    let (config, _) = Config::read(sources, false).unwrap_or_else(|errors| panic!("{errors:?}"));
    let telemetry = Telemetry::start(&config, &Role::Server).expect("it starts");
    let pacer = FakePacer::new(Arc::new(FakeUsageStore::new()), None);
    let policy = UsagePolicy {
        key_required: false,
        assign: Vec::new().into(),
    };
    let keys = FakeKeyDirectory::new([], []);
    let front_door = FrontDoor::new(Arc::new(Careless), Arc::new(keys), Arc::new(pacer), policy);
    let app = App::new(
        front_door,
        Profiles::new(Arc::new(Careless), ProfileRules::default()),
        Arc::new(SystemClock),
        Settings {
            limits: Limits {
                timeout: None,
                max_in_flight: None,
            },
            server_timing: true,
            cors: CorsOrigins::default(),
            development_jwks: None,
        },
    );
    let Listeners {
        log,
        telemetry: told,
    } = Listeners::from(&telemetry);
    let stack = Stack::new(app, log, told);
    let content = format!(r#"{{"name":"{IN_CONTENT}"}}"#);
    for (method, token, content) in [
        (Method::GET, IN_TOKEN, ""),
        (Method::PUT, "alice-good", content.as_str()),
        (Method::DELETE, "alice-good", ""),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/users/alice/profile?{IN_QUERY}"))
            .header("authorization", format!("Bearer {token}"))
            .header("x-api-key", IN_KEY)
            .header("content-type", "application/json")
            .header(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .extension(SocketAddr::from(([127, 0, 0, 1], 1)))
            .body(Body::from(content.to_owned()))
            .expect("a request");
        let answer = stack.answer(request).await;
        println!("{:?}", answer.headers());
        let body = to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body");
        println!("{}", String::from_utf8_lossy(&body));
    }
    println!("{}", telemetry.metrics().render());
    telemetry.flush().await;
}
