//! `usher plans`, `usher keys`, `usher usage`: tables for people, JSON for programs.

mod keys;
mod plans;
mod table;
mod usage;

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;
use usher_domain::{
    service::{ControlError, ControlPlane},
    time::Timestamp,
    usage::membership::MembershipError,
};
use usher_wiring::{config::ControlConfig, init_logging, open_control};

pub(crate) use self::{keys::run as keys, plans::run as plans, usage::run as usage};
use crate::{
    cli::ConfigArguments,
    exit::{Failure, plain},
    serve::sources,
};

/// Opens what the configuration names.
async fn open(arguments: &ConfigArguments) -> Result<(ControlPlane, ControlConfig), Failure> {
    let config = ControlConfig::read(sources(arguments), io::stdout().is_terminal())?;
    init_logging(&config.log);
    let control = open_control(&config).await?;
    Ok((control, config))
}

/// Says what was done, or shows it. A reader that goes away, such as head, is no failure.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{}", plain(text.trim_end()));
}

/// JSON that people can read too.
fn show(value: &Value) {
    say(&format!("{value:#}"));
}

/// An instant to the second, in UTC (RFC 3339).
fn instant(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_seconds())
        .map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

/// What went wrong, and what to do about it.
impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        const PLANS: &str = "`usher plans list` shows those there are, `usher plans import FILE` \
                             makes others";
        let advice = match &error {
            ControlError::Store(_) | ControlError::Contended => {
                return Self::Unavailable(error.into());
            }
            ControlError::NoSuchPlan(_) | ControlError::Key(_, MembershipError::UnknownPlan(_)) => {
                PLANS.to_owned()
            }
            ControlError::NoSuchKey(_) => {
                "`usher keys list` shows the ids; a key's id is not the key".to_owned()
            }
            ControlError::PlanInUse(plan, _) => format!(
                "`usher keys list --plan {plan}` shows them; delete them, or import them with \
                 another plan"
            ),
            ControlError::KeyExists(id) => {
                format!("`usher keys rotate {id}` gives that key another secret")
            }
            ControlError::Key(_, MembershipError::Ambiguous(..)) => {
                "leave one of them out, or take the stage out of one plan's apiStages".to_owned()
            }
            ControlError::StillRotating(_, until) => format!(
                "until {}; wait, or end it now with --overlap 0s, after which only the new secret \
                 is good",
                instant(*until)
            ),
        };
        Self::config(format!("{error}: {advice}"))
    }
}

/// "1 key", "2 keys".
fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}
