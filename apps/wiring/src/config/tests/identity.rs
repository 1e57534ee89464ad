//! `[identity]`

use std::time::Duration;

use usher_auth_jwt::{Algorithm, Audience, IssuerSettings, KeysFrom, TokenUse};

use super::{ISSUER, read};

const POOL: &str = r#"
    kind = "cognito"
    region = "eu-west-1"
    user_pool_id = "eu-west-1_AbCdEfGhI"
    client_ids = ["1example23456789"]
"#;
const OIDC: &str = r#"
    kind = "oidc"
    issuer = "https://idp.example.com/"
    audiences = ["usher"]
"#;
const EC_KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn toml(issuers: &[&str]) -> String {
    let mut toml = "[usage]\napi_key_required = false\n".to_owned();
    for issuer in issuers {
        toml.push_str("[[identity.issuers]]\n");
        toml.push_str(issuer);
        toml.push('\n');
    }
    toml
}

fn settings(issuer: &str) -> IssuerSettings {
    let (config, _) = read(&toml(&[issuer]), &[]).unwrap_or_else(|errors| panic!("{errors:?}"));
    config.identity.issuers[0].settings().clone()
}

fn errors(issuers: &[&str]) -> Vec<String> {
    let Err(errors) = read(&toml(issuers), &[]) else {
        panic!("{issuers:?} is accepted")
    };
    errors
}

#[test]
fn a_user_pool_names_its_issuer_and_its_keys() {
    let pool = settings(POOL);
    let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
    assert_eq!(pool.issuer, issuer);
    let keys = format!("{issuer}/.well-known/jwks.json");
    assert!(matches!(&pool.keys, KeysFrom::Uri(uri) if *uri == keys));
    assert_eq!(pool.algorithms, [Algorithm::Rs256]);
    assert_eq!(pool.groups_claim, "cognito:groups");
    assert_eq!(pool.scopes_claim, "scope");
    assert_eq!(pool.leeway, Duration::from_secs(30));
    let Audience::Cognito {
        client_ids,
        token_use,
    } = pool.audience
    else {
        panic!("{:?}", pool.audience)
    };
    assert_eq!(client_ids, ["1example23456789"]);
    assert_eq!(token_use, [TokenUse::Access], "what an app sends to an API");
}

/// Cognito's issuer configuration of a pool is `ORIGINAL` or `UPDATED`, and may be changed.
#[test]
fn a_user_pool_has_two_names_and_is_one_issuer() {
    let toml = toml(&[POOL, &format!("{OIDC}subject_prefix = \"b:\"")]);
    let original = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
    let updated = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI";
    let grant = |issuer: &str| {
        let grant = format!(
            "[[access.grants]]\ngroup = \"g\"\nactions = [\"read\"]\nissuer = \"{issuer}\""
        );
        read(&format!("{toml}{grant}\n"), &[])
    };
    let (config, _) = grant(original).expect("a configuration");
    let issuers = config.identity.issuers.iter();
    let names: Vec<_> = issuers
        .map(|issuer| (issuer.settings().issuer.as_str(), issuer.settings().name()))
        .collect();
    let other = "https://idp.example.com/";
    assert_eq!(
        names,
        [(original, original), (updated, original), (other, other)]
    );
    let KeysFrom::Uri(keys) = &config.identity.issuers[1].settings().keys else {
        panic!("{:?}", config.identity.issuers[1])
    };
    assert_eq!(*keys, format!("{updated}/.well-known/jwks.json"));
    assert!(grant(updated).is_err(), "principals never bear this name");
    // A pool alone is one issuer, whose groups need no name.
    let alone = self::toml(&[POOL]);
    let grant = "[[access.grants]]\ngroup = \"g\"\nactions = [\"read\"]\n";
    assert!(read(&format!("{alone}{grant}"), &[]).is_ok());
}

#[test]
fn a_user_pool_in_china_has_the_domain_of_its_partition() {
    let pool = settings(
        "kind = \"cognito\"\nregion = \"cn-north-1\"\nuser_pool_id = \"cn-north-1_a\"\n\
         client_ids = [\"x\"]\ntoken_use = [\"id\", \"access\"]\nsubject_prefix = \"c:\"",
    );
    let issuer = "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a";
    assert_eq!(pool.issuer, issuer);
    assert_eq!(pool.subject_prefix, "c:");
    let Audience::Cognito { token_use, .. } = pool.audience else {
        panic!("{:?}", pool.audience)
    };
    assert_eq!(token_use, [TokenUse::Id, TokenUse::Access]);
}

#[test]
fn an_emulators_pool_is_where_it_says_and_of_any_name() {
    let pool = settings(
        "kind = \"cognito\"\nregion = \"local\"\nuser_pool_id = \"local_pool\"\n\
         client_ids = [\"x\"]\nissuer = \"http://127.0.0.1:9229/local_pool\"",
    );
    assert_eq!(pool.issuer, "http://127.0.0.1:9229/local_pool");
    let keys = "http://127.0.0.1:9229/local_pool/.well-known/jwks.json";
    assert!(matches!(&pool.keys, KeysFrom::Uri(uri) if uri == keys));
}

#[test]
fn an_oidc_issuer_is_asked_where_its_keys_are_unless_it_is_said() {
    assert!(matches!(settings(OIDC).keys, KeysFrom::Discovery));
    assert!(matches!(settings(OIDC).audience, Audience::Aud(audiences) if audiences == ["usher"]));
    let given = format!("{OIDC}jwks_uri = \"https://idp.example.com/keys\"");
    assert!(matches!(settings(&given).keys, KeysFrom::Uri(_)));
    let inline = format!("{OIDC}jwks = '''{EC_KEYS}'''\nalgorithms = [\"ES256\"]");
    assert!(matches!(settings(&inline).keys, KeysFrom::Json(_)));
    // A function that must not call out can have its pool's keys with it, too.
    let pool = format!("{POOL}jwks_uri = \"https://keys.example.com/\"");
    let keys = settings(&pool).keys;
    assert!(matches!(keys, KeysFrom::Uri(uri) if uri == "https://keys.example.com/"));
}

#[test]
fn every_key_of_an_oidc_issuer_is_read() {
    let all = settings(&format!(
        "{OIDC}algorithms = [\"PS384\", \"EdDSA\"]\ngroups_claim = \"/realm_access/roles\"\n\
         scopes_claim = \"scp\"\nrequire_typ = true\nsubject_prefix = \"k:\""
    ));
    assert_eq!(all.algorithms, [Algorithm::Ps384, Algorithm::EdDsa]);
    assert_eq!(all.groups_claim, "/realm_access/roles");
    assert_eq!(all.scopes_claim, "scp");
    assert_eq!(all.subject_prefix, "k:");
    assert!(all.require_typ);
}

#[test]
fn an_issuer_must_say_whom_its_tokens_are_for() {
    assert_eq!(
        errors(&[
            "kind = \"oidc\"\nissuer = \"i\"\naudiences = []\nalgorithms = [\"HS256\"]\n\
            audience = \"x\""
        ]),
        [
            "identity.issuers[0].audiences: must name whom its tokens are for, never nobody \
             (usher.toml)",
            "identity.issuers[0].algorithms: \"HS256\" is not one of RS256, RS384, RS512, PS256, \
             PS384, PS512, ES256, ES384, EdDSA, Ed25519 (usher.toml)",
            "identity.issuers[0].audience: is not a key that usher knows; did you mean \
             audiences? (usher.toml)",
        ]
    );
    for (issuer, key) in [
        ("kind = \"oidc\"", "issuer: must be the exact iss"),
        ("kind = \"oidc\"\nissuer = \"i\"", "audiences: must name"),
        ("kind = \"cognito\"", "client_ids: must name"),
        ("kind = \"cognito\"", "region: must be"),
        ("kind = \"cognito\"", "user_pool_id: must be"),
    ] {
        let wrong = format!("identity.issuers[0].{key}");
        let errors = errors(&[issuer]);
        let told = errors
            .iter()
            .any(|error| error.starts_with(&wrong) && error.ends_with("(not set)"));
        assert!(told, "{errors:?}");
    }
}

/// An issuer, the key that is named, and what is said of it.
fn slips() -> Vec<(String, &'static str, &'static str)> {
    let pool = |region: &str, pool: &str| {
        format!(
            "kind = \"cognito\"\nregion = \"{region}\"\nuser_pool_id = \"{pool}\"\n\
             client_ids = [\"x\"]"
        )
    };
    let in_pool = |more: &str| format!("{POOL}{more}");
    let in_oidc = |more: &str| format!("{OIDC}{more}");
    let unknown = "is not a key that usher knows";
    let region = "must be a region such as";
    let of_region = "must be a user pool of the region";
    let kinds = "must be \"cognito\" or \"oidc\"";
    let refresh = "\"refresh\" is not one of access, id";
    let not_https = "must be an https address";
    vec![
        (String::new(), "kind", kinds),
        ("kind = \"saml\"\nmetadata = 1".to_owned(), "kind", kinds),
        (in_pool("token_use = [\"refresh\"]"), "token_use", refresh),
        (in_pool("token_use = []"), "token_use", "must not be empty"),
        (in_pool("audiences = [\"x\"]"), "audiences", unknown),
        (in_pool("groups_claim = \"x\""), "groups_claim", unknown),
        (in_oidc("client_ids = [\"x\"]"), "client_ids", unknown),
        (pool("Ireland", "Ireland_a"), "region", region),
        (pool("eu-west-1.evil.example/", "x"), "region", region),
        (pool("eusc-de-east-1", "eusc-de-east-1_a"), "region", region),
        (pool("eu-west-1", "us-east-1_a"), "user_pool_id", of_region),
        (
            pool("eu-west-1", "eu-west-1_a/b"),
            "user_pool_id",
            of_region,
        ),
        (
            in_oidc("jwks_uri = \"http://idp.example.com/\""),
            "jwks_uri",
            not_https,
        ),
        (
            in_oidc("jwks_uri = \"https://a/\"\njwks = \"{}\""),
            "jwks",
            "jwks_uri is given as well",
        ),
        (
            in_oidc("jwks_uri = \"https://user:hunter2@idp.example.com/\""),
            "jwks_uri",
            not_https,
        ),
        (
            in_pool("issuer = \"http://cognito-local:9229/x\""),
            "issuer",
            not_https,
        ),
        (
            in_oidc("subject_prefix = \"google/\""),
            "subject_prefix",
            "no profile could belong to anybody",
        ),
        (
            in_oidc("jwks = '{\"keys\":[{\"kty\":\"RSA\",\"d\":\"hunter2\"}]}'"),
            "jwks",
            "a private or a symmetric key",
        ),
        (in_oidc("jwks = \"{}\""), "jwks", "not a JSON Web Key Set"),
        // It signs with another algorithm than the ones that are let through.
        (
            in_oidc(&format!("jwks = '''{EC_KEYS}'''")),
            "jwks",
            "no key that can be used",
        ),
        (
            in_oidc("jwks_file = \"/none\""),
            "jwks_file",
            "/none cannot be read",
        ),
        (
            "kind = \"oidc\"\nissuer = \"accounts.example.com\"\naudiences = [\"x\"]".to_owned(),
            "issuer",
            "without jwks_uri, jwks_file or jwks the issuer must be an https address",
        ),
    ]
}

#[test]
fn what_is_wrong_with_an_issuer_is_told_once_with_its_place() {
    for (issuer, place, said) in slips() {
        let start = format!("identity.issuers[0].{place}: ");
        let told = errors(&[&issuer]);
        let there = |error: &&String| error.starts_with(&start);
        let count = told.iter().filter(there).count();
        assert!(!told.join("").contains("hunter2"), "{told:?}");
        assert!(
            count == 1 && told.iter().any(|error| error.contains(said)),
            "{issuer}: {told:?}"
        );
    }
}

#[test]
fn issuers_share_their_users_only_when_told_so() {
    let two = toml(&[POOL, OIDC]);
    assert!(read(&two, &[]).unwrap_err()[0].contains("subject_prefix"));
    assert!(read(&two, &[("USHER_IDENTITY__SHARED_SUBJECTS", "true")]).is_ok());
    assert!(read(&format!("{two}subject_prefix = \"b:\"\n"), &[]).is_ok());
    let third = OIDC.replace("idp", "third");
    let prefix = "subject_prefix = \"b:\"";
    let three = [
        POOL,
        &format!("{OIDC}{prefix}"),
        &format!("{third}{prefix}"),
    ];
    assert!(
        read(&toml(&three), &[]).is_err(),
        "all of them have to differ"
    );
}

/// Of an issuer without a prefix, everybody whose name begins with an `a` would be another's.
#[test]
fn a_prefix_that_extends_another_is_kept_apart_from_it() {
    let with = |one: &str, other: &str| {
        let one = format!("{POOL}subject_prefix = \"{one}\"");
        let other = format!("{OIDC}subject_prefix = \"{other}\"");
        read(&toml(&[&one, &other]), &[])
    };
    for (one, other) in [("", "a"), ("a", ""), ("x:", "x:y"), ("", "ü")] {
        let errors = with(one, other).unwrap_err();
        assert!(errors[0].contains("must end in a character"), "{errors:?}");
    }
    for (one, other) in [("", "a:"), ("a", "b"), ("x:", "x:y:"), ("a:", "ab")] {
        assert!(with(one, other).is_ok(), "{one} {other}");
    }
}

#[test]
fn what_a_deadline_cannot_hold_is_refused() {
    let errors = |variable| read(&toml(&[OIDC]), &[variable]).map(drop).unwrap_err();
    let leeway = errors(("USHER_IDENTITY__LEEWAY", "301s"));
    assert!(leeway[0].starts_with("identity.leeway: must be at most 5m"));
    assert!(read(&toml(&[OIDC]), &[("USHER_IDENTITY__LEEWAY", "5m")]).is_ok());
    let short = ("USHER_SERVER__REQUEST_TIMEOUT", "3s");
    let timeout = errors(short);
    assert!(timeout[0].starts_with("server.request_timeout: must be longer"));
    // Nothing is fetched where the keys are given.
    let given = format!("{OIDC}jwks = '''{EC_KEYS}'''\nalgorithms = [\"ES256\"]");
    assert!(read(&toml(&[&given]), &[short]).is_ok());
}

#[test]
fn neither_a_query_nor_a_whole_key_set_is_shown() {
    let uri = format!("{OIDC}jwks_uri = \"https://idp.example.com/keys?sig=hunter2\"");
    let inline = format!("{OIDC}jwks = '''{EC_KEYS}'''\nalgorithms = [\"ES256\"]");
    for (issuer, shown) in [
        (&uri, "https://idp.example.com/keys".to_owned()),
        (&inline, format!("({} bytes)", EC_KEYS.len())),
    ] {
        let (_, effective) = read(&toml(&[issuer]), &[]).expect("a configuration");
        let keys = effective
            .iter()
            .find(|line| line.key.starts_with("identity.issuers[0].jwks"));
        assert_eq!(keys.expect("a line").value, shown);
    }
}

#[test]
fn an_issuer_is_there_once() {
    let twice = [OIDC, &format!("{OIDC}subject_prefix = \"b:\"")];
    assert!(errors(&twice)[0].contains("two issuers have the same name"));
}

#[test]
fn denied_subjects_are_read_at_the_start() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a path in UTF-8").to_owned();
    let variable = [("USHER_IDENTITY__DENIED_SUBJECTS", path.as_str())];
    let (config, _) = read(ISSUER, &variable).expect("a configuration");
    assert!(config.identity.denied_subjects.is_some());
    std::fs::write(&path, "alice\n\"bob\n").expect("a file");
    let errors = read(ISSUER, &variable).unwrap_err();
    let unread = "identity.denied_subjects: line 2 begins with a quotation mark";
    assert!(errors[0].starts_with(unread), "{errors:?}");
    drop(file);
    let errors = read(ISSUER, &variable).unwrap_err();
    assert!(errors[0].contains("the file cannot be read"), "{errors:?}");
}

/// It looks into the token's header, which no gateway hands on.
#[test]
fn a_gateway_is_not_believed_where_the_kind_of_token_counts() {
    let table = ISSUER.replace(
        "[[identity.issuers]]",
        "[identity]\ntrust_gateway = true\n[[identity.issuers]]",
    );
    assert!(read(&table, &[]).is_ok());
    let errors = read(&format!("{table}\nrequire_typ = true"), &[]).unwrap_err();
    assert!(
        errors.len() == 1
            && errors[0].starts_with("identity.trust_gateway: a gateway hands on no header"),
        "{errors:?}"
    );
}
