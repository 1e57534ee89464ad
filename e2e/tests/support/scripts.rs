//! Scripts in other languages: the other half of a test. What they need is installed by
//! `.ci/identity-tools`, and by nothing here.

use std::path::Path;

use usher_testkit::process::{Process, ProcessSpec};

/// Starts a script, named from this crate's folder; its files, if it makes any, are in `dir`.
pub(crate) fn start(script: &str, arguments: &[String], dir: &Path) -> Process {
    // The tools are beside the build, whatever its folder is.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let tools = target.expect("the build's folder").join("tools/identity");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let is_python = script.extension().is_some_and(|kind| kind == "py");
    let binary = tools.join(if is_python { "bin/python" } else { "bin/node" });
    assert!(
        binary.exists(),
        "there is no {}: run .ci/identity-tools",
        binary.display()
    );
    let options = if is_python {
        None
    } else {
        Some("--no-warnings")
    };
    let spec = ProcessSpec {
        binary,
        args: options
            .map(str::to_owned)
            .into_iter()
            .chain([script.display().to_string()])
            .chain(arguments.iter().cloned())
            .collect(),
        // Node looks beside the script for what `import` names, and for `require` here as well. It
        // is why the scripts are CommonJS.
        env: vec![(
            "NODE_PATH".to_owned(),
            tools.join("node_modules").display().to_string(),
        )],
        dir: dir.to_owned(),
    };
    Process::spawn(spec).unwrap_or_else(|error| panic!("{error}"))
}

/// What a script prints that ends by itself.
pub(crate) async fn output(script: &str, arguments: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = start(script, arguments, folder.path()).ended().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert!(ended.status.success(), "{script}: {}", ended.stderr);
    ended.stdout
}
