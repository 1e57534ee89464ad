//! How much is remembered: bounded, and bad tokens take nothing from good ones.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use serde_json::json;
use usher_auth_jwt::JwtVerifier;
use usher_domain::{
    ports::{TokenError, TokenVerifier as _},
    principal::Principal,
};
use usher_testkit::tokens::TestKey;

use crate::support::{allocations, claims, claims_with, now, trusting};

/// So many bytes of refused tokens are more than enough for the 16 384 that are kept, and less than
/// 100 000 would take.
const REFUSED_BYTES: i64 = 4 * 1024 * 1024;
/// What verified tokens may take, and a little for the table.
const VERIFIED_BYTES: i64 = 66 * 1024 * 1024;

/// What a verifier says that has its keys at hand.
fn ask(verifier: &JwtVerifier, token: &str) -> Result<Arc<Principal>, TokenError> {
    let judging = pin!(verifier.verify(token, now()));
    match judging.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for a key set"),
    }
}

/// How many bytes are kept when all is done.
fn kept(work: impl FnOnce()) -> i64 {
    allocation_counter::measure(work).bytes_current
}

#[test]
fn a_flood_of_refused_tokens_pushes_out_no_verified_one_and_takes_little_memory() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let good: Vec<_> = (0..8).map(|_| key.sign(&claims())).collect();
    let principals: Vec<_> = good
        .iter()
        .map(|token| ask(&verifier, token).expect("a principal"))
        .collect();
    // Signed, expired, and each with a signature that nobody looks at any more: wrong issuer.
    let stranger = key.sign(&claims_with("iss", "https://attacker.example.com/"));
    let (message, _) = stranger.rsplit_once('.').expect("a signature");
    let kept = kept(|| {
        for one in 0..100_000 {
            let token = format!("{message}.{one}");
            assert!(ask(&verifier, &token).is_err());
        }
    });
    assert!(kept < REFUSED_BYTES, "{kept} bytes");
    for (token, principal) in good.iter().zip(&principals) {
        let again = ask(&verifier, token).expect("a principal");
        assert!(Arc::ptr_eq(&again, principal), "it was forgotten");
        assert_eq!(allocations(&verifier, token, now()), 1);
    }
}

/// Each kind of refusal in turn, with signatures that are looked at.
#[test]
fn a_flood_of_forged_tokens_pushes_out_no_verified_one() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let good = key.sign(&claims());
    let principal = ask(&verifier, &good).expect("a principal");
    let theirs = TestKey::es256("a");
    for one in 0..5_000 {
        let token = theirs.sign(&claims_with("jti", one));
        assert!(ask(&verifier, &token).is_err());
    }
    let again = ask(&verifier, &good).expect("a principal");
    assert!(Arc::ptr_eq(&again, &principal), "it was forgotten");
}

/// And the other way round.
#[test]
fn a_flood_of_good_tokens_pushes_out_no_refusal() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let forged = TestKey::es256("a").sign(&claims());
    assert!(ask(&verifier, &forged).is_err());
    for _ in 0..2_000 {
        assert!(ask(&verifier, &key.sign(&claims())).is_ok());
    }
    assert_eq!(allocations(&verifier, &forged, now()), 1);
}

/// A token of 8 KiB can name a thousand groups, which take more room than the token: a bound
/// on the number of tokens alone would be none.
#[test]
fn verified_tokens_with_a_thousand_groups_each_take_no_more_memory_than_is_allowed() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    // Names of two characters: the shorter a name, the more its place costs beside it.
    let names = ('a'..='z').flat_map(|one| ('!'..='Z').map(move |other| format!("{one}{other}")));
    let groups: Vec<_> = names
        .filter(|name| !name.contains('"'))
        .take(1_150)
        .collect();
    let claims = claims_with("groups", json!(groups));
    let mut each = 0;
    let kept = kept(|| {
        for count in 0..3_000 {
            let token = key.sign(&claims);
            let took = self::kept(|| assert!(ask(&verifier, &token).is_ok()));
            if count < 100 {
                each += took / 100;
            }
        }
    });
    assert!(
        each * 3_000 > VERIFIED_BYTES,
        "{each} bytes each would be no flood"
    );
    assert!(kept < VERIFIED_BYTES, "{kept} bytes");
}

/// What a small one is counted as, at the least, is what it takes at the most: the bound holds for
/// them, too.
#[test]
fn a_verified_token_takes_no_more_than_half_a_kibibyte_and_its_names() {
    let key = TestKey::es256("a");
    let verifier = trusting(&[&key]);
    let kept = kept(|| {
        for _ in 0..2_000 {
            assert!(ask(&verifier, &key.sign(&claims())).is_ok());
        }
    });
    assert!(kept < 2_000 * 512, "{} bytes each", kept / 2_000);
}
