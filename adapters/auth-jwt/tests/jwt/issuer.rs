//! Which issuers can be configured at all.

use usher_auth_jwt::{Audience, Issuer, IssuerError, IssuerSettings, KeysFrom};

use crate::support::settings;

fn from(uri: &str) -> Result<Issuer, IssuerError> {
    Issuer::new(settings(KeysFrom::Uri(uri.to_owned())))
}

#[test]
fn keys_come_over_https_from_anywhere() {
    for uri in [
        "https://issuer.example.com/keys",
        "https://10.0.0.1/keys",
        "HTTPS://issuer.example.com:8443/keys?a=b",
    ] {
        assert!(from(uri).is_ok(), "{uri}");
    }
}

#[test]
fn keys_come_over_http_from_this_machine() {
    for uri in [
        "http://127.0.0.1:9229/keys",
        "http://127.0.0.53/keys",
        "http://localhost:8080/keys",
        "http://LOCALHOST/keys",
        "http://[::1]:9229/keys",
    ] {
        assert!(from(uri).is_ok(), "{uri}");
    }
}

#[test]
fn http_from_another_machine_is_refused() {
    for uri in [
        "http://issuer.example.com/keys",
        "http://10.0.0.1/keys",
        "http://0.0.0.0/keys",
        "http://[::]/keys",
        "http://localhost.example.com/keys",
        "http://127.0.0.1.example.com/keys",
        "http://127.0.0.1@issuer.example.com/keys",
        "http://localhost:80@issuer.example.com/keys",
        "http://issuer.example.com/127.0.0.1",
        "http://issuer.example.com#@127.0.0.1/",
        "http://[::ffff:10.0.0.1]/keys",
    ] {
        assert!(matches!(from(uri), Err(IssuerError::InsecureUri)), "{uri}");
    }
}

#[test]
fn what_is_neither_https_nor_http_is_refused() {
    for uri in [
        "file:///etc/keys.json",
        "ftp://127.0.0.1/keys",
        "data:application/json,{}",
        "httpss://127.0.0.1/keys",
        "ws://127.0.0.1/keys",
        "127.0.0.1/keys",
        "/keys",
        "https://",
        "",
    ] {
        assert!(matches!(from(uri), Err(IssuerError::InsecureUri)), "{uri}");
    }
}

/// It would be in the log, in every error, and in what a configuration shows.
#[test]
fn an_address_with_a_user_or_a_password_is_refused() {
    for uri in [
        "https://user@issuer.example.com/keys",
        "https://user:password@issuer.example.com/keys",
        "https://:password@issuer.example.com/keys",
        "http://user:password@127.0.0.1:8080/keys",
    ] {
        assert!(matches!(from(uri), Err(IssuerError::InsecureUri)), "{uri}");
    }
}

/// Without audiences every token of the issuer would be accepted, whomever it is for.
#[test]
fn an_issuer_without_audiences_or_algorithms_is_refused() {
    let good = settings(KeysFrom::Uri("https://issuer.example.com/keys".to_owned()));
    let no_audiences = IssuerSettings {
        audience: Audience::Aud(Vec::new()),
        ..good.clone()
    };
    assert!(matches!(
        Issuer::new(no_audiences),
        Err(IssuerError::NoAudiences)
    ));
    let no_algorithms = IssuerSettings {
        algorithms: Vec::new(),
        ..good
    };
    assert!(matches!(
        Issuer::new(no_algorithms),
        Err(IssuerError::NoAlgorithms)
    ));
}

#[test]
fn a_given_key_set_that_does_not_read_is_refused_at_once() {
    for json in ["", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "not JSON"] {
        let issuer = Issuer::new(settings(KeysFrom::Json(json.to_owned())));
        assert!(matches!(issuer, Err(IssuerError::Keys(_))), "{json}");
    }
}
