//! `[access]`

use usher_domain::access::{Action, Attributes, Holder};

use super::{ISSUER, read};

fn errors(grant: &str) -> Vec<String> {
    let toml = format!("{ISSUER}\n[[access.grants]]\n{grant}\n");
    let Err(errors) = read(&toml, &[]) else {
        panic!("{grant} is accepted")
    };
    errors
}

#[test]
fn grants_are_read_with_their_defaults() {
    let toml = format!(
        "{ISSUER}
        [[access.grants]]
        group = \"support\"
        actions = [\"read\", \"write\"]
        attributes = [\"displayName\", \"email\"]
        [[access.grants]]
        scope = \"profiles/admin\"
        issuer = \"https://idp.example.com/\"
        actions = [\"delete\"]
        read_only = true
        "
    );
    let (config, _) = read(&toml, &[]).unwrap();
    let [support, admin] = &config.access.grants[..] else {
        panic!("{:?}", config.access)
    };
    assert_eq!(support.holder, Holder::Group("support".into()));
    assert_eq!(support.actions, [Action::Read, Action::Write].into());
    let names = ["displayName".into(), "email".into()].into();
    assert_eq!(support.attributes, Attributes::Only(names));
    assert_eq!((&support.issuer, support.read_only), (&None, false));
    assert_eq!(admin.holder, Holder::Scope("profiles/admin".into()));
    assert_eq!(admin.issuer.as_deref(), Some("https://idp.example.com/"));
    assert!(admin.attributes.is_all() && admin.read_only);

    let json = r#"[{"group":"support","actions":["read"]}]"#;
    let (config, _) = read(ISSUER, &[("USHER_ACCESS__GRANTS", json)]).unwrap();
    assert_eq!(config.access.grants.len(), 1);
}

#[test]
fn a_grant_that_says_too_little_or_too_much_is_refused_with_its_place() {
    for (grant, place) in [
        ("actions = [\"read\"]", "access.grants[0].group"),
        (
            "group = \"\"\nactions = [\"read\"]",
            "access.grants[0].group",
        ),
        (
            "group = \"a\"\nscope = \"b\"\nactions = [\"read\"]",
            "access.grants[0].group",
        ),
        (
            "scope = \"a b\"\nactions = [\"read\"]",
            "access.grants[0].scope",
        ),
        ("group = \"a\"", "access.grants[0].actions"),
        ("group = \"a\"\nactions = []", "access.grants[0].actions"),
        (
            "group = \"a\"\nactions = [\"reed\"]",
            "access.grants[0].actions",
        ),
        (
            "group = \"a\"\nactions = [\"read\"]\nattributes = []",
            "access.grants[0].attributes",
        ),
        (
            "group = \"a\"\nactions = [\"read\"]\nattributes = [\"_x\"]",
            "access.grants[0].attributes",
        ),
        (
            "group = \"a\"\nactions = [\"delete\"]\nattributes = [\"x\"]",
            "access.grants[0].actions",
        ),
        (
            "group = \"a\"\nactions = [\"read\"]\nissuer = \"https://other/\"",
            "access.grants[0].issuer",
        ),
        (
            "group = \"a\"\nactions = [\"read\"]\nattribute = [\"x\"]",
            "access.grants[0].attribute",
        ),
    ] {
        let errors = errors(grant);
        assert!(
            errors.len() == 1 && errors[0].starts_with(&format!("{place}: ")),
            "{grant}: {errors:?}"
        );
    }
}

#[test]
fn with_several_issuers_a_grant_names_its_own() {
    let second = "[[identity.issuers]]
        kind = \"oidc\"
        issuer = \"https://second.example.com/\"
        audiences = [\"usher\"]
        jwks_uri = \"https://second.example.com/keys\"
        subject_prefix = \"second|\"";
    let grant = format!("group = \"a\"\nactions = [\"read\"]\n{second}");
    assert!(errors(&grant)[0].starts_with("access.grants[0].issuer: "));
    let named = format!("issuer = \"https://second.example.com/\"\n{grant}");
    let toml = format!("{ISSUER}\n[[access.grants]]\n{named}\n");
    assert!(read(&toml, &[]).is_ok());
}
