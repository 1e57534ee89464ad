//! `[log]`, `[metrics]`, `[traces]`

use super::{ISSUER, read};

fn traces(endpoint: &str) -> String {
    format!("{ISSUER}\n[traces]\notlp_endpoint = \"{endpoint}\"\n")
}

fn errors(toml: &str) -> String {
    let Err(errors) = read(toml, &[]) else {
        panic!("{toml} is accepted")
    };
    errors.join("\n")
}

#[test]
fn prometheus_may_ask_on_this_machine_and_the_rest_is_the_operators_to_ask_for() {
    let (config, _) = read(ISSUER, &[]).unwrap();
    let listen = config
        .server
        .metrics_listen
        .map(|address| address.to_string());
    assert_eq!(listen.as_deref(), Some("127.0.0.1:9464"));
    assert!(!config.server.server_timing && config.log.access);
    assert_eq!(
        (config.metrics.emf, &*config.metrics.namespace),
        (None, "Usher")
    );
    assert!(config.traces.is_none());
    let (config, _) = read(ISSUER, &[("USHER_SERVER__METRICS_LISTEN", "")]).unwrap();
    assert_eq!(config.server.metrics_listen, None);
}

#[test]
fn an_endpoint_is_a_host_and_a_port() {
    for endpoint in [
        "http://127.0.0.1:4317",
        "https://collector:4317/",
        "http://[::1]:4317",
    ] {
        let (config, _) = read(&traces(endpoint), &[]).unwrap();
        assert_eq!(config.traces.expect("traces").otlp_endpoint, endpoint);
    }
    for endpoint in [
        "127.0.0.1:4317",
        "grpc://collector",
        "http://",
        "http://collector/v1/traces",
        "http://c?x=1",
    ] {
        let said = errors(&traces(endpoint));
        assert!(said.contains("traces.otlp_endpoint"), "{endpoint}: {said}");
    }
    for share in ["-0.1", "1.1", "\"all\""] {
        let toml = format!("{}sample_ratio = {share}\n", traces("http://c:4317"));
        assert!(errors(&toml).contains("traces.sample_ratio"), "{share}");
    }
}

/// Base64 has slashes in it, and what comes before one is not all of it.
#[test]
fn a_password_in_an_endpoint_is_refused_and_not_shown() {
    for endpoint in [
        "http://user:pa55@c:4317",
        "http://user:pa55/word@c:4317",
        "https://pa55?x@c",
    ] {
        let said = errors(&traces(endpoint));
        assert!(
            said.contains("no password") && !said.contains("pa55"),
            "{said}"
        );
    }
}
