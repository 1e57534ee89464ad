use std::{str::FromStr, time::Duration};

use crate::{
    Algorithm,
    fetch::Fetch,
    key_set::{KeySet, KeySetError},
    key_source::KeySource,
};

/// How far clocks may differ when nothing else is said.
const LEEWAY: Duration = Duration::from_secs(30);

/// An issuer and what its tokens must say.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Compared with `iss` exactly.
    pub issuer: String,
    /// What its principals say that their issuer is, when that is another name of the same one.
    pub known_as: Option<String>,
    /// Whom a token must be for.
    pub audience: Audience,
    /// The algorithms that its keys sign with; never empty.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// Put before `sub` to make the principal's id.
    pub subject_prefix: String,
    /// The claim that lists groups: its name, or a JSON Pointer that begins with `/` (RFC 6901).
    pub groups_claim: String,
    /// The claim that lists scopes, named as groups are.
    pub scopes_claim: String,
    /// Claims that a principal keeps, to be assigned plans by; named as groups are.
    pub kept_claims: Vec<Box<str>>,
    /// Whether a token's header must say `at+jwt` (RFC 9068).
    pub require_typ: bool,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Whom a token must be for. No list is ever empty.
#[derive(Debug, Clone)]
pub enum Audience {
    /// `aud` must name one of these.
    Aud(Vec<String>),
    /// An Amazon Cognito user pool's app clients: `client_id` of access tokens, `aud` of ID tokens.
    Cognito {
        /// The app clients whose tokens are accepted.
        client_ids: Vec<String>,
        /// The kinds of token that are accepted.
        token_use: Vec<TokenUse>,
    },
}

/// Cognito's kinds of token, by their claim `token_use`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenUse {
    /// What an app sends to an API.
    Access,
    /// What tells an app who signed in.
    Id,
}

impl TokenUse {
    /// As the claim has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Id => "id",
        }
    }
}

impl FromStr for TokenUse {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Access, Self::Id]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or(())
    }
}

/// Where an issuer's key set is.
#[derive(Debug, Clone)]
pub enum KeysFrom {
    /// Where the issuer's own metadata say (OpenID Connect Discovery 1.0, section 4). The issuer is
    /// an https address, or an http one on loopback.
    Discovery,
    /// Fetched from here when it is needed: https, or http on a loopback address.
    Uri(String),
    /// This JSON.
    Json(String),
}

/// Why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Without audiences every token of the issuer would be accepted, whomever it is for.
    #[error("audiences must not be empty")]
    NoAudiences,
    /// No kind of token would be accepted.
    #[error("token_use must not be empty")]
    NoTokenUse,
    /// Nothing could be verified.
    #[error("algorithms must not be empty")]
    NoAlgorithms,
    /// The key set's address is not one that keys may come from.
    #[error(
        "must be an https address (http only for a loopback address), without a user or password"
    )]
    InsecureUri,
    /// Discovery begins at the issuer, and this one is no address that it may begin at.
    #[error(
        "without jwks_uri, jwks_file or jwks the issuer must be an https address (http only for a \
         loopback address), without a query, a user or a password"
    )]
    NotDiscoverable,
    /// The key set given does not read.
    #[error("the key set cannot be used: {0}")]
    Keys(#[from] KeySetError),
}

/// An issuer that tokens can be verified against.
#[derive(Debug)]
pub struct Issuer {
    pub(crate) settings: IssuerSettings,
    pub(crate) keys: KeySource,
}

impl IssuerSettings {
    /// An `OpenID` Connect issuer that signs with RS256, groups in `groups` and scopes in `scope`,
    /// 30 s of leeway.
    #[must_use]
    pub fn oidc(issuer: &str, audiences: &[&str], keys: KeysFrom) -> Self {
        let audiences = audiences.iter().map(|&one| one.to_owned()).collect();
        Self {
            issuer: issuer.to_owned(),
            known_as: None,
            audience: Audience::Aud(audiences),
            algorithms: vec![Algorithm::Rs256],
            keys,
            subject_prefix: String::new(),
            groups_claim: "groups".to_owned(),
            scopes_claim: "scope".to_owned(),
            kept_claims: Vec::new(),
            require_typ: false,
            leeway: LEEWAY,
        }
    }

    /// An Amazon Cognito user pool; its issuer and its key set follow from region and pool.
    #[must_use]
    pub fn cognito(
        region: &str,
        user_pool_id: &str,
        client_ids: Vec<String>,
        token_use: Vec<TokenUse>,
    ) -> Self {
        let audience = Audience::Cognito {
            client_ids,
            token_use,
        };
        let settings = Self {
            audience,
            groups_claim: "cognito:groups".to_owned(),
            ..Self::oidc("", &[], KeysFrom::Discovery)
        };
        settings.at(&cognito_issuer("cognito-idp", region, user_pool_id))
    }

    /// The same user pool by the other name that it may sign with (Cognito's `IssuerConfiguration`,
    /// type `UPDATED`). A pool is switched from one to the other while tokens of both are about.
    #[must_use]
    pub fn cognito_updated(self, region: &str, user_pool_id: &str) -> Self {
        let known_as = Some(self.issuer.clone());
        let settings = self.at(&cognito_issuer("issuer-cognito-idp", region, user_pool_id));
        Self {
            known_as,
            ..settings
        }
    }

    /// The same under another address, keys and all: an emulator's.
    #[must_use]
    pub fn at(self, issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys: KeysFrom::Uri(key_set_of(issuer)),
            ..self
        }
    }

    /// What its principals say that their issuer is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.known_as.as_deref().unwrap_or(&self.issuer)
    }
}

/// Where an issuer of Cognito's kind has its keys.
fn key_set_of(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/jwks.json")
}

fn cognito_issuer(service: &str, region: &str, user_pool_id: &str) -> String {
    // The partition of the regions in China has a domain of its own.
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://{service}.{region}.{domain}/{user_pool_id}")
}

impl Issuer {
    /// Checks the settings. Nothing is fetched.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub fn new(settings: IssuerSettings) -> Result<Self, IssuerError> {
        let (audiences, token_use_is_empty) = match &settings.audience {
            Audience::Aud(audiences) => (audiences, false),
            Audience::Cognito {
                client_ids,
                token_use,
            } => (client_ids, token_use.is_empty()),
        };
        if audiences.is_empty() {
            return Err(IssuerError::NoAudiences);
        }
        if token_use_is_empty {
            return Err(IssuerError::NoTokenUse);
        }
        if settings.algorithms.is_empty() {
            return Err(IssuerError::NoAlgorithms);
        }
        let algorithms = settings.algorithms.clone();
        let keys = match &settings.keys {
            KeysFrom::Json(json) => {
                KeySource::fixed(KeySet::parse_given(json.as_bytes(), &algorithms)?)
            }
            // Not every pool has its other name. Whoever makes that name up must get a 401, and
            // not a 503 with a warning in the log.
            KeysFrom::Uri(uri)
                if settings.known_as.is_some() && *uri == key_set_of(&settings.issuer) =>
            {
                KeySource::remote(Fetch::from(uri, algorithms)?.optional())
            }
            KeysFrom::Uri(uri) => KeySource::remote(Fetch::from(uri, algorithms)?),
            KeysFrom::Discovery => {
                KeySource::remote(Fetch::discovering(&settings.issuer, algorithms)?)
            }
        };
        Ok(Self { settings, keys })
    }

    /// Whether its keys are fetched.
    #[must_use]
    pub const fn asks_for_keys(&self) -> bool {
        !matches!(self.settings.keys, KeysFrom::Json(_))
    }

    /// What it was made of.
    #[must_use]
    pub const fn settings(&self) -> &IssuerSettings {
        &self.settings
    }
}
