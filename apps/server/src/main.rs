//! `usher`: the server and its tools.

mod cli;
mod control;
mod dev;
mod exit;
mod health;
mod listener;
mod metrics;
mod secret;
mod serve;
mod token;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // What cannot be printed cannot be told either.
            let _ = error.print();
            // Help and versions are asked for; all else is a command line that makes no sense.
            return if error.use_stderr() {
                ExitCode::from(64)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let result = match cli.command {
        Command::Dev(arguments) => exit::run(dev::run(&arguments)),
        Command::Serve(arguments) => exit::run(serve::serve(&arguments)),
        Command::Health(arguments) => exit::run(health::run(&arguments)),
        Command::Check(arguments) => serve::check(&arguments),
        Command::Migrate(arguments) => exit::run(serve::migrate(&arguments)),
        Command::Plans(arguments) => exit::run(control::plans(&arguments)),
        Command::Keys(arguments) => exit::run(control::keys(&arguments)),
        Command::Usage(arguments) => exit::run(control::usage(&arguments)),
        Command::Token(arguments) => token::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
