//! Tokens for `bench/http --fresh-tokens`, each of them another.
//!
//! Arguments: a folder, how many, whose, a stride, and the time in seconds since the epoch. With a stride
//! each has a subject of its own, with a number behind it that grows by the stride. In the folder it writes
//! `tokens`, one a line, and the issuer's `jwks.json`. They are good for a day.

use std::{fmt::Write as _, fs, io, num::NonZero, ops::Range, path::Path, thread};

use usher_bench::claims;
use usher_testkit::tokens::TestKey;

const DAY: i64 = 86_400;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count, subject, stride, now] = arguments.as_slice() else {
        return Err(io::Error::other(
            "usage: fresh_tokens FOLDER COUNT SUBJECT STRIDE NOW",
        ));
    };
    let count: usize = count.parse().map_err(io::Error::other)?;
    let stride: usize = stride.parse().map_err(io::Error::other)?;
    let now: i64 = now.parse().map_err(io::Error::other)?;
    let key = TestKey::new("RS256", "fresh");
    // A signature takes thirty times as long as its verification, so every core signs.
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = count.div_ceil(workers).max(1);
    let mint = |numbers: Range<usize>| {
        let mut lines = String::new();
        for number in numbers {
            let subject = match stride {
                0 => subject.clone(),
                stride => format!("{subject}{}", number * stride),
            };
            let token = key.sign(&claims(&subject, number, now, now + DAY));
            writeln!(lines, "{token}").expect("a string takes it");
        }
        lines
    };
    let lines = thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(share)
            .map(|first| first..count.min(first + share))
            .map(|numbers| scope.spawn(|| mint(numbers)))
            .collect();
        let lines = workers
            .into_iter()
            .map(|worker| worker.join().expect("tokens"));
        lines.collect::<String>()
    });
    fs::write(Path::new(folder).join("tokens"), lines)?;
    fs::write(Path::new(folder).join("jwks.json"), key.jwks())
}
