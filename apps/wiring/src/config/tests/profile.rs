//! `[profile]`

use super::{ISSUER, read};

#[test]
fn a_schema_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json").display().to_string();
    let text = r#"{"properties": {"plan": {"readOnly": true}}, "additionalProperties": false}"#;
    std::fs::write(&path, text).unwrap();
    let toml = format!("{ISSUER}\n[profile]\nschema = {path:?}\n");
    let from_environment = read(ISSUER, &[("USHER_PROFILE__SCHEMA", &path)]);
    for (read, source) in [
        (read(&toml, &[]), "usher.toml"),
        (
            from_environment,
            "environment variable USHER_PROFILE__SCHEMA",
        ),
    ] {
        let (config, effective) = read.unwrap();
        let schema = config.profile.schema.expect("a schema");
        assert!(schema.read_only().contains("plan"));
        let line = effective.iter().find(|line| line.key == "profile.schema");
        let line = line.expect("it is shown");
        assert_eq!(
            (line.value.as_str(), line.source.as_str()),
            (path.as_str(), source)
        );
    }
}

#[test]
fn a_schema_that_will_not_do_is_named_with_its_file_and_the_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json").display().to_string();
    let errors = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let errors = read(ISSUER, &[("USHER_PROFILE__SCHEMA", &path)]).unwrap_err();
        let origin = " (environment variable USHER_PROFILE__SCHEMA)";
        let start = format!("profile.schema: {path}: ");
        errors
            .iter()
            .map(|error| {
                let rest = error.strip_prefix(&start).expect("the key and the file");
                rest.strip_suffix(origin).expect("the origin").to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        errors("{\n\"type\" \"object\"}"),
        ["not JSON: expected `:` at line 2 column 8"]
    );
    assert_eq!(
        errors(r#"{"minProperties": "1", "properties": {"a": {"maximum": []}}}"#),
        [
            "/minProperties: must be of type integer",
            "/properties/a/maximum: must be of type number",
        ]
    );
    let look_around = errors(r#"{"properties": {"a": {"pattern": "(?=b)"}}}"#);
    assert!(
        look_around[0].starts_with("/properties/a/pattern: "),
        "{look_around:?}"
    );
    let missing = [("USHER_PROFILE__SCHEMA", "missing.json")];
    let errors = read(ISSUER, &missing).unwrap_err();
    assert!(
        errors[0].starts_with("profile.schema: missing.json cannot be read: "),
        "{errors:?}"
    );
}

#[test]
fn writes_need_if_match_only_where_that_is_said() {
    let toml = format!("{ISSUER}\n[profile]\nrequire_if_match = true\n");
    assert!(read(&toml, &[]).unwrap().0.profile.require_if_match);
    let off = [("USHER_PROFILE__REQUIRE_IF_MATCH", "false")];
    assert!(!read(&toml, &off).unwrap().0.profile.require_if_match);
    let toml = format!("{ISSUER}\n[profile]\nrequire_if_match = \"true\"\n");
    assert_eq!(
        read(&toml, &[]).unwrap_err(),
        ["profile.require_if_match: must be true or false (usher.toml)"]
    );
}
