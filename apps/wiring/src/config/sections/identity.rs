use std::{collections::BTreeSet, time::Duration};

use usher_auth_jwt::{Algorithm, Issuer, IssuerSettings, KeysFrom};

use super::duration;
use crate::config::reader::Reader;

/// `[identity]`
#[derive(Debug)]
pub struct IdentityConfig {
    /// Whose tokens are accepted.
    pub issuers: Vec<Issuer>,
}

pub(super) fn identity(reader: &mut Reader) -> IdentityConfig {
    let leeway = reader.duration("identity.leeway");
    let leeway = duration(reader, "identity.leeway", leeway, "30s");
    let shared = reader.flag("identity.shared_subjects");
    let shared = reader.default("identity.shared_subjects", shared, false);
    let mut prefixes = Vec::new();
    let mut names = BTreeSet::new();
    let issuers = reader.tables("identity.issuers", |reader| {
        let settings = issuer(reader, leeway)?;
        prefixes.push(settings.subject_prefix.clone());
        if !names.insert(settings.issuer.clone()) {
            reader.wrong("issuer", "two issuers have the same name".to_owned());
        }
        match Issuer::new(settings) {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                reader.missing("keys", &error.to_string());
                None
            }
        }
    });
    let distinct: BTreeSet<_> = prefixes.iter().collect();
    if prefixes.is_empty() {
        reader.missing(
            "identity.issuers",
            "without an issuer nobody could be let in",
        );
    } else if distinct.len() < prefixes.len() && !shared {
        reader.missing(
            "identity.issuers",
            "a subject is unique within one issuer only: give each a subject_prefix of its own, or \
             say with identity.shared_subjects = true that they share their users",
        );
    }
    IdentityConfig { issuers }
}

fn issuer(reader: &mut Reader, leeway: Duration) -> Option<IssuerSettings> {
    if reader.word("kind", &[("oidc", ())]).is_none() && !reader.is_set("kind") {
        reader.missing("kind", "must be \"oidc\"");
    }
    let issuer = reader.text("issuer");
    let audiences = reader
        .texts("audiences")
        .filter(|audiences| !audiences.is_empty());
    let algorithms = reader.texts("algorithms");
    let subject_prefix = reader.text("subject_prefix");
    let subject_prefix = reader.default("subject_prefix", subject_prefix, String::new());
    let groups_claim = reader.text("groups_claim");
    let groups_claim = reader.default("groups_claim", groups_claim, "groups".to_owned());
    let scopes_claim = reader.text("scopes_claim");
    let scopes_claim = reader.default("scopes_claim", scopes_claim, "scope".to_owned());
    let uri = reader.text("jwks_uri").map(KeysFrom::Uri);
    let inline = reader.text("jwks").map(KeysFrom::Json);
    let file = reader
        .text("jwks_file")
        .and_then(|path| match std::fs::read_to_string(path) {
            Ok(json) => Some(KeysFrom::Json(json)),
            Err(error) => {
                reader.wrong("jwks_file", format!("the file cannot be read: {error}"));
                None
            }
        });
    let mut given = [uri, inline, file].into_iter().flatten();
    let keys = given.next().filter(|_| given.next().is_none());
    if keys.is_none() {
        reader.missing(
            "jwks_uri",
            "one of jwks_uri, jwks_file and jwks must say where keys are",
        );
    }
    let mut parsed = Vec::new();
    let algorithms = algorithms.unwrap_or_else(|| {
        let rs256 = Algorithm::Rs256.to_string();
        reader.default("algorithms", None, format!("[{rs256:?}]"));
        vec![rs256]
    });
    for name in algorithms {
        if let Ok(algorithm) = name.parse() {
            parsed.push(algorithm);
        } else {
            reader.wrong("algorithms", format!("{name:?} is not one of RS256, ES256"));
        }
    }
    if issuer.is_none() {
        reader.missing("issuer", "must be the exact iss of its tokens");
    }
    if audiences.is_none() {
        reader.missing(
            "audiences",
            "must name whom its tokens are for, never nobody",
        );
    }
    Some(IssuerSettings {
        issuer: issuer?,
        audiences: audiences?,
        algorithms: parsed,
        keys: keys?,
        subject_prefix,
        groups_claim,
        scopes_claim,
        leeway,
    })
}
