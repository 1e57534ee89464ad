use std::{collections::BTreeSet, time::Duration};

use usher_auth_jwt::{
    Algorithm, DeniedSubjectsFile, Issuer, IssuerError, IssuerSettings, KeysFrom, TokenUse,
};
use usher_domain::user_id::UserId;

use super::{duration, file};
use crate::config::reader::Reader;

/// `[identity]`
#[derive(Debug)]
pub struct IdentityConfig {
    /// Whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// Whose tokens do not count any more.
    pub denied_subjects: Option<DeniedSubjectsFile>,
    /// Whether claims that API Gateway's authorizer has verified are taken from the event.
    pub trust_gateway: bool,
}

/// Clocks that differ by more have to be set.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

pub(super) fn identity(reader: &mut Reader) -> IdentityConfig {
    let leeway = reader.duration("identity.leeway");
    let leeway = duration(reader, "identity.leeway", leeway, "30s");
    if leeway > MAX_LEEWAY {
        let detail = "must be at most 5m: a token is good for so much longer than it says";
        reader.wrong("identity.leeway", detail.to_owned());
    }
    let shared = reader.flag("identity.shared_subjects");
    let shared = reader.default("identity.shared_subjects", shared, false);
    let trust = reader.flag("identity.trust_gateway");
    let trust_gateway = reader.default("identity.trust_gateway", trust, false);
    let denied_subjects = denied_subjects(reader);
    let mut prefixes = Vec::new();
    let mut names = BTreeSet::new();
    let mut tables = 0;
    let issuers = reader.tables("identity.issuers", |reader| {
        tables += 1;
        let settings = issuer(reader)?;
        prefixes.extend(settings.first().map(|first| first.subject_prefix.clone()));
        let mut issuers = Vec::new();
        for settings in settings {
            if !names.insert(settings.issuer.clone()) {
                let key = if reader.is_set("issuer") {
                    "issuer"
                } else {
                    "user_pool_id"
                };
                reader.wrong(key, "two issuers have the same name".to_owned());
                return None;
            }
            issuers.push(open(reader, IssuerSettings { leeway, ..settings })?);
        }
        Some(issuers)
    });
    let needs_typ = |issuer: &Issuer| issuer.settings().require_typ;
    if trust_gateway && issuers.iter().flatten().any(needs_typ) {
        let detail = "a gateway hands on no header of a token, in which require_typ looks; one of the two has to go";
        reader.wrong("identity.trust_gateway", detail.to_owned());
    }
    let distinct: BTreeSet<_> = prefixes.iter().collect();
    if tables == 0 && (!reader.is_set("identity.issuers") || reader.errors.is_empty()) {
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
    if let Some(prefix) = distinct.iter().find(|prefix| swallows(prefix, &distinct)) {
        let detail = format!(
            "the subject_prefix {prefix:?} begins as another does, so it must end in a character \
             such as : that keeps the other's subjects apart from its own"
        );
        reader.missing("identity.issuers", &detail);
    }
    let issuers = issuers.into_iter().flatten().collect();
    IdentityConfig {
        issuers,
        denied_subjects,
        trust_gateway,
    }
}

/// Whether a prefix that begins with another one takes subjects away from it: tokens are refused
/// whose id begins with another issuer's longer prefix, and of an issuer without a prefix that would
/// be everybody whose name begins so.
fn swallows(prefix: &str, all: &BTreeSet<&String>) -> bool {
    let extends = |other: &&&String| prefix != other.as_str() && prefix.starts_with(other.as_str());
    prefix.ends_with(char::is_alphanumeric) && all.iter().any(|other| extends(&other))
}

fn open(reader: &mut Reader, settings: IssuerSettings) -> Option<Issuer> {
    let error = match Issuer::new(settings) {
        Ok(issuer) => return Some(issuer),
        Err(error) => error,
    };
    let key = match &error {
        IssuerError::NoAudiences => "audiences",
        IssuerError::NoTokenUse => "token_use",
        IssuerError::NoAlgorithms => "algorithms",
        IssuerError::Keys(_) if reader.is_set("jwks_file") => "jwks_file",
        IssuerError::Keys(_) => "jwks",
        IssuerError::InsecureUri if reader.is_set("jwks_uri") => "jwks_uri",
        IssuerError::InsecureUri | IssuerError::NotDiscoverable => "issuer",
    };
    reader.wrong(key, error.to_string());
    None
}

fn denied_subjects(reader: &mut Reader) -> Option<DeniedSubjectsFile> {
    const KEY: &str = "identity.denied_subjects";
    let path = reader.text(KEY)?;
    DeniedSubjectsFile::open(path)
        .map_err(|error| reader.wrong(KEY, error.to_string()))
        .ok()
}

#[derive(Clone, Copy)]
enum Kind {
    Cognito,
    Oidc,
}

/// One issuer, by each of its names.
fn issuer(reader: &mut Reader) -> Option<Vec<IssuerSettings>> {
    const KINDS: [(&str, Kind); 2] = [("cognito", Kind::Cognito), ("oidc", Kind::Oidc)];
    let kind = reader.word("kind", &KINDS);
    if kind.is_none() {
        if !reader.is_set("kind") {
            reader.missing("kind", "must be \"cognito\" or \"oidc\"");
        }
        // Which of the other keys are right is not known.
        reader.pass_over();
        return None;
    }
    let subject_prefix = reader.text("subject_prefix");
    let subject_prefix = reader.default("subject_prefix", subject_prefix, String::new());
    if UserId::parse(&format!("{subject_prefix}x")).is_err() {
        let detail = "no profile could belong to anybody: it has a character that a user id cannot \
                      have, or is too long";
        reader.wrong("subject_prefix", detail.to_owned());
    }
    let keys = keys(reader);
    let settings = match kind? {
        Kind::Cognito => cognito(reader),
        Kind::Oidc => oidc(reader).map(|settings| vec![settings]),
    };
    let keys = keys.ok()?;
    let complete = |settings: IssuerSettings| IssuerSettings {
        subject_prefix: subject_prefix.clone(),
        keys: keys.clone().unwrap_or(settings.keys),
        ..settings
    };
    Some(settings?.into_iter().map(complete).collect())
}

fn cognito(reader: &mut Reader) -> Option<Vec<IssuerSettings>> {
    let (region, pool) = (reader.text("region"), reader.text("user_pool_id"));
    let client_ids = not_empty(
        reader,
        "client_ids",
        "must name the app clients whose tokens are accepted, never nobody",
    );
    let issuer = reader.text("issuer");
    let token_use = reader.texts("token_use").unwrap_or_else(|| {
        let access = TokenUse::Access.as_str().to_owned();
        reader.default("token_use", None, format!("[{access:?}]"));
        vec![access]
    });
    let token_use = words(reader, "token_use", &token_use, "access, id");
    for (key, given) in [("region", &region), ("user_pool_id", &pool)] {
        if given.is_none() {
            reader.missing(key, "must be the user pool's");
        }
    }
    let (region, pool) = (region?, pool?);
    // An emulator has pools of its own kind. Elsewhere a slip would send every request for keys to
    // a host that does not exist, or is somebody else's.
    if issuer.is_none() {
        if !is_region(&region) {
            let form = "must be a region such as \"eu-west-1\"; in partitions other than aws, aws-cn \
                        and aws-us-gov, issuer says where the pool is";
            reader.wrong("region", form.to_owned());
        } else if !is_pool_of(&region, &pool) {
            let form = format!("must be a user pool of the region, such as \"{region}_AbCdEfGhI\"");
            reader.wrong("user_pool_id", form);
        }
    }
    let settings = IssuerSettings::cognito(&region, &pool, client_ids?, token_use?);
    Some(if let Some(issuer) = issuer {
        vec![settings.at(&issuer)]
    } else {
        let updated = settings.clone().cognito_updated(&region, &pool);
        vec![settings, updated]
    })
}

fn is_region(region: &str) -> bool {
    // Their domains are others, and not all are public.
    let elsewhere = ["eusc-", "us-iso", "eu-iso"];
    !elsewhere.iter().any(|prefix| region.starts_with(prefix))
        && region.split('-').count() >= 3
        && region.split('-').all(|part| !part.is_empty())
        && region
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_pool_of(region: &str, pool: &str) -> bool {
    let name = pool
        .strip_prefix(region)
        .and_then(|rest| rest.strip_prefix('_'));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn oidc(reader: &mut Reader) -> Option<IssuerSettings> {
    let issuer = reader.text("issuer").filter(|issuer| !issuer.is_empty());
    let audiences = not_empty(
        reader,
        "audiences",
        "must name whom its tokens are for, never nobody",
    );
    let algorithms = reader.texts("algorithms").unwrap_or_else(|| {
        let rs256 = Algorithm::Rs256.to_string();
        reader.default("algorithms", None, format!("[{rs256:?}]"));
        vec![rs256]
    });
    let all = Algorithm::ALL.map(Algorithm::as_str).join(", ");
    let algorithms = words(reader, "algorithms", &algorithms, &all);
    let groups_claim = reader.text("groups_claim");
    let groups_claim = reader.default("groups_claim", groups_claim, "groups".to_owned());
    let scopes_claim = reader.text("scopes_claim");
    let scopes_claim = reader.default("scopes_claim", scopes_claim, "scope".to_owned());
    let require_typ = reader.flag("require_typ");
    let require_typ = reader.default("require_typ", require_typ, false);
    if issuer.is_none() {
        reader.missing("issuer", "must be the exact iss of its tokens");
    }
    let (issuer, audiences) = (issuer?, audiences?);
    let audiences: Vec<_> = audiences.iter().map(String::as_str).collect();
    Some(IssuerSettings {
        algorithms: algorithms?,
        groups_claim,
        scopes_claim,
        require_typ,
        ..IssuerSettings::oidc(&issuer, &audiences, KeysFrom::Discovery)
    })
}

/// Where keys are, if that is said; an error has been reported.
fn keys(reader: &mut Reader) -> Result<Option<KeysFrom>, ()> {
    let (uri, json) = (reader.text("jwks_uri"), reader.text("jwks"));
    if let Some(uri) = &uri {
        // What a query has in it may be a secret.
        reader.show("jwks_uri", uri.split('?').next().unwrap_or_default());
    }
    if let Some(json) = &json {
        reader.show("jwks", &format!("({} bytes)", json.len()));
    }
    let file = file(reader, "jwks_file").map(|(_, json)| json);
    let given = ["jwks_uri", "jwks", "jwks_file"].map(|key| (key, reader.is_set(key)));
    let mut given = given.into_iter().filter(|(_, is_set)| *is_set);
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some((key, _)), Some((second, _))) => {
            reader.wrong(second, format!("{key} is given as well; give one of them"));
            Err(())
        }
        (Some(_), None) => {
            let keys = uri.map(KeysFrom::Uri).or(json.or(file).map(KeysFrom::Json));
            keys.map(Some).ok_or(())
        }
    }
}

fn not_empty(reader: &mut Reader, key: &str, why: &str) -> Option<Vec<String>> {
    let list = reader.texts(key);
    match &list {
        Some(list) if list.is_empty() || list.iter().any(String::is_empty) => {
            reader.wrong(key, why.to_owned());
            return None;
        }
        None if !reader.is_set(key) => reader.missing(key, why),
        _ => {}
    }
    list
}

/// Reads each of `written`; what is not one of `all` is reported.
fn words<T: std::str::FromStr>(
    reader: &mut Reader,
    key: &str,
    written: &[String],
    all: &str,
) -> Option<Vec<T>> {
    let mut read = Vec::new();
    for word in written {
        match word.parse() {
            Ok(value) => read.push(value),
            Err(_) => reader.wrong(key, format!("{word:?} is not one of {all}")),
        }
    }
    (read.len() == written.len()).then_some(read)
}
