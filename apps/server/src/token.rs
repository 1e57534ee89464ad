//! `usher token`: the development issuer's key, and tokens signed with it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use usher_auth_jwt::{DevelopmentKey, TokenRequest};
use usher_domain::ports::Clock as _;
use usher_wiring::{SystemClock, config::parse_duration};

use crate::{
    cli::{TokenArguments, TokenCommand},
    exit::Failure,
};

const KEY: &str = "issuer.key";
const KEY_SET: &str = "jwks.json";

pub(crate) fn run(arguments: &TokenArguments) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    if let Some(TokenCommand::Init { dir }) = &arguments.command {
        let (_, key_set) = key_in(dir).map_err(Failure::Unavailable)?;
        let _ = writeln!(output, "{}", key_set.display());
        return Ok(());
    }
    let lifetime = parse_duration(&arguments.ttl)
        .ok_or_else(|| Failure::config("--ttl must be a duration such as 90s, 5m or 1h"))?;
    let path = arguments.dir.join(KEY);
    let key = read_key(&path)
        .with_context(|| {
            format!(
                "{}: no development key; `usher dev` or `usher token init` makes one",
                path.display()
            )
        })
        .map_err(Failure::Unavailable)?;
    let request = TokenRequest {
        subject: arguments.subject.clone().unwrap_or_default(),
        issuer: arguments.issuer.clone(),
        audience: arguments.audience.clone(),
        scope: arguments.scope.join(" "),
        groups: arguments.group.clone(),
        lifetime,
    };
    let token = key
        .mint(&request, SystemClock.now())
        .map_err(|error| Failure::Bug(error.into()))?;
    let _ = writeln!(output, "{token}");
    Ok(())
}

/// The development key in `dir` and the path of its key set; both are made if they are not there.
pub(crate) fn key_in(dir: &Path) -> anyhow::Result<(DevelopmentKey, PathBuf)> {
    make_private_folder(dir)?;
    let path = dir.join(KEY);
    let key = if path.exists() {
        read_key(&path).with_context(|| format!("{}: not a key", path.display()))?
    } else {
        let key = DevelopmentKey::generate().map_err(|_| anyhow!("no key could be made"))?;
        let der = key
            .to_pkcs8()
            .map_err(|_| anyhow!("the key could not be encoded"))?;
        write_private(&path, &der)?;
        key
    };
    let key_set = dir.join(KEY_SET);
    fs::write(&key_set, key.jwks()).with_context(|| format!("{}", key_set.display()))?;
    Ok((key, key_set))
}

fn read_key(path: &Path) -> anyhow::Result<DevelopmentKey> {
    let der = fs::read(path)?;
    DevelopmentKey::from_pkcs8(&der).map_err(|error| anyhow!("{error}"))
}

/// A folder that only its owner can read.
pub(crate) fn make_private_folder(dir: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("{}: the folder cannot be made", dir.display()))
}

/// A new file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .with_context(|| format!("{}: cannot be written", path.display()))
}
