//! Events of each kind, as AWS documents them, whole and spoiled. They are in `tests/corpus`.

mod answers;
mod gateway;
mod mutated;
mod shapes;

use std::{fs, path::Path};

use serde_json::Value;

/// An event of the corpus.
fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/{name}.json"));
    let text = fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of all of them.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(folder).expect("a corpus");
    let names = files.map(|file| {
        let name = file
            .expect("a file")
            .file_name()
            .into_string()
            .expect("a name");
        name.trim_end_matches(".json").to_owned()
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
