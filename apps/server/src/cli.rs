//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

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
    /// Print the configuration in force, secrets hidden, or everything that is wrong with it
    #[command(after_help = "Example:\n  usher check --config /etc/usher.toml")]
    Check(ConfigArguments),
    /// Bring the store's schema up to date
    #[command(after_help = "Example:\n  USHER_STORE__URL=postgres://… usher migrate")]
    Migrate(ConfigArguments),
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
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Overrides log.format: json or text
    #[arg(long)]
    pub(crate) log_format: Option<String>,
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
