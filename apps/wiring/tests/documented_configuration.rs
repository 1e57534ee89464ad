//! Every configuration in the documentation is one that Usher accepts.

use std::{fs, path::PathBuf};

use usher_wiring::config::{Config, Sources};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn accept(name: &str, toml: &str) {
    let sources = Sources::default().toml(name, toml);
    if let Err(errors) = Config::read(sources, false) {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        panic!("{name} is not accepted:\n{}\n{toml}", lines.join("\n"));
    }
}

/// The fenced blocks of a Markdown file that are marked as TOML.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```toml" {
            let block: Vec<_> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

#[test]
fn the_example_file_is_accepted() {
    let text = fs::read_to_string(root().join("usher.example.toml")).expect("the example");
    accept("usher.example.toml", &text);
}

#[test]
fn every_example_of_the_readme_is_accepted() {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    let blocks = blocks(&text);
    assert!(
        blocks.len() >= 2,
        "the README shows how to configure a store"
    );
    for block in blocks {
        accept("README.md", &block);
    }
}
