//! Where the binaries are that this suite runs.

use std::path::PathBuf;

use crate::support::environment;

/// The command line and server.
pub(crate) fn server() -> PathBuf {
    find("usher", "USHER_E2E_SERVER")
}

/// The Lambda function.
pub(crate) fn lambda() -> PathBuf {
    find("bootstrap", "USHER_E2E_LAMBDA")
}

fn find(name: &str, variable: &str) -> PathBuf {
    let path = environment(variable).map_or_else(|| beside_the_tests(name), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no {}: build it with `cargo build --workspace --bins`, or name another in \
         {variable}",
        path.display()
    );
    path
}

/// Tests are in `target/<profile>/deps`, binaries one folder above.
fn beside_the_tests(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let deps = test.parent().expect("the folder of this test");
    deps.parent().unwrap_or(deps).join(name)
}
