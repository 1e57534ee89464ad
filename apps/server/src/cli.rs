//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

/// A per-user profile API: checks who is calling, paces callers by API key and usage plan, and lets
/// each at their own profile only.
#[derive(Debug, Parser)]
#[command(name = "usher", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: SQLite, a development issuer, a usage plan, one API key
    #[command(after_help = "Examples:\n  usher dev\n  usher dev --listen 127.0.0.1:9000")]
    Dev(DevArguments),
    /// Serve, as usher.toml and the environment say
    #[command(
        after_help = "Examples:\n  usher serve\n  usher serve --config /etc/usher.toml\n  \
        USHER_STORE__URL=postgres://… usher serve"
    )]
    Serve(ServeArguments),
    /// Ask the server on this machine whether it is ready: exit code 0, or 69
    #[command(
        after_help = "Examples:\n  usher health\n  usher health --listen 127.0.0.1:9000\n\n\
        It reads server.listen where `usher serve` does, and asks GET /readyz within 2 s."
    )]
    Health(ServeArguments),
    /// Print the configuration in force, secrets hidden, or everything that is wrong with it
    #[command(after_help = "Example:\n  usher check --config /etc/usher.toml")]
    Check(ConfigArguments),
    /// Bring the store's schema up to date
    #[command(after_help = "Example:\n  USHER_STORE__URL=postgres://… usher migrate")]
    Migrate(ConfigArguments),
    /// List, import and delete usage plans
    #[command(
        after_help = "Examples:\n  usher plans list\n  usher plans import usage-plans.json\n  \
        aws apigateway get-usage-plans > plans.json && usher plans import plans.json\n\n\
        A change is in force on every server within 5 s."
    )]
    Plans(PlansArguments),
    /// Make, list, rotate, disable, delete and import API keys
    #[command(
        after_help = "Examples:\n  usher keys create --name MobileApp --plan uvw0123\n  \
        usher keys list --json\n  usher keys rotate 87163af9a2c04be1 --overlap 24h\n  \
        usher keys disable 87163af9a2c04be1\n\nA change is in force on every server within 5 s."
    )]
    Keys(KeysArguments),
    /// Show what keys and principals have spent of their quotas
    #[command(
        after_help = "Examples:\n  usher usage\n  usher usage --plan uvw0123 --json\n\n\
        Calls that a running server has set aside count as used: at most a two hundredth of a quota."
    )]
    Usage(UsageArguments),
    /// Mint a token of the development issuer
    #[command(
        after_help = "Examples:\n  usher token alice\n  usher token alice --ttl 5m --scope \
        profiles/read\n  usher token init ./keys\n  usher token alice --dir ./keys"
    )]
    Token(TokenArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DevArguments {
    /// Where to listen: a loopback address
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where the database, the keys and the plan are kept
    #[arg(long, default_value = ".usher")]
    pub(crate) state: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Overrides server.listen
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// The configuration file; left out: the one that `USHER_CONFIG` names, or ./usher.toml
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Overrides log.format: json or text
    #[arg(long, global = true)]
    pub(crate) log_format: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PlansArguments {
    #[command(subcommand)]
    pub(crate) command: PlansCommand,
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Print JSON, in API Gateway's shapes
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlansCommand {
    /// All plans
    List,
    /// One plan, as JSON
    Show {
        /// Its id
        id: String,
    },
    /// Make or change the plans of a file: those that the store does not have as they are
    Import {
        /// JSON: a plan, a list of plans, or what `aws apigateway get-usage-plans` prints
        file: PathBuf,
    },
    /// Delete a plan that no key belongs to
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Print JSON, with API Gateway's names
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and show it, once
    Create {
        /// What people call it
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        /// A usage plan that it belongs to; may be repeated
        #[arg(long)]
        plan: Vec<String>,
        /// It opens nothing until it is enabled
        #[arg(long)]
        disabled: bool,
    },
    /// All keys, without their secrets, of which only SHA-256 is kept
    List {
        /// Those of this usage plan
        #[arg(long)]
        plan: Option<String>,
    },
    /// Let a key in again
    Enable {
        /// Its id
        id: String,
    },
    /// Refuse a key from now on
    Disable {
        /// Its id
        id: String,
    },
    /// Delete a key
    Delete {
        /// Its id
        id: String,
    },
    /// Give a key another secret; its id, its plans and what it has spent stay
    Rotate {
        /// Its id
        id: String,
        /// How long the old secret stays good, such as 0s, 15m or 24h
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Make or change the keys of a file: those that the store does not have as they are
    Import {
        /// AWS's key file: Name,Key,Description,Enabled,UsagePlanIds; Key may be `sha256:` and its hash
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    /// Of this usage plan
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Of this key, by its id
    #[arg(long)]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenArguments {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    /// The user that the token is for
    #[arg(required = true)]
    pub(crate) subject: Option<String>,
    /// Where the development issuer's key is
    #[arg(long, default_value = ".usher")]
    pub(crate) dir: PathBuf,
    /// How long the token is good for, such as 90s, 5m or 1h
    #[arg(long, default_value = "1h")]
    pub(crate) ttl: String,
    /// iss
    #[arg(long, default_value = usher_auth_jwt::DEVELOPMENT_ISSUER)]
    pub(crate) issuer: String,
    /// aud
    #[arg(long, default_value = usher_auth_jwt::DEVELOPMENT_AUDIENCE)]
    pub(crate) audience: String,
    /// A scope of the token; may be repeated
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// A group of the token; may be repeated
    #[arg(long)]
    pub(crate) group: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a development issuer's key, and its jwks.json, in a folder
    Init {
        /// The folder; made if it is not there
        dir: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_token_is_minted_or_a_key_is_made() {
        assert!(Cli::try_parse_from(["usher", "token"]).is_err());
        assert!(Cli::try_parse_from(["usher", "token", "alice", "--ttl", "5m"]).is_ok());
        let Cli {
            command: Command::Token(arguments),
        } = Cli::try_parse_from(["usher", "token", "init", "keys"]).unwrap()
        else {
            panic!()
        };
        assert!(matches!(arguments.command, Some(TokenCommand::Init { .. })));
    }
}
