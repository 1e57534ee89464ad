//! What a configuration may say, and what is said about one that may not.

mod access;
mod identity;
mod profile;
mod telemetry;
mod usage;

use std::{path::Path, time::Duration};

use usher_http::CorsOrigins;

use super::*;

const ISSUER: &str = r#"
    [usage]
    api_key_required = false
    [[identity.issuers]]
    kind = "oidc"
    issuer = "https://idp.example.com/"
    audiences = ["usher"]
    jwks_uri = "https://idp.example.com/keys"
"#;

fn read(toml: &str, environment: &[(&str, &str)]) -> Result<(Config, Vec<Effective>), Vec<String>> {
    let variables = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources::default()
        .toml("usher.toml", toml)
        .environment(variables);
    Config::read(sources, false).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let (config, _) = read(ISSUER, &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.server.request_timeout, Duration::from_secs(10));
    assert_eq!(config.server.shutdown_timeout, Duration::from_secs(20));
    assert_eq!(config.server.max_in_flight, 1024);
    assert!(matches!(config.store.url, StoreUrl::Sqlite(path) if path == Path::new("usher.db")));
    assert!(config.store.migrate && config.store.consistent_reads);
    assert_eq!(config.store.timeout, Duration::from_secs(2));
    assert_eq!(config.server.cors_origins, CorsOrigins::default());
    assert_eq!(config.profile.max_bytes, 262_144);
    assert!(config.profile.schema.is_none() && !config.profile.require_if_match);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_environment_wins_over_the_file_and_is_read_by_the_wanted_type() {
    let toml = format!("{ISSUER}\n[api]\nid = \"x\"\n[server]\nmax_in_flight = 5\n");
    let environment = [
        ("USHER_API__ID", "123"),
        ("USHER_API__STAGE", "1e5"),
        ("USHER_SERVER__MAX_IN_FLIGHT", "7"),
        ("USHER_SERVER__REQUESTTIMEOUT", "4s"),
        ("USHER_ACCESS__SCOPES__READ", "[\"a\",\"b\"]"),
        ("USHER_CONFIG", "ignored.toml"),
        ("PATH", "/bin"),
    ];
    let (config, effective) = read(&toml, &environment).unwrap();
    assert_eq!((&*config.api.api_id, &*config.api.stage), ("123", "1e5"));
    assert_eq!(config.server.max_in_flight, 7);
    assert_eq!(config.server.request_timeout, Duration::from_secs(4));
    assert_eq!(config.access.read_scopes.len(), 2);
    let line = effective
        .iter()
        .find(|line| line.key == "server.max_in_flight")
        .unwrap();
    assert_eq!(
        line.source,
        "environment variable USHER_SERVER__MAX_IN_FLIGHT"
    );
}

#[test]
fn every_error_is_reported_with_its_key_and_its_origin() {
    let toml = "[server]\nlisten = 8080\nlisten_on = \"x\"\n[store]\nurl = \"mysql://u:hunter2@h\"\n\
        timeout = \"2\"\n[log]\nformat = \"xml\"\nlevel = \"loud,=\"\n[usage]\nstore = \"redis://u:hunter2@h\"\n";
    let errors = read(toml, &[("USHER_PROFILE__MAX_BYTES", "1000000")]).unwrap_err();
    assert_eq!(
        errors,
        [
            "server.listen: must be text, in quotes (usher.toml)",
            "store.url: must begin with sqlite:, postgres://, dynamodb:// or memory: (usher.toml)",
            "store.timeout: must be a duration such as \"250ms\", \"2s\" or \"5m\" (usher.toml)",
            "profile.max_bytes: must be a whole number from 2 to 262144 (environment variable \
             USHER_PROFILE__MAX_BYTES)",
            "identity.issuers: without an issuer nobody could be let in (not set)",
            "usage.store: must begin with sqlite:, postgres://, dynamodb:// or memory: (usher.toml)",
            "usage.keys: API keys are required and there are none: name a file of keys, or set \
             usage.api_key_required = false (not set)",
            "log.format: must be \"json\" or \"text\" (usher.toml)",
            "log.level: must be error, warn, info, debug, trace, off, or a filter such as \
             info,sqlx=warn (usher.toml)",
            "server.listen_on: is not a key that usher knows; did you mean server.listen? \
             (usher.toml)",
        ]
    );
}

#[test]
fn what_the_postgres_driver_would_not_understand_is_refused_without_its_value() {
    let error = |url: &str| {
        let toml = format!("{ISSUER}\n[store]\nurl = \"{url}\"\n");
        read(&toml, &[]).err().map(|errors| errors.join("\n"))
    };
    let fine =
        "postgres://u:p@h:1/d?sslmode=verify-full&sslrootcert=/ca.pem&options[search_path]=x#y?z=1";
    assert_eq!(error(fine), None);
    for (url, name) in [
        ("postgres://u@h/d?sslpassword=hunter2", " sslpassword;"),
        (
            "postgres://u@h/d?sslmode=require&pasword=hunter2",
            " pasword;",
        ),
        ("postgres://u:pass?hunter2@h/d", " that is there;"),
        ("postgres://u:pass?hunter=2@h/d", " that is there;"),
        ("postgres://u@h/d?hunter2", " that is there;"),
    ] {
        let error = error(url).unwrap();
        assert!(
            error.starts_with("store.url: postgres:// knows no parameter"),
            "{error}"
        );
        assert!(error.contains(name), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_not_shown() {
    let toml = "[store]\nurl = \"postgres://u:hunter2@h/d\n";
    let errors = read(toml, &[]).unwrap_err();
    assert!(errors[0].starts_with("usher.toml: line 2: "), "{errors:?}");
    assert!(!errors.join("").contains("hunter2"), "{errors:?}");
}

#[test]
fn a_job_that_only_migrates_needs_the_store_alone() {
    let variables = [("USHER_STORE__URL".to_owned(), "sqlite:x.db".to_owned())];
    let config = ControlConfig::read(Sources::default().environment(variables), false).unwrap();
    assert!(matches!(config.store.url, StoreUrl::Sqlite(_)));
}

#[test]
fn a_job_that_only_migrates_refuses_a_misspelt_store() {
    let read = |toml| ControlConfig::read(Sources::default().toml("usher.toml", toml), false);
    let errors = read("[store]\nulr = \"sqlite:x.db\"\n[server]\nlisten_on = 1\n").unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        ["store.ulr: is not a key that usher knows; did you mean store.url? (usher.toml)"]
    );
}

#[test]
fn keys_that_would_let_nobody_in_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let plan = r#"{"id": "p", "apiStages": [{"apiId": "a", "stage": "s"}]}"#;
    std::fs::write(path("plans.json"), plan).unwrap();
    let errors = |keys: &str, stage: &str| {
        std::fs::write(path("keys.csv"), keys).unwrap();
        let environment = [
            ("USHER_USAGE__API_KEY_REQUIRED", "true"),
            ("USHER_USAGE__PLANS", &path("plans.json")),
            ("USHER_USAGE__KEYS", &path("keys.csv")),
            ("USHER_API__ID", "a"),
            ("USHER_API__STAGE", stage),
            ("USHER_USAGE__STORE", "memory:"),
        ];
        read(ISSUER, &environment).err()
    };
    let key = "Name,Key,Enabled,UsagePlanIds\nk,abcdefghijklmnopqrst";
    assert_eq!(errors(&format!("{key},true,p"), "s"), None);
    for (keys, stage) in [
        (format!("{key},true,p"), "other"),
        (format!("{key},false,p"), "s"),
        (format!("{key},true,"), "s"),
        ("Name,Key\n".to_owned(), "s"),
    ] {
        let errors = errors(&keys, stage).expect("an error");
        assert!(
            errors[0].starts_with("usage.keys: no key would be accepted"),
            "{errors:?}"
        );
    }
}

#[test]
fn a_password_is_shown_to_nobody() {
    let toml = format!("{ISSUER}\n[store]\nurl = \"postgres://u:hunter2@h/d\"\n");
    let (config, effective) = read(&toml, &[]).unwrap();
    assert!(!format!("{config:?}{effective:?}").contains("hunter2"));
    let line = effective
        .iter()
        .find(|line| line.key == "store.url")
        .unwrap();
    assert_eq!(line.value, "postgres://(hidden)");
}

#[test]
fn origins_are_read_from_a_file_and_from_the_environment() {
    let listed = CorsOrigins::parse(&["https://a.example", "http://localhost:3000"]).unwrap();
    let toml = format!(
        "{ISSUER}\n[server]\ncors_origins = [\"https://a.example\", \"http://localhost:3000\"]\n"
    );
    let (config, _) = read(&toml, &[]).unwrap();
    assert_eq!(config.server.cors_origins, listed);
    let any = [("USHER_SERVER__CORS_ORIGINS", r#"["*"]"#)];
    let (config, _) = read(&toml, &any).unwrap();
    assert_eq!(
        config.server.cors_origins,
        CorsOrigins::parse(&["*"]).unwrap()
    );
    let one = [("USHER_SERVER__CORS_ORIGINS", r#"["https://a.example"]"#)];
    let (config, effective) = read(ISSUER, &one).unwrap();
    assert_eq!(
        config.server.cors_origins,
        CorsOrigins::parse(&["https://a.example"]).unwrap()
    );
    let line = effective
        .iter()
        .find(|line| line.key == "server.cors_origins");
    assert_eq!(line.unwrap().value, r#"["https://a.example"]"#);
}

#[test]
fn the_text_that_is_no_origin_is_named() {
    for (value, said) in [
        (
            r#"["https://a.example", "https://b.example/"]"#,
            "\"https://b.example/\" is not an origin: write it as https://app.example.com, with a \
             port if it is not the scheme's own",
        ),
        (
            r#"["https://a.example", "*"]"#,
            "\"*\" stands for every origin, and must stand alone",
        ),
        (
            "https://a.example",
            "must be a list of texts, here as JSON such as [\"a\", \"b\"]",
        ),
    ] {
        let errors = read(ISSUER, &[("USHER_SERVER__CORS_ORIGINS", value)]).unwrap_err();
        let origin = "(environment variable USHER_SERVER__CORS_ORIGINS)";
        assert_eq!(errors, [format!("server.cors_origins: {said} {origin}")]);
    }
}

#[test]
fn a_log_level_is_one_for_all_or_for_single_parts_and_never_a_guess() {
    use tracing::Level;
    let level = |text: &str| {
        let toml = format!("{ISSUER}\n[log]\nlevel = {text:?}");
        read(&toml, &[]).map(|(config, _)| config.log.level)
    };
    for (text, usher, sqlx) in [
        ("info", Some(Level::INFO), Some(Level::INFO)),
        ("INFO", Some(Level::INFO), Some(Level::INFO)),
        ("off", None, None),
        ("info,sqlx=warn", Some(Level::INFO), Some(Level::WARN)),
        ("off, usher_http=debug", Some(Level::DEBUG), None),
        ("sqlx=off,debug", Some(Level::DEBUG), None),
    ] {
        let level = level(text).unwrap();
        let most = |target: &str| {
            [
                Level::TRACE,
                Level::DEBUG,
                Level::INFO,
                Level::WARN,
                Level::ERROR,
            ]
            .into_iter()
            .find(|one| level.would_enable(target, one))
        };
        assert_eq!((most("usher_http"), most("sqlx")), (usher, sqlx), "{text}");
    }
    for text in [
        "",
        "info,",
        ",info",
        "inof",
        "3",
        "info,sqlx",
        "sqlx=",
        "=info",
        "sqlx = warn",
        "sqlx[query]=debug",
        "a b=info",
    ] {
        assert!(level(text).is_err(), "{text}");
    }
}
