//! Every configuration in the documentation is one that Usher accepts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use usher_auth_jwt::DevelopmentKey;
use usher_wiring::config::{Config, Sources};
use yaml_rust2::{Yaml, YamlLoader};

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

/// The fenced blocks of a Markdown file that are marked as being in `language`.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.trim() == fence {
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
    let blocks = blocks(&text, "toml");
    assert!(
        blocks.len() >= 2,
        "the README shows how to configure a store"
    );
    for block in blocks {
        accept("README.md", &block);
    }
}

/// Pages show parts of a configuration: each is completed by what it lacks, and a file that it names
/// is the page's own example.
#[test]
fn every_example_of_the_other_pages_is_accepted() {
    const USAGE: &str = "
        [usage]
        api_key_required = false
    ";
    const ISSUER: &str = r#"
        [[identity.issuers]]
        kind = "oidc"
        issuer = "https://idp.example.com/"
        audiences = ["usher"]
        jwks_uri = "https://idp.example.com/keys"
    "#;
    let mut seen = 0;
    for entry in fs::read_dir(root().join("docs")).expect("the pages") {
        let path = entry.expect("a page").path();
        let text = fs::read_to_string(&path).expect("a page of text");
        let folder = tempfile::tempdir().expect("a folder");
        for (index, block) in blocks(&text, "toml").into_iter().enumerate() {
            let mut toml = block.clone();
            if !block.contains("[usage]") {
                toml.push_str(USAGE);
            }
            if !block.contains("[[identity.issuers]]") {
                toml.push_str(ISSUER);
            }
            if block.contains("profile.schema.json") {
                let schema = folder.path().join("profile.schema.json");
                let example = blocks(&text, "json").pop().expect("an example of a schema");
                fs::write(&schema, example).expect("a schema");
                toml = toml.replace("profile.schema.json", &schema.display().to_string());
            }
            if toml.contains("\"denied.txt\"") {
                let denied = folder.path().join("denied.txt");
                let example = blocks(&text, "text").into_iter().next();
                fs::write(&denied, example.expect("an example of a list")).expect("a list");
                toml = toml.replace("denied.txt", &denied.display().to_string());
            }
            accept(&format!("{}, block {index}", path.display()), &toml);
            seen += 1;
        }
    }
    assert!(seen >= 2, "docs/profiles.md has two");
}

/// Every file under `deploy/` is one of a kind that this test can read, and reads.
#[test]
fn every_file_to_deploy_with_is_accepted() {
    let mut seen = 0;
    let mut folders = vec![root().join("deploy")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the files to deploy with") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            let text = fs::read_to_string(&path).expect("a text");
            // Dashboards and alarms configure others; tests/dashboards.rs reads them.
            let is_dashboard = ["grafana", "cloudwatch"]
                .iter()
                .any(|name| folder.ends_with(name));
            match extension {
                Some("yaml" | "json") if is_dashboard => {}
                Some("toml") => accept(&path.display().to_string(), &here(&text, &folder)),
                Some("md") => {
                    for block in blocks(&text, "toml") {
                        accept(&path.display().to_string(), &block);
                    }
                }
                Some("yaml") => functions_of(&path, &text),
                // Configurations name plans and keys, and are not accepted without them.
                Some("json" | "csv") => assert!(
                    named_beside(&path),
                    "{}: no configuration beside it names it",
                    path.display()
                ),
                _ => panic!("{}: nothing here reads such a file", path.display()),
            }
            seen += 1;
        }
    }
    assert!(
        seen >= 7,
        "docker-compose.yml has three, and there are three templates"
    );
}

/// The environment of every function of a `CloudFormation` template is a configuration.
fn functions_of(path: &Path, text: &str) {
    let template = YamlLoader::load_from_str(text).expect("a YAML file");
    let resources = template[0]["Resources"].as_hash().expect("resources");
    let environments = resources
        .values()
        .map(|resource| &resource["Properties"]["Environment"]["Variables"])
        .filter_map(Yaml::as_hash);
    let mut seen = 0;
    for environment in environments {
        let variables = environment.iter().map(|(name, value)| {
            let name = name.as_str().expect("a name").to_owned();
            let value = substituted(value);
            // Of a reference to a parameter the name alone comes out of the parser.
            let default = &template[0]["Parameters"][value.as_str()]["Default"];
            (name, default.as_str().map_or(value.clone(), str::to_owned))
        });
        let sources = Sources::default().environment(variables);
        if let Err(errors) = Config::read(sources, false) {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}", path.display(), lines.join("\n"));
        }
        seen += 1;
    }
    assert!(
        seen > 0,
        "{}: no function has an environment",
        path.display()
    );
}

/// What `CloudFormation`'s `Sub` would make of a value: the tags themselves do not come out of the parser.
fn substituted(value: &Yaml) -> String {
    let text = value.as_str().or_else(|| value[0].as_str());
    let text = text.expect("text, or text and what is put into it");
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').expect("a name that ends");
        result.push_str(before);
        result.push_str(match name {
            "AWS::Region" => "eu-west-1",
            "Pool" | "UserPoolId" => "eu-west-1_AbCdEfGhI",
            // Left out unless a parameter says otherwise.
            "Keys" => "",
            _ => name,
        });
        rest = after;
    }
    result + rest
}

/// A configuration in which what a container has in /etc/usher is in `folder`, and the mounted key set
/// is one that was just made.
fn here(toml: &str, folder: &Path) -> String {
    let jwks = DevelopmentKey::generate().expect("a key").jwks();
    toml.replace("/etc/usher/", &format!("{}/", folder.display()))
        .replace(
            "jwks_file = \"/run/usher/jwks.json\"",
            &format!("jwks = '{jwks}'"),
        )
}

fn named_beside(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(name), Some(folder)) = (name, path.parent()) else {
        return false;
    };
    let mut beside = fs::read_dir(folder).expect("a folder");
    beside.any(|entry| {
        let other = entry.expect("a file").path();
        other
            .extension()
            .is_some_and(|extension| extension == "toml")
            && fs::read_to_string(other).is_ok_and(|text| text.contains(&format!("/{name}\"")))
    })
}
