//! `usher dev`: the whole thing on one machine, and commands to paste.

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use usher_auth_jwt::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use usher_wiring::{
    Role,
    config::{Config, Sources},
};

use crate::{
    cli::DevArguments,
    exit::Failure,
    secret::random_key,
    serve,
    token::{key_in, make_private_folder, write_private},
};

const PLANS: &str = include_str!("usage-plans.json");
const PLAN_ID: &str = "uvw0123";

pub(crate) async fn run(arguments: &DevArguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        // Whoever reaches the development issuer's server can be any user.
        return Err(Failure::config(
            "--listen: the development issuer listens on a loopback address only, such as \
             127.0.0.1:8080; `usher serve` takes any",
        ));
    }
    let state = prepare(&arguments.state).map_err(Failure::Unavailable)?;
    let sources = Sources::default()
        .toml("usher dev", &configuration(&state))
        .environment(Sources::variables())
        .flag("--listen", "server.listen", &arguments.listen.to_string());
    let (config, _) = Config::read(sources, true)?;
    let role = Role::Development {
        jwks: state.jwks.clone(),
    };
    serve::run(config, role, |address| {
        // A reader that goes away is no reason to stop serving.
        let _ = write!(
            io::stdout().lock(),
            "{}",
            welcome(address, &arguments.state, &state)
        );
    })
    .await
}

/// What lies in the state folder.
struct State {
    database: PathBuf,
    key_set: PathBuf,
    jwks: String,
    plans: PathBuf,
    keys: PathBuf,
    api_key: String,
}

/// Makes what is not there yet; a second run finds the same keys and users.
fn prepare(dir: &Path) -> anyhow::Result<State> {
    make_private_folder(dir)?;
    // A folder that was there before may have let others in.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    // Wherever it lies, it must not be committed.
    fs::write(dir.join(".gitignore"), "*\n")?;
    let (_, key_set) = key_in(dir)?;
    let jwks = fs::read_to_string(&key_set)?;
    let plans = dir.join("usage-plans.json");
    if !plans.exists() {
        write_private(&plans, PLANS.as_bytes())?;
    }
    let keys = dir.join("api-keys.csv");
    if !keys.exists() {
        let key = random_key()?;
        let csv = format!("Name,Key,Enabled,UsagePlanIds\nMobileApp,{key},true,{PLAN_ID}\n");
        write_private(&keys, csv.as_bytes())?;
    }
    let api_key = first_key(&keys)?;
    Ok(State {
        database: dir.join("usher.db"),
        key_set,
        jwks,
        plans,
        keys,
        api_key,
    })
}

/// The first key of the file, which is shown: the file is the developer's own.
fn first_key(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let cell = text
        .lines()
        .nth(1)
        .and_then(|line| line.split(',').nth(1))
        .map(str::trim);
    cell.map(str::to_owned)
        .ok_or_else(|| anyhow!("{}: there is no key in it", path.display()))
}

/// The configuration of `usher dev`, which the environment may override like any other.
fn configuration(state: &State) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    format!(
        "[api]\nid = \"api-id-123\"\nstage = \"prod\"\n\
         [store]\nurl = {:?}\n\
         [usage]\nplans = {}\nkeys = {}\n\
         [server]\nmetrics_listen = \"\"\n\
         [log]\nformat = \"text\"\n\
         [[identity.issuers]]\nkind = \"oidc\"\nissuer = {DEVELOPMENT_ISSUER:?}\n\
         audiences = [{DEVELOPMENT_AUDIENCE:?}]\njwks_file = {}\n",
        format!("sqlite:{}", state.database.display()),
        quoted(&state.plans),
        quoted(&state.keys),
        quoted(&state.key_set),
    )
}

fn welcome(address: SocketAddr, dir: &Path, state: &State) -> String {
    let usher = this_program();
    let url = format!("http://{address}/users");
    let dir_flag = if dir == Path::new(".usher") {
        String::new()
    } else {
        format!(" --dir {}", quote(&dir.display().to_string()))
    };
    let api_key = &state.api_key;
    format!(
        r#"
Usher listens on http://{address}. Its state is in {dir}: delete it to start afresh.
The API is described at http://{address}/docs.
Keys and quotas: USHER_STORE__URL={database} {usher} keys list (or usage, or plans list).
Paste this into another terminal:

TOKEN=$({usher} token alice{dir_flag}); KEY={api_key}
AUTH="Authorization: Bearer $TOKEN"

# 404: alice has no profile yet (200 when this was pasted before)
curl -i -w '\n' {url}/alice/profile -H "$AUTH" -H "x-api-key: $KEY"
# 201: now she has one (200 when she had one before)
curl -i -w '\n' -X PUT {url}/alice/profile -H "$AUTH" -H "x-api-key: $KEY" -H 'Content-Type: application/json' -d '{{"displayName": "Alice", "theme": "dark"}}'
# 200: her own profile
curl -i -w '\n' {url}/me/profile -H "$AUTH" -H "x-api-key: $KEY"
# 403: somebody else's
curl -i -w '\n' {url}/bob/profile -H "$AUTH" -H "x-api-key: $KEY"
# 401: no token
curl -i -w '\n' {url}/alice/profile -H "x-api-key: $KEY"
# 403: no API key
curl -i -w '\n' {url}/alice/profile -H "$AUTH"
# 429: 300 calls at once are more than the plan's 100, and 50 a second, let in
curl -s -o /dev/null -w '%{{http_code}}\n' -Z --parallel-max 50 "{url}/alice/profile?[1-300]" -H "$AUTH" -H "x-api-key: $KEY" | sort | uniq -c

"#,
        dir = dir.display(),
        database = quote(&format!("sqlite:{}", state.database.display())),
    )
}

/// How this program is called from here.
fn this_program() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "usher".to_owned();
    };
    let here = std::env::current_dir().unwrap_or_default();
    let short = program.strip_prefix(&here).unwrap_or(&program);
    quote(&short.display().to_string())
}

/// For a shell, when it has to be.
fn quote(text: &str) -> String {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:".contains(&byte))
    {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_spaces_survive_a_shell() {
        assert_eq!(quote("target/debug/usher"), "target/debug/usher");
        assert_eq!(quote("my dir/it's"), r"'my dir/it'\''s'");
    }
}
