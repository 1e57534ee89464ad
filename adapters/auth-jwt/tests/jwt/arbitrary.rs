//! Whatever is sent as a token: it never panics, and it is never accepted unless the issuer signed
//! it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, FileFailurePersistence},
};
use serde_json::{Value, json};
use usher_auth_jwt::{
    Algorithm, Issuer, IssuerSettings, JwtVerifier, KeySet, KeysFrom,
    TokenUse::{Access, Id},
};
use usher_testkit::tokens::TestKey;

use crate::support::{NOON, claims, key_set, now, outcome, settings, trusting, verifier};

pub(crate) fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        ..Config::default()
    }
}

/// The algorithms of an issuer's keys, one of each kind; a key's `kid` is its algorithm's name.
const SIGNING: [&str; 5] = ["RS256", "PS384", "ES256", "ES384", "EdDSA"];
const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example";

/// A verifier of an issuer and of a user pool, and good tokens of both.
struct Bench {
    runtime: tokio::runtime::Runtime,
    verifier: JwtVerifier,
    tokens: Vec<String>,
}

thread_local! {
    /// The same keys for all cases: making them takes longer than a case.
    static BENCH: Bench = {
        let keys = SIGNING.map(|algorithm| TestKey::new(algorithm, algorithm));
        let pool = TestKey::rs256("pool");
        let issuers = [
            settings(KeysFrom::Json(key_set(&keys.each_ref()))),
            IssuerSettings {
                subject_prefix: "pool|".to_owned(),
                ..cognito(&pool)
            },
        ];
        let mut tokens: Vec<_> = keys.iter().map(|key| key.sign(&claims())).collect();
        tokens.extend([access(), id()].map(|claims| pool.sign(&claims)));
        Bench {
            runtime: runtime(),
            verifier: JwtVerifier::new(issuers.map(|one| Issuer::new(one).expect("an issuer")).into()),
            tokens,
        }
    };
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

/// A user pool that accepts both kinds of token of one client.
fn cognito(key: &TestKey) -> IssuerSettings {
    let clients = vec!["usher".to_owned()];
    IssuerSettings {
        keys: KeysFrom::Json(key.jwks()),
        ..IssuerSettings::cognito("eu-west-1", "eu-west-1_Example", clients, vec![Access, Id])
    }
}

fn access() -> Value {
    json!({
        "iss": POOL, "sub": "alice", "token_use": "access", "client_id": "usher",
        "exp": NOON + 600,
    })
}

fn id() -> Value {
    json!({"iss": POOL, "sub": "alice", "token_use": "id", "aud": "usher", "exp": NOON + 600})
}

fn answer(token: &str) -> &'static str {
    BENCH.with(|bench| {
        bench
            .runtime
            .block_on(outcome(&bench.verifier, token, now()))
    })
}

fn good_token(which: Index) -> String {
    BENCH.with(|bench| which.get(&bench.tokens).clone())
}

/// Fragments of JSON that a header or a payload may be made of, good and bad.
fn json_like() -> impl Strategy<Value = String> {
    let fragment = select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "true",
        "1e9",
        "-0",
        "1795349400",
        "\"alg\"",
        "\"ES256\"",
        "\"none\"",
        "\"kid\"",
        "\"typ\"",
        "\"token_use\"",
        "\"access\"",
        "\"iss\"",
        "\"https://issuer.example.com/\"",
        "\"sub\"",
        "\"aud\"",
        "\"usher\"",
        "\"exp\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        " ",
        "\u{feff}",
    ]);
    vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

/// A header that gets past the first checks, so that what follows is tried as well.
fn header_like() -> impl Strategy<Value = String> {
    let kids = [&SIGNING[..], &["pool", "unknown"]].concat();
    let (name, kid) = (select(Algorithm::ALL.to_vec()), select(kids));
    prop_oneof![
        1 => json_like(),
        1 => select(SIGNING.to_vec()).prop_map(|own| json!({"alg": own, "kid": own}).to_string()),
        2 => (name, kid)
            .prop_map(|(name, kid)| json!({"alg": name.as_str(), "kid": kid}).to_string()),
    ]
}

fn payload_like() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n))
    ];
    let numbers = (number.clone(), number.clone(), number);
    let claims = numbers.prop_map(|(exp, nbf, iat)| {
        let mut claims = claims();
        (claims["exp"], claims["nbf"], claims["iat"]) = (exp, nbf, iat);
        claims.to_string()
    });
    let good = select(vec![self::claims(), access(), id()]);
    prop_oneof![
        json_like(),
        claims,
        good.prop_map(|claims| claims.to_string())
    ]
}

/// As long as a signature of each kind, or not.
fn signature_like() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(64), Just(96), Just(256), 0_usize..300];
    length.prop_flat_map(|length| vec(any::<u8>(), length))
}

/// One change to a text: a character put in, taken out or replaced, a piece cut or doubled.
#[derive(Debug, Clone)]
enum Change {
    Insert(Index, char),
    Replace(Index, char),
    Remove(Index),
    Truncate(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let character = prop_oneof![
        select("ABab01-_.=+/ \n".chars().collect::<Vec<_>>()),
        any::<char>(),
    ];
    let index = any::<Index>;
    prop_oneof![
        (index(), character.clone()).prop_map(|(at, new)| Change::Insert(at, new)),
        (index(), character).prop_map(|(at, new)| Change::Replace(at, new)),
        index().prop_map(Change::Remove),
        index().prop_map(Change::Truncate),
        (index(), index()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (index(), index()).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for change in changes {
        let length = characters.len();
        if length == 0 {
            break;
        }
        match change {
            Change::Insert(at, new) => characters.insert(at.index(length + 1), *new),
            Change::Replace(at, new) => characters[at.index(length)] = *new,
            Change::Remove(at) => drop(characters.remove(at.index(length))),
            Change::Truncate(at) => characters.truncate(at.index(length)),
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = characters[from.min(to)..from.max(to)].to_vec();
                characters.extend(piece);
            }
            Change::Swap(one, other) => characters.swap(one.index(length), other.index(length)),
        }
    }
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn arbitrary_text_is_invalid(text in any::<String>()) {
        prop_assert_eq!(answer(&text), "invalid");
    }

    #[test]
    fn three_parts_of_anything_are_invalid(
        parts in vec(vec(any::<u8>(), 0..64), 3),
    ) {
        let parts: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        prop_assert_eq!(answer(&parts.join(".")), "invalid");
    }

    #[test]
    fn a_token_that_nobody_signed_is_invalid_whatever_it_says(
        header in header_like(),
        payload in payload_like(),
        signature in signature_like(),
    ) {
        let token = [header.as_bytes(), payload.as_bytes(), &signature]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        prop_assert_eq!(answer(&token), "invalid");
    }

    #[test]
    fn a_good_token_of_any_algorithm_with_any_change_is_invalid(
        which in any::<Index>(),
        changes in vec(change(), 1..4),
    ) {
        let good = good_token(which);
        let changed = changed(&good, &changes);
        prop_assume!(changed != good);
        prop_assert_eq!(answer(&changed), "invalid");
        prop_assert_eq!(answer(&good), "accepted");
    }

    #[test]
    fn arbitrary_bytes_and_broken_key_sets_do_not_panic(
        bytes in vec(any::<u8>(), 0..256),
        changes in vec(change(), 1..8),
    ) {
        thread_local!(static GOOD: String = TestKey::es256("a").jwks());
        let _ = KeySet::parse(&bytes, &Algorithm::ALL);
        let _ = KeySet::parse(GOOD.with(|good| changed(good, &changes)).as_bytes(), &Algorithm::ALL);
    }
}

/// A signature over claims that say nonsense: it holds, and the claims are still judged.
#[test]
fn a_signed_token_with_any_times_is_accepted_only_when_they_are_good() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let runtime = runtime();
    let now_seconds = now().as_seconds();
    let times = (any::<i64>(), any::<i64>(), -100_i64..100, -100_i64..100);
    proptest!(cases(256), |(times in times, near in any::<bool>())| {
        let (exp, nbf, near_exp, near_nbf) = times;
        let (exp, nbf) = if near { (now_seconds + near_exp, now_seconds + near_nbf) } else { (exp, nbf) };
        let mut claims = claims();
        (claims["exp"], claims["nbf"]) = (exp.into(), nbf.into());
        let answer = runtime.block_on(outcome(&verifier, &key.sign(&claims), now()));
        let alive = exp > now_seconds - 30;
        let expected = if !alive { "expired" } else if nbf > now_seconds + 30 { "invalid" } else { "accepted" };
        prop_assert_eq!(answer, expected, "exp {} nbf {}", exp, nbf);
    });
}

/// A claim that decides, as a pool has it, as another has it, or not at all.
fn client_like() -> impl Strategy<Value = Option<Value>> {
    select(vec![
        None,
        Some(json!("usher")),
        Some(json!("theirs")),
        Some(json!(["usher"])),
        Some(json!(["theirs", "usher"])),
        Some(json!([])),
        Some(json!(null)),
        Some(json!(1)),
    ])
}

/// Every combination: what decides is the kind of token first, and then one claim, never the other.
#[test]
fn a_token_of_a_pool_is_accepted_by_its_use_and_the_claim_that_goes_with_it() {
    let key = TestKey::rs256("pool");
    let runtime = runtime();
    let uses = select(vec![
        None,
        Some(json!("access")),
        Some(json!("id")),
        Some(json!("refresh")),
        Some(json!(["access", "id"])),
    ]);
    let accepting = select(vec![vec![Access], vec![Id], vec![Access, Id]]);
    proptest!(cases(512), |(
        said in uses, aud in client_like(), client in client_like(), accepting in accepting,
    )| {
        let clients = vec!["usher".to_owned()];
        let verifier = verifier(IssuerSettings {
            keys: KeysFrom::Json(key.jwks()),
            ..IssuerSettings::cognito("eu-west-1", "eu-west-1_Example", clients, accepting.clone())
        });
        let mut claims = json!({"iss": POOL, "sub": "alice", "exp": NOON + 600});
        for (name, value) in [("token_use", &said), ("aud", &aud), ("client_id", &client)] {
            if let Some(value) = value {
                claims[name] = value.clone();
            }
        }
        let answer = runtime.block_on(outcome(&verifier, &key.sign(&claims), now()));
        let ours = |claim: &Option<Value>| *claim == Some(json!("usher"));
        let among = |claim: &Option<Value>| {
            let list = claim.as_ref().and_then(Value::as_array);
            list.is_some_and(|list| list.contains(&json!("usher")))
        };
        let good = match said.as_ref().and_then(Value::as_str) {
            Some("access") => accepting.contains(&Access) && ours(&client),
            Some("id") => accepting.contains(&Id) && (ours(&aud) || among(&aud)),
            _ => false,
        };
        prop_assert_eq!(answer, if good { "accepted" } else { "invalid" }, "{}", claims);
    });
}
