use super::{ISSUER, read};
use crate::config::{Config, ControlConfig, Sources, StoreUrl, UsageStoreConfig};
use usher_domain::usage::{assignment::Criterion, plan_file::OffsetMeaning};

/// A configuration that lets everybody in who has a token, and these sections.
fn with(more: &str) -> Result<Config, Vec<String>> {
    also(more, &[])
}

/// The same, and these variables.
fn also(more: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let free = format!("{ISSUER}\n{more}");
    read(&free, environment).map(|(config, _)| config)
}

fn store(toml: &str) -> UsageStoreConfig {
    with(toml).unwrap().usage.store
}

#[test]
fn usage_is_kept_with_the_profiles_where_that_can_be() {
    let profiles = |url: &str| format!("[store]\nurl = \"{url}\"");
    assert_eq!(store(""), UsageStoreConfig::Profiles);
    assert_eq!(store(&profiles("sqlite:a.db")), UsageStoreConfig::Profiles);
    assert_eq!(store(&profiles("memory:")), UsageStoreConfig::Memory);
    for url in ["postgres://h/d", "dynamodb://T?region=r&control=C"] {
        assert_eq!(store(&profiles(url)), UsageStoreConfig::Profiles, "{url}");
    }
    let own = |url: &str| {
        let (_, effective) = read(ISSUER, &[("USHER_USAGE__STORE", url)]).unwrap();
        let shown = effective.into_iter().find(|line| line.key == "usage.store");
        let (config, _) = read(ISSUER, &[("USHER_USAGE__STORE", url)]).unwrap();
        (config.usage.store, shown.unwrap().value)
    };
    let elsewhere = UsageStoreConfig::Elsewhere(StoreUrl::Sqlite("u.db".into()));
    assert_eq!(own("sqlite:u.db"), (elsewhere, "sqlite:u.db".to_owned()));
    let same = UsageStoreConfig::Profiles;
    assert_eq!(own("sqlite:usher.db"), (same, "sqlite:usher.db".to_owned()));
    let (postgres, shown) = own("postgres://u:hunter2@h/d");
    assert!(matches!(
        postgres,
        UsageStoreConfig::Elsewhere(StoreUrl::Postgres(_))
    ));
    assert_eq!(shown, "postgres://(hidden)");
    assert_eq!(
        own("memory:"),
        (UsageStoreConfig::Memory, "memory:".to_owned())
    );
}

#[test]
fn a_bucket_over_everything_has_both_halves() {
    let throttle = with("[service.throttle]\nrateLimit = 5000.0\nburstLimit = 2500");
    let throttle = throttle.unwrap().usage.service.unwrap();
    assert_eq!((throttle.step_nanos(), throttle.burst()), (200_000, 2500));
    let whole = with("[service.throttle]\nrateLimit = 2\nburstLimit = 1");
    assert_eq!(
        whole.unwrap().usage.service.unwrap().step_nanos(),
        500_000_000
    );
    for (toml, error) in [
        (
            "rateLimit = 1.0",
            "service.throttle.burstLimit: a throttle has a rateLimit and a burstLimit (not set)",
        ),
        (
            "burstLimit = 1",
            "service.throttle.rateLimit: a throttle has a rateLimit and a burstLimit (not set)",
        ),
        (
            "rateLimit = 0\nburstLimit = 1",
            "service.throttle.rateLimit: rateLimit must be a number greater than zero (usher.toml)",
        ),
        (
            "rateLimit = \"1\"\nburstLimit = 1",
            "service.throttle.rateLimit: must be a number (usher.toml)",
        ),
        (
            "rateLimit = 1\nburstLimit = 0",
            "service.throttle.burstLimit: must be a whole number from 1 to 4294967295 (usher.toml)",
        ),
    ] {
        let errors = with(&format!("[service.throttle]\n{toml}")).unwrap_err();
        assert_eq!(errors, [error]);
    }
}

#[test]
fn plans_are_assigned_by_a_claim_a_group_or_a_scope() {
    let toml = "[[usage.assign]]\nclaim = \"custom:tier\"\nequals = \"gold\"\nplan = \"g\"\n\
        [[usage.assign]]\ngroup = \"staff\"\nplan = \"s\"\n\
        [[usage.assign]]\nscope = \"batch\"\nissuer = \"https://idp.example.com/\"\nplan = \"b\"\n";
    let config = with(toml).unwrap();
    let assign = &config.usage.policy.assign;
    let plans: Vec<_> = assign.iter().map(|one| one.plan.as_str()).collect();
    assert_eq!(plans, ["g", "s", "b"]);
    assert!(
        matches!(&assign[0].to, Criterion::Claim { name, equals } if &**name == "custom:tier" && &**equals == "gold")
    );
    assert_eq!(assign[1].to, Criterion::Group("staff".into()));
    assert_eq!(assign[2].to, Criterion::Scope("batch".into()));
    for wrong in [
        "plan = \"p\"",
        "claim = \"c\"\nplan = \"p\"",
        "equals = \"c\"\nplan = \"p\"",
        "claim = \"\"\nequals = \"\"\nplan = \"p\"",
        "group = \"g\"\nscope = \"s\"\nplan = \"p\"",
        "group = \"\"\nplan = \"p\"",
    ] {
        let errors = with(&format!("[[usage.assign]]\n{wrong}")).unwrap_err();
        assert!(
            errors[0].starts_with("usage.assign[0].claim: a plan is assigned by"),
            "{errors:?}"
        );
    }
    let errors = with("[[usage.assign]]\ngroup = \"g\"").unwrap_err();
    assert_eq!(
        errors,
        ["usage.assign[0].plan: must be the id of a usage plan (not set)"]
    );
    let errors = with("[[usage.assign]]\ngroup = \"g\"\nplan = \"p\"\nissuer = \"https://x\"");
    assert!(errors.unwrap_err()[0].starts_with("usage.assign[0].issuer: is none of"));
}

#[test]
fn in_memory_an_assigned_plan_must_be_in_the_file() {
    let toml = "[[usage.assign]]\ngroup = \"g\"\nplan = \"p\"";
    let errors = also(toml, &[("USHER_USAGE__STORE", "memory:")]).unwrap_err();
    assert!(
        errors
            .iter()
            .any(|error| error.contains("there is no usage plan p")),
        "{errors:?}"
    );
}

#[test]
fn offsets_are_refused_unless_somebody_says_what_they_mean() {
    assert_eq!(with("").unwrap().usage.offsets, OffsetMeaning::Refuse);
    for (word, meaning) in [
        ("refuse", OffsetMeaning::Refuse),
        ("first_period_credit", OffsetMeaning::FirstPeriodCredit),
        ("start_day", OffsetMeaning::StartDay),
    ] {
        let config = also("", &[("USHER_USAGE__QUOTA_OFFSET", word)]);
        assert_eq!(config.unwrap().usage.offsets, meaning);
    }
    assert!(also("", &[("USHER_USAGE__QUOTA_OFFSET", "day")]).is_err());
}

#[test]
fn the_tools_need_the_store_alone() {
    let toml = "[usage]\nstore = \"sqlite:u.db\"\nkeys = \"not there\"\n[server]\nlisten = 1\n\
        [[usage.assign]]\ngroup = \"g\"\nplan = \"p\"\n";
    let config = ControlConfig::read(Sources::default().toml("usher.toml", toml), false).unwrap();
    assert_eq!(
        config.usage_store,
        UsageStoreConfig::Elsewhere(StoreUrl::Sqlite("u.db".into()))
    );
    assert_eq!(config.assigned[0].as_str(), "p");
}

#[test]
fn a_gateway_is_believed_only_where_that_is_said() {
    let config = with("").unwrap();
    assert!(!config.identity.trust_gateway && !config.usage.trust_gateway);
    let trusting = [
        ("USHER_IDENTITY__TRUST_GATEWAY", "true"),
        ("USHER_USAGE__TRUST_GATEWAY", "true"),
    ];
    let config = also("", &trusting).unwrap();
    assert!(config.identity.trust_gateway && config.usage.trust_gateway);
    let control = Sources::default().toml("usher.toml", "[usage]\ntrust_gateway = true");
    assert!(ControlConfig::read(control, false).is_ok());
}

/// Behind a REST API with a usage plan nobody needs a key of ours, and whoever comes without one is refused.
#[test]
fn where_a_gateway_looks_at_keys_none_have_to_be_there() {
    let keyless = [
        ("USHER_USAGE__API_KEY_REQUIRED", "true"),
        ("USHER_USAGE__STORE", "memory:"),
    ];
    assert!(also("", &keyless).is_err());
    let trusting = [
        keyless[0],
        keyless[1],
        ("USHER_USAGE__TRUST_GATEWAY", "true"),
    ];
    let config = also("", &trusting).unwrap();
    assert!(config.usage.policy.key_required);
}
