//! Whatever is sent as a token: it never panics, and it is never accepted unless the issuer signed
//! it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, FileFailurePersistence},
};
use serde_json::json;
use usher_auth_jwt::{Algorithm, JwtVerifier, KeySet};
use usher_testkit::tokens::TestKey;

use crate::support::{claims, now, outcome, trusting};

fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        ..Config::default()
    }
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    verifier: JwtVerifier,
    token: String,
}

thread_local! {
    /// One key for all cases: making one takes longer than a case.
    static BENCH: Bench = {
        let key = TestKey::es256("a");
        Bench {
            runtime: tokio::runtime::Builder::new_current_thread().build().expect("a runtime"),
            verifier: trusting(&[&key]),
            token: key.sign(&claims()),
        }
    };
}

fn answer(token: &str) -> &'static str {
    BENCH.with(|bench| {
        bench
            .runtime
            .block_on(outcome(&bench.verifier, token, now()))
    })
}

fn good_token() -> String {
    BENCH.with(|bench| bench.token.clone())
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
        "\"a\"",
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
    prop_oneof![
        json_like(),
        Just(json!({"alg": "ES256", "kid": "a"}).to_string()),
        Just(json!({"alg": "ES256", "kid": "b"}).to_string()),
        Just(json!({"alg": "RS256", "kid": "a"}).to_string()),
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
    prop_oneof![json_like(), claims, Just(claims_of_alice())]
}

fn claims_of_alice() -> String {
    claims().to_string()
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
        signature in vec(any::<u8>(), 64),
    ) {
        let token = [header.as_bytes(), payload.as_bytes(), &signature]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        prop_assert_eq!(answer(&token), "invalid");
    }

    #[test]
    fn a_good_token_with_any_change_is_invalid(changes in vec(change(), 1..4)) {
        let good = good_token();
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
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
