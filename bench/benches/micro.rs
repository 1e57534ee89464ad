//! Verification of a token beside the signature check alone. `bench/micro` runs it and compares.
//!
//! Every case of an algorithm sees the same tokens. They are minted and copied outside of the time
//! that is taken; a case that must not know its tokens gets each of them once.

use std::{
    iter,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use divan::Bencher;
use jsonwebtoken::DecodingKey;
use usher_auth_jwt::{Audience, Issuer, IssuerSettings, JwtVerifier, KeysFrom, TokenUse};
use usher_bench::{CLIENT, ISSUER, claims};
use usher_domain::{
    ports::{TokenError, TokenVerifier as _},
    principal::Principal,
    time::Timestamp,
};
use usher_testkit::tokens::TestKey;

const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// Iterations of a sample: short enough that an interrupt spoils few of them.
const FEW: u32 = 10;
const MANY: u32 = 100;
/// Enough for a hundred samples of `FEW`, divan's default.
const TOKENS: usize = 1_001;
/// What is remembered has nothing of the algorithm in it, so the quickest to sign will do.
const FILLED_WITH: &str = "ES256";
/// What a busy server remembers.
const REMEMBERED: usize = 60_000;
/// More than the verifier remembers, so that each new token pushes out an old one.
const TOO_MANY: usize = 120_000;

const ISSUED: i64 = 1_800_000_000;
const NOW: Timestamp = Timestamp::from_seconds(ISSUED + 60);

fn main() {
    // First of all, so that no case is seconds away from the one that it is compared with.
    LazyLock::force(&REMEMBERING);
    LazyLock::force(&FULL);
    divan::main();
}

/// The signature alone, with a key that was parsed once: the limit.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn parsed_key(bencher: Bencher<'_, '_>, algorithm: &str) {
    let minted = minted(algorithm);
    let key = minted.parsed_key();
    let mut tokens = minted.tokens.iter().map(|token| {
        let (message, signature) = token.rsplit_once('.').expect("a signature");
        (message.to_owned(), decoded(signature))
    });
    bencher
        .with_inputs(|| tokens.next().expect("a token for every iteration"))
        .bench_local_refs(|(message, signature)| {
            assert!(key.verify_sig(message.as_bytes(), signature).is_ok());
        });
}

/// The signature by `jsonwebtoken`, which parses key and signature each time.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn jsonwebtoken(bencher: Bencher<'_, '_>, algorithm: &str) {
    let minted = minted(algorithm);
    let key = minted.decoding_key();
    let algorithm = algorithm.parse().expect("an algorithm");
    let mut tokens = minted.tokens.iter().cloned();
    bencher
        .with_inputs(|| tokens.next().expect("a token for every iteration"))
        .bench_local_refs(|token| {
            let (message, signature) = token.rsplit_once('.').expect("a signature");
            let holds =
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm);
            assert!(holds.expect("an answer"));
        });
}

/// A token never seen before, by a verifier that remembers nearly nothing.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn cold(bencher: Bencher<'_, '_>, algorithm: &str) {
    accepting(bencher, &verifier(), minted(algorithm).tokens.iter());
}

/// A token never seen before, by a verifier that remembers 60 000.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn cold_60000(bencher: Bencher<'_, '_>, algorithm: &str) {
    let tokens = minted(algorithm).tokens.iter();
    accepting(bencher, &REMEMBERING.verifier, tokens);
}

/// A token never seen before, by a verifier that has to forget one for it.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn cold_full(bencher: Bencher<'_, '_>, algorithm: &str) {
    accepting(bencher, &FULL.verifier, minted(algorithm).tokens.iter());
}

/// A forged token never seen before: another token's signature, so that its check goes all the way.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn forged(bencher: Bencher<'_, '_>, algorithm: &str) {
    refusing(bencher, &verifier(), minted(algorithm).forged());
}

/// A forged token never seen before, by a verifier that remembers 60 000 good ones.
#[divan::bench(args = ALGORITHMS, sample_size = FEW)]
fn forged_60000(bencher: Bencher<'_, '_>, algorithm: &str) {
    let forged = minted(algorithm).forged();
    refusing(bencher, &REMEMBERING.verifier, forged);
}

/// The one token that is remembered.
#[divan::bench(args = ALGORITHMS, sample_size = MANY)]
fn warm(bencher: Bencher<'_, '_>, algorithm: &str) {
    let verifier = verifier();
    let token = &minted(algorithm).tokens[0];
    verify(&verifier, token).expect("a good token");
    accepting(bencher, &verifier, iter::repeat(token));
}

/// One token again and again, of 60 000 that are remembered.
#[divan::bench(args = [FILLED_WITH], sample_size = MANY)]
fn warm_60000(bencher: Bencher<'_, '_>, _: &str) {
    let token = &REMEMBERING.tokens[REMEMBERED / 2];
    accepting(bencher, &REMEMBERING.verifier, iter::repeat(token));
}

/// Each of 60 000 remembered tokens in turn: nothing of what is remembered is in the core's caches.
#[divan::bench(args = [FILLED_WITH], sample_size = MANY)]
fn warm_each(bencher: Bencher<'_, '_>, _: &str) {
    let tokens = REMEMBERING.tokens.iter().cycle();
    accepting(bencher, &REMEMBERING.verifier, tokens);
}

/// The one forged token that is remembered as refused.
#[divan::bench(args = ALGORITHMS, sample_size = MANY)]
fn refused(bencher: Bencher<'_, '_>, algorithm: &str) {
    let verifier = verifier();
    let token = minted(algorithm).forged().next().expect("a forged token");
    assert!(verify(&verifier, &token).is_err());
    refusing(bencher, &verifier, iter::repeat(token));
}

/// A forged token again and again, by a verifier that remembers 60 000 good ones.
#[divan::bench(args = ALGORITHMS, sample_size = MANY)]
fn refused_60000(bencher: Bencher<'_, '_>, algorithm: &str) {
    let token = minted(algorithm).forged().next().expect("a forged token");
    assert!(verify(&REMEMBERING.verifier, &token).is_err());
    refusing(bencher, &REMEMBERING.verifier, iter::repeat(token));
}

fn accepting<'a>(
    bencher: Bencher<'_, '_>,
    verifier: &JwtVerifier,
    mut tokens: impl Iterator<Item = &'a String>,
) {
    bencher
        .with_inputs(|| tokens.next().expect("a token for every iteration").clone())
        .bench_local_refs(|token| assert!(verify(verifier, token).is_ok()));
}

fn refusing(
    bencher: Bencher<'_, '_>,
    verifier: &JwtVerifier,
    mut tokens: impl Iterator<Item = String>,
) {
    bencher
        .with_inputs(|| tokens.next().expect("a token for every iteration"))
        .bench_local_refs(|token| {
            let answer = verify(verifier, token);
            assert!(matches!(answer, Err(TokenError::Invalid(_))));
        });
}

/// The verifier never waits when its keys are given, so nothing has to run it.
fn verify(verifier: &JwtVerifier, token: &str) -> Result<Arc<Principal>, TokenError> {
    let answer = pin!(verifier.verify(token, NOW));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits although its keys are here"),
    }
}

/// One verifier for all: a Cognito pool's, but for the algorithms, with a few keys as a pool has.
fn verifier() -> JwtVerifier {
    let keys: Vec<_> = MINTED.iter().map(|minted| minted.key.jwk()).collect();
    let keys = serde_json::json!({ "keys": keys }).to_string();
    let settings = IssuerSettings {
        audience: Audience::Cognito {
            client_ids: vec![CLIENT.to_owned()],
            token_use: vec![TokenUse::Access],
        },
        algorithms: ALGORITHMS
            .map(|name| name.parse().expect("an algorithm"))
            .to_vec(),
        groups_claim: "cognito:groups".to_owned(),
        ..IssuerSettings::oidc(ISSUER, &[], KeysFrom::Json(keys))
    };
    JwtVerifier::new(vec![Issuer::new(settings).expect("an issuer")])
}

/// A key and tokens of different users.
struct Minted {
    algorithm: &'static str,
    key: TestKey,
    tokens: Vec<String>,
}

static MINTED: LazyLock<[Minted; 3]> = LazyLock::new(|| {
    ALGORITHMS.map(|algorithm| {
        let key = TestKey::new(algorithm, algorithm);
        let tokens = tokens(&key, 0..TOKENS);
        Minted {
            algorithm,
            key,
            tokens,
        }
    })
});

fn minted(algorithm: &str) -> &'static Minted {
    let mut all = MINTED.iter();
    all.find(|minted| minted.algorithm == algorithm)
        .expect("an algorithm")
}

fn tokens(key: &TestKey, numbers: std::ops::Range<usize>) -> Vec<String> {
    let token = |number| {
        let subject = format!("{number:08x}-2f6b-4c1d-8e3a-{number:012x}");
        key.sign(&claims(&subject, number, ISSUED, ISSUED + 3_600))
    };
    numbers.map(token).collect()
}

/// A verifier that remembers many tokens, and these.
struct Filled {
    verifier: JwtVerifier,
    tokens: Vec<String>,
}

static REMEMBERING: LazyLock<Filled> = LazyLock::new(|| Filled::with(REMEMBERED));
static FULL: LazyLock<Filled> = LazyLock::new(|| Filled::with(TOO_MANY));

impl Filled {
    fn with(count: usize) -> Self {
        let verifier = verifier();
        let tokens = tokens(&minted(FILLED_WITH).key, TOKENS..TOKENS + count);
        for token in &tokens {
            verify(&verifier, token).expect("a good token");
        }
        Self { verifier, tokens }
    }
}

impl Minted {
    /// Each with the signature of the next.
    fn forged(&self) -> impl Iterator<Item = String> {
        self.tokens.windows(2).map(|pair| {
            let (message, _) = pair[0].rsplit_once('.').expect("a signature");
            let (_, signature) = pair[1].rsplit_once('.').expect("a signature");
            format!("{message}.{signature}")
        })
    }

    fn field(&self, name: &str) -> String {
        let jwk = self.key.jwk();
        jwk[name].as_str().expect("a text").to_owned()
    }

    fn parsed_key(&self) -> ParsedPublicKey {
        let bytes = |name| decoded(&self.field(name));
        match self.algorithm {
            "RS256" => RsaPublicKeyComponents {
                n: bytes("n"),
                e: bytes("e"),
            }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
            "ES256" => {
                let point = [vec![4], bytes("x"), bytes("y")].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
            _ => ParsedPublicKey::new(&ED25519, bytes("x")),
        }
        .expect("a key")
    }

    fn decoding_key(&self) -> DecodingKey {
        let field = |name| self.field(name);
        match self.algorithm {
            "RS256" => DecodingKey::from_rsa_components(&field("n"), &field("e")),
            "ES256" => DecodingKey::from_ec_components(&field("x"), &field("y")),
            _ => DecodingKey::from_ed_components(&field("x")),
        }
        .expect("a key")
    }
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
