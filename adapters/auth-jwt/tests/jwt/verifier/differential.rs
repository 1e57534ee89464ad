//! Our answer to a signature is the library's own, whatever was done to it (RFC 8725, 3.3).
//!
//! Between the two lie our reading of the token, of the key set and of the algorithm's name. A
//! mistake in any of them shows here as a difference.

use proptest::{collection::vec, prelude::*, sample::Index};
use usher_auth_jwt::{Algorithm, JwtVerifier};

use crate::{
    arbitrary::cases,
    forge::{Pair, header, join, message},
    support::{claims, now, outcome, trusting_set},
};

struct Bench {
    runtime: tokio::runtime::Runtime,
    pairs: Vec<(Pair, JwtVerifier)>,
}

impl Bench {
    fn new() -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
            pairs: Pair::of_each_kind()
                .into_iter()
                .map(|pair| {
                    let verifier = trusting_set(pair.jwks());
                    (pair, verifier)
                })
                .collect(),
        }
    }

    fn of(&self, algorithm: Algorithm) -> &(Pair, JwtVerifier) {
        let mut pairs = self.pairs.iter();
        pairs
            .find(|(pair, _)| pair.algorithms().contains(&algorithm))
            .expect("a pair")
    }

    /// What we say and what the library says.
    fn both(&self, algorithm: Algorithm, message: &str, signature: &[u8]) -> (bool, bool) {
        let (pair, verifier) = self.of(algorithm);
        let token = join(message, signature);
        let ours = self.runtime.block_on(outcome(verifier, &token, now()));
        assert!(["accepted", "invalid"].contains(&ours), "{ours}");
        let theirs = pair.verifies(algorithm, message, signature);
        (ours == "accepted", theirs)
    }
}

/// One change to a signature.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Fill(Index, Index, u8),
    Truncate(Index),
    Append(Vec<u8>),
    Prepend(Vec<u8>),
    SwapHalves,
    Reverse,
}

impl Change {
    fn make(&self, signature: &mut Vec<u8>) {
        let length = signature.len();
        if length == 0 {
            return;
        }
        match self {
            Self::Flip(at, bit) => signature[at.index(length)] ^= 1 << (bit % 8),
            Self::Set(at, byte) => signature[at.index(length)] = *byte,
            Self::Fill(from, to, byte) => {
                let (from, to) = (from.index(length), to.index(length));
                signature[from.min(to)..=from.max(to)].fill(*byte);
            }
            Self::Truncate(at) => signature.truncate(at.index(length)),
            Self::Append(bytes) => signature.extend_from_slice(bytes),
            Self::Prepend(bytes) => drop(signature.splice(0..0, bytes.iter().copied())),
            Self::SwapHalves => signature.rotate_left(length / 2),
            Self::Reverse => signature.reverse(),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    let few = || vec(any::<u8>(), 1..4);
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (index(), index(), any::<u8>()).prop_map(|(from, to, byte)| Change::Fill(from, to, byte)),
        index().prop_map(Change::Truncate),
        few().prop_map(Change::Append),
        few().prop_map(Change::Prepend),
        Just(Change::SwapHalves),
        Just(Change::Reverse),
    ]
}

#[test]
fn a_changed_signature_is_accepted_when_the_library_accepts_it_and_only_then() {
    let bench = Bench::new();
    let algorithm = prop::sample::select(Algorithm::ALL.to_vec());
    let payload = claims().to_string();
    proptest!(cases(512), |(
        name in algorithm.clone(),
        signer in algorithm,
        changes in vec(change(), 0..3),
    )| {
        let message = message(&header(name), payload.as_bytes());
        let mut signature = bench.of(signer).0.sign(signer, &message);
        for change in &changes {
            change.make(&mut signature);
        }
        let (ours, theirs) = bench.both(name, &message, &signature);
        prop_assert_eq!(ours, theirs, "{} as {} after {:?}", signer, name, changes);
        if changes.is_empty() && signer == name {
            prop_assert!(ours, "{} is good", name);
        }
    });
}

/// Every bit, for every algorithm: a signature of 256 bytes has 2048.
#[test]
fn every_bit_of_a_signature_counts_with_every_algorithm() {
    let bench = Bench::new();
    let payload = claims().to_string();
    for algorithm in Algorithm::ALL {
        let message = message(&header(algorithm), payload.as_bytes());
        let signature = bench.of(algorithm).0.sign(algorithm, &message);
        let good = bench.both(algorithm, &message, &signature);
        assert_eq!(good, (true, true), "{algorithm}");
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let bad = bench.both(algorithm, &message, &changed);
            assert_eq!(bad, (false, false), "{algorithm}, bit {bit}");
        }
    }
}
