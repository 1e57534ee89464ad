//! What every property test of this crate shares.

use proptest::test_runner::{Config, FileFailurePersistence};

/// Runs a property so many times, and keeps what failed beside the test file. (`proptest`'s
/// default looks for a `lib.rs` above the file and finds none above `tests/`.)
pub(crate) fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource(
            "proptest-regressions",
        ))),
        ..Config::default()
    }
}
