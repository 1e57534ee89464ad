//! Letting in a call with a known key, beside the `governor` crate. `bench/micro` runs it and compares.
//!
//! Both have seen every key before, and keys come in an order that no cache can foresee. `governor` reads
//! its clock in each call; a request has asked what time it is before, for its token, so that Usher is
//! given that, and the key's account.

mod known;

use std::sync::{Arc, LazyLock, Mutex};

use divan::{Bencher, black_box};
use governor::DefaultKeyedRateLimiter;
use known::{Known, Telling, allocated, governor, key, telling};

/// How many keys there are.
const KEYS: [u32; 3] = [1, 10_000, 1_000_000];
/// Calls of a sample. A lease is good for a thousand calls of a key: no call asks the store.
const CALLS: u32 = 1_000;
/// More than all samples together call.
const ORDER: usize = 1 << 20;

fn main() {
    if std::env::args().any(|argument| argument == "--memory") {
        return memory();
    }
    // All memory is there before anything is measured.
    for all in &*PACERS {
        assert!(all.keys > 0);
    }
    divan::main();
}

/// Bytes for each key, in all.
#[allow(clippy::print_stdout, reason = "bench/micro reads it")]
fn memory() {
    for keys in KEYS {
        let each = |bytes: u64| bytes / u64::from(keys);
        let by_number = allocated(|| governor((0..keys).map(u64::from))).0;
        let by_text = allocated(|| governor((0..keys).map(key))).0;
        // Once: a bucket and what is known of a quota. Twice: calls of the quota are held, besides.
        let [once, twice] = [1, 2].map(|times| Known::bytes(keys, times));
        let (by_number, by_text) = (each(by_number), each(by_text));
        println!(
            "{keys} {by_number} {by_text} {} {}",
            each(once),
            each(twice)
        );
    }
}

struct Pacers {
    keys: u32,
    throttled: Known,
    planned: Known,
    by_number: DefaultKeyedRateLimiter<u64>,
    by_text: DefaultKeyedRateLimiter<String>,
    telling: Telling<String>,
    texts: Vec<String>,
    /// Keys by their numbers, as if by chance: the generator of Knuth's MMIX.
    order: Vec<u32>,
}

static PACERS: LazyLock<Vec<Arc<Pacers>>> = LazyLock::new(|| {
    let all = KEYS.into_iter();
    all.map(|keys| Arc::new(Pacers::new(keys))).collect()
});

impl Pacers {
    fn new(keys: u32) -> Self {
        let texts: Vec<_> = (0..keys).map(key).collect();
        let mut chance = 1_u64;
        let order = (0..ORDER).map(|_| {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((chance >> 32) % u64::from(keys)).expect("fewer than 2^32 keys")
        });
        Self {
            keys,
            throttled: Known::new(keys, false),
            planned: Known::new(keys, true),
            by_number: governor((0..keys).map(u64::from)),
            by_text: governor(texts.iter().cloned()),
            telling: telling(texts.iter().cloned()),
            texts,
            order: order.collect(),
        }
    }

    fn of(keys: u32) -> Arc<Self> {
        let found = PACERS.iter().find(|pacers| pacers.keys == keys);
        Arc::clone(found.expect("made before"))
    }
}

/// Calls with one key after the other, each case from where it last was.
fn each(bencher: Bencher<'_, '_>, keys: u32, call: impl Fn(&Pacers, u32) -> bool + Sync) {
    let pacers = Pacers::of(keys);
    let place = Mutex::new(0);
    bencher
        .with_inputs(|| {
            let mut place = place.lock().expect("a place");
            *place = (*place + 1) % ORDER;
            pacers.order[*place]
        })
        .bench_values(|number| assert!(black_box(call(&pacers, number))));
}

/// `governor`, by numbers: the least that it can cost.
#[divan::bench(args = KEYS, sample_size = CALLS)]
fn governor_number(bencher: Bencher<'_, '_>, keys: u32) {
    each(bencher, keys, |pacers, number| {
        pacers.by_number.check_key(&number.into()).is_ok()
    });
}

/// `governor`, by API keys as clients send them.
#[divan::bench(args = KEYS, sample_size = CALLS)]
fn governor_key(bencher: Bencher<'_, '_>, keys: u32) {
    each(bencher, keys, |pacers, number| {
        pacers
            .by_text
            .check_key(&pacers.texts[number as usize])
            .is_ok()
    });
}

/// The same, and what is left, as Usher tells it.
#[divan::bench(args = KEYS, sample_size = CALLS)]
fn governor_telling(bencher: Bencher<'_, '_>, keys: u32) {
    each(bencher, keys, |pacers, number| {
        let checked = pacers.telling.check_key(&pacers.texts[number as usize]);
        checked.is_ok_and(|left| black_box(left.remaining_burst_capacity()) > 0)
    });
}

/// Usher, with a throttle: what `governor` does, and what is left of it.
#[divan::bench(args = KEYS, sample_size = CALLS)]
fn throttle(bencher: Bencher<'_, '_>, keys: u32) {
    each(bencher, keys, |pacers, number| {
        pacers.throttled.admit(number)
    });
}

/// Usher, with a throttle and a quota.
#[divan::bench(args = KEYS, sample_size = CALLS)]
fn throttle_and_quota(bencher: Bencher<'_, '_>, keys: u32) {
    each(bencher, keys, |pacers, number| pacers.planned.admit(number));
}
